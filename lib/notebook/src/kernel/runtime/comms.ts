/** Comms: channels between a cell and the page, over which widgets keep both sides in step. */
import { randomUUID } from 'node:crypto';
import type { Bundle, ToRuntime } from '../threads.js';
import { jsonOf, type Output } from './output.js';

export interface CommMessage {
  readonly data: Bundle;
  readonly metadata: Bundle;
  readonly buffers: readonly Uint8Array[];
}

export interface CommOptions {
  readonly metadata?: Bundle;
  readonly buffers?: readonly ArrayBufferView[];
}

export interface Comm {
  readonly id: string;
  readonly target: string;
  send(data: Bundle, options?: CommOptions): void;
  close(data?: Bundle): void;
  onMessage?: (message: CommMessage) => unknown;
  onClose?: (message: CommMessage) => unknown;
}

export interface Comms {
  open(target: string, data?: Bundle, options?: CommOptions): Comm;
  register(target: string, opened: (comm: Comm, message: CommMessage) => unknown): void;
}

const bytesOf = (view: ArrayBufferView): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** The comms of this kernel, and the function that receives a message from the page. */
export function createComms(output: Output): {
  comms: Comms;
  receive(message: Extract<ToRuntime, { type: 'comm' }>): Promise<void>;
} {
  const known = new Map<string, Comm>();
  const targets = new Map<string, (comm: Comm, message: CommMessage) => unknown>();
  const send = (kind: string, content: Bundle, { metadata = {}, buffers }: CommOptions = {}): void =>
    output.publish(kind, jsonOf(content), {
      metadata: jsonOf(metadata),
      ...(buffers && { buffers: buffers.map(bytesOf) }),
    });

  const create = (id: string, target: string): Comm => {
    const comm: Comm = {
      id,
      target,
      send: (data, options) => send('comm_msg', { comm_id: id, data }, options),
      close(data = {}) {
        if (known.delete(id)) send('comm_close', { comm_id: id, data });
      },
    };
    known.set(id, comm);
    return comm;
  };
  return {
    comms: {
      open(target, data = {}, options) {
        const comm = create(randomUUID().replaceAll('-', ''), target);
        send('comm_open', { comm_id: comm.id, target_name: target, data }, options);
        return comm;
      },
      register: (target, opened) => void targets.set(target, opened),
    },
    async receive({ kind, content, metadata, buffers }) {
      const id = String(content.comm_id);
      const message = { data: (content.data ?? {}) as Bundle, metadata, buffers };
      if (kind === 'comm_open') {
        const target = String(content.target_name);
        const opened = targets.get(target);
        if (opened) await opened(create(id, target), message);
        else send('comm_close', { comm_id: id, data: {} });
      } else {
        const comm = known.get(id);
        if (kind === 'comm_close') known.delete(id);
        await (kind === 'comm_close' ? comm?.onClose : comm?.onMessage)?.(message);
      }
    },
  };
}
