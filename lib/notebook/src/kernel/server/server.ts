/**
 * The kernel as Jupyter sees it: every request of the protocol, and what answers it. Nothing here waits for a
 * cell, so completion, documentation, history, interrupt and shutdown work whatever a cell is doing. Source:
 * jupyter-client's documentation, «Messaging in Jupyter», version 5.4, and JEP 91 (subshells).
 */
import { randomUUID } from 'node:crypto';
import { createHeader, type Header, protocolVersion } from '../../protocol/message.js';
import type { Request, ServerSockets } from '../../protocol/serverSockets.js';
import type { Bundle, FromRuntime, ToRuntime } from '../threads.js';
import { createChildOutput } from './childOutput.js';
import { toCodePoints, toUtf16 } from './codePoints.js';
import { createDebugger } from './debugger/debugger.js';
import { createExecutions } from './executions.js';
import type { History, HistoryRequest } from './history.js';
import { createInterrupter } from './interrupter.js';
import type { Language } from './languageClient.js';
import { readCell } from './magics.js';
import { createPublisher } from './publisher.js';
import { createQuestions } from './questions.js';

export interface ServerOptions {
  readonly sockets: ServerSockets;
  readonly session: string;
  readonly language: Language;
  readonly history: History;
  readonly versions: { readonly kernel: string; readonly typescript: string };
  post(message: ToRuntime): void;
  answer(question: number, value: string | undefined): void;
  /** Receives what the main thread has sent by now. */
  receiveAll(): void;
  /** Tells the main thread that the pipes of cells' programs are drained. */
  drained(): void;
  /** Ends the process, after the replies are out. */
  exit(): void;
  /** Closes the sockets of a process that ends by itself. */
  leave(): void;
}

export interface Server {
  /** Receives a message from the main thread. */
  receive(message: FromRuntime): void;
}

/** How many requests are remembered for late output. */
const mostHeaders = 20_000;

type Answer = Bundle | Promise<Bundle>;

