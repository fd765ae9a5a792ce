/**
 * The debugger that JupyterLab speaks to: the Debug Adapter Protocol inside `debug_request`, over Node's
 * inspector of the main thread. A cell is a file to it, named by a hash of its text, so that a breakpoint can
 * be set before the cell has run. Frames and lines are those of the TypeScript that was written. Sources:
 * jupyter-client's documentation, «Messaging in Jupyter», «Debug request»; the Debug Adapter Protocol 1.51.
 */
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { wrapperNames } from '../../cellScript.js';
import type { CompiledCell } from '../../language/language.js';
import { originalPlace } from '../../runtime/stackTraces.js';
import type { Bundle } from '../../threads.js';
import { createBreakpoints, type SourceBreakpoint } from './breakpoints.js';
import { connectInspector, type Inspector } from './inspector.js';
import { cellFileOf, cellFiles, createSources } from './sources.js';
import { createVariables, type RemoteObject, type Variables } from './variables.js';

export interface Debugger {
  /** Answers a request of the Debug Adapter Protocol. */
  answer(request: Bundle): Promise<Bundle>;
  /** A cell with the text `code` is about to run. */
  beforeCell(code: string, cell: CompiledCell): Promise<void>;
  /**
   * Lets the main thread continue if it is stopped at a breakpoint, ignoring later ones until the next cell.
   */
  interrupt(): void;
  /** Disconnects the inspector, without which Node would not end. */
  stop(): void;
}

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
interface Frame {
  readonly call: CallFrame;
  readonly name: string;
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

/** The one thread that clients see. */
const thread = { id: 1, name: 'Cells' } as const;

/** What cells have declared, and how the kernel shows a value; see runtime/globals.ts. */
const kernelObject = "globalThis[Symbol.for('Jupyter.kernel')]";

const escapeRegExp = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
/** Code that stepping passes over: Node's, packages, the kernel's own. */
const passedOver = [
  '^node:',
  '[\\\\/]node_modules[\\\\/]',
  escapeRegExp(fileURLToPath(new URL('../../', import.meta.url))),
];

/** @param publish sends an event to all clients */
export function createDebugger(publish: (event: Bundle) => void): Debugger {
  const sources = createSources();
  const breakpoints = createBreakpoints(sources);
  /** V8's scripts by their ids. */
  const urls = new Map<string, string>();
  let inspector: Inspector | undefined;
  let variables: Variables | undefined;
  let frames: readonly Frame[] | undefined;
  let events = 0;

  const emit = (event: string, body: Bundle = {}): void =>
    publish({ seq: ++events, type: 'event', event, body });

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
    frames = callFrames.flatMap(frameOf);
    if (frames.length === 0) {
      void inspector?.post('Debugger.resume'); // nothing of the reader's stands here
      return;
    }
    const why =
      hitBreakpoints.length > 0
        ? 'breakpoint'
        : /^(exception|promiseRejection)$/.test(reason)
          ? 'exception'
          : 'step';
    emit('stopped', { reason: why, threadId: thread.id, allThreadsStopped: true });
  };

