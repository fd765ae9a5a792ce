/**
 * The kernel process: `node main.js <connection file>`, as the kernelspec and our own runner start it. It is tslab,
 * with five things added: modules are found from any folder (moduleOverlay.ts); errors are printed as the reader of a
 * cell needs them (readableErrors.ts); a cell that prints a lot loses nothing; the process ends when it is told to (tslab closes its sockets, but an open timer or a native thread would
 * keep it alive); and it ends when the Jupyter that started it is gone.
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { printReadableErrors } from './readableErrors.js';
import { addRequirePaths, moduleFolders, overlayModules, type TypeScriptSystem } from './moduleOverlay.js';

interface Tslab {
  startKernel(options: { configPath: string; enableFindLocal: boolean; globalVersion: string }): void;
}

interface TslabServer {
  ZmqServer: { prototype: { close(): void; bindSocket(socket: object, port: number): Promise<void> } };
}

const require = createRequire(import.meta.url);
const requireFromTslab = createRequire(require.resolve('tslab'));

/**
 * tslab sends a message for every line printed and never waits. The ZeroMQ binding takes 512 of them in one go and
 * refuses the next («socket is busy»), which tslab prints, which is one more message, and so on for ever. Without
 * limit and without waiting, it takes all of them at once.
 */
function publishWithoutLimit({ prototype }: TslabServer['ZmqServer']): void {
  const { bindSocket } = prototype;
  prototype.bindSocket = function (socket, port) {
    if (socket.constructor.name === 'Publisher')
      Object.assign(socket, { sendHighWaterMark: 0, sendTimeout: 0 });
    return bindSocket.call(this, socket, port);
  };
}

function exitAfterShutdown({ prototype }: TslabServer['ZmqServer']): void {
  const close = prototype.close;
  prototype.close = function () {
    // The reply to the request is still on its way out.
    setTimeout(() => {
      close.call(this);
      process.exit(0);
    }, 100);
  };
}

function exitWithParent(): void {
  const parent = Number(process.env.JPY_PARENT_PID);
  if (!Number.isInteger(parent) || parent <= 1) return;
  const watch = setInterval(() => {
    try {
      process.kill(parent, 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') process.exit(1);
    }
  }, 2000);
  watch.unref();
}

function main(connectionFile: string | undefined): void {
  if (connectionFile === undefined) {
    console.error('This is started by Jupyter: node main.js <connection file>');
    process.exit(2);
  }
  const folders = moduleFolders(dirname(fileURLToPath(import.meta.url)));
  addRequirePaths(folders);
  const { sys } = requireFromTslab('@tslab/typescript-for-tslab') as { sys: TypeScriptSystem };
  overlayModules(sys, process.cwd(), folders);
  const { ZmqServer } = require('tslab/dist/jupyter.js') as TslabServer;
  publishWithoutLimit(ZmqServer);
  exitAfterShutdown(ZmqServer);
  exitWithParent();
  printReadableErrors(console);
  const tslab = require('tslab/dist/main.js') as Tslab;
  tslab.startKernel({ configPath: connectionFile, enableFindLocal: false, globalVersion: '' });
}

main(process.argv[2]);
