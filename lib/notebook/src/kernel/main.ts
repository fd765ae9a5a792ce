/**
 * The kernel process: `node main.js <connection file>`, as the kernelspec and our own runner start it. It is tslab,
 * with this added: modules are found from any folder (moduleOverlay.ts), errors are printed as the reader of a cell
 * needs them (readableErrors.ts), the server's gaps are mended (tslabServer.ts), and the process ends when the
 * Jupyter that started it is gone.
 */
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addRequirePaths, moduleFolders, overlayModules, type TypeScriptSystem } from './moduleOverlay.js';
import { printReadableErrors } from './readableErrors.js';
import { mendServer, type TslabServer } from './tslabServer.js';

interface Tslab {
  startKernel(options: { configPath: string; enableFindLocal: boolean; globalVersion: string }): void;
}

const require = createRequire(import.meta.url);
const requireFromTslab = createRequire(require.resolve('tslab'));

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
  mendServer(require('tslab/dist/jupyter.js') as TslabServer);
  exitWithParent();
  printReadableErrors(console);
  const tslab = require('tslab/dist/main.js') as Tslab;
  tslab.startKernel({ configPath: connectionFile, enableFindLocal: false, globalVersion: '' });
}

// Images are decoded on the threads of libuv's pool, which has 4 unless this says otherwise before its first use.
process.env.UV_THREADPOOL_SIZE ??= String(Math.max(4, availableParallelism()));
main(process.argv[2]);
