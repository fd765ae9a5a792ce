/**
 * The ZeroMQ sockets of a kernel: shell and control (requests), stdin (questions to the reader), iopub (what
 * all clients receive) and the heartbeat, which echoes. A socket sends one message at a time, so messages
 * queue here.
 */
import { Reply, Router, XPublisher } from 'zeromq';
import type { Connection } from './connection.js';
import { createHeader, decodeMessage, encodeMessage, identitiesOf, type Message } from './message.js';

/** A request and how to answer it. */
export interface Request extends Message {
  readonly identities: readonly Uint8Array[];
  readonly channel: 'shell' | 'control' | 'stdin';
}

/** A kernel's side of the sockets. */
export interface ServerSockets {
  /** Calls `listener` with every request of a client. */
  onRequest(listener: (request: Request) => void): void;
  /** Sends `message` to one client. Resolves when it is on its way. */
  send(channel: Request['channel'], identities: readonly Uint8Array[], message: Message): Promise<void>;
  /** Sends `message` to every client; `topic` is what they may subscribe to. */
  publish(topic: string, message: Message): Promise<void>;
  /** Resolves when the first client has subscribed to what is published, and its welcome is on its way. */
  readonly subscribed: Promise<void>;
  /** Closes all sockets. */
  close(): void;
}

/** Binds the sockets. @throws Error when a port is taken. */
export async function bindSockets(connection: Connection, session: string): Promise<ServerSockets> {
  const { transport, ip, key } = connection;
  const address = (port: number): string =>
    transport === 'ipc' ? `ipc://${ip}-${port}` : `${transport}://${ip}:${port}`;
  const routers = {
    shell: new Router({ linger: 500, sendHighWaterMark: 0, mandatory: false }),
    control: new Router({ linger: 500, sendHighWaterMark: 0, mandatory: false }),
    stdin: new Router({ linger: 500, sendHighWaterMark: 0, mandatory: false }),
  };
  // Without a limit: a cell that prints more than clients receive is slowed down elsewhere, and nothing is
  // lost.
  const iopub = new XPublisher({ linger: 500, sendHighWaterMark: 0 });
  const heartbeat = new Reply({ linger: 0 });
  await Promise.all([
    routers.shell.bind(address(connection.shell_port)),
    routers.control.bind(address(connection.control_port)),
    routers.stdin.bind(address(connection.stdin_port)),
    iopub.bind(address(connection.iopub_port)),
    heartbeat.bind(address(connection.hb_port)),
  ]);

  const listeners: ((request: Request) => void)[] = [];
  const sendInTurn = (socket: { send(frames: (string | Uint8Array)[]): Promise<void> }) => {
    let last = Promise.resolve();
    return (frames: (string | Uint8Array)[]): Promise<void> =>
      (last = last.then(() => socket.send(frames)).catch(() => undefined));
  };
  const senders = {
    shell: sendInTurn(routers.shell),
    control: sendInTurn(routers.control),
    stdin: sendInTurn(routers.stdin),
    iopub: sendInTurn(iopub),
  };

  const receive = async (channel: Request['channel']): Promise<void> => {
    for await (const frames of routers[channel]) {
      let message: Message;
      try {
        message = decodeMessage(frames, key);
      } catch {
        continue; // not from a client of ours
      }
      const request: Request = { ...message, identities: identitiesOf(frames), channel };
      for (const listener of listeners) listener(request);
    }
  };
  let onSubscribed: () => void = () => undefined;
  const subscribed = new Promise<void>((resolve) => (onSubscribed = resolve));
  const welcome = async (): Promise<void> => {
    for await (const [frame] of iopub) {
      // A subscription is the byte 1 and the topic (Jupyter enhancement proposal 65).
      if (!frame || frame[0] !== 1) continue;
      const topic = frame.subarray(1).toString();
      const header = createHeader('iopub_welcome', session, 'kernel');
      const message = { header, parent: {}, metadata: {}, content: { subscription: topic } };
      void senders.iopub([topic, ...encodeMessage(message, key)]);
      onSubscribed();
    }
  };
  const beat = async (): Promise<void> => {
    for await (const frames of heartbeat) await heartbeat.send(frames);
  };
  const whileOpen = (loop: Promise<void>): void => void loop.catch(() => undefined);
  for (const channel of ['shell', 'control', 'stdin'] as const) whileOpen(receive(channel));
  whileOpen(welcome());
  whileOpen(beat());

  return {
    onRequest: (listener) => void listeners.push(listener),
    send: (channel, identities, message) => senders[channel]([...identities, ...encodeMessage(message, key)]),
    publish: (topic, message) => senders.iopub([topic, ...encodeMessage(message, key)]),
    subscribed,
    close() {
      for (const socket of [...Object.values(routers), iopub, heartbeat]) socket.close();
    },
  };
}
