/**
 * Running notebooks from Node alone: a kernel's session, the cells of a file, and what they put out.
 *
 * @module tslab-kernel/run
 */
export type { Channels, Content, Header, Message } from '../protocol/index.js';
export * from './execute.js';
export * from './notebookFile.js';
export type {
  DisplayOutput,
  ErrorOutput,
  MimeBundle,
  Output,
  ResultOutput,
  StreamOutput,
} from './outputs.js';
export { type Parameters, parseParameter, withParameters } from './parameters.js';
export * from './run.js';
export { plotlyMime } from './savedOutputs.js';
export * from './session.js';
