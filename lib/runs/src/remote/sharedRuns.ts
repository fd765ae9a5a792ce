/**
 * Runs in a place that all machines reach, in addition to the local store of each. The local store is where a
 * run is computed; this is what it leaves for the others:
 *
 *     done/<hash>.json                                 the result and the list of its files; with it the run is done
 *     runs/<hash>/<session>/done/…                     those files
 *     runs/<hash>/<session>/<step>/snapshot.json, …    a state to resume from: checkpoint, metrics, provenance
 *
 * Short texts among the files are in the lists themselves, because each request costs milliseconds, as much
 * as a tiny run: a run that nobody has begun takes three requests.
 *
 * A session is one machine's work on a run. Two may work on the same run when one of them was cut off and
 * taken for dead. So neither ever writes where the other writes, a state is complete in itself, and the first
 * `done` wins: whoever comes second finds it and drops its own. Whatever starts from the run starts from that
 * one.
 */
import { randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { check, ignoreMissing } from 'oabn-base';
import pLimit from 'p-limit';
import { checkpointName, checkpointSteps } from '../store/checkpoints.js';
import { makeFolder, onDisk, readJsonIfWhole, writeDurable } from '../store/durable.js';
import { tryLock } from '../store/lock.js';
import { readResultFile, type ResultFile } from '../store/resultFile.js';
import { fileNames } from '../store/files.js';
import {
  fetchAll,
  fetchEntry,
  type FileEntry,
  filesIn,
  getJson,
  jsonBytes,
  putBytes,
  putEntries,
} from './files.js';
import type { Objects } from './objects.js';

/** What `done/<hash>.json` holds. */
export interface DoneRun {
  /** The version of the format. */
  readonly format: 'provable-runs-done-1';
  /** Which session computed it. */
  readonly session: string;
  /** The content of the run's `result.json`. */
  readonly result: ResultFile;
  /** The run's files. */
  readonly files: readonly FileEntry[];
}

/** A state that a run can resume from. */
export interface Snapshot {
  /** The version of the format. */
  readonly format: 'provable-runs-snapshot-1';
  /** Which session left it. */
  readonly session: string;
  /** The step of its checkpoint. */
  readonly step: number;
  /** The run's configuration. */
  readonly config: unknown;
  /** The run's provenance so far. */
  readonly provenance: unknown;
  /** Its files. */
  readonly files: readonly FileEntry[];
}

/** The runs in a place that many machines reach: those that are done, and states to resume from. */
export interface SharedRuns {
  /** The place that holds them. */
  readonly objects: Objects;
  /** The hashes of the runs that are done. */
  doneHashes(): Promise<Set<string>>;
  /** A finished run, or undefined where it is not finished. */
  done(hash: string): Promise<DoneRun | undefined>;
  /** The keys of everything that any session left of a run. */
  keys(hash: string): Promise<readonly string[]>;
  /** The latest whole state of a run that is not done. */
  snapshot(hash: string): Promise<Snapshot | undefined>;
  /** The hashes of the runs that have a state to resume from, whether done or not. */
  begunHashes(): Promise<Set<string>>;
  /** Puts a finished run into the local store at `runs`, its result last. False if it is not done. */
  fetchRun(hash: string, runs: string): Promise<boolean>;
  /**
   * Puts the latest state of a run into the local store at `runs`, unless the one there is later; only of
   * those with the given keys, if they are known.
   */
  fetchSnapshot(hash: string, runs: string, keys?: readonly string[]): Promise<number | undefined>;
  /**
   * Leaves the last checkpoint in `folder` for others, with what belongs to it. Returns its step; undefined
   * if there is none.
   */
  putSnapshot(hash: string, session: string, folder: string): Promise<number | undefined>;
  /**
   * Leaves a finished run for others. Returns the run that counts: this one, or the one that another session
   * left earlier. The states on the way to it are deleted: only the given keys, if they are known to be all.
   */
  commit(hash: string, session: string, folder: string, keys?: readonly string[]): Promise<DoneRun>;
  /** Deletes a run and all states of it. Returns false if there was nothing of it. */
  remove(hash: string): Promise<boolean>;
}

/** A name for one machine's work on one run. */
export const newSession = (): string => `${Date.now().toString(36)}-${randomBytes(4).toString('hex')}`;

const doneKey = (hash: string): string => `done/${hash}.json`;
const runPrefix = (hash: string): string => `runs/${hash}/`;
const snapshotName = 'snapshot.json';

/**
 * Files in a finished run's folder that are not the run's: the locks, the published progress, what it could
 * have resumed from.
 */
const notOfTheRun =
  /^(lock(\..*)?|progress\.json|error\.json|result\.json|checkpoint-\d+\.safetensors(\.damaged)?)$/;

/** The runs that are kept in `objects`. */
export function sharedRuns(objects: Objects): SharedRuns {
  const readDone = async (hash: string): Promise<DoneRun | undefined> => {
    const found = (await getJson(objects, doneKey(hash))) as DoneRun | undefined;
    return found?.format === 'provable-runs-done-1' && found.result.hash === hash ? found : undefined;
  };
  const keysOf = async (hash: string): Promise<readonly string[]> => await objects.list(runPrefix(hash));
  const statesAt = (keys: readonly string[]): { session: string; step: number; prefix: string }[] => {
    const found = keys.flatMap((key) => {
      const match = /^runs\/[^/]+\/([^/]+)\/(\d+)\/snapshot\.json$/.exec(key);
      return match
        ? [{ session: match[1]!, step: Number(match[2]), prefix: key.slice(0, -snapshotName.length) }]
        : [];
    });
    return found.sort((a, b) => b.step - a.step || (a.session < b.session ? 1 : -1));
  };
  const readSnapshot = async (prefix: string): Promise<Snapshot | undefined> => {
    const found = (await getJson(objects, prefix + snapshotName)) as Snapshot | undefined;
    return found?.format === 'provable-runs-snapshot-1' ? found : undefined;
  };
  const removeAll = async (keys: readonly string[]): Promise<void> => {
    // The list of a state's files goes first: a state is whole or not there.
    await objects.remove(keys.filter((key) => key.endsWith(`/${snapshotName}`)));
    await objects.remove(keys.filter((key) => !key.endsWith(`/${snapshotName}`)));
  };
  const removeBelow = async (prefix: string): Promise<void> => await removeAll(await objects.list(prefix));

  return {
    objects,
    async doneHashes() {
      const keys = await objects.list('done/');
      return new Set(keys.flatMap((key) => /^done\/([0-9a-f]{16})\.json$/.exec(key)?.[1] ?? []));
    },
    done: readDone,
    keys: keysOf,
    async snapshot(hash) {
      for (const { prefix } of statesAt(await keysOf(hash))) {
        const found = await readSnapshot(prefix);
        if (found) return found;
      }
      return undefined;
    },
    async begunHashes() {
      const keys = await objects.list('runs/');
      return new Set(
        keys.flatMap((key) => /^runs\/([0-9a-f]{16})\/[^/]+\/\d+\/snapshot\.json$/.exec(key)?.[1] ?? []),
      );
    },

    async fetchRun(hash, runs) {
      const done = await readDone(hash);
      if (!done) return false;
      const folder = join(runs, hash);
      const prefix = `${runPrefix(hash)}${done.session}/done/`;
      await makeFolder(folder);
      const inTurn = pLimit(4);
      await Promise.all(done.files.map((entry) => inTurn(() => fetchEntry(objects, prefix, folder, entry))));
      const path = join(folder, fileNames.result);
      await writeDurable(path, jsonBytes(done.result));
      const { kind } = await readResultFile(path);
      if (kind !== 'whole') await rm(path, { force: true });
      check(
        kind === 'whole',
        () =>
          `The result of run ${hash} in ${objects.address} is damaged; remove the run and request it again`,
      );
      return true;
    },

    async fetchSnapshot(hash, runs, keys) {
      const folder = join(runs, hash);
      const [here = -1] = await checkpointSteps(folder);
      for (const { step, prefix } of statesAt(keys ?? (await keysOf(hash)))) {
        if (step <= here) break;
        const snapshot = await readSnapshot(prefix);
        const files = snapshot && (await fetchAll(objects, prefix, folder, snapshot.files));
        const last = join(folder, checkpointName(step));
        const checkpoint = files?.get(last);
        if (!files || !checkpoint) continue;
        const attempt = await tryLock(join(folder, fileNames.lock));
        // Another process on this machine is working on it, and what that one has counts.
        if (attempt.kind === 'held') return undefined;
        try {
          // Interrupted between any two of these, it starts over and fetches again.
          for (const old of await checkpointSteps(folder))
            await rm(join(folder, checkpointName(old)), { force: true });
          for (const [path, bytes] of [...files].filter(([path]) => path !== last)) {
            await writeDurable(path, bytes);
          }
          await writeDurable(last, checkpoint);
        } finally {
          await attempt.lock.release();
        }
        return step;
      }
      return undefined;
    },

    async putSnapshot(hash, session, folder) {
      const [step] = await checkpointSteps(folder);
      if (step === undefined) return undefined;
      const read = (name: string): Promise<Uint8Array | undefined> =>
        onDisk(join(folder, name), () => readFile(join(folder, name)).catch(ignoreMissing));
      const checkpoint = await read(checkpointName(step));
      // Two newer ones have replaced it; the next call takes the latest.
      if (!checkpoint) return undefined;
      const prefix = `${runPrefix(hash)}${session}/${step}/`;
      const putIfThere = async (name: string): Promise<FileEntry[]> => {
        const bytes = await read(name);
        return bytes ? [await putBytes(objects, prefix, name, bytes)] : [];
      };
      // Read after the checkpoint: metrics are written before it, so they hold all rows up to it.
      const files = (
        await Promise.all([
          putBytes(objects, prefix, checkpointName(step), checkpoint),
          ...[fileNames.metrics, fileNames.provenance].map(putIfThere),
        ])
      ).flat();
      const snapshot: Snapshot = {
        format: 'provable-runs-snapshot-1',
        session,
        step,
        config: await readJsonIfWhole(join(folder, fileNames.config)),
        provenance: await readJsonIfWhole(join(folder, fileNames.provenance)),
        files,
      };
      await objects.put(prefix + snapshotName, jsonBytes(snapshot));
      // The one before is kept, as in the local store; older ones are of no use to anyone.
      const keys = await keysOf(hash);
      const behind = statesAt(keys)
        .filter((each) => each.step < step)
        .slice(1);
      await removeAll(keys.filter((key) => behind.some(({ prefix: old }) => key.startsWith(old))));
      return step;
    },

    async commit(hash, session, folder, keys) {
      const path = join(folder, fileNames.result);
      const found = await readResultFile(path);
      check(
        found.kind === 'whole',
        () => `Run ${hash} has no complete result in ${folder}; request it again`,
      );
      const prefix = `${runPrefix(hash)}${session}/done/`;
      const names = (await filesIn(folder)).filter((each) => !notOfTheRun.test(each));
      // Everything else is asked for at the same time: states, which nobody needs once the run is done.
      const [result, states, files] = await Promise.all([
        readFile(path, 'utf8').then((text) => JSON.parse(text) as ResultFile),
        keys ?? keysOf(hash),
        putEntries(objects, prefix, folder, names),
      ]);
      const mine: DoneRun = { format: 'provable-runs-done-1', session, result, files };
      const first = await objects.put(doneKey(hash), jsonBytes(mine), { ifAbsent: true });
      // A repeated request may have found its own object, so what is there decides.
      const counts = first ? mine : ((await readDone(hash)) ?? mine);
      if (counts.session === session) await removeAll(states.filter((key) => !key.startsWith(prefix)));
      else await removeBelow(`${runPrefix(hash)}${session}/`);
      return counts;
    },

    async remove(hash) {
      const keys = [...(await objects.list(runPrefix(hash)))];
      const done = await objects.get(doneKey(hash));
      await objects.remove([doneKey(hash)]);
      await removeBelow(runPrefix(hash));
      return done !== undefined || keys.length > 0;
    },
  };
}
