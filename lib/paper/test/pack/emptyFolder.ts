/**
 * An empty folder on a machine that knows nothing of this repository: no settings of npm but the registry and
 * the cache, no overrides, no flags. `npm run` hands all of this project's settings on to what it starts, so
 * they are taken out of the environment.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repository } from './packages.js';

export interface EmptyFolder {
  readonly path: string;
  /** Runs a program in the folder; its output. @throws Error with the output when it fails */
  readonly run: (command: string, ...args: string[]) => Promise<string>;
  readonly remove: () => Promise<void>;
}

export async function emptyFolder(): Promise<EmptyFolder> {
  const top = await mkdtemp(join(tmpdir(), 'oabn-empty-'));
  const path = join(top, 'project');
  await mkdir(path);
  const env = cleanEnvironment(top);
  return {
    path,
    run: async (command, ...args) => {
      try {
        const { stdout, stderr } = await promisify(execFile)(command, args, {
          cwd: path,
          env,
          maxBuffer: 2 ** 26,
        });
        return stdout + stderr;
      } catch (error) {
        const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
        throw new Error(`«${[command, ...args].join(' ')}» failed:\n${stdout}${stderr}`, { cause: error });
      }
    },
    remove: () => rm(top, { recursive: true, force: true }),
  };
}

function cleanEnvironment(home: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|onnxruntime_|oabn_|node_options$|node_path$|init_cwd$)/i.test(name),
  );
  return {
    ...Object.fromEntries(kept),
    HOME: home,
    npm_config_userconfig: join(home, 'npmrc'),
    npm_config_globalconfig: join(home, 'npmrc-global'),
    npm_config_registry: setting('registry'),
    npm_config_cache: setting('cache'),
    npm_config_update_notifier: 'false',
  };
}

const setting = (name: string): string =>
  execFileSync('npm', ['config', 'get', name], {
    cwd: repository,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
