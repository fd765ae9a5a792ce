import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tf } from 'tfjs-native';
import { claimC12 } from '../../src/claims/index.js';
import { costPointOf, measureTrainingCost } from '../../src/studies/index.js';
import { openPaperLab } from '../../src/profiles/index.js';
import { trainingCostOf } from 'oabn/model';

describe('experiment/trainingCost', () => {
  it('measures the three networks in turn, and leaves no tensor behind', async function () {
    this.timeout(180_000);
    const lab = await openPaperLab({ profile: 'smoke', runs: await mkdtemp(join(tmpdir(), 'oabn-cost-')) });
    const before = tf.memory().numTensors;
    // With an average of the weights, which a step takes along.
    const defaults = { ...lab.defaults, pretraining: { ...lab.defaults.pretraining, ema: { decay: 0.9 } } };
    const began = performance.now();
    const { rows, source } = await measureTrainingCost({ ...lab, defaults }, { rounds: 3, batchSize: 16 });
    const took = (performance.now() - began) / 1000;
    assert.match(source, /^profile smoke · .* on /);
    assert.equal(tf.memory().numTensors, before);
    assert.deepEqual(
      rows.map(({ network }) => network),
      ['RepVGG', 'RepVGG + OABN', 'QARepVGG'],
    );
    for (const row of rows) {
      assert.ok(row.roundSeconds.every((seconds) => seconds > 0 && seconds < took));
      assert.ok(row.secondsPerStep >= Math.min(...row.roundSeconds));
      assert.ok(row.secondsPerStep + row.secondsSpread < took && row.secondsSpread >= 0);
      assert.ok(Number.isFinite(row.memoryBytes));
      assert.ok(row.otherFlops > 0 && row.otherFlops < row.flops);
      assert.equal(row.mergedMacs, rows[0]!.mergedMacs);
    }
    assert.equal(rows[0]!.flops, trainingCostOf(lab.profile.arch, 32, 16).flops);
    assert.ok(rows[1]!.flops > rows[0]!.flops && rows[2]!.flops < rows[0]!.flops);
    assert.equal(claimC12(costPointOf(rows[1]!), costPointOf(rows[2]!)).id, 'C12');
    await lab.compiled.dispose();
  });
});
