/** A kernel under comparison, and what probes do with it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import type { Message } from '../../src/protocol/message.js';
import type { ErrorOutput, Execution, KernelSession, Output } from '../../src/run/index.js';

/** A kernel under comparison, and how one writes in its language. */
export interface Subject {
  readonly name: string;
  readonly command?: (connectionFile: string) => string[];
  readonly language: 'typescript' | 'python';
  readonly interruptBy: 'message' | 'signal';
}

export interface Probe {
  readonly feature: string;
  /** Whether the kernel is of no use afterwards. */
  readonly leavesBusy?: boolean;
  /** Whether the kernel has it; undefined where the question makes no sense for its language. */
  has(kernel: Tried): Promise<boolean | undefined>;
}

/** A session with what probes need beside it. */
export interface Tried {
  readonly subject: Subject;
  readonly session: KernelSession;
  readonly folder: string;
  /** Every iopub message so far. */
  readonly heard: readonly Message[];
}

const limit = 40_000;
/** tslab turns away what follows a failed cell at once. */
export const afterError = 400;

/**
 * Resolves to what `promise` does, or rejects after a while: a kernel that never answers has not the feature.
 */
export const within = <T>(promise: Promise<T>, milliseconds = limit): Promise<T> =>
  Promise.race([
    promise,
    sleep(milliseconds, undefined, { ref: false }).then(() => {
      throw new Error('no answer');
    }),
  ]);

export const ask = async (
  { session }: Tried,
  type: string,
  content: object = {},
  channel: 'shell' | 'control' = 'shell',
): Promise<Record<string, unknown>> =>
  (await within(session.channels.request(type, content as Message['content'], channel))).content;

export const run = ({ session }: Tried, code: string): Promise<Execution> => within(session.execute(code));

/** `code` for the subject's language. */
export const by = ({ subject }: Tried, typescript: string, python: string): string =>
  subject.language === 'typescript' ? typescript : python;

/** The first iopub message that `is` says is meant; rejects if none comes. */
export async function heardFrom(
  { heard }: Tried,
  is: (message: Message) => boolean,
  milliseconds = 10_000,
): Promise<Message> {
  for (const end = Date.now() + milliseconds; Date.now() < end; await sleep(50)) {
    const found = heard.find(is);
    if (found) return found;
  }
  throw new Error('not heard');
}

export const resultOf = ({ outputs }: Execution): Record<string, unknown> | undefined =>
  outputs.flatMap((output) => (output.output_type === 'execute_result' ? [output.data] : [])).at(-1);

const isError = (output: Output): output is ErrorOutput => output.output_type === 'error';
export const errorOf = ({ outputs }: Execution): ErrorOutput | undefined => outputs.find(isError);
export const textOf = (error: ErrorOutput | undefined): string =>
  stripVTControlCharacters(error?.traceback.join('\n') ?? '');
/** All that a cell shows, whatever the way. */
export const shownBy = ({ outputs }: Execution): string => stripVTControlCharacters(JSON.stringify(outputs));

export const interrupt = async (kernel: Tried): Promise<void> => {
  if (kernel.subject.interruptBy === 'signal') process.kill(kernel.session.pid, 'SIGINT');
  else await ask(kernel, 'interrupt_request', {}, 'control');
};

/** Starts `code`, and resolves when it runs for sure. */
export const started = async (kernel: Tried, code: string): Promise<{ ended: Promise<Execution> }> => {
  const before = kernel.heard.length;
  const say = by(kernel, 'console.log("started");\n', 'print("started", flush=True)\n');
  const ended = kernel.session.execute(say + code);
  ended.catch(() => undefined);
  const hasBegun = (): boolean =>
    /started\\n/.test(JSON.stringify(kernel.heard.slice(before).map(({ content }) => content.text)));
  for (const end = Date.now() + 20_000; !hasBegun() && Date.now() < end;) await sleep(100);
  await sleep(1000);
  return { ended };
};

/** Runs `code`, interrupts it, and resolves when it has ended. */
export const interrupted = async (kernel: Tried, code: string): Promise<void> => {
  const { ended: cell } = await started(kernel, code);
  await interrupt(kernel);
  await within(cell, 10_000);
  await sleep(afterError);
};

export const onlyTypeScript =
  (has: (kernel: Tried) => Promise<boolean>): Probe['has'] =>
  async (kernel) =>
    kernel.subject.language === 'typescript' ? has(kernel) : undefined;
