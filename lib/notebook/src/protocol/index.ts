/**
 * Jupyter's messages, version 5.4: signed frames on ZeroMQ sockets, from the side of a client and from that
 * of a kernel.
 *
 * @module tslab-kernel/protocol
 */
export { type Channels, openChannels } from './channels.js';
export {
  type Connection,
  createConnection,
  type WrittenConnection,
  writeConnectionFile,
} from './connection.js';
export {
  type Content,
  createRequest,
  decodeMessage,
  encodeMessage,
  type Header,
  type Message,
  protocolVersion,
} from './message.js';
export { bindSockets, type Request, type ServerSockets } from './serverSockets.js';
