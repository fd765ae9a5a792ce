/**
 * Preloaded into a command (`NODE_OPTIONS=--import …`): it dies at its n-th change to a file in a folder,
 * half-way through it where it is a write. TORTURE_FOLDER names the folder, TORTURE_DEATH n; with
 * TORTURE_COUNT, a file, it lives and writes there how many there were.
 */
import { writeFileSync } from 'node:fs';
import { watchFileOperations } from '../../../runs/test/store/fileOperations.js';

const { TORTURE_FOLDER: folder = '', TORTURE_DEATH: death, TORTURE_COUNT: countFile } = process.env;
const changes = /^(mkdir|rename|rm|link|writeFile|writeSync|renameSync|writeFileSync)$/;
const write = writeFileSync;
let count = 0;

await watchFileOperations((operation, path, half) => {
  if (!path.startsWith(folder) || !changes.test(operation)) return;
  if (++count !== Number(death)) return;
  half?.();
  process.kill(process.pid, 'SIGKILL');
});
process.on('exit', () => {
  if (countFile !== undefined) write(countFile, String(count));
});
