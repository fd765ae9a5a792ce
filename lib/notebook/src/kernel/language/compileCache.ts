/**
 * Keeps V8's compiled form of a large CommonJS file from one start to the next. Node 22 does this by itself
 * (`module.enableCompileCache`); for Node 20 this does it for one file.
 */
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import Module, * as modules from 'node:module';
import { dirname, join } from 'node:path';
import { Script } from 'node:vm';

/** What Node 22 has. */
const node = modules as { enableCompileCache?(folder: string): unknown; flushCompileCache?(): void };

/**
 * Loads `file`, so that `require` of this thread has it. `save` writes what the next start reads from
 * `folder`; it is best called when the code has run for a while, because it keeps the functions compiled so
 * far.
 */
export function loadCompiled(file: string, folder: string): { save(): void } {
  if (node.enableCompileCache) {
    node.enableCompileCache(folder);
    return { save: () => node.flushCompileCache?.() };
  }
  const { size, mtimeMs } = statSync(file);
  const cache = join(folder, `${size}-${Math.round(mtimeMs)}-${process.versions.v8}`);
  const cachedData = readIfThere(cache);
  const script = new Script(Module.wrap(readFileSync(file, 'utf8')), { filename: file, ...(cachedData && { cachedData }) }); // prettier-ignore
  run(script, file);
  if (script.cachedDataRejected === false) return { save: () => undefined };
  return {
    save() {
      try {
        mkdirSync(folder, { recursive: true });
        const whole = `${cache}.${process.pid}`;
        writeFileSync(whole, script.createCachedData());
        renameSync(whole, cache);
      } catch {
        // A folder that cannot be written costs time and nothing else.
      }
    },
  };
}

/** Runs the script of a CommonJS module as Node's loader does. */
function run(script: Script, file: string): void {
  const require = Module.createRequire(file);
  const loading = new Module(file);
  loading.filename = file;
  require.cache[file] = loading;
  const body = script.runInThisContext() as (...args: unknown[]) => void;
  body.call(loading.exports, loading.exports, require, loading, file, dirname(file));
  loading.loaded = true;
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
