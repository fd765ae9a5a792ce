/**
 * The main thread: runs the cells that the server sends, in the process's own global scope, and tells the
 * server what they print, show and throw. It also gives cells what they know without an import
 * (language/globals.ts).
 */
import type { MessagePort } from 'node:worker_threads';
import type { Typecheck } from '../language/language.js';
import { signalGroup } from '../processGroup.js';
import type { Bundle, ToRuntime } from '../threads.js';
import { createStartCell } from './startCell.js';
import { captureChildOutput } from './childOutput.js';
import { createComms } from './comms.js';
import { createContext } from './context.js';
import { installGlobals } from './globals.js';
import { installImmediates } from './immediates.js';
import { createLateErrors } from './lateErrors.js';
import { createLocalModules } from './localModules.js';
import { createOutput, jsonOf } from './output.js';
import { createPackages } from './packages.js';
import { createQuestions } from './questions.js';
import { runCell } from './runCell.js';
import { createRunningCell, createRunningCells, type RunningCell } from './runningCell.js';
import { installStackTraces } from './stackTraces.js';
import { thrownError } from './thrownErrors.js';
import { createTimerModules } from './timers.js';
import { tslabModule } from './tslabModule.js';

export interface RuntimeOptions {
  readonly folder: string;
  readonly kernelFile: string;
  readonly server: MessagePort;
  readonly answers: MessagePort;
  readonly underway: Int32Array;
  readonly answered: Int32Array;
  readonly versions: { readonly kernel: string; readonly typescript: string; readonly node: string };
}

export function startRuntime(options: RuntimeOptions): void {
  const { folder, kernelFile, server, versions } = options;
  /** What cells have declared. */
  const variables = Object.create(null) as Record<string, unknown>;
  installImmediates();
  const context = createContext<RunningCell>((cell) => cells.isAbandoned(cell));
  const cells = createRunningCells(context);
  const { currentId } = cells;

  installStackTraces();
  const output = createOutput(server, options.underway, currentId);
  const releasePipes = captureChildOutput({
    ...{ send: output.send, drain: output.drain, currentId },
    currentCell: cells.current,
    isRunning: cells.has,
  });
  const questions = createQuestions(output, options.answers, options.answered, currentId);
  const { comms, receive: receiveComm } = createComms(output);
  const timers = createTimerModules<RunningCell>(context.current, cells.isAbandoned);
  const packages = createPackages(folder, kernelFile, timers);
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
    currentCell: cells.current,
    questions,
    comms,
    versions,
    variables,
    clearOutput: (wait) => output.publish('clear_output', { wait }),
    typecheck: {
      get: () => typecheck,
      set(value) {
        typecheck = value;
        output.send({ type: 'typecheck', value });
      },
    },
  });

  const start = createStartCell({ folder, packages, modules, tslab, variables });
  const execute = async ({ id, count, cell }: Extract<ToRuntime, { type: 'execute' }>): Promise<void> => {
    const current = createRunningCell(id, () => output.send({ type: 'listens', parent: id }));
    cells.add(current);
    modules.update(cell.modules);
    const outcome = await runCell(cell, count, current, { context, start, variables });
    cells.remove(current);
    releasePipes(current);
    output.send({ type: 'done', id, outcome });
  };

  server.on('message', (message: ToRuntime) => {
    switch (message.type) {
      case 'execute':
        void execute(message);
        break;
      case 'interrupt':
        output.send({ type: 'interrupted' });
        cells.interrupt(message.hard);
        break;
      case 'abandon':
        output.send({ type: 'interrupted' });
        cells.abandon();
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

  const report = createLateErrors((error, parent) =>
    output.send({ type: 'error', ...(parent !== undefined && { parent }), error }),
  );
  process.on('unhandledRejection', (reason, promise) =>
    report(reason, context.of(promise)?.id ?? currentId()),
  );
  process.on('uncaughtException', (error) => report(error, currentId()));
  process.on('SIGINT', () => output.send({ type: 'signal' }));
  process.on('exit', () => output.leave());
}
