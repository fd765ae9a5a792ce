import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  blockSensitivities,
  finetuneConfig,
  openCheckpoint,
  pretrainConfig,
  ptqConfig,
  run,
  trainedNetwork,
} from '../../src/experiment/index.js';
import { mergeNetwork } from '../../src/merge/index.js';
import { saveNetwork } from '../../src/model/index.js';
import { allocateBits, loadAnyNetwork } from '../../src/quantize/index.js';
import { smallLab } from './smallLab.js';

describe('experiment: quantizers of ablations', () => {
  it('pretrains with a learned s, allocates bits, fine-tunes through the branches, and refuses what is merged', async function () {
    this.timeout(180_000);
    const runs = await mkdtemp(join(tmpdir(), 'oabn-quantizers-'));
    const lab = await smallLab({ runs });
    const source = pretrainConfig(lab, { threshold: 0.5, seed: 1, oabn: { learned: true } });
    const network = await trainedNetwork(lab, source);
    const s = network.stateDict['stage1.0.rbr_identity.threshold']!.data[0]!;
    assert.ok(s > 0 && s !== 0.5, `s = ${s}`);

    const ptq = ptqConfig(lab, { source: source, bits: 4, weights: 'cluster' });
    const layerBits = allocateBits(await blockSensitivities(lab, ptq, [2, 3, 4, 5, 6]), 3);
    const told: string[] = [];
    const stopping = new AbortController();
    const stopped = {
      ...{ ...lab, signal: stopping.signal },
      progress: ({ task }: { readonly task: string }) => {
        told.push(task);
        stopping.abort();
      },
    };
    await assert.rejects(blockSensitivities(stopped, ptq, [2]), { name: 'AbortError' });
    assert.deepEqual(told, ['sensitivity'], 'it ends after the first block');
    const bits = Object.values(layerBits);
    assert.ok(bits.length === 3 && bits.every((b) => b >= 2 && b <= 6));
    const mixed = await run(lab, { ...ptq, scheme: { ...ptq.scheme, layerBits } });
    const states = bits.reduce((sum, b) => sum + 2 ** b, 0);
    assert.ok(mixed.result.stateSize <= states);

    const tuned = await run(
      lab,
      finetuneConfig(lab, {
        source: source,
        bits: 4,
        weights: 'cluster',
        through: 'branches',
        scheme: { layerBits },
        activations: { range: 'learned' },
      }),
    );
    assert.ok(tuned.result.stateSize <= states && tuned.result.stateSize > 6);
    const stored = await loadAnyNetwork(join(tuned.folder, tuned.result.network));
    assert.equal(stored.form, 'merged');
    assert.deepEqual(stored.quantization!.scheme.layerBits, layerBits);
    assert.ok(Object.values(stored.quantization!.activations).every(({ min, max }) => min === 0 && max > 0));

    const path = join(runs, 'merged.safetensors');
    const stateDict = mergeNetwork(network.arch, network.stateDict);
    await saveNetwork(path, { arch: network.arch, stateDict, form: 'merged' });
    const merged = await openCheckpoint(lab, path);
    await assert.rejects(
      run(lab, finetuneConfig(lab, { source: merged, bits: 4, weights: 'uniform', through: 'branches' })),
      /needs a three-branch network, this one is merged/,
    );
  });
});
