/**
 * Node's inspector while the debugger is on: the frames at which the main thread stands, in terms of what the reader
 * wrote, and values of expressions in them.
 */
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { wrapperNames } from '../../cellScript.js';
import { originalPlace } from '../../runtime/stackTraces.js';
import type { Bundle } from '../../threads.js';
import { connectInspector, type Inspector } from './inspector.js';
import type { Sources } from './sources.js';
import { createVariables, type RemoteObject, type Variables } from './variables.js';

interface CallFrame {
  readonly callFrameId: string;
  readonly functionName: string;
  readonly location: {
    readonly scriptId: string;
    readonly lineNumber: number;
    readonly columnNumber?: number;
  };
  readonly scopeChain: readonly { readonly type: string; readonly object: { readonly objectId?: string } }[];
}

/** A frame of something that the reader wrote. */
export interface Frame {
  readonly call: CallFrame;
  readonly name: string;
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

export interface DebugSession {
  /** Undefined while the debugger is off. */
  readonly inspector: Inspector | undefined;
  /** Undefined until the debugger is turned on. */
  readonly variables: Variables | undefined;
  /** Undefined while the main thread runs. */
  readonly frames: readonly Frame[] | undefined;
  /** Turns the debugger on, unless it is. */
  start(): Promise<Inspector>;
  stop(): void;
  /** @throws the error's message */
  evaluate(expression: string, options?: Bundle): Promise<RemoteObject>;
  /** In a frame, counted from 1, which does not contain the names of cells; otherwise among those. */
  evaluateIn(expression: string, frame: unknown): Promise<RemoteObject>;
  /** The scopes of a frame, as the protocol has them. */
  scopesOf(frame: unknown): Promise<Bundle[]>;
  /** A reference to the variables of all cells. */
  globalsReference(): Promise<number>;
}

/** The one thread that clients see. */
export const thread = { id: 1, name: 'Cells' } as const;

/** What cells have declared, and how the kernel shows a value; see runtime/globals.ts. */
export const kernelObject = "globalThis[Symbol.for('Jupyter.kernel')]";

const escapeRegExp = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
/** Code that stepping passes over: Node's, packages, the kernel's own. */
const passedOver = [
  '^node:',
  '[\\\\/]node_modules[\\\\/]',
  escapeRegExp(fileURLToPath(new URL('../../', import.meta.url))),
];

/** @param emit sends an event of the protocol to all clients */
export function createDebugSession(
  sources: Sources,
  emit: (event: string, body?: Bundle) => void,
): DebugSession {
  /** V8's scripts by their ids. */
  const urls = new Map<string, string>();
  let inspector: Inspector | undefined;
  let variables: Variables | undefined;
  let frames: readonly Frame[] | undefined;

  const start = async (): Promise<Inspector> => {
    if (inspector) return inspector;
    const connected = (inspector = connectInspector());
    variables = createVariables(connected, (name) => wrapperNames.has(name));
    connected.on('Debugger.scriptParsed', ({ scriptId, url }: { scriptId: string; url: string }) =>
      urls.set(scriptId, url),
    );
    connected.on('Debugger.paused', paused);
    connected.on('Debugger.resumed', () => {
      frames = undefined;
      variables?.clear();
      emit('continued', { threadId: thread.id, allThreadsContinued: true });
    });
    // Without the frames before an `await`, which would switch on Node's hooks, whose stack a terminated loop
    // breaks.
    await connected.post('Debugger.enable');
    await connected.post('Debugger.setBlackboxPatterns', { patterns: passedOver });
    return connected;
  };

  const paused = ({
    callFrames,
    reason,
    hitBreakpoints = [],
  }: {
    callFrames: CallFrame[];
    reason: string;
    hitBreakpoints?: string[];
  }): void => {
    frames = callFrames.flatMap((call) => frameOf(call, urls, sources));
    if (frames.length === 0) {
      void inspector?.post('Debugger.resume'); // nothing of the reader's stands here
      return;
    }
    emit('stopped', {
      reason: stopReason(reason, hitBreakpoints),
      threadId: thread.id,
      allThreadsStopped: true,
    });
  };

  const evaluate = async (expression: string, options: Bundle = {}): Promise<RemoteObject> => {
    const connected = await start();
    const { result, exceptionDetails } = await connected.post<{
      result: RemoteObject;
      exceptionDetails?: unknown;
    }>('Runtime.evaluate', { expression, ...options });
    if (exceptionDetails) throw new Error(String(result.description ?? result.value));
    return result;
  };

  const globalsReference = async (): Promise<number> => {
    // A copy, in which what is imported is a value.
    const { objectId } = await evaluate(`({ __proto__: null, ...${kernelObject}.variables })`);
    return variables!.refer(objectId!);
  };

  const scopesOf = async (frameId: unknown): Promise<Bundle[]> => {
    const frame = frames?.[Number(frameId) - 1];
    const own = (frame?.call.scopeChain ?? []).filter(({ type }) =>
      ['local', 'block', 'catch', 'closure'].includes(type),
    );
    const locals = variables!.refer(...own.flatMap(({ object }) => object.objectId ?? []));
    const hasLocals = (await variables!.members(locals)).length > 0;
    return [
      ...(hasLocals ? [{ name: 'Locals', variablesReference: locals, expensive: false }] : []),
      { name: 'Globals', variablesReference: await globalsReference(), expensive: false },
    ];
  };

  /** In the frame, which does not contain the names of cells; otherwise among those. */
  const evaluateIn = async (expression: string, frameId: unknown): Promise<RemoteObject> => {
    const call = frames?.[Number(frameId) - 1]?.call;
    if (call) {
      const { result, exceptionDetails } = await inspector!.post<{ result: RemoteObject; exceptionDetails?: unknown }>('Debugger.evaluateOnCallFrame', { callFrameId: call.callFrameId, expression }); // prettier-ignore
      if (!exceptionDetails) return result;
      if (!/^ReferenceError/.test(String(result.description))) throw new Error(String(result.description));
    }
    return evaluate(`(function () { with (${kernelObject}.variables) { return (${expression}); } })()`);
  };

  return {
    get inspector() {
      return inspector;
    },
    get variables() {
      return variables;
    },
    get frames() {
      return frames;
    },
    ...{ start, evaluate, evaluateIn, scopesOf, globalsReference },
    stop() {
      inspector?.disconnect();
      inspector = variables = frames = undefined;
      urls.clear();
    },
  };
}

/** The protocol's word for what V8 says. */
const stopReason = (reason: string, hitBreakpoints: readonly string[]): string =>
  hitBreakpoints.length > 0
    ? 'breakpoint'
    : /^(exception|promiseRejection)$/.test(reason)
      ? 'exception'
      : 'step';

/** The frame of `call`, if the reader wrote what stands there. */
function frameOf(call: CallFrame, urls: ReadonlyMap<string, string>, sources: Sources): Frame[] {
  const { scriptId, lineNumber, columnNumber = 0 } = call.location;
  const url = urls.get(scriptId) ?? '';
  const place = originalPlace(url, lineNumber + 1, columnNumber + 1);
  if (!place) return [];
  const { line, column, name } = place;
  return [{ call, name: call.functionName || basename(name), path: sources.pathOf(url), line, column }];
}