  const frameOf = (call: CallFrame): Frame[] => {
    const { scriptId, lineNumber, columnNumber = 0 } = call.location;
    const url = urls.get(scriptId) ?? '';
    const place = originalPlace(url, lineNumber + 1, columnNumber + 1);
    if (!place) return [];
    const { line, column, name } = place;
    return [{ call, name: call.functionName || basename(name), path: sources.pathOf(url), line, column }];
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
    const { objectId } = await evaluate(`${kernelObject}.variables`);
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

  const go = async (method: string): Promise<Bundle> => {
    await inspector?.post(`Debugger.${method}`);
    return {};
  };

  const stop = (): void => {
    if (!inspector) return;
    inspector.disconnect();
    inspector = variables = frames = undefined;
    for (const each of [breakpoints, urls]) each.clear();
  };

  const commands: Readonly<Record<string, (args: Bundle) => Bundle | Promise<Bundle>>> = {
    debugInfo: () => ({
      isStarted: inspector !== undefined,
      ...cellFiles,
      breakpoints: breakpoints.list(),
      stoppedThreads: frames ? [thread.id] : [],
      richRendering: true,
      exceptionPaths: ['raised'],
      copyToGlobals: false,
    }),
    async initialize() {
      await start();
      emit('initialized');
      return {
        supportsConfigurationDoneRequest: true,
        supportsConditionalBreakpoints: true,
        supportsEvaluateForHovers: true,
        supportsModulesRequest: true,
        exceptionBreakpointFilters: [{ filter: 'raised', label: 'Raised Exceptions', default: false }],
      };
    },
    attach: () => ({}),
    configurationDone: () => ({}),
    dumpCell: ({ code }) => ({ sourcePath: cellFileOf(String(code)) }),
    async setBreakpoints(args) {
      const { path = '' } = args.source as { path?: string };
      const wanted = (args.breakpoints ?? []) as SourceBreakpoint[];
      return { breakpoints: await breakpoints.replace(path, wanted, await start()) };
    },
    async setExceptionBreakpoints({ filters = [] }) {
      const state = (filters as readonly string[]).includes('raised') ? 'all' : 'none';
      await (await start()).post('Debugger.setPauseOnExceptions', { state });
      return { breakpoints: [] };
    },
    threads: () => ({ threads: [thread] }),
    stackTrace: () => ({
      stackFrames: (frames ?? []).map(({ name, path, line, column }, i) => ({
        ...{ id: i + 1, name, line, column },
        source: { name: basename(path), path },
      })),
      totalFrames: frames?.length ?? 0,
    }),
    scopes: async ({ frameId }) => ({ scopes: await scopesOf(frameId) }),
    variables: async ({ variablesReference }) => ({
      variables: await variables!.members(Number(variablesReference)),
    }),
    async inspectVariables() {
      await start();
      return { variables: await variables!.members(await globalsReference()) };
    },
    async richInspectVariables({ variableName, frameId }) {
      const name = String(variableName);
      // A value with its own display may have to wait for the engine, which is stopped at a breakpoint.
      if (frames) {
        const { value } = variables!.describe(await evaluateIn(name, frameId));
        return { data: { 'text/plain': value }, metadata: {} };
      }
      const member = `${kernelObject}.variables[${JSON.stringify(name)}]`;
      const shown = await evaluate(`Promise.resolve(${kernelObject}.bundleOf(${member}))`, { awaitPromise: true, returnByValue: true }); // prettier-ignore
      return { data: shown.value as Bundle, metadata: {} };
    },
    async evaluate({ expression, frameId }) {
      await start();
      const { value, ...rest } = variables!.describe(await evaluateIn(String(expression), frameId));
      return { result: value, ...rest };
    },
    source: ({ source }) => ({
      content: sources.textOf(String((source as { path?: string } | undefined)?.path)),
    }),
    continue: async () => ({ ...(await go('resume')), allThreadsContinued: true }),
    next: () => go('stepOver'),
    stepIn: () => go('stepInto'),
    stepOut: () => go('stepOut'),
    pause: () => go('pause'),
    modules() {
      const modules = sources.modules().map((path, id) => ({ id, name: basename(path), path }));
      return { modules, totalModules: modules.length };
    },
    disconnect() {
      stop();
      return {};
    },
  };

  return {
    async answer({ seq, command, arguments: args = {} }) {
      const reply = { type: 'response', request_seq: seq, command: String(command) };
      const answers = commands[String(command)];
      if (!answers)
        return { ...reply, success: false, message: `This debugger does not know «${String(command)}»` };
      try {
        return { ...reply, success: true, body: await answers(args as Bundle) };
      } catch (error) {
        return { ...reply, success: false, message: error instanceof Error ? error.message : String(error) };
      }
    },
    async beforeCell(code, cell) {
      await inspector?.post('Debugger.setBreakpointsActive', { active: true });
      for (const path of sources.add(code, cell)) if (inspector) await breakpoints.rebind(path, inspector);
    },
    interrupt() {
      if (!frames || !inspector) return;
      // In a loop, it would stop again at once.
      void inspector.post('Debugger.setBreakpointsActive', { active: false });
      void inspector.post('Debugger.resume');
    },
    stop,
  };
}
