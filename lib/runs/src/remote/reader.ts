/** The runs of a shared store, with the functions of a local one: listed, found, read, deleted, exported. */
import { join } from 'node:path';
import { check } from 'oabn-base';
import pLimit from 'p-limit';
import type { MetricsRow, RunEntry, Store } from '../store/index.js';
import { byStart, oneWithPrefix } from '../store/find.js';
import { writeResultFile } from '../store/resultFile.js';
import { parseMetrics } from '../store/metrics.js';
import { fileNames } from '../store/files.js';
import type { RunProvenance } from '../store/index.js';
import { getEntry } from './files.js';
import type { SharedRuns } from './sharedRuns.js';

/** What can be done with runs wherever they are. */
export type RunsReader = Pick<Store, 'list' | 'find' | 'metrics' | 'remove' | 'export'>;

/** Requests at a time. */
const atOnce = 16;

/** The runs of a shared store, to be read. */
export function sharedReader(shared: SharedRuns): RunsReader {
  const { objects } = shared;
  const folderOf = (hash: string): string => `${objects.address}/runs/${hash}`;
  const entryOf = async (hash: string): Promise<RunEntry | undefined> => {
    const base = { hash, folder: folderOf(hash), from: 'store' as const };
    const done = await shared.done(hash);
    if (done) {
      const { config, result, provenance } = done.result;
      return { ...base, config, result, provenance, status: 'done' };
    }
    const begun = await shared.snapshot(hash);
    // The queue knows whether somebody is computing it; here it is a state to resume from.
    return (
      begun && {
        ...base,
        config: begun.config,
        provenance: begun.provenance as Partial<RunProvenance>,
        step: begun.step,
        status: 'interrupted',
      }
    );
  };
  const allHashes = async (): Promise<string[]> => [
    ...new Set([...(await shared.doneHashes()), ...(await shared.begunHashes())]),
  ];
  const reader: RunsReader = {
    async list() {
      const hashes = await allHashes();
      const inTurn = pLimit(atOnce);
      const entries = await Promise.all(hashes.map((hash) => inTurn(() => entryOf(hash))));
      return entries.flatMap((entry) => entry ?? []).sort(byStart);
    },
    async find(prefix) {
      return (await entryOf(oneWithPrefix(await allHashes(), prefix, objects.address)))!;
    },
    async metrics(hash): Promise<MetricsRow[]> {
      const done = await shared.done(hash);
      const begun = done ? undefined : await shared.snapshot(hash);
      const place = done ? `${done.session}/done` : `${begun?.session}/${begun?.step}`;
      const entry = (done ?? begun)?.files.find(({ name }) => name === fileNames.metrics);
      const bytes = entry && (await getEntry(objects, `runs/${hash}/${place}/`, entry));
      return bytes ? parseMetrics(new TextDecoder().decode(bytes)) : [];
    },
    async remove(hash) {
      check(await shared.remove(hash), () => `There is no run ${hash} in ${objects.address}`);
    },
    async export(hash, folder) {
      const done = await shared.done(hash);
      check(
        done,
        () => `Run ${hash} is not finished in ${objects.address}; only finished runs can be exported`,
      );
      const path = join(folder, `${hash}.json`);
      // As in the local store: the digests are of files that are not exported.
      const {
        checksum: _,
        files: __,
        ...content
      } = done.result as typeof done.result & { checksum?: string };
      await writeResultFile(path, content);
      return path;
    },
  };
  return reader;
}
