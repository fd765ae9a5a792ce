/**
 * The main thread: runs the cells that the server sends, in the process's own global scope, and tells the
 * server what they print, show and throw. It also gives cells what they know without an import
 * (language/globals.ts).
 */
import { join } from 'node:path';
import type { MessagePort } from 'node:worker_threads';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';
import type { CompiledCell, Typecheck } from '../language/language.js';
import { cellFileName, cellOffset, cellScript } from '../cellScript.js';
import { signalGroup } from '../processGroup.js';
import type { Bundle, Outcome, ToRuntime } from '../threads.js';
import { captureChildOutput } from './childOutput.js';
import { createComms } from './comms.js';
import { createContext } from './context.js';
import { installGlobals } from './globals.js';
import { createLocalModules, isPath } from './localModules.js';
import { createOutput, jsonOf } from './output.js';
import { createPackages, memberOf, namespaceOf } from './packages.js';
import { createQuestions } from './questions.js';
import { createRunningCell, type RunningCell } from './runningCell.js';
import { addSource, installStackTraces } from './stackTraces.js';
import { thrownError } from './thrownErrors.js';
import { tslabModule } from './tslabModule.js';
import { bundleOf, displayMethod, isFigure } from './values.js';

export interface RuntimeOptions {
  readonly folder: string;
  readonly kernelFile: string;
  readonly server: MessagePort;
  readonly answers: MessagePort;
  readonly underway: Int32Array;
  readonly answered: Int32Array;
  readonly versions: { readonly kernel: string; readonly typescript: string; readonly node: string };
}

type CellFunction = (
  scope: object,
  cell: object,
  require: NodeJS.Require,
  filename: string,
  dirname: string,
) => Promise<[unknown] | undefined>;

/** What a cell shows for its last value. A figure goes through `show`, which brings Plotly to the page. */
async function resultOf(value: unknown): Promise<Bundle> {
  if (!isFigure(value) || displayMethod in value) return bundleOf(value);
  const { show } = await import('../../display/show.js');
  await show(value);
  return {};
}

