/**
 * What all clients are told, in the order in which it happened. Text that a cell prints is collected for a
 * moment, because a message for every line would swamp a browser: the server between it and us drops what
 * exceeds 1000 messages a second.
 */
import { createHeader, type Header, type Message } from '../../protocol/message.js';
import type { ServerSockets } from '../../protocol/serverSockets.js';
import type { Bundle } from '../threads.js';

export interface Publisher {
  /** Publishes a message of `kind`, caused by the request `parent`. */
  publish(kind: string, content: Bundle, parent: Partial<Header>, more?: { metadata?: Bundle; buffers?: readonly Uint8Array[] }): Promise<void>; // prettier-ignore
  stream(name: 'stdout' | 'stderr', text: string, parent: Partial<Header>): void;
  status(state: 'starting' | 'busy' | 'idle', parent: Partial<Header>): void;
  /** Sends what is still collected. */
  flush(): void;
}

/** How many milliseconds printed text may wait for more. */
const collectFor = 15;
/** The number of characters from which it does not wait. */
const collectMost = 64 * 1024;

export function createPublisher(sockets: ServerSockets, session: string): Publisher {
  let pending: { name: string; parent: Partial<Header>; texts: string[]; length: number } | undefined;
  let timer: NodeJS.Timeout | undefined;

  const send: Publisher['publish'] = (kind, content, parent, { metadata = {}, buffers } = {}) => {
    const header = createHeader(kind, session, 'kernel');
    const message: Message = { header, parent, metadata, content, ...(buffers && { buffers }) };
    return sockets.publish(`kernel.${session}.${kind}`, message);
  };
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (!pending) return;
    const { name, parent, texts } = pending;
    pending = undefined;
    void send('stream', { name, text: texts.join('') }, parent);
  };
  return {
    publish(kind, content, parent, more) {
      flush();
      return send(kind, content, parent, more);
    },
    stream(name, text, parent) {
      if (text === '') return;
      if (pending && (pending.name !== name || pending.parent.msg_id !== parent.msg_id)) flush();
      pending ??= { name, parent, texts: [], length: 0 };
      pending.texts.push(text);
      pending.length += text.length;
      if (pending.length > collectMost) flush();
      else timer ??= setTimeout(flush, collectFor);
    },
    status(state, parent) {
      flush();
      void send('status', { execution_state: state }, parent);
    },
    flush,
  };
}
