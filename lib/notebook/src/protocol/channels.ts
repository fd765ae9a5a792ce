/**
 * The ZeroMQ sockets of a Jupyter client: shell (requests that wait their turn), control (requests that do
 * not), iopub (what cells print and show) and stdin (what cells ask). The heartbeat is left out: a dead
 * kernel is seen at once by the end of its process.
 */
import { randomUUID } from 'node:crypto';
import { createRequest, decodeMessage, encodeMessage, type Message } from './message.js';
import type { Connection } from './connection.js';

/** A client's side of the sockets to a kernel. */
export interface Channels {
  /** Sends a request; resolves to the reply to it. Rejects if the channels are closed before that. */
  request(type: string, content: Message['content'], channel?: 'shell' | 'control'): Promise<Message>;
  /** Like `request`, with the id of the request, which the outputs of a cell name as their parent. */
  send(
    type: string,
    content: Message['content'],
    channel?: 'shell' | 'control',
    subshell?: string,
  ): { readonly id: string; readonly reply: Promise<Message> };
  /** Sends a message that has no reply, such as those of comms. Resolves to its id. */
  tell(type: string, content: Message['content']): string;
  /**
   * Calls `listener` with every question of a cell; what it resolves to is the answer, and without it there
   * is none.
   */
  onQuestion(listener: (message: Message) => string | undefined | Promise<string | undefined>): void;
  /**
   * Calls `listener` with every iopub message. What it throws is an uncaught exception of this process, as
   * with Node's own events.
   */
  onOutput(listener: (message: Message) => void): void;
  /** Closes the sockets; requests without a reply are rejected with `reason`. */
  close(reason: Error): void;
}

interface Waiting {
  resolve(message: Message): void;
  reject(error: Error): void;
}

/** Connects to a kernel. ZeroMQ connects in the background: the kernel may come up later. */
export async function openChannels(connection: Connection): Promise<Channels> {
  const { Dealer, Subscriber } = await import('zeromq');
  const { transport, ip, key } = connection;
  // A kernel asks the client that the cell belongs to, by the identity that shell and stdin share.
  const routingId = randomUUID();
  const shell = new Dealer({ linger: 0, routingId });
  const stdin = new Dealer({ linger: 0, routingId });
  const control = new Dealer({ linger: 0 });
  const iopub = new Subscriber({ linger: 0, receiveHighWaterMark: 0 });
  shell.connect(`${transport}://${ip}:${connection.shell_port}`);
  control.connect(`${transport}://${ip}:${connection.control_port}`);
  stdin.connect(`${transport}://${ip}:${connection.stdin_port}`);
  iopub.connect(`${transport}://${ip}:${connection.iopub_port}`);
  iopub.subscribe();

  const session = randomUUID();
  const waiting = new Map<string, Waiting>();
  const listeners: ((message: Message) => void)[] = [];
  const pump = async (
    socket: AsyncIterable<Uint8Array[]>,
    take: (message: Message) => void,
  ): Promise<void> => {
    for await (const frames of socket) {
      let message: Message;
      try {
        message = decodeMessage(frames, key);
      } catch {
        continue; // not from our kernel
      }
      take(message);
    }
  };
  const settle = (message: Message): void => {
    const id = message.parent.msg_id ?? '';
    waiting.get(id)?.resolve(message);
    waiting.delete(id);
  };
  const abandon = (reason: Error): void => {
    for (const { reject } of waiting.values()) reject(reason);
    waiting.clear();
  };
  for (const socket of [shell, control]) pump(socket, settle).catch(abandon);
  const hear = (message: Message): void => {
    for (const listener of listeners) {
      try {
        listener(message);
      } catch (error) {
        // Thrown from here, it would end what reads the socket.
        process.nextTick(() => {
          throw error;
        });
      }
    }
  };
  pump(iopub, hear).catch(abandon);

  // A socket sends one message at a time.
  const sending = { shell: Promise.resolve(), control: Promise.resolve() };
  let question: Parameters<Channels['onQuestion']>[0] = () => '';
  const answer = async (message: Message): Promise<void> => {
    const value = await question(message);
    if (value === undefined) return;
    const reply = createRequest('input_reply', { value }, session);
    // The kernel may have died meanwhile.
    await stdin.send(encodeMessage(reply, key)).catch(() => undefined);
  };
  pump(stdin, (message) => void answer(message)).catch(() => undefined);
  const send: Channels['send'] = (type, content, channel = 'shell', subshell) => {
    const request = createRequest(type, content, session);
    const message = subshell ? { ...request, header: { ...request.header, subshell_id: subshell } } : request;
    const socket = channel === 'shell' ? shell : control;
    const reply = new Promise<Message>((resolve, reject) => {
      waiting.set(message.header.msg_id, { resolve, reject });
      sending[channel] = sending[channel].then(() => socket.send(encodeMessage(message, key))).catch(reject);
    });
    return { id: message.header.msg_id, reply };
  };
  return {
    send,
    tell(type, content) {
      const message = createRequest(type, content, session);
      sending.shell = sending.shell
        .then(() => shell.send(encodeMessage(message, key)))
        .catch(() => undefined);
      return message.header.msg_id;
    },
    onQuestion: (listener) => (question = listener),
    request: (type, content, channel) => send(type, content, channel).reply,
    onOutput: (listener) => listeners.push(listener),
    close(reason) {
      for (const socket of [shell, control, stdin, iopub]) socket.close();
      abandon(reason);
    },
  };
}
