/**
 * The debugger that JupyterLab speaks to: the Debug Adapter Protocol inside `debug_request`, over Node's
 * inspector of the main thread. A cell is a file to it, named by a hash of its text, so that a breakpoint can
 * be set before the cell has run. Frames and lines are those of the TypeScript that was written. Sources:
 * jupyter-client's documentation, «Messaging in Jupyter», «Debug request»; the Debug Adapter Protocol 1.51.
 */
import { basename } from 'node:path';
import type { CompiledCell } from '../../language/language.js';
import type { Bundle } from '../../threads.js';
import { type Breakpoints, createBreakpoints, type SourceBreakpoint } from './breakpoints.js';
import { createDebugSession, type DebugSession, kernelObject, thread } from './debugSession.js';
import { cellFileOf, cellFiles, createSources, type Sources } from './sources.js';

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

/** @param publish sends an event to all clients */
export function createDebugger(publish: (event: Bundle) => void): Debugger {
  const sources = createSources();
  const breakpoints = createBreakpoints(sources);
  let events = 0;
  const emit = (event: string, body: Bundle = {}): void =>
    publish({ seq: ++events, type: 'event', event, body });
  const session = createDebugSession(sources, emit);
  const commands = commandsOf(session, sources, breakpoints, emit);

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
      await session.inspector?.post('Debugger.setBreakpointsActive', { active: true });
      for (const path of sources.add(code, cell))
        if (session.inspector) await breakpoints.rebind(path, session.inspector);
    },
    interrupt() {
      const { frames, inspector } = session;
      if (!frames || !inspector) return;
      // In a loop, it would stop again at once.
      void inspector.post('Debugger.setBreakpointsActive', { active: false });
      void inspector.post('Debugger.resume');
    },
    stop: () => stop(session, breakpoints),
  };
}

type Commands = Readonly<Record<string, (args: Bundle) => Bundle | Promise<Bundle>>>;

/** The commands of the protocol, which look at `session` when they are called. */
const commandsOf = (
  session: DebugSession,
  sources: Sources,
  breakpoints: Breakpoints,
  emit: (event: string, body?: Bundle) => void,
): Commands => ({
  debugInfo: () => ({
    isStarted: session.inspector !== undefined,
    ...cellFiles,
    breakpoints: breakpoints.list(),
    stoppedThreads: session.frames ? [thread.id] : [],
    richRendering: true,
    exceptionPaths: ['raised'],
    copyToGlobals: false,
  }),
  async initialize() {
    await session.start();
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
    return { breakpoints: await breakpoints.replace(path, wanted, await session.start()) };
  },
  async setExceptionBreakpoints({ filters = [] }) {
    const state = (filters as readonly string[]).includes('raised') ? 'all' : 'none';
    await (await session.start()).post('Debugger.setPauseOnExceptions', { state });
    return { breakpoints: [] };
  },
  threads: () => ({ threads: [thread] }),
  stackTrace: () => ({
    stackFrames: (session.frames ?? []).map(({ name, path, line, column }, i) => ({
      ...{ id: i + 1, name, line, column },
      source: { name: basename(path), path },
    })),
    totalFrames: session.frames?.length ?? 0,
  }),
  scopes: async ({ frameId }) => ({ scopes: await session.scopesOf(frameId) }),
  variables: async ({ variablesReference }) => ({
    variables: await session.variables!.members(Number(variablesReference)),
  }),
  async inspectVariables() {
    await session.start();
    return { variables: await session.variables!.members(await session.globalsReference()) };
  },
  async richInspectVariables({ variableName, frameId }) {
    const name = String(variableName);
    // A value with its own display may have to wait for the engine, which is stopped at a breakpoint.
    if (session.frames) {
      const { value } = session.variables!.describe(await session.evaluateIn(name, frameId));
      return { data: { 'text/plain': value }, metadata: {} };
    }
    const member = `${kernelObject}.variables[${JSON.stringify(name)}]`;
    const shown = await session.evaluate(`Promise.resolve(${kernelObject}.bundleOf(${member}))`, { awaitPromise: true, returnByValue: true }); // prettier-ignore
    return { data: shown.value as Bundle, metadata: {} };
  },
  async evaluate({ expression, frameId }) {
    await session.start();
    const { value, ...rest } = session.variables!.describe(
      await session.evaluateIn(String(expression), frameId),
    );
    return { result: value, ...rest };
  },
  source: ({ source }) => ({
    content: sources.textOf(String((source as { path?: string } | undefined)?.path)),
  }),
  continue: async () => ({ ...(await go(session, 'resume')), allThreadsContinued: true }),
  next: () => go(session, 'stepOver'),
  stepIn: () => go(session, 'stepInto'),
  stepOut: () => go(session, 'stepOut'),
  pause: () => go(session, 'pause'),
  modules() {
    const modules = sources.modules().map((path, id) => ({ id, name: basename(path), path }));
    return { modules, totalModules: modules.length };
  },
  disconnect() {
    stop(session, breakpoints);
    return {};
  },
});

async function go({ inspector }: DebugSession, method: string): Promise<Bundle> {
  await inspector?.post(`Debugger.${method}`);
  return {};
}

function stop(session: DebugSession, breakpoints: Breakpoints): void {
  if (!session.inspector) return;
  session.stop();
  breakpoints.clear();
}
