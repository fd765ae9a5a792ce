import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashOf, pretrainConfig, ptqConfig, run } from '../../src/experiment/index.js';
import { smallLab } from './smallLab.js';

describe('experiment with shipped results', () => {
  it('quantizes a network that was trained again here, and not only the shipped one', async function () {
    this.timeout(120_000);
    const folder = await mkdtemp(join(tmpdir(), 'oabn-shipped-'));
    const shipped = join(folder, 'shipped');
    // Results of another machine, whose training came out differently.
    const elsewhere = await smallLab({ runs: join(folder, 'elsewhere') });
    const network = pretrainConfig(elsewhere, { threshold: Infinity, seed: 1 });
    const quantized = ptqConfig(elsewhere, { source: network, bits: 4 });
    for (const [config, accuracy] of [
      [network, 0.99],
      [quantized, 0.98],
    ] as const) {
      await elsewhere.request(config, () => Promise.resolve({ accuracy, outliers: [] }));
      await elsewhere.store.export(hashOf(config), shipped);
    }

    const lab = await smallLab({ runs: join(folder, 'here'), shipped });
    const before = await run(lab, quantized);
    assert.deepEqual([before.from, before.result.accuracy], ['shipped', 0.98]);
    assert.equal((await run(lab, network, { files: true })).from, 'computed');
    const after = await run(lab, quantized);
    assert.equal(after.from, 'computed');
    assert.notEqual(after.result.accuracy, 0.98);
  });
});
