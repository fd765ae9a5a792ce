/** Scenarios of the store: damage, clocks, several at once, and deaths at every operation on a file. */
import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openStore } from 'provable-runs';
import { mutateBytes, mutateJson } from '../../../base/test/mutate.js';
import { nothingLeft, orRefused, pick, type Scenario } from './scenario.js';
import { startToy, toy, toyDigest, toyOperations, toyStore, toyWithFile } from './toy.js';

const damaged: Scenario = {
  name: 'a file of a run changed: bits, cuts, JSON of another kind, or gone',
  async run(stream, folder) {
    const expected = await toyDigest();
    const stopAt = stream.uniform() < 0.5 ? undefined : 1 + stream.integer(11);
    const { store, request, run } = await toyStore(join(folder, 'runs'), stopAt);
    const name = pick(stream, (await readdir(run)).sort());
    const path = join(run, name);
    const bytes = await readFile(path);
    const way = stream.integer(4);
    if (way === 0) await rm(path);
    else if (way === 1 && name.endsWith('.json')) {
      const changed: unknown = mutateJson(JSON.parse(bytes.toString()), stream);
      await writeFile(path, JSON.stringify(changed) ?? '');
    } else await writeFile(path, mutateBytes(bytes, stream));
    const outcome = await orRefused(async () => {
      await store.list();
      const { result } = await request();
      assert.equal(result.digest, expected);
      assert.equal(await readFile(join(run, result.file), 'utf8'), expected.repeat(4));
    });
    await nothingLeft(join(folder, 'runs'));
    return outcome;
  },
};

const jumpingClock: Scenario = {
  name: 'the clock jumps while one computes and another waits',
  async run(stream, folder) {
    const expected = await toyDigest();
    const realNow = Date.now;
    let executed = 0;
    const ask = () =>
      openStore(join(folder, 'runs'), { notice: () => undefined }).request(toy, (context) => {
        executed++;
        return toyWithFile({
          ...context,
          logMetrics: (row) => {
            const jump = (stream.uniform() - 0.5) * 1e12;
            Date.now = () => realNow() + jump;
            return context.logMetrics(row);
          },
        });
      });
    try {
      for (const { result } of await Promise.all([ask(), ask()])) assert.equal(result.digest, expected);
      assert.equal(executed, 1);
    } finally {
      Date.now = realNow;
    }
    await nothingLeft(join(folder, 'runs'));
    return 'same';
  },
};

const manyAtOnce: Scenario = {
  name: 'several ask for one run at once in one process',
  async run(stream, folder) {
    const expected = await toyDigest();
    let executed = 0;
    const answers = await Promise.all(
      Array.from({ length: 2 + stream.integer(3) }, () =>
        openStore(join(folder, 'runs'), { notice: () => undefined }).request(toy, (context) => {
          executed++;
          return toyWithFile(context);
        }),
      ),
    );
    assert.equal(executed, 1);
    for (const { result } of answers) assert.equal(result.digest, expected);
    await nothingLeft(join(folder, 'runs'));
    return 'same';
  },
};

const diesAtAnOperation: Scenario = {
  name: 'a process dies at an operation on a file, or half-way through a write, up to three times',
  async run(stream, folder) {
    const [expected, operations] = [await toyDigest(), await toyOperations()];
    const runs = join(folder, 'runs');
    for (let deaths = 1 + stream.integer(3); deaths > 0; deaths--) {
      const { answer } = await startToy({ folder: runs, crashAt: 1 + stream.integer(operations) });
      const given = await answer;
      // A later life has less to do, and may end before its death.
      if (given) assert.equal(given.result?.digest, expected, given.error);
    }
    const last = await (await startToy({ folder: runs })).answer;
    assert.equal(last?.result?.digest, expected, last?.error);
    await nothingLeft(runs);
    return 'same';
  },
};

const processesAtOnce: Scenario = {
  name: 'several processes ask for one run at once, and some are killed',
  async run(stream, folder) {
    const expected = await toyDigest();
    const runs = join(folder, 'runs');
    const children = await Promise.all(
      Array.from({ length: 2 + stream.integer(3) }, () => startToy({ folder: runs, milliseconds: 5 })),
    );
    for (let kills = stream.integer(children.length); kills > 0; kills--) {
      await sleep(stream.uniform() * 300);
      pick(stream, children).kill();
    }
    for (const given of await Promise.all(children.map(({ answer }) => answer))) {
      if (given) assert.equal(given.result?.digest, expected, given.error);
    }
    const last = await (await startToy({ folder: runs })).answer;
    assert.equal(last?.result?.digest, expected, last?.error);
    await nothingLeft(runs);
    return 'same';
  },
};

export const storeScenarios: readonly Scenario[] = [
  damaged,
  jumpingClock,
  manyAtOnce,
  diesAtAnOperation,
  processesAtOnce,
];
