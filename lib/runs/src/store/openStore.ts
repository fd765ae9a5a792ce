/**
 * The store on a disk: where a run is looked for and in which order, who computes it, and what happens to its
 * files when it is removed or exported.
 */
import { randomBytes } from 'node:crypto';
import { rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { canonicalJson, check, configHash, silent, UserError } from 'oabn-base';
import pLimit from 'p-limit';
import { checkpointSteps, readCheckpoint } from './checkpoints.js';
import { frozenConfig } from './configuration.js';
import { damageOf, fileNames } from './files.js';
import {
  makeFolder,
  namesIn,
  onDisk,
  readIfThere,
  readJsonIfWhole,
  removeLeftovers,
  syncFolder,
} from './durable.js';
import { byStart, oneWithPrefix } from './find.js';
import { liveOwner, tryLock } from './lock.js';
import { readMetrics } from './metrics.js';
import { describeOwner } from './owner.js';
import type { Provenance, RunFacts } from './provenance.js';
import { readResultFile, type ResultFile, writeResultFile } from './resultFile.js';
import { type RunContext, type RunError, runSession } from './session.js';
import type { RequestOptions, RunEntry, Store, StoredRun, StoreOptions } from './store.js';
import { lockRun } from './wait.js';

/** Runs that a list reads at a time; the number of files that may be open is limited. */
const runsAtOnce = 16;

/**
 * Opens the store of runs in `folder`, which is made when the first run begins.
 * @throws UserError from its functions when the disk refuses, with the path and what to do
 */
export function openStore(folder = process.env.OABN_RUNS_DIR || 'runs', options: StoreOptions = {}): Store {
  const root = resolve(folder);
  const { notice = (message) => process.stderr.write(`${message}\n`), versions = {} } = options;
  const shipped = options.shipped === undefined ? undefined : resolve(options.shipped);
  const folderOf = (hash: string): string => join(root, hash);
  const inRun = (hash: string, name: keyof typeof fileNames): string => join(folderOf(hash), fileNames[name]);

  const said = new Set<string>();
  const sayOnce = (message: string): void => {
    if (!said.has(message)) notice(message);
    said.add(message);
  };
  /** A result file's content; a damaged one counts as missing, and that is reported. */
  const wholeResult = async (path: string, then: string): Promise<ResultFile | undefined> => {
    const found = await readResultFile(path);
    if (found.kind === 'damaged') sayOnce(`${found.why}. ${then}`);
    return found.kind === 'whole' ? found.content : undefined;
  };
  const storedResult = (hash: string): Promise<ResultFile | undefined> =>
    wholeResult(inRun(hash, 'result'), 'The run counts as unfinished.');
  const shippedResult = async (hash: string): Promise<ResultFile | undefined> =>
    shipped === undefined ? undefined : wholeResult(join(shipped, `${hash}.json`), 'It is not used.');

  /** Whether the store's result of a run is another than the shipped one. */
  const isRemade = async (hash: string): Promise<boolean> => {
    const made = await storedResult(hash);
    if (!made) return false;
    return canonicalJson((await shippedResult(hash))?.result ?? null) !== canonicalJson(made.result);
  };

  const damageOfAny = async (
    hash: string,
    { files = {} }: ResultFile,
    names: readonly string[],
  ): Promise<string | undefined> => {
    for (const name of names) {
      const why = await damageOf(folderOf(hash), name, files[name]);
      if (why !== undefined) return why;
    }
    return undefined;
  };

  const entryOf = async (hash: string): Promise<RunEntry> => {
    const base = { hash, folder: folderOf(hash), from: 'store' as const };
    const done = await storedResult(hash);
    if (done) return { ...base, ...pick(done), status: 'done' };
    const [step] = await checkpointSteps(base.folder);
    const provenance = (await readJsonIfWhole(inRun(hash, 'provenance'))) as Partial<Provenance> | undefined;
    const error = (await readJsonIfWhole(inRun(hash, 'error'))) as RunError | undefined;
    const running = await liveOwner(inRun(hash, 'lock'));
    return {
      ...base,
      config: await readJsonIfWhole(inRun(hash, 'config')),
      status: running ? 'running' : error ? 'failed' : 'interrupted',
      ...(step !== undefined && { step }),
      ...(provenance && { provenance }),
      ...(error && { error: error.message }),
    };
  };
  const shippedEntries = async (): Promise<RunEntry[]> => {
    const entries: RunEntry[] = [];
    for (const name of shipped === undefined ? [] : await namesIn(shipped)) {
      const hash = /^([0-9a-f]{16})\.json$/.exec(name)?.[1];
      const found = hash === undefined ? undefined : await shippedResult(hash);
      if (found) entries.push({ ...pick(found), folder: folderOf(hash!), status: 'done', from: 'shipped' });
    }
    return entries;
  };

  const store: Store = {
    folder: root,

    async request<Result, Config>(
      given: Config,
      execute: (context: RunContext<Config>) => Promise<Result>,
      request: RequestOptions<Result> = {},
    ): Promise<StoredRun<Result, Config>> {
      // Before anything is waited for: the caller may use the objects again.
      const config = frozenConfig(given);
      const hash = configHash(config);
      const source = request.startsFrom === undefined ? undefined : configHash(request.startsFrom);
      const answer = (file: ResultFile, from: StoredRun['from']): StoredRun<Result, Config> =>
        ({ ...pick(file), folder: folderOf(hash), from }) as StoredRun<Result, Config>;
      const stored = async (): Promise<ResultFile | undefined> => {
        const file = await storedResult(hash);
        const why = file && (await damageOfAny(hash, file, request.needs?.(file.result as Result) ?? []));
        if (why !== undefined) sayOnce(`${why}. It is made again.`);
        return why === undefined ? file : undefined;
      };
      const found = await stored();
      if (found) {
        await clearUp(folderOf(hash));
        return answer(found, 'store');
      }
      const mayBeShipped = !request.needs && !(source !== undefined && (await isRemade(source)));
      const ready = mayBeShipped ? await shippedResult(hash) : undefined;
      if (ready) return answer(ready, 'shipped');

      await makeFolder(folderOf(hash));
      const { noWait = false, progress = silent, signal } = request;
      const common = { progress, notice, ...(signal && { signal }) };
      const { lock, waitedFor } = await lockRun(folderOf(hash), { ...common, noWait });
      try {
        const made = await stored();
        if (made) return answer(made, 'store');
        const failed = (await readJsonIfWhole(inRun(hash, 'error'))) as RunError | undefined;
        const culprit = waitedFor.find(({ nonce }) => nonce === failed?.owner);
        check(!culprit, () => `Run ${hash} failed in ${describeOwner(culprit!)}: ${failed!.message}`);
        const facts = { ...seedOf(config), ...request.provenance };
        const folder = folderOf(hash);
        return answer(
          await runSession({ ...common, hash, config, folder, lock, execute, facts, versions }),
          'computed',
        );
      } finally {
        await lock.release();
      }
    },

    async list() {
      const hashes = (await namesIn(root)).filter((name) => /^[0-9a-f]{16}$/.test(name));
      const inTurn = pLimit(runsAtOnce);
      const entries = await Promise.all(hashes.map((hash) => inTurn(() => entryOf(hash))));
      entries.sort(byStart);
      const more = (await shippedEntries()).filter(({ hash }) => !hashes.includes(hash));
      return [...entries, ...more];
    },

    async find(prefix) {
      const runs = await store.list();
      const wanted = oneWithPrefix(
        runs.map(({ hash }) => hash),
        prefix,
        root,
      );
      return runs.find(({ hash }) => hash === wanted)!;
    },

    async metrics(hash) {
      const done = await storedResult(hash);
      const expected = done?.files?.[fileNames.metrics];
      const why = expected && (await damageOf(folderOf(hash), fileNames.metrics, expected));
      check(!why, () => `${why}. Remove the run and request it again.`);
      return await readMetrics(inRun(hash, 'metrics'));
    },

    async checkpoint(hash) {
      const [step] = await checkpointSteps(folderOf(hash));
      return step === undefined ? undefined : readCheckpoint(folderOf(hash), step);
    },

    async remove(hash) {
      const there = (await namesIn(root)).includes(hash);
      check(there, () => `There is no run ${hash} in ${root}`);
      const attempt = await tryLock(inRun(hash, 'lock'));
      if (attempt.kind === 'held') {
        throw new UserError(
          `Run ${hash} is being computed by ${describeOwner(attempt.owner)}; stop that process first`,
        );
      }
      // Renamed first, so that nobody finds a half-deleted run.
      const removed = join(root, `.removed-${hash}-${randomBytes(4).toString('hex')}`);
      try {
        await onDisk(removed, () => rename(folderOf(hash), removed));
      } finally {
        await attempt.lock.release();
      }
      await syncFolder(root);
      for (const name of await namesIn(root)) {
        if (name.startsWith('.removed-')) await rm(join(root, name), { recursive: true, force: true });
      }
    },

    async export(hash, target) {
      const found = await storedResult(hash);
      check(found, () => `Run ${hash} is not finished in ${root}; only finished runs can be exported`);
      const path = join(target, `${hash}.json`);
      const { files: _, ...content } = found;
      await writeResultFile(path, content);
      return path;
    },
  };
  return store;
}

/** Removes what a process left that was killed after the result was written. A read-only store keeps it. */
async function clearUp(folder: string): Promise<void> {
  const path = join(folder, fileNames.lock);
  try {
    if ((await readIfThere(path)) === undefined) return;
    const attempt = await tryLock(path);
    if (attempt.kind === 'held') return;
    try {
      await removeLeftovers(folder);
      await rm(join(folder, fileNames.progress), { force: true });
    } finally {
      await attempt.lock.release();
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
}

function pick({ hash, config, result, provenance }: ResultFile): Omit<ResultFile, 'format' | 'files'> {
  return { hash, config, result, provenance };
}

/** The seed that the configuration names, if it does so at its top level. */
function seedOf(config: unknown): RunFacts {
  const seed = (config as { seed?: unknown } | null)?.seed;
  return typeof seed === 'number' ? { seed } : {};
}
