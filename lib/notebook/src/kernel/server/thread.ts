/** The server thread: binds the sockets of the connection file, and watches over the process. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { Connection } from '../../protocol/connection.js';
import { bindSockets } from '../../protocol/serverSockets.js';
import type { FromRuntime, ToRuntime } from '../threads.js';
import { createHistory } from './history.js';
import { connectLanguage } from './languageClient.js';
import { signalGroup } from '../processGroup.js';
import { startServer } from './server.js';

export interface ServerData {
  readonly connectionFile: string;
  readonly runtime: MessagePort;
  readonly answers: MessagePort;
  readonly language: MessagePort;
  /**
   * The number of characters that the runtime has sent and this thread has not yet received; then 1 if the
   * sockets are closed; then how often the pipes of cells' programs were drained.
   */
  readonly underway: SharedArrayBuffer;
  /** Set and notified when an answer is there. */
  readonly answered: SharedArrayBuffer;
  readonly historyFolder: string | undefined;
}

const data = workerData as ServerData;
const connection = JSON.parse(readFileSync(data.connectionFile, 'utf8')) as Connection;
const require = createRequire(import.meta.url);
const version = (path: string): string => (require(path) as { version: string }).version;

const post = (message: ToRuntime): void => data.runtime.postMessage(message);
const underway = new Int32Array(data.underway);
const answered = new Int32Array(data.answered);

// Milliseconds for the last messages to be sent, and for the main thread to end by itself.
const [farewell, patience] = [50, 1000];

const session = randomUUID();
const sockets = await bindSockets(connection, session);
const server = startServer({
  sockets,
  session,
  language: connectLanguage(data.language),
  history: createHistory(data.historyFolder),
  versions: { kernel: version('../../../package.json'), typescript: version('typescript/package.json') },
  post,
  receiveAll() {
    for (let next; (next = receiveMessageOnPort(data.runtime));) receive(next.message as FromRuntime);
  },
  drained() {
    Atomics.add(underway, 2, 1);
    Atomics.notify(underway, 2);
  },
  answer(question, value) {
    data.answers.postMessage({ question, value });
    Atomics.store(answered, 0, 1);
    Atomics.notify(answered, 0);
  },
  exit() {
    setTimeout(() => post({ type: 'exit' }), farewell);
    setTimeout(killProcess, farewell + patience);
  },
  leave() {
    setTimeout(() => {
      sockets.close();
      Atomics.store(underway, 1, 1);
      Atomics.notify(underway, 1);
    }, farewell);
  },
});

function receive(message: FromRuntime): void {
  if (message.type === 'stream') {
    Atomics.sub(underway, 0, message.text.length);
    Atomics.notify(underway, 0);
  }
  server.receive(message);
}
data.runtime.on('message', receive);

/** Ends the process even if its main thread is in a loop, and the programs that cells have started. */
function killProcess(): void {
  signalGroup('SIGKILL');
  process.kill(process.pid, 'SIGKILL');
}

// The Jupyter that started this kernel may be killed; its kernels must not live on.
const parent = Number(process.env.JPY_PARENT_PID);
// On Windows the variable holds a handle instead of an id.
if (process.platform !== 'win32' && Number.isInteger(parent) && parent > 1) {
  setInterval(() => {
    try {
      process.kill(parent, 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') killProcess();
    }
  }, 1000);
}