export function startServer(options: ServerOptions): Server {
  const { sockets, session, language, history, versions, post } = options;
  const publisher = createPublisher(sockets, session);
  const interrupter = createInterrupter(post);
  /** The requests that may still have output, by their ids. */
  const headers = new Map<string, Header>();
  const remember = (header: Header): void => {
    headers.set(header.msg_id, header);
    if (headers.size > mostHeaders) headers.delete(headers.keys().next().value!);
  };
  const childOutput = createChildOutput();
  const comms = new Map<string, string>();
  const subshells = new Set<string>();
  const questions = createQuestions(sockets, session, options.answer);

  const reply = (request: Request, content: Bundle): Promise<void> => {
    publisher.flush();
    const type = request.header.msg_type.replace(/_request$/, '_reply');
    const header = createHeader(type, session, 'kernel');
    const message = { header, parent: request.header, metadata: {}, content };
    return sockets.send(request.channel, request.identities, message);
  };
  const debug = createDebugger((event) => {
    void publisher.publish('debug_event', event, executions.running()[0]?.header ?? {});
  });
  const { beforeCell } = debug;
  const executions = createExecutions({ language, publisher, history, interrupter, beforeCell, post, reply });

  const interrupt = (): void => {
    if (executions.running().length === 0) return;
    debug.interrupt();
    questions.cancel();
    executions.interrupt();
    interrupter.press();
  };

  const answers: Readonly<Record<string, (request: Request) => Answer>> = {
    kernel_info_request: () => kernelInfo(versions),
    async complete_request({ content }) {
      const code = String(content.code ?? '');
      const position = toUtf16(code, Number(content.cursor_pos ?? 0));
      const { start, end, entries } = await language.complete(code, position);
      const span = { start: toCodePoints(code, start), end: toCodePoints(code, end) };
      return {
        status: 'ok',
        matches: entries.map(({ name }) => name),
        cursor_start: span.start,
        cursor_end: span.end,
        metadata: {
          _jupyter_types_experimental: entries.map(({ name, kind }) => ({ text: name, type: kind, ...span })),
        },
      };
    },
    async inspect_request({ content }) {
      const code = String(content.code ?? '');
      const position = toUtf16(code, Number(content.cursor_pos ?? 0));
      const found = await language.inspect(code, position, Number(content.detail_level ?? 0));
      const data = found ? { 'text/plain': found.text, 'text/markdown': found.markdown } : {};
      return { status: 'ok', found: found !== undefined, data, metadata: {} };
    },
    async is_complete_request({ content }) {
      const { code, question } = readCell(String(content.code ?? ''));
      return question ? { status: 'complete' } : { ...(await language.completeness(code)) };
    },
    history_request: ({ content }) => ({ status: 'ok', history: history.answer(content as HistoryRequest) }),
    comm_info_request: ({ content }) => ({
      status: 'ok',
      comms: Object.fromEntries(
        [...comms]
          .filter(([, target]) => content.target_name === undefined || target === content.target_name)
          .map(([id, target]) => [id, { target_name: target }]),
      ),
    }),
    connect_request: () => ({ status: 'ok' }),
    interrupt_request() {
      interrupt();
      return { status: 'ok' };
    },
    debug_request: ({ content }) => debug.answer(content),
    create_subshell_request() {
      const id = randomUUID();
      subshells.add(id);
      return { status: 'ok', subshell_id: id };
    },
    delete_subshell_request({ content }) {
      const id = String(content.subshell_id);
      if (!subshells.delete(id)) return failure('SubshellError', `there is no subshell ${id}`);
      executions.remove(id);
      return { status: 'ok' };
    },
    list_subshell_request: () => ({ status: 'ok', subshell_id: [...subshells] }),
  };

  /** Reports again which cell is running, after another request was reported as done. */
  const restoreStatus = (): void => {
    for (const request of executions.running()) publisher.status('busy', request.header);
  };

  const answer = async (request: Request): Promise<void> => {
    const { msg_type: type } = request.header;
    publisher.status('busy', request.header);
    let content: Bundle;
    try {
      content = await answers[type]!(request);
    } catch (error) {
      content = failure('KernelError', error instanceof Error ? error.message : String(error));
    }
    await reply(request, content);
    publisher.status('idle', request.header);
    restoreStatus();
  };

  const shutdown = async (request: Request): Promise<void> => {
    const content = { status: 'ok', restart: request.content.restart ?? false };
    publisher.status('busy', request.header);
    await reply(request, content);
    await publisher.publish('shutdown_reply', content, request.header);
    publisher.status('idle', request.header);
    debug.stop();
    options.exit();
  };

  let asked = false;
  sockets.onRequest((request) => {
    asked = true;
    const { msg_type: type, msg_id: id, subshell_id: subshell } = request.header;
    if (type === 'execute_request') {
      if (subshell && !subshells.has(subshell)) {
        void reply(request, failure('SubshellError', `there is no subshell ${subshell}`));
        return;
      }
      remember(request.header);
      executions.add(request);
    } else if (type === 'shutdown_request') void shutdown(request);
    else if (type === 'input_reply') questions.reply(String(request.content.value ?? ''));
    else if (type === 'comm_open' || type === 'comm_msg' || type === 'comm_close') {
      const { content, metadata, buffers = [] } = request;
      if (type === 'comm_open') comms.set(String(content.comm_id), String(content.target_name));
      if (type === 'comm_close') comms.delete(String(content.comm_id));
      remember(request.header);
      publisher.status('busy', request.header);
      post({ type: 'comm', id, kind: type, content, metadata, buffers });
    } else if (answers[type]) void answer(request);
  });
  // Nobody would receive it earlier, and the first client to receive anything must be welcomed first. After a
  // request, its status would come too late.
  void sockets.subscribed.then(() => {
    if (!asked) publisher.status('starting', {});
  });

  const parentOf = (id: string | undefined): Partial<Header> =>
    (id === undefined ? undefined : headers.get(id)) ?? executions.running()[0]?.header ?? {};

  return {
    receive(message) {
      switch (message.type) {
        case 'stream':
          publisher.stream(message.name, message.text, parentOf(message.parent));
          break;
        case 'childOutput': {
          const { fd, name, parent } = message;
          childOutput.read(fd, (text) => {
            // What the cell printed before it started the program comes first.
            options.receiveAll();
            publisher.stream(name, text, parentOf(parent));
          });
          break;
        }
        case 'drain':
          void childOutput.drained().then(options.drained);
          break;
        case 'publish': {
          const { kind, content, parent, ...more } = message;
          if (kind === 'comm_open') comms.set(String(content.comm_id), String(content.target_name));
          if (kind === 'comm_close') comms.delete(String(content.comm_id));
          void publisher.publish(kind, content, parentOf(parent), more);
          break;
        }
        case 'error':
          void publisher.publish('error', { ...message.error }, parentOf(message.parent));
          break;
        case 'done':
          executions.done(message.id, message.outcome);
          break;
        case 'handled':
          publisher.status('idle', parentOf(message.id));
          restoreStatus();
          break;
        case 'ask':
          questions.ask(
            executions.running().find(({ header }) => header.msg_id === message.parent) ??
              executions.running()[0],
            message,
          );
          break;
        case 'listens':
          interrupter.listens();
          break;
        case 'interrupted':
          interrupter.acknowledged();
          break;
        case 'typecheck':
          executions.typecheck = message.value;
          break;
        case 'signal':
          if (!interrupter.isOwnSignal()) interrupt();
          break;
        case 'leaving':
          publisher.flush();
          debug.stop();
          options.leave();
          break;
        default:
          message satisfies never;
      }
    },
  };
}

const failure = (ename: string, evalue: string): Bundle => ({
  status: 'error',
  ename,
  evalue,
  traceback: [`${ename}: ${evalue}`],
});

const kernelInfo = ({ kernel, typescript }: ServerOptions['versions']): Bundle => ({
  status: 'ok',
  protocol_version: protocolVersion,
  implementation: 'tslab-kernel',
  implementation_version: kernel,
  language_info: {
    name: 'typescript',
    version: typescript,
    mimetype: 'text/typescript',
    file_extension: '.ts',
    pygments_lexer: 'typescript',
    codemirror_mode: { name: 'javascript', mode: 'typescript', typescript: true },
  },
  banner: `TypeScript ${typescript} on Node.js ${process.version}`,
  debugger: true,
  supported_features: ['debugger', 'kernel subshells'],
  help_links: [
    { text: 'TypeScript', url: 'https://www.typescriptlang.org/docs/' },
    { text: 'Node.js', url: 'https://nodejs.org/api/' },
  ],
});
