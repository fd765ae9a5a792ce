/**
 * Before a package is packed (`prepack` of each): builds it, and deletes from `dist` what no source stands behind, such
 * as the output of a file that was renamed since. Runs in the package's folder.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const compiler = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url));
execFileSync(process.execPath, [compiler, '-b', '.'], { stdio: 'inherit' });

const outputs = /\.(d\.ts|js)(\.map)?$/;
for (const name of readdirSync('dist', { recursive: true, encoding: 'utf8' })) {
  if (outputs.test(name) && !existsSync(join('src', name.replace(outputs, '.ts'))))
    rmSync(join('dist', name));
}
