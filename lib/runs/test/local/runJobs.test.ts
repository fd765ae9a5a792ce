import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configHash } from 'oabn-base';
import { openStore, type Store, type StoredRun } from '../../src/index.js';
import { type PoolJob, type PoolOptions, runJobs } from '../../src/local/index.js';
import { request, type Sum } from './worker.js';

const module = new URL('worker.ts', import.meta.url);

async function newStore(): Promise<Store> {
  return openStore(await mkdtemp(join(tmpdir(), 'runs-local-')), { notice: () => {} });
}

const jobsOf = (sums: readonly Sum[]): PoolJob<Sum>[] =>
  sums.map((task) => ({ hash: configHash(task), key: String(task.numbers.length), task }));

type Options = Partial<PoolOptions<PoolJob<Sum>, StoredRun<number>>>;

const runIn = (store: Store, sums: readonly Sum[], options: Options = {}, signal?: AbortSignal) =>
  runJobs(jobsOf(sums), {
    storeOf: () => store,
    request: ({ task }) => request(store, task, signal ? { signal } : {}),
    crew: { module, setup: store.folder, ...(signal && { signals: [signal] }) },
    workers: 2,
    notice: () => {},
    ...options,
  });

describe('local: many jobs, several at a time', function () {
  this.timeout(120_000);
  const sums: Sum[] = [1, 2, 3, 4].map((n) => ({ numbers: [n, 10 * n] }));

  it('gives results in the order of the plan, counts what is computed, and answers from the store after that', async () => {
    const store = await newStore();
    await request(store, sums[2]!);
    const [counts, said]: [string[], string[]] = [[], []];
    const results = await runIn(store, sums, {
      onComputed: (_, done, total) => counts.push(`${done} of ${total}`),
      notice: (message) => said.push(message),
    });
    assert.deepEqual(
      results.map(({ result, from }) => [result, from]),
      [
        [11, 'computed'],
        [22, 'computed'],
        [33, 'store'],
        [44, 'computed'],
      ],
    );
    assert.deepEqual(counts, ['2 of 4', '3 of 4', '4 of 4']);
    // Both workers say it; it is heard once.
    assert.deepEqual(said, ['the abacus is of wood']);
    const again = await runIn(store, sums);
    assert.ok(again.every(({ from }) => from === 'store'));
  });

  it('computes the same in this process alone', async () => {
    const counts: number[] = [];
    const results = await runIn(await newStore(), sums, {
      workers: 1,
      onComputed: (_, done) => counts.push(done),
    });
    assert.deepEqual(
      results.map(({ result }) => result),
      [11, 22, 33, 44],
    );
    assert.deepEqual(counts, [1, 2, 3, 4]);
  });

  for (const workers of [1, 2]) {
    it(`does not begin with jobs that need each other (${workers} at a time)`, async () => {
      const store = await newStore();
      const [one, two, three] = jobsOf(sums.slice(0, 3)) as [PoolJob<Sum>, PoolJob<Sum>, PoolJob<Sum>];
      const jobs = [{ ...one, needs: [two.hash] }, { ...two, needs: [one.hash] }, three];
      const running = runJobs(jobs, {
        storeOf: () => store,
        request: ({ task }) => request(store, task),
        crew: { module, setup: store.folder },
        workers,
        notice: () => {},
      });
      await assert.rejects(running, /2 of the jobs wait for each other/);
      assert.deepEqual(await store.list(), []);
    });
  }

  it('ends between two steps when told to, and goes on from there', async () => {
    const store = await newStore();
    const long: Sum[] = [1, 2].map((n) => ({ numbers: Array(100).fill(n), pause: 200 }));
    const controller = new AbortController();
    const reason = new Error('enough');
    let events = 0;
    const stopSoon = (): void => {
      if (++events === 5) controller.abort(reason);
    };
    await assert.rejects(runIn(store, long, { progress: stopSoon }, controller.signal), reason);
    const begun = await store.list();
    assert.ok(begun.length > 0 && begun.every(({ status }) => status === 'interrupted'));
    assert.ok(begun.some(({ step }) => step !== undefined && step > 0));
    const results = await runIn(store, long);
    assert.deepEqual(
      results.map(({ result }) => result),
      [100, 200],
    );
  });

  const mendable: Sum = { numbers: [], trouble: 'mendable' };
  const broken: Sum = { numbers: [], trouble: 'broken' };
  const nothingToAdd = 'there is nothing to add; give it a number';
  /** The error of a call that fails. */
  const errorOf = async (running: Promise<unknown>): Promise<Error> => {
    const error: unknown = await running.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof Error, 'it did not fail');
    return error;
  };

  for (const workers of [1, 2]) {
    it(`sets aside what fails and what needs it, and goes on with the others (${workers} at a time)`, async () => {
      const store = await newStore();
      const [bad, first, ...others] = jobsOf([mendable, ...sums]) as [PoolJob<Sum>, ...PoolJob<Sum>[]];
      const jobs = [{ ...bad, title: 'the bad one' }, { ...first!, needs: [bad.hash] }, ...others];
      const said: string[] = [];
      const error = await errorOf(
        runJobs(jobs, {
          storeOf: () => store,
          request: ({ task }) => request(store, task),
          crew: { module, setup: store.folder },
          notice: (message) => said.push(message),
          workers,
        }),
      );
      assert.equal(error.name, 'UserError');
      assert.equal(
        error.message,
        `1 of 5 runs failed; not begun, as they start from a failed one: 1. What is done is stored.\n- the bad one: ${nothingToAdd}`,
      );
      assert.ok(said.includes(`the bad one failed, the others go on: ${nothingToAdd}`), said.join());
      const done = (await store.list()).filter(({ status }) => status === 'done');
      assert.deepEqual(new Set(done.map(({ hash }) => hash)), new Set(others.map(({ hash }) => hash)));
    });
  }

  it('tries no others after as many failures as it bears', async () => {
    const store = await newStore();
    const bad = [1, 2, 3, 4].map((pause): Sum => ({ ...mendable, pause }));
    const options = { workers: 1, maxFailures: 2 };
    const { message } = await errorOf(runIn(store, [...bad, ...sums], options));
    assert.match(message, /^2 of 8 runs failed, so the others were not tried any more\. /);
    assert.equal(message.match(/there is nothing to add/g)!.length, 2);
    const done = (await store.list()).filter(({ status }) => status === 'done');
    assert.equal(done.length, 0);
    await assert.rejects(runIn(store, sums, { maxFailures: 0 }), /maxFailures must be .* ≥ 1, got 0/);
  });

  it('passes on the error of a single job as it is, and what is broken with its place', async () => {
    const only = await errorOf(runIn(await newStore(), [mendable]));
    assert.deepEqual([only.name, only.message], ['UserError', nothingToAdd]);
    const { name, message } = await errorOf(runIn(await newStore(), [broken, mendable, ...sums]));
    assert.equal(name, 'Error');
    assert.match(message, /^2 of 6 runs failed\. What is done is stored\.\n/);
    assert.match(message, /In worker process \d: RangeError: a hole in the abacus\n +at add/);
  });

  it('ends at once where the machine is at fault', async () => {
    const full: Sum = { numbers: [], trouble: 'full disk' };
    for (const workers of [1, 2]) {
      const { message } = await errorOf(runIn(await newStore(), [full, ...sums], { workers }));
      assert.match(message, /no space left/);
      assert.doesNotMatch(message, /runs failed/);
    }
  });

  it('says when a worker is killed, and refuses numbers of processes that are none', async () => {
    const killed: Sum = { numbers: [], trouble: 'killed' };
    if (process.platform !== 'win32') {
      await assert.rejects(
        runIn(await newStore(), [killed, ...sums]),
        /Worker process \d ended \(SIGKILL\), perhaps because memory ran out/,
      );
    }
    await assert.rejects(runIn(await newStore(), sums, { workers: 0 }), /≥ 1, got 0/);
  });
});
