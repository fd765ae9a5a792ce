import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gridConfigs, lowBitSweep, openLab, run, thresholdSweep } from '../../lib/src/experiment/index.js';

describe('experiment, profile smoke', () => {
  it('runs the whole grid once, and answers from the store after that', async function () {
    this.timeout(180_000);
    const runs = await mkdtemp(join(tmpdir(), 'oabn-smoke-'));
    const lab = await openLab({ profile: 'smoke', runs });
    const configs = gridConfigs(lab);
    const { thresholds, seeds, bits } = lab.profile;
    assert.equal(configs.length, thresholds.length * seeds.length * (1 + 3 * bits.length));

    const points = await thresholdSweep(lab);
    const cells = await lowBitSweep(lab);
    assert.deepEqual(
      points.map(({ threshold, images }) => [threshold, images]),
      [
        [0.5, 200],
        [Infinity, 200],
      ],
    );
    for (const { bits: b, method, accuracy, stateSize } of cells) {
      assert.ok(accuracy >= 0 && accuracy <= 1);
      const levels = method === 'clusterQat' ? 2 ** b : 2 ** b - 1;
      assert.ok(stateSize > 3 && stateSize <= 3 * levels, `${method} at ${b} bits has ${stateSize} states`);
    }
    const statuses = (await lab.store.list()).map(({ status }) => status);
    assert.deepEqual(statuses, Array(configs.length).fill('done'));

    const second = await openLab({ profile: 'smoke', runs });
    for (const config of configs) assert.equal((await run(config, second)).from, 'store');
  });
});
