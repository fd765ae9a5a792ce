/**
 * Messages of the Jupyter protocol 5.3 as ZeroMQ frames: routing identities, the delimiter `<IDS|MSG>`, the
 * signature, then header, parent header, metadata and content as JSON.
 * Source: jupyter-client's documentation, «Messaging in Jupyter», the wire protocol.
 */
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';

export interface Header {
  readonly msg_id: string;
  readonly msg_type: string;
  readonly session: string;
  readonly username: string;
  readonly date: string;
  readonly version: string;
}

/** A message as read: `content` is whatever the message type says. */
export interface Message {
  readonly header: Header;
  readonly parent: Partial<Header>;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly content: Readonly<Record<string, unknown>>;
}

const delimiter = '<IDS|MSG>';

/** The signature of the four JSON frames: HMAC-SHA256 with the connection's key, in hex; empty without a key. */
export function sign(key: string, frames: readonly (string | Uint8Array)[]): string {
  if (key === '') return '';
  const hmac = createHmac('sha256', key);
  for (const frame of frames) hmac.update(frame);
  return hmac.digest('hex');
}

/** A request of `type` with a new id. */
export function createRequest(type: string, content: Message['content'], session: string): Message {
  const header: Header = {
    msg_id: randomUUID(),
    msg_type: type,
    session,
    username: 'oabn',
    date: new Date().toISOString(),
    version: '5.3',
  };
  return { header, parent: {}, metadata: {}, content };
}

/** The frames to send for `message`. */
export function encodeMessage(message: Message, key: string): string[] {
  const parts = [message.header, message.parent, message.metadata, message.content];
  const frames = parts.map((part) => JSON.stringify(part));
  return [delimiter, sign(key, frames), ...frames];
}

/** The message in `frames`. @throws Error when it is cut short or its signature is not `key`'s. */
export function decodeMessage(frames: readonly Uint8Array[], key: string): Message {
  const at = frames.findIndex((frame) => Buffer.from(frame).toString() === delimiter);
  const parts = frames.slice(at + 2, at + 6);
  if (at < 0 || parts.length < 4)
    throw new Error(`A Jupyter message of ${frames.length} frames is not whole`);
  const [signature, expected] = [Buffer.from(frames[at + 1]!), Buffer.from(sign(key, parts))];
  if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
    throw new Error('A Jupyter message has a wrong signature');
  }
  const [header, parent, metadata, content] = parts.map((part) => JSON.parse(Buffer.from(part).toString()));
  return { header, parent, metadata, content };
}
