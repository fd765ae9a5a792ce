import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSafetensors } from 'oabn-base';
import {
  annealConfig,
  type AnnealOf,
  estimateRuns,
  finetuneConfig,
  type Lab,
  type NetworkSource,
  openCheckpoint,
  pretrainConfig,
  run,
  trainedNetwork,
} from '../../src/experiment/index.js';
import { loadNetwork } from '../../src/model/index.js';
import { mergedPenalty } from '../../src/train/index.js';
import { goldenPath } from '../golden/index.js';
import { withTimmNames } from '../golden/timmNames.js';
import { numbersOf } from '../golden/numbers.js';
import { smallLab } from './smallLab.js';

describe('experiment with checkpoints of other families', () => {
  let folder: string;
  let lab: Lab;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oabn-foreign-'));
    lab = await smallLab({ runs: join(folder, 'runs') });
  });
  after(() => rm(folder, { recursive: true }));

  it('anneals s on a RepVGG of timm’s names', async function () {
    this.timeout(180_000);
    const { stateDict } = await trainedNetwork(lab, pretrainConfig(lab, { threshold: Infinity, seed: 1 }));
    const path = join(folder, 'timm.safetensors');
    await writeSafetensors(path, withTimmNames(stateDict));
    const source = await openCheckpoint(lab, path, { strides: lab.defaults.arch.strides });
    const training = { ...annealConfig(lab, { source, threshold: 0.3 }).training, images: 96 };
    const { result } = await run(lab, annealConfig(lab, { source, threshold: 0.3, training }));
    for (const { identity } of result.outliers) assert.ok((identity?.maxRatio ?? 0) <= 0.3 + 1e-6);
  });

  const goldenSource = async (name: string): Promise<NetworkSource> => {
    const golden = JSON.parse(await readFile(goldenPath('networks.json'), 'utf8'));
    const { shapes } = golden[name] as { shapes: Record<string, number[]> };
    const path = join(folder, `${name}.safetensors`);
    const tensors = Object.entries(shapes).map(
      ([key, shape]) => [key, { shape, data: numbersOf(key, shape) }] as const,
    );
    await writeSafetensors(path, Object.fromEntries(tensors));
    return await openCheckpoint(lab, path);
  };

  it('fine-tunes grouped and depthwise convolutions at few bits on the compiled path', async function () {
    this.timeout(180_000);
    for (const name of ['repvgg', 'mobileone']) {
      const source = await goldenSource(name);
      const config = finetuneConfig(lab, {
        ...{ source, bits: 4, weights: 'cluster' },
        training: { images: 96, schedule: { learningRate: 1e-4, warmupEpochs: 0, epochs: 1 } },
      });
      const { result } = await run(lab, config);
      assert.ok(result.stateSize > 0 && Number.isFinite(result.epochs![0]!.trainLoss), name);
    }
  });

  it('takes outliers from the merged weights of another family with a penalty', async function () {
    this.timeout(180_000);
    const source = await goldenSource('mobileone');
    const kurtosis = async (strength: number): Promise<number> => {
      const config = annealConfig(lab, {
        ...{ source, regularizer: mergedPenalty('kure', strength) },
        training: { images: 96, schedule: { learningRate: 1e-3, warmupEpochs: 0, epochs: 2 } },
      });
      const { folder: made, result } = await run(lab, config, { files: true });
      const { form, arch } = await loadNetwork(join(made, result.network));
      assert.ok(form === 'merged' && arch.operations !== undefined);
      return result.outliers.reduce((sum, row) => sum + row.kurtosis, 0);
    };
    const [strong, none] = [await kurtosis(1), await kurtosis(1e-9)];
    assert.ok(strong < none, `sum of kurtoses ${strong} with it, ${none} without`);
  });

  it('estimates how long annealing and fine-tuning of another family take', async function () {
    this.timeout(120_000);
    const source = await goldenSource('mobileone');
    const training = { images: 96, seed: 7 };
    const anneal = annealConfig(lab, { source, regularizer: mergedPenalty('kure'), training });
    const tune = finetuneConfig(lab, { source, bits: 4, weights: 'uniform', training });
    const estimates = await estimateRuns([
      { lab, config: anneal },
      { lab, config: tune },
    ]);
    assert.equal(estimates.length, 2);
    for (const { secondsPerStep, steps } of estimates) assert.ok(secondsPerStep > 0 && steps > 0);
  });

  it('refuses to anneal the s of a merged network, or with a penalty on its branches', async function () {
    this.timeout(60_000);
    const source = await goldenSource('mobileone');
    const refused = (way: Pick<AnnealOf, 'threshold' | 'regularizer'>): Promise<void> =>
      assert.rejects(run(lab, annealConfig(lab, { source, ...way })), {
        name: 'UserError',
        message: /this one is merged, and its branches are lost\. .* use through: "merged"/,
      });
    await refused({ regularizer: { penalty: 'kure', strength: 0.1 } });
    await refused({ threshold: 0.5, regularizer: mergedPenalty('kure') });
  });

  it('refuses to equalize a network that is no chain', async function () {
    this.timeout(60_000);
    const source = await goldenSource('mobileone');
    const config = annealConfig(lab, { source, regularizer: mergedPenalty('kure'), equalize: true });
    await assert.rejects(run(lab, config), /Equalization is for chains of 3×3 convolutions/);
  });
});
