/**
 * Messages of the Jupyter protocol 5.4 as ZeroMQ frames: routing identities, the delimiter `<IDS|MSG>`, the
 * signature, then header, parent header, metadata and content as JSON, and binary buffers.
 * Source: jupyter-client's documentation, «Messaging in Jupyter», the wire protocol.
 */
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';

/** The version of Jupyter's messages that is spoken here. */
export const protocolVersion = '5.4';

/** The header of a message, with the protocol's names. */
export interface Header {
  readonly msg_id: string;
  readonly msg_type: string;
  readonly session: string;
  readonly username: string;
  readonly date: string;
  readonly version: string;
  /** The subshell that a request is for (Jupyter enhancement proposal 91). */
  readonly subshell_id?: string | null;
}

/** The content of a message; its type decides what is in it. */
export type Content = Readonly<Record<string, unknown>>;

/** A message as read: `content` is whatever the message type says. */
export interface Message {
  readonly header: Header;
  readonly parent: Partial<Header>;
  readonly metadata: Content;
  readonly content: Content;
  readonly buffers?: readonly Uint8Array[];
}

const delimiter = '<IDS|MSG>';

/**
 * The signature of the four JSON frames: HMAC-SHA256 with the connection's key, in hex; empty without a key.
 */
export function sign(key: string, frames: readonly (string | Uint8Array)[]): string {
  if (key === '') return '';
  const hmac = createHmac('sha256', key);
  for (const frame of frames) hmac.update(frame);
  return hmac.digest('hex');
}

export const createHeader = (type: string, session: string, username: string): Header => ({
  msg_id: randomUUID(),
  msg_type: type,
  session,
  username,
  date: new Date().toISOString(),
  version: protocolVersion,
});

/** A request of `type` with a new id. */
export function createRequest(type: string, content: Content, session: string): Message {
  return { header: createHeader(type, session, 'notebook'), parent: {}, metadata: {}, content };
}

/** The frames to send for `message`, after those of its addressee. */
export function encodeMessage(message: Message, key: string): (string | Uint8Array)[] {
  const parts = [message.header, message.parent, message.metadata, message.content];
  const frames = parts.map((part) => JSON.stringify(part));
  return [delimiter, sign(key, frames), ...frames, ...(message.buffers ?? [])];
}

/** The message in `frames`. @throws Error when it is cut short or its signature is not `key`'s. */
export function decodeMessage(frames: readonly Uint8Array[], key: string): Message {
  const at = delimiterAt(frames);
  const parts = frames.slice(at + 2, at + 6);
  if (at < 0 || parts.length < 4)
    throw new Error(`A Jupyter message of ${frames.length} frames is not whole`);
  const [signature, expected] = [Buffer.from(frames[at + 1]!), Buffer.from(sign(key, parts))];
  if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
    throw new Error('A Jupyter message has a wrong signature');
  }
  const [header, parent, metadata, content] = parts.map((part) => JSON.parse(Buffer.from(part).toString()));
  const buffers = frames.slice(at + 6);
  return { header, parent, metadata, content, ...(buffers.length > 0 && { buffers }) };
}

/** The frames before the message, which say where a reply goes. */
export const identitiesOf = (frames: readonly Uint8Array[]): Uint8Array[] =>
  frames.slice(0, Math.max(0, delimiterAt(frames)));

const delimiterAt = (frames: readonly Uint8Array[]): number =>
  frames.findIndex((frame) => Buffer.from(frame).toString() === delimiter);
