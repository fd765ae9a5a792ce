/**
 * The kernel as Jupyter sees it: every request of the protocol, and what answers it. Nothing here waits for a
 * cell, so completion, documentation, history, interrupt and shutdown work whatever a cell is doing. Source:
 * jupyter-client's documentation, «Messaging in Jupyter», version 5.4, and JEP 91 (subshells).
 */
import { randomUUID } from 'node:crypto';
import { createHeader, type Header } from '../../protocol/message.js';
import type { Request, ServerSockets } from '../../protocol/serverSockets.js';
import type { Bundle, FromRuntime, ToRuntime } from '../threads.js';
import { createChildOutput } from './childOutput.js';
import { createOpenComms, type OpenComms } from './comms.js';
import { createDebugger, type Debugger } from './debugger/debugger.js';
import { createExecutions, type Executions } from './executions.js';
import type { History, HistoryRequest } from './history.js';
import { createInterrupter, type Interrupter } from './interrupter.js';
import type { Language } from './languageClient.js';
import { createPublisher, type Publisher } from './publisher.js';
import { createQuestions, type Questions } from './questions.js';
import { type Answers, codeAnswers, failure, kernelInfo } from './requests.js';

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

/** What takes part in answering requests and in publishing what the main thread sends. */
interface Parts {
  readonly options: ServerOptions;
  readonly publisher: Publisher;
  readonly interrupter: Interrupter;
  readonly questions: Questions;
  readonly comms: OpenComms;
  readonly executions: Executions;
  readonly debug: Debugger;
  /** Remembers a request that may have output. */
  remember(header: Header): void;
  /** The remembered request with this id, or the first that runs. */
  parentOf(id: string | undefined): Partial<Header>;
  reply(request: Request, content: Bundle): Promise<void>;
  interrupt(): void;
  /** Reports again which cell is running, after another request was reported as done. */
  restoreStatus(): void;
}

/** How many requests are remembered for late output. */
const mostHeaders = 20_000;

export function startServer(options: ServerOptions): Server {
  const { sockets, session, language, history, post } = options;
  const publisher = createPublisher(sockets, session);
  const interrupter = createInterrupter(post);
  const questions = createQuestions(sockets, session, options.answer);
  const headers = new Map<string, Header>();
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
  const parts: Parts = {
    ...{ options, publisher, interrupter, questions, executions, debug, reply },
    comms: createOpenComms(),
    remember(header) {
      headers.set(header.msg_id, header);
      if (headers.size > mostHeaders) headers.delete(headers.keys().next().value!);
    },
    parentOf: (id) =>
      (id === undefined ? undefined : headers.get(id)) ?? executions.running()[0]?.header ?? {},
    interrupt() {
      const idle = executions.running().length === 0;
      if (!idle) {
        debug.interrupt();
        questions.cancel();
        executions.interrupt();
      }
      interrupter.press(idle);
    },
    restoreStatus() {
      for (const request of executions.running()) publisher.status('busy', request.header);
    },
  };
  answerRequests(parts);
  return { receive: receiver(parts) };
}

/** The answers to requests at which the kernel does nothing but answer. */
const answersOf = (
  { options: { versions, language, history }, comms, debug, executions, interrupt }: Parts,
  subshells: Set<string>,
): Answers => ({
  kernel_info_request: () => kernelInfo(versions),
  ...codeAnswers(language),
  history_request: ({ content }) => ({ status: 'ok', history: history.answer(content as HistoryRequest) }),
  comm_info_request: ({ content }) => ({ status: 'ok', comms: comms.info(content.target_name) }),
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
});

/** Receives the requests of clients. */
function answerRequests(parts: Parts): void {
  const { options, publisher, questions, comms, executions, debug, remember, reply, restoreStatus } = parts;
  const { sockets } = options;
  const subshells = new Set<string>();
  const answers = answersOf(parts, subshells);

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
      comms.hear(type, content);
      remember(request.header);
      publisher.status('busy', request.header);
      options.post({ type: 'comm', id, kind: type, content, metadata, buffers });
    } else if (answers[type]) void answer(request);
  });
  // Nobody would receive it earlier, and the first client to receive anything must be welcomed first. After a
  // request, its status would come too late.
  void sockets.subscribed.then(() => {
    if (!asked) publisher.status('starting', {});
  });
}

/** Receives what the main thread sends. */
function receiver(parts: Parts): (message: FromRuntime) => void {
  const { options, publisher, interrupter, questions, comms, executions, debug, parentOf } = parts;
  const childOutput = createChildOutput();
  return (message) => {
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
        comms.hear(kind, content);
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
        parts.restoreStatus();
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
        if (!interrupter.isOwnSignal()) parts.interrupt();
        break;
      case 'leaving':
        publisher.flush();
        debug.stop();
        options.leave();
        break;
      default:
        message satisfies never;
    }
  };
}
