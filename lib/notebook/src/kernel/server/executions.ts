/**
 * The cells that wait, run and end. Each shell has a queue of its own: the kernel's, and that of every
 * subshell, whose cells run between the awaits of the others. After an error the cells that were queued by
 * then are aborted.
 */
import type { Header, Message } from '../../protocol/message.js';
import type { Request } from '../../protocol/serverSockets.js';
import type { Typecheck } from '../language/language.js';
import { type CellsOptions, createCells, documentationOf } from './cells.js';
import type { History } from './history.js';
import type { Interrupter } from './interrupter.js';
import { readCell } from './magics.js';
import type { Bundle, Outcome } from '../threads.js';

export interface ExecutionsOptions extends CellsOptions {
  readonly history: History;
  readonly interrupter: Interrupter;
  reply(request: Request, content: Bundle): Promise<void>;
}

export interface Executions {
  /** Queues an execute_request. */
  add(request: Request): void;
  /** Receives how a cell ended. */
  done(id: string, outcome: Outcome): void;
  /** The requests that run, first come first. */
  running(): readonly Request[];
  /** Ends the cells that are still being compiled. */
  interrupt(): void;
  /** Aborts queued cells, and forgets the subshell. */
  remove(subshell: string): void;
  typecheck: Typecheck;
}

interface ExecuteContent {
  readonly code: string;
  readonly silent?: boolean;
  readonly store_history?: boolean;
  readonly user_expressions?: Readonly<Record<string, string>>;
  readonly stop_on_error?: boolean;
}

interface Shell {
  readonly queue: Request[];
  running?: Request;
  /** The time of the last error by our clock: only what a client sent before it is aborted. */
  abortBefore?: number;
}

/** For this many milliseconds after an error, cells may still arrive that were sent before it. */
const underway = 1000;

/** The numbers of uncounted cells begin here. */
const uncounted = 1_000_000;

export function createExecutions(options: ExecutionsOptions): Executions {
  const { language, publisher, history, interrupter, reply } = options;
  const shells = new Map<string, Shell>();
  const cells = createCells(options);
  let [count, silentCount] = [0, 0];

  const shellOf = (request: Message): Shell => {
    const key = request.header.subshell_id ?? '';
    const shell = shells.get(key) ?? { queue: [] };
    shells.set(key, shell);
    return shell;
  };
  const running = (): Request[] => [...shells.values()].flatMap(({ running: request }) => request ?? []);

  const executions: Executions = {
    typecheck: 'error',
    running,
    add(request) {
      const shell = shellOf(request);
      if (wasUnderway(request, shell)) return abort(request);
      shell.queue.push(request);
      void next(shell);
    },
    done: cells.done,
    interrupt: cells.interrupt,
    remove(subshell) {
      shells.get(subshell)?.queue.splice(0).forEach(abort);
      shells.delete(subshell);
    },
  };

  const abort = (request: Request): void => {
    publisher.status('busy', request.header);
    void reply(request, { status: 'aborted', execution_count: count });
    publisher.status('idle', request.header);
  };

  const next = async (shell: Shell): Promise<void> => {
    if (shell.running) return;
    const request = shell.queue.shift();
    if (!request) return;
    shell.running = request;
    try {
      await execute(request, shell);
    } finally {
      shell.running = undefined;
      if (running().length === 0) interrupter.reset();
      void next(shell);
    }
  };

  const execute = async (request: Request, shell: Shell): Promise<void> => {
    const content = request.content as unknown as ExecuteContent;
    const { silent = false, store_history: store = !silent, stop_on_error: stop = true } = content;
    const { code, typecheck, question, unknown } = readCell(String(content.code ?? ''));
    const counted = !silent && store;
    if (counted) count++;
    // A cell of a subshell may count on meanwhile.
    const shown = count;
    const number = counted ? count : uncounted + ++silentCount;
    interrupter.reset();
    publisher.status('busy', request.header);
    if (!silent)
      void publisher.publish('execute_input', { code: content.code, execution_count: shown }, request.header);
    if (typecheck) executions.typecheck = typecheck;
    const outcome =
      unknown === undefined
        ? await (question ? documentationOf(language, question) : run(request, number, code, silent)).catch(
            kernelError,
          )
        : unknownCommand(unknown);
    if (counted) history.store(shown, content.code, textOf(outcome));
    if (!silent) publishOutcome(outcome, request.header, shown);
    if (outcome.status === 'error' && stop) {
      shell.abortBefore = Date.now();
      shell.queue.splice(0).forEach(abort);
    }
    const expressions =
      outcome.status === 'ok' ? await evaluate(request, content.user_expressions ?? {}) : {};
    await reply(request, replyTo(outcome, shown, expressions));
    publisher.status('idle', request.header);
  };

  const run = (request: Request, number: number, code: string, silent: boolean): Promise<Outcome> =>
    cells.run({ request, number, count, code, silent, typecheck: executions.typecheck });

  const evaluate = async (
    request: Request,
    expressions: Readonly<Record<string, string>>,
  ): Promise<Bundle> => {
    const results: Record<string, unknown> = {};
    for (const [name, expression] of Object.entries(expressions)) {
      const { status, data = {}, metadata = {}, error } = await run(request, uncounted + ++silentCount, expression, true); // prettier-ignore
      results[name] = status === 'ok' ? { status, data, metadata } : { status, ...error };
    }
    return results;
  };

  const publishOutcome = (outcome: Outcome, parent: Header, number: number): void => {
    if (outcome.data)
      void publisher.publish(
        'execute_result',
        { execution_count: number, data: outcome.data, metadata: outcome.metadata ?? {} },
        parent,
      );
    if (outcome.error) void publisher.publish('error', { ...outcome.error }, parent);
  };

  return executions;
}

/** Whether `request` was on its way when a cell before it failed. */
function wasUnderway({ header, content }: Request, { abortBefore }: Shell): boolean {
  if (abortBefore === undefined || Date.now() - abortBefore > underway || content.silent) return false;
  const sent = Date.parse(header.date);
  return sent < abortBefore;
}

const textOf = ({ data }: Outcome): string | null => (data ? String(data['text/plain'] ?? '') : null);

function replyTo(outcome: Outcome, count: number, expressions: Bundle): Bundle {
  const payload =
    outcome.page === undefined ? [] : [{ source: 'page', data: { 'text/plain': outcome.page }, start: 0 }];
  const common = { execution_count: count, user_expressions: expressions, payload };
  return outcome.status === 'ok'
    ? { status: 'ok', ...common }
    : { status: 'error', ...common, ...outcome.error };
}

function unknownCommand(line: string): Outcome {
  const evalue = `This kernel runs TypeScript and does not know «${line.trimEnd()}»; its only such line is %typecheck error, warn or off`;
  return { status: 'error', error: { ename: 'SyntaxError', evalue, traceback: [`SyntaxError: ${evalue}`] } };
}

/**
 * A fault of the kernel's own, such as a crash of TypeScript: the cell shows it, and the kernel continues.
 */
function kernelError(error: unknown): Outcome {
  const text = error instanceof Error ? error.message : String(error);
  const evalue = text.split('\n', 1)[0]!;
  return { status: 'error', error: { ename: 'KernelError', evalue, traceback: text.split('\n') } };
}
