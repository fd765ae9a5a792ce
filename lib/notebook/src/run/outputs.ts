/**
 * From the kernel's messages to a cell's outputs as a notebook stores them: consecutive stream texts are one
 * output; a display that is updated later changes in its place, in whichever cell that is; clear_output
 * empties the cell, at once or when the next output comes.
 */
import type { Message } from '../protocol/message.js';

/** MIME type → content: text, base64 for pictures, a value for types that end in «json». */
export type MimeBundle = Readonly<Record<string, unknown>>;

/** `bundle` without `key`. */
export const omit = (bundle: MimeBundle, key: string): MimeBundle =>
  Object.fromEntries(Object.entries(bundle).filter(([name]) => name !== key));

/** What a cell printed. */
export interface StreamOutput {
  readonly output_type: 'stream';
  readonly name: 'stdout' | 'stderr';
  readonly text: string;
}

/** What a cell showed. */
export interface DisplayOutput {
  readonly output_type: 'display_data';
  readonly data: MimeBundle;
  readonly metadata: MimeBundle;
}

/** The value of a cell. */
export interface ResultOutput {
  readonly output_type: 'execute_result';
  readonly data: MimeBundle;
  readonly metadata: MimeBundle;
  readonly execution_count: number;
}

/** What a cell threw. */
export interface ErrorOutput {
  readonly output_type: 'error';
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
}

/** An output of a cell, as nbformat 4 stores it. */
export type Output = StreamOutput | DisplayOutput | ResultOutput | ErrorOutput;

/** Where a display is: the outputs of a cell and its place among them. */
interface DisplayPlace {
  readonly outputs: Output[];
  readonly output: Output;
}

/** The displays of a session by their id; an id may be shown in several places. */
export type Displays = Map<string, DisplayPlace[]>;

export interface OutputCollector {
  readonly outputs: readonly Output[];
  /** Receives an iopub message of this cell. Resolves to true if the outputs changed. */
  receive(message: Message): boolean;
}

type Content = Record<string, never>;

/** Collects the outputs of one cell; `displays` is shared by all cells of a session. */
export function collectOutputs(displays: Displays = new Map()): OutputCollector {
  const outputs: Output[] = [];
  let clearBeforeNext = false;

  const add = (output: Output): void => {
    if (clearBeforeNext) outputs.length = 0;
    clearBeforeNext = false;
    const last = outputs.at(-1);
    if (output.output_type === 'stream' && last?.output_type === 'stream' && last.name === output.name) {
      outputs[outputs.length - 1] = { ...last, text: last.text + output.text };
    } else {
      outputs.push(output);
    }
  };

  const receive = ({ header, content }: Message): boolean => {
    const fields = content as Content;
    switch (header.msg_type) {
      case 'stream':
        add({ output_type: 'stream', name: fields.name!, text: fields.text! });
        return true;
      case 'display_data': {
        const output: Output = {
          output_type: 'display_data',
          data: fields.data!,
          metadata: fields.metadata ?? {},
        };
        add(output);
        const id = displayId(content);
        if (id !== undefined) displays.set(id, [...(displays.get(id) ?? []), { outputs, output }]);
        return true;
      }
      case 'update_display_data':
        return updateDisplay(displays, content);
      case 'execute_result':
        add({
          output_type: 'execute_result',
          data: fields.data!,
          metadata: fields.metadata ?? {},
          execution_count: fields.execution_count!,
        });
        return true;
      case 'error':
        add({
          output_type: 'error',
          ename: fields.ename!,
          evalue: fields.evalue!,
          traceback: fields.traceback ?? [],
        });
        return true;
      case 'clear_output':
        if (fields.wait) clearBeforeNext = true;
        else outputs.length = 0;
        return true;
      default:
        return false;
    }
  };
  return { outputs, receive };
}

function displayId(content: Message['content']): string | undefined {
  const id = (content.transient as { display_id?: unknown } | undefined)?.display_id;
  return typeof id === 'string' ? id : undefined;
}

function updateDisplay(displays: Displays, content: Message['content']): boolean {
  const id = displayId(content);
  const places = id === undefined ? undefined : displays.get(id);
  if (id === undefined || !places) return false;
  const kept = places.flatMap(({ outputs, output }) => {
    const at = outputs.indexOf(output);
    if (at < 0) return []; // cleared since
    const updated = { ...output, data: content.data, metadata: content.metadata ?? {} } as Output;
    outputs[at] = updated;
    return [{ outputs, output: updated }];
  });
  displays.set(id, kept);
  return kept.length > 0;
}