export function startRuntime(options: RuntimeOptions): void {
  const { folder, kernelFile, server, versions } = options;
  /** What cells have declared. */
  const scope: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  const context = createContext<RunningCell>();
  const running = new Set<RunningCell>();
  const currentCell = (): RunningCell | undefined => context.current() ?? [...running].at(-1);
  let latestId: string | undefined;
  /** The request whose output it is: a callback of a socket, after the cell has ended, belongs to the latest. */
  const currentId = (): string | undefined => currentCell()?.id ?? latestId;

  installStackTraces();
  const output = createOutput(server, options.underway, currentId);
  const releasePipes = captureChildOutput({
    send: output.send,
    drain: output.drain,
    currentCell,
    isRunning: (cell) => running.has(cell),
  });
  const questions = createQuestions(output, options.answers, options.answered, currentId);
  const { comms, receive: receiveComm } = createComms(output);
  const packages = createPackages(folder, kernelFile);
  const modules = createLocalModules(packages);
  let typecheck: Typecheck = 'error';

  const show = (data: Bundle, id?: string, update = false, metadata: Bundle = {}): void =>
    output.publish(update ? 'update_display_data' : 'display_data', {
      data: jsonOf(data),
      metadata: jsonOf(metadata),
      transient: id === undefined ? {} : { display_id: id },
    });
  const tslab = tslabModule(show, versions);
  installGlobals({
    show,
    currentCell,
    questions,
    comms,
    versions,
    variables: scope,
    clearOutput: (wait) => output.publish('clear_output', { wait }),
    typecheck: {
      get: () => typecheck,
      set(value) {
        typecheck = value;
        output.send({ type: 'typecheck', value });
      },
    },
  });

  const load = async (specifier: string): Promise<unknown> =>
    specifier === 'tslab'
      ? tslab
      : isPath(specifier)
        ? modules.load(specifier, folder)
        : packages.load(specifier);
  const require = Object.assign(
    (specifier: string): unknown =>
      specifier === 'tslab'
        ? tslab
        : isPath(specifier)
          ? modules.require(specifier, folder)
          : packages.require(specifier),
    { resolve: (specifier: string) => packages.resolve(specifier) },
  ) as unknown as NodeJS.Require;
  const notebookFile = join(folder, '__notebook__.ts');
  const cellTools = {
    load,
    member: memberOf,
    namespace: (module: unknown): unknown => module,
    import: async (specifier: unknown): Promise<unknown> => namespaceOf(await load(String(specifier))),
    meta: { url: pathToFileURL(notebookFile).href, filename: notebookFile, dirname: folder },
  };

  const start = (
    { number, js, map, source }: CompiledCell,
    count: number,
  ): Promise<[unknown] | undefined> => {
    const filename = cellFileName(number);
    addSource(filename, { name: `Cell [${count}]`, source, map, ...cellOffset });
    const run = new Script(cellScript(js), { filename }).runInThisContext() as CellFunction;
    return run(scope, cellTools, require, notebookFile, folder);
  };

  const execute = async ({ id, count, cell }: Extract<ToRuntime, { type: 'execute' }>): Promise<void> => {
    const current = createRunningCell(id, () => output.send({ type: 'listens', parent: id }));
    running.add(current);
    latestId = id;
    modules.update(cell.modules);
    const before = new Map(cell.values.map((name) => [name, { was: name in scope, value: scope[name] }]));
    let outcome: Outcome;
    try {
      // In its own job, because a terminated loop takes everything on the stack with it.
      const finished = new Promise<Bundle | undefined>((resolve, reject) =>
        setImmediate(() =>
          context.run(current, () =>
            start(cell, count)
              .then((result) =>
                result === undefined || result[0] === undefined ? undefined : resultOf(result[0]),
              )
              .then(resolve, reject),
          ),
        ),
      );
      const result = await Promise.race([finished, current.interrupted]);
      const data = result && jsonOf(result);
      const isShown = data && Object.keys(data).length > 0;
      outcome = { status: 'ok', ...(isShown && { data, metadata: {} }) };
    } catch (error) {
      const set = cell.values.filter((name) => {
        const { was, value } = before.get(name)!;
        return name in scope && (!was || scope[name] !== value);
      });
      outcome = { status: 'error', error: thrownError(error), set };
    }
    running.delete(current);
    releasePipes(current);
    output.send({ type: 'done', id, outcome });
  };

  const interrupt = (hard: boolean): void => {
    output.send({ type: 'interrupted' });
    if (hard) context.reset();
    for (const cell of running) cell.interrupt(hard);
  };

  server.on('message', (message: ToRuntime) => {
    switch (message.type) {
      case 'execute':
        void execute(message);
        break;
      case 'interrupt':
        interrupt(message.hard);
        break;
      case 'comm': {
        const { id } = message;
        const cell = createRunningCell(id, () => undefined);
        context
          .run(cell, () => receiveComm(message))
          .catch((error: unknown) => output.send({ type: 'error', parent: id, error: thrownError(error) }))
          .finally(() => output.send({ type: 'handled', id }));
        break;
      }
      case 'answer':
        break;
      case 'exit':
        // The programs that cells have started end with the kernel; a server among them would keep its port.
        process.on('SIGTERM', () => undefined);
        signalGroup('SIGTERM');
        process.exit(0);
        break;
      default:
        message satisfies never;
    }
  });

  const report = (error: unknown, parent: string | undefined): void =>
    output.send({
      type: 'error',
      ...(parent !== undefined && { parent }),
      error: thrownError(error),
    });
  process.on('unhandledRejection', (reason, promise) =>
    report(reason, context.of(promise)?.id ?? currentId()),
  );
  process.on('uncaughtException', (error) => report(error, currentId()));
  process.on('SIGINT', () => output.send({ type: 'signal' }));
  process.on('exit', () => output.leave());
}
