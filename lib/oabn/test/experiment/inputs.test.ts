import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileDigest } from 'oabn-base';
import { openCheckpoint, pretrainConfig, ptqConfig, run } from '../../src/experiment/index.js';
import type { StoredRun } from 'provable-runs';
import { smallLab } from './smallLab.js';

describe('the provenance of a run that starts from a network', () => {
  it('names the bytes that it started from, so that a network trained again is told from the first', async function () {
    this.timeout(60_000);
    const lab = await smallLab();
    const source = pretrainConfig(lab, { threshold: 0.5, seed: 1 });
    const quantized = (bits: number): Promise<StoredRun> =>
      run(lab, ptqConfig(lab, { source, bits, weights: 'uniform' }));

    const first = await quantized(4);
    const trained = await run(lab, source, { files: true });
    const name = `${trained.hash}/${trained.result.network}`;
    const digest = await fileDigest(join(trained.folder, trained.result.network));
    assert.deepEqual(first.provenance.inputs, { [name]: digest });
    assert.equal(trained.provenance.inputs, undefined);

    // Its stored answer keeps what was used then.
    await rm(trained.folder, { recursive: true });
    assert.deepEqual((await quantized(4)).provenance.inputs, { [name]: digest });
    assert.deepEqual((await quantized(3)).provenance.inputs, { [name]: digest });
  });

  it('needs no digest beside a checkpoint, whose configuration has it', async function () {
    this.timeout(60_000);
    const lab = await smallLab();
    const trained = await run(lab, pretrainConfig(lab, { threshold: 0.5, seed: 1 }), { files: true });
    const source = await openCheckpoint(lab, join(trained.folder, trained.result.network));
    const { provenance, config } = await run(lab, ptqConfig(lab, { source, bits: 4, weights: 'uniform' }));
    assert.equal(provenance.inputs, undefined);
    assert.match((config.source as typeof source).sha256, /^[0-9a-f]{64}$/);
  });
});
