/**
 * The JavaScript of @tensorflow/tfjs-node-gpu. npm leaves an optional dependency out when its install script
 * fails, so it is installed again from the lock file, without running scripts.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { check } from 'oabn-base';
import { runProgram } from '../../../base/scripts/program.js';

/** The package's folder in the project; brings it if it is not there. */
export async function bringNpmPackage(project: string): Promise<string> {
  const folder = join(project, 'node_modules', '@tensorflow', 'tfjs-node-gpu');
  if (!existsSync(join(folder, 'binding'))) {
    const options = ['--ignore-scripts', '--no-save', '--no-audit', '--no-fund', '--include=optional'];
    await runProgram('npm', ['install', ...options], {
      cwd: project,
      advice: 'The npm registry must be reachable.',
    });
  }
  check(
    existsSync(join(folder, 'binding')),
    `npm did not bring ${folder}; run «npm ci» in ${project} first, then this again`,
  );
  return folder;
}
