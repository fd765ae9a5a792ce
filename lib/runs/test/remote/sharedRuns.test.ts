/**
 * Runs that machines leave for each other, in a folder: what is whole, what counts, what others go on from.
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  boundCache,
  type FileEntry,
  newSession,
  type Objects,
  openObjects,
  type SharedRuns,
  sharedRuns,
  type Snapshot,
} from '../../src/remote/index.js';
import { configHash, sha256 } from 'oabn-base';
import { openStore } from '../../src/store/index.js';
import { tryLock } from '../../src/store/lock.js';
import { bytesOf } from '../queue/support.js';
import { computeToy, networkName, type QueueToyConfig } from '../queue/toyExecutor.js';

describe('shared runs', () => {
  const config: QueueToyConfig = { toy: 'shared', steps: 20, size: 8, every: 5 };
  const hash = configHash(config);
  let folder: string;
  let objects: Objects;
  let shared: SharedRuns;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'runs-shared-'));
    objects = await openObjects(join(folder, 'store'));
    shared = sharedRuns(objects);
  });
  afterEach(async () => await rm(folder, { recursive: true, force: true }));

  /** A local store with the run computed up to `steps`, as a machine that was stopped there leaves it. */
  const computedTo = async (name: string, steps: number): Promise<string> => {
    const runs = join(folder, name);
    const stop = new AbortController();
    await computeToy(runs, config, {
      signal: stop.signal,
      progress: ({ done }) => void (done === steps && stop.abort()),
    }).catch(() => undefined);
    return runs;
  };

  it('gives a finished run to others, with all its files and the same bytes', async () => {
    const here = await computedTo('here', 20);
    assert.equal(await shared.done(hash), undefined);
    assert.equal(await shared.fetchRun(hash, join(folder, 'there')), false);
    const { files } = await shared.commit(hash, newSession(), join(here, hash));
    assert.deepEqual(
      files.map(({ name }) => name),
      ['config.json', 'metrics.jsonl', networkName, 'provenance.json'],
    );
    assert.equal(await shared.fetchRun(hash, join(folder, 'there')), true);
    assert.equal(await bytesOf(join(folder, 'there'), hash), await bytesOf(here, hash));
    const result = join(hash, 'result.json');
    assert.equal(
      await readFile(join(folder, 'there', result), 'utf8'),
      await readFile(join(here, result), 'utf8'),
    );
    assert.equal((await openStore(join(folder, 'there')).find(hash)).status, 'done');
    assert.deepEqual([await shared.doneHashes(), await shared.begunHashes()], [new Set([hash]), new Set()]);
  });

  it('counts the first that is finished, whoever comes second', async () => {
    const here = await computedTo('here', 20);
    await cp(here, join(folder, 'late'), { recursive: true });
    const late = join(folder, 'late', hash);
    await writeFile(join(late, networkName), 'other bits');
    const first = await shared.commit(hash, 'session-1', join(here, hash));
    const second = await shared.commit(hash, 'session-2', late);
    assert.deepEqual(second, first);
    await shared.fetchRun(hash, join(folder, 'late'));
    assert.equal(await bytesOf(join(folder, 'late'), hash), await bytesOf(here, hash));
    assert.deepEqual(
      (await objects.list('runs/')).filter((key) => key.includes('session-2')),
      [],
    );
  });

  it('lets another machine go on from the furthest state, with the bytes of an uninterrupted run', async () => {
    const near = await computedTo('near', 7);
    const far = await computedTo('far', 13);
    assert.equal(await shared.putSnapshot(hash, 'session-1', join(near, hash)), 5);
    assert.equal(await shared.putSnapshot(hash, 'session-2', join(far, hash)), 10);
    const there = join(folder, 'there');
    assert.equal(await shared.fetchSnapshot(hash, there), 10);
    // Not again, and not over what is further.
    assert.equal(await shared.fetchSnapshot(hash, there), undefined);
    const began: number[] = [];
    await computeToy(there, config, { progress: ({ done }) => void began.push(done) });
    assert.equal(began[0], 11);
    const whole = join(folder, 'whole');
    await computeToy(whole, config);
    assert.equal(await bytesOf(there, hash), await bytesOf(whole, hash));
  });

  it('leaves out a state that is damaged or was not put whole', async () => {
    const runs = await computedTo('here', 13);
    await shared.putSnapshot(hash, 'session-1', join(await computedTo('near', 7), hash));
    await shared.putSnapshot(hash, 'session-2', join(runs, hash));
    const broken = `runs/${hash}/session-2/10/checkpoint-10.safetensors`;
    const bytes = (await objects.get(broken))!;
    bytes[bytes.length - 1]! ^= 1;
    await objects.put(broken, bytes);
    await objects.put(`runs/${hash}/session-3/15/checkpoint-15.safetensors`, bytes);
    assert.equal(await shared.fetchSnapshot(hash, join(folder, 'there')), 5);
  });

  it('writes no file of a state outside the run’s folder, and leaves out one without its checkpoint', async () => {
    await shared.putSnapshot(hash, 'session-1', join(await computedTo('near', 7), hash));
    await shared.putSnapshot(hash, 'session-2', join(await computedTo('far', 13), hash));
    const list = `runs/${hash}/session-2/10/snapshot.json`;
    const state = JSON.parse(new TextDecoder().decode(await objects.get(list))) as Snapshot;
    const change = (files: readonly FileEntry[]): Promise<boolean> =>
      objects.put(list, new TextEncoder().encode(JSON.stringify({ ...state, files })));
    const [checkpoint, ...others] = state.files;
    const text = 'mine';
    for (const name of ['../../escaped', '/escaped']) {
      await change([...state.files, { name, bytes: text.length, sha256: sha256(text), text }]);
      const there = join(folder, 'there');
      await assert.rejects(shared.fetchSnapshot(hash, there), /names a file outside its folder: .*escaped/);
      assert.deepEqual(
        (await readdir(folder, { recursive: true })).filter((each) => /escaped|^there/.test(each)),
        [],
      );
    }
    assert.match(checkpoint!.name, /^checkpoint/);
    await change(others);
    assert.equal(await shared.fetchSnapshot(hash, join(folder, 'there')), 5);
  });

  it('keeps the last two states, and none of a finished run', async () => {
    const runs = join(folder, 'here');
    const steps: Promise<unknown>[] = [];
    await computeToy(runs, config, {
      progress: ({ done }) =>
        void (done % 5 === 1 && steps.push(shared.putSnapshot(hash, 's', join(runs, hash)))),
    });
    await Promise.all(steps);
    await shared.putSnapshot(hash, 's', join(runs, hash));
    const states = (await objects.list('runs/')).filter((key) => key.endsWith('snapshot.json'));
    assert.ok(states.length > 0 && states.length <= 2, states.join());
    await shared.commit(hash, 's', join(runs, hash));
    assert.deepEqual(
      (await objects.list('runs/')).filter((key) => /checkpoint|snapshot/.test(key)),
      [],
    );
  });

  it('does not take a file that came back damaged for the run’s', async () => {
    const here = await computedTo('here', 20);
    await writeFile(join(here, hash, 'weights.bin'), new Uint8Array(20_000).fill(200));
    const { session } = await shared.commit(hash, newSession(), join(here, hash));
    const damages: [string, RegExp, (bytes: Uint8Array) => Uint8Array][] = [
      [`runs/${hash}/${session}/done/weights.bin`, /weights\.bin in .* is damaged: its SHA-256 is not/, () => new Uint8Array([1, 2, 3])], // prettier-ignore
      // A short text, which is in the list of files.
      [`done/${hash}.json`, /config\.json in .* is damaged: its SHA-256 is not/, (bytes) => new TextEncoder().encode(new TextDecoder().decode(bytes).replaceAll('\\"shared\\"', '\\"shored\\"'))], // prettier-ignore
    ];
    for (const [i, [key, message, damage]] of damages.entries()) {
      const whole = (await objects.get(key))!;
      await objects.put(key, damage(whole));
      await assert.rejects(shared.fetchRun(hash, join(folder, `there${i}`)), message);
      assert.deepEqual((await readdir(join(folder, `there${i}`, hash))).includes('result.json'), false);
      await objects.put(key, whole);
    }
    assert.equal(await shared.fetchRun(hash, join(folder, 'there')), true);
    assert.ok((await readFile(join(folder, 'there', hash, 'weights.bin'))).equals(await readFile(join(here, hash, 'weights.bin')))); // prettier-ignore
  });

  it('deletes all of a run', async () => {
    const here = await computedTo('here', 20);
    await shared.commit(hash, newSession(), join(here, hash));
    assert.deepEqual([await shared.remove(hash), await shared.remove(hash)], [true, false]);
    assert.deepEqual(await objects.list(''), []);
  });

  it('bounds the local copies, and spares those in use', async () => {
    const runs = join(folder, 'here');
    const hashes: string[] = [];
    for (const toy of ['a', 'b', 'c']) {
      await computeToy(runs, { ...config, toy });
      hashes.push(configHash({ ...config, toy }));
    }
    const hoursAgo = (hours: number): Date => new Date(Date.now() - 3_600_000 * hours);
    for (const [i, hours] of [2, 3, 0].entries()) {
      await utimes(join(runs, hashes[i]!, 'result.json'), hoursAgo(hours), hoursAgo(hours));
    }
    assert.deepEqual(await boundCache(runs, 1e9), []);
    const lock = join(runs, hashes[1]!, 'lock');
    const held = await tryLock(lock);
    assert.ok(held.kind === 'locked');
    assert.deepEqual(await boundCache(runs, 1), [hashes[0]]);
    await held.lock.release();
    assert.deepEqual(await boundCache(runs, 1), [hashes[1]]);
    assert.deepEqual(
      (await openStore(runs).list()).map((entry) => entry.hash),
      [hashes[2]],
    );
  });
});
