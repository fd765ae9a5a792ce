/** What a run asks of the store, request by request: over the world, each is a round trip. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { carryOut, type Ending } from '../../src/queue/carryOut.js';
import type { Computer } from '../../src/queue/computer.js';
import type { QueueJob } from '../../src/queue/index.js';
import { type Objects, openObjects, sharedReader, sharedRuns } from '../../src/remote/index.js';
import { openStore } from '../../src/store/index.js';
import { bytesOf, toyJob } from './support.js';
import { computeToy, type QueueToyConfig } from './toyExecutor.js';

/** `objects`, and what was asked of them, in order. */
function counted(objects: Objects): { objects: Objects; asked: string[] } {
  const asked: string[] = [];
  const note =
    <Rest extends unknown[], Result>(name: string, ask: (key: string, ...rest: Rest) => Result) =>
    (key: string, ...rest: Rest): Result => {
      asked.push(`${name} ${key}`);
      return ask(key, ...rest);
    };
  return {
    asked,
    objects: {
      address: objects.address,
      get: note('get', objects.get),
      put: note('put', objects.put),
      getFile: note('getFile', objects.getFile),
      putFile: note('putFile', objects.putFile),
      list: note('list', objects.list),
      remove: async (keys) => {
        asked.push(...keys.map((key) => `remove ${key}`));
        await objects.remove(keys);
      },
    },
  };
}

describe('what a run asks of the store', () => {
  let folder: string;
  let all: Objects;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'runs-requests-'));
    all = await openObjects(join(folder, 'store'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** Carries out a job on a machine of its own, which computes up to `steps`; what it asked. */
  const onMachine = async (
    name: string,
    job: QueueJob<QueueToyConfig>,
    isFirst: boolean,
    steps = 20,
  ): Promise<[Ending, string[]]> => {
    const { objects, asked } = counted(all);
    const runs = join(folder, name);
    const computer: Computer = {
      async run({ config }) {
        const stop = new AbortController();
        const progress = ({ done }: { done: number }): void =>
          void (done === steps && steps < 20 && stop.abort());
        return await computeToy(runs, config as QueueToyConfig, { signal: stop.signal, progress }).then(
          () => ({ kind: 'done' }),
          () => ({ kind: 'stopped' }),
        );
      },
      end: () => Promise.resolve(),
    };
    const ending = await carryOut(job, {
      ...{ shared: sharedRuns(objects), computer, runs, isFirst, stop: new AbortController().signal },
      ...{ data: () => Promise.resolve(undefined), progress: () => undefined, notice: () => undefined },
    });
    return [ending, asked];
  };

  it('is little where nobody had begun it: whether it is done, whether it is begun, and its result', async () => {
    // With no checkpoint on the way, however slow this machine is.
    const job = toyJob({ toy: 'asks', steps: 20, size: 8, every: 100 });
    const { hash } = job;
    const [ending, asked] = await onMachine('one', job, true);
    assert.deepEqual(ending, { kind: 'done', computed: true });
    assert.deepEqual(asked.sort(), [`get done/${hash}.json`, `list runs/${hash}/`, `put done/${hash}.json`]);
    // Whoever collects it asks once.
    const { objects, asked: collected } = counted(all);
    assert.equal(await sharedRuns(objects).fetchRun(hash, join(folder, 'there')), true);
    assert.deepEqual(collected, [`get done/${hash}.json`]);
    assert.equal(await bytesOf(join(folder, 'there'), hash), await bytesOf(join(folder, 'one'), hash));
    const rows = await sharedReader(sharedRuns(all)).metrics(hash);
    assert.deepEqual(rows, await openStore(join(folder, 'one')).metrics(hash));
  });

  it('is all that others left, where others may have begun it, and nothing of that stays', async () => {
    const job = toyJob({ toy: 'asks', steps: 20, size: 8, every: 5 });
    const { hash } = job;
    const [first] = await onMachine('one', job, true, 12);
    assert.deepEqual(first, { kind: 'stopped' });
    const rows = await sharedReader(sharedRuns(all)).metrics(hash);
    assert.ok(rows.length >= 10, `${rows.length} rows`);
    const [second, asked] = await onMachine('two', job, false);
    assert.deepEqual(second, { kind: 'done', computed: true });
    assert.ok(asked.filter((each) => each === `list runs/${hash}/`).length >= 2, asked.join());
    assert.deepEqual(await all.list(''), [`done/${hash}.json`]);
  });
});
