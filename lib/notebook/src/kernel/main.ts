/**
 * The kernel process: `node main.js <connection file>`, as the kernelspec and our own runner start it. This
 * thread starts the two others (threads.ts) and then runs the cells.
 */
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Transferable, Worker } from 'node:worker_threads';
import { jupyterDataFolder } from './jupyterFolder.js';
import type { LanguageData } from './language/thread.js';
import { startRuntime } from './runtime/runtime.js';
import type { ServerData } from './server/thread.js';
import { createChannel } from './threads.js';

const connectionFile = process.argv[2];
if (connectionFile === undefined) {
  console.error('This is started by Jupyter: node main.js <connection file>');
  process.exit(2);
}

// Images are decoded on the threads of libuv's pool, which has 4 unless this says otherwise before its first
// use.
process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, availableParallelism()));

const folder = process.cwd();
const kernelFile = fileURLToPath(import.meta.url);
const [runtime, answers, language] = [createChannel(), createChannel(), createChannel()];
const data = join(jupyterDataFolder(), 'typescript');
const [underway, answered] = [new SharedArrayBuffer(12), new SharedArrayBuffer(4)];

/** Starts a thread that the kernel cannot do without. */
function startThread(
  script: string,
  workerData: unknown,
  transferList: Transferable[],
  resourceLimits = {},
): void {
  const thread = new Worker(new URL(script, import.meta.url), { workerData, transferList, resourceLimits, stdout: false, stderr: false }); // prettier-ignore
  const end = (reason: unknown): void => {
    process.exitCode = 1;
    process.stderr.write(`The kernel's thread ${script} ended: ${String(reason)}\n`);
    process.exit(1);
  };
  thread.on('error', end);
}

const require = createRequire(import.meta.url);
const serverData: ServerData = {
  connectionFile,
  runtime: runtime.port2,
  answers: answers.port2,
  language: language.port2,
  underway,
  answered,
  historyFolder: process.env.JUPYTER_KERNEL_HISTORY === '0' ? undefined : join(data, 'history'),
};
startThread('./server/thread.js', serverData, [runtime.port2, answers.port2, language.port2]);
const languageData: LanguageData = {
  folder,
  kernelFile,
  server: language.port1,
  // Next to the compiler, where tools keep such things, and not in the home folder of whoever runs a
  // notebook.
  cacheFolder: join(dirname(require.resolve('typescript/package.json')), '..', '.cache', 'tslab-kernel'),
};
// Syntax trees live as long as the kernel; with more room for new objects, they are copied less often.
startThread('./language/thread.js', languageData, [language.port1], { maxYoungGenerationSizeMb: 64 });

const version = (path: string): string => (require(path) as { version: string }).version;
startRuntime({
  folder,
  kernelFile,
  server: runtime.port1,
  answers: answers.port1,
  underway: new Int32Array(underway),
  answered: new Int32Array(answered),
  versions: {
    kernel: version('../../package.json'),
    typescript: version('typescript/package.json'),
    node: process.version,
  },
});
