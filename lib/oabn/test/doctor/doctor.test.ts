import assert from 'node:assert/strict';
import { useBackend } from 'tfjs-native';
import {
  advise,
  type AdviseOptions,
  bellReach,
  diagnose,
  doctorPage,
  effectiveSpacing,
  examine,
  inflationNote,
  keptAccuracy,
  law,
  type Law,
  spacingThatKeeps,
  keptText,
  lawDeviation,
  laws,
  type Layer,
  layersOf,
  levelSpacing,
  onFront,
  spacingText,
  tryRemedies,
  weightRemedies,
} from '../../src/doctor/index.js';
import { legendHtml, planeSvg } from '../../src/doctor/svg.js';
import { recognize } from '../../src/family/index.js';
import { mergeNetwork } from '../../src/merge/index.js';
import { initialize, normalizeArchitecture, ofOperations, type StateDict } from '../../src/model/index.js';
import { goldenNetwork } from '../golden/index.js';

/** n numbers that look normal, σ = 1: sums of twelve from a small generator. */
function bell(n: number): Float32Array {
  let state = 1;
  const uniform = (): number => (state = (state * 16807) % 2147483647) / 2147483647;
  return Float32Array.from({ length: n }, () => {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += uniform();
    return sum;
  });
}

const layer = (data: Float32Array, out = 16, inPerGroup = 16): Layer => ({
  name: 'a',
  kernel: { shape: [out, inPerGroup, 3, 3], data },
  dead: [],
});

describe('doctor/law', () => {
  it('keeps everything at spacing 0, half at the midpoint, and nothing far beyond, falling all the way', () => {
    assert.deepEqual(keptAccuracy(0), { expected: 1, least: 1, most: 1 });
    assert.equal(keptAccuracy(law.midpoint).expected, 0.5);
    assert.ok(keptAccuracy(20).most < 1e-3);
    const spacings = Array.from({ length: 40 }, (_, i) => i / 10);
    for (const spacing of spacings) {
      const { expected, least, most } = keptAccuracy(spacing);
      assert.ok(least <= expected && expected <= most);
      assert.ok(keptAccuracy(spacing + 0.1).expected < expected || expected === 1);
    }
  });

  it('says the spacing that keeps a share', () => {
    assert.ok(Math.abs(keptAccuracy(spacingThatKeeps(0.95)).expected - 0.95) < 1e-12);
    // By hand: 1.46 · (1/19)^(1/3.58)
    assert.ok(Math.abs(spacingThatKeeps(0.95) - 0.6414) < 1e-4);
  });

  it('promises less for other families than for RepVGG', () => {
    const width = (of: Law): number => keptAccuracy(0.6, of).most - keptAccuracy(0.6, of).least;
    assert.ok(width(laws.perTensor) > width(law));
    assert.ok(keptAccuracy(0.1, laws.perTensor).expected > 0.95);
  });

  it('counts spacings in σ, and says shares as text', () => {
    assert.equal(levelSpacing(127, 8), 1);
    assert.equal(keptText({ least: 0.29, most: 0.94 }), '29–94%');
    assert.equal(keptText({ least: 0.001, most: 0 }), '0%');
  });
});

describe('doctor/law, where one weight makes σ', () => {
  const data = bell(16 * 16 * 9);
  const spiked = data.slice();
  spiked[0] = 500;
  const std = (of: Float32Array): number => Math.sqrt(of.reduce((sum, w) => sum + w ** 2, 0) / of.length);

  it('counts in the σ that the other weights would have', () => {
    assert.equal(lawDeviation(data, std(data)), std(data));
    // √n: what max|w|/σ comes to with one huge weight, however huge.
    assert.ok(500 / std(spiked) < Math.sqrt(2304) && std(spiked) > 10);
    assert.ok(Math.abs(lawDeviation(spiked, std(spiked)) / (1.14 * std(data)) - 1) < 0.05);
    const allEqual = new Float32Array(200).fill(0.5);
    assert.equal(lawDeviation(allEqual, 0), 0);
    const oneAlone = new Float32Array(200);
    oneAlone[7] = 1;
    assert.equal(lawDeviation(oneAlone, std(oneAlone)), std(oneAlone));
  });

  it('says so beside the spacings', () => {
    const [plain, hurt] = diagnose([layer(data), layer(spiked)]);
    assert.ok(!plain!.inflated && hurt!.inflated);
    assert.ok(plain!.spacing[8]! < 0.05 && hurt!.spacing[8]! > 3 && hurt!.peakToSigma < 48);
    assert.match(spacingText(hurt!, 8), /^3\.\d\d\*$/);
    assert.match(spacingText(plain!, 8), /^0\.0\d$/);
    assert.equal(inflationNote([plain!]), '');
    assert.match(inflationNote([plain!, hurt!]), /^\* in 1 of 2 layers/);
  });
});

describe('doctor', () => {
  it('calls a bell a bell, and an outlier by its branch', () => {
    const data = bell(16 * 16 * 9);
    assert.equal(diagnose([layer(data)])[0]!.cause, 'bell');
    assert.ok(Math.abs(bellReach(2304) - 3.93) < 0.01);
    const [o, i] = [5, 5];
    const spiked = data.slice();
    spiked[(o * 16 + i) * 9 + 4]! += 40;
    const [row] = diagnose([layer(spiked)]);
    assert.deepEqual([row!.cause, row!.at], ['centre', { out: 5, in: 5 }]);
    const part = (label: string, at?: number) => ({
      label,
      convolution: {
        shape: [16, 16, 3, 3] as const,
        kernel: Float64Array.from(label === '3×3' ? data : spiked.map((_, k) => (k === at ? 40 : 0))),
        bias: new Float64Array(16),
      },
    });
    const shares = [part('3×3'), part('identity', (o * 16 + i) * 9 + 4)];
    assert.equal(diagnose([{ ...layer(spiked), shares, hasRatio: true }])[0]!.cause, 'identity');
    assert.equal(diagnose([{ ...layer(spiked), shares }])[0]!.cause, 'bareIdentity');
    assert.equal(diagnose([{ ...layer(spiked), shares, dead: [5] }])[0]!.cause, 'dead');
  });

  it('values a uniform quantizer that clips nothing at its level spacing', () => {
    const data = bell(20000);
    const quantized = weightRemedies.perTensor.quantize({ shape: [1, 20000, 1, 1], data }, 6);
    const most = data.reduce((a, w) => Math.max(a, Math.abs(w)), 0);
    assert.ok(Math.abs(effectiveSpacing(data, quantized) - levelSpacing(most, 6)) < 0.01);
    assert.equal(effectiveSpacing(data, data), 0);
  });

  it('splits the centre from the rest, whatever the kernel’s size', () => {
    const data = bell(8 * 1 * 25).map((w, i) => (i % 25 === 12 ? w + 50 : w));
    const kernel = { shape: [8, 1, 5, 5], data };
    const error = (name: 'perTensor' | 'split'): number =>
      effectiveSpacing(data, weightRemedies[name].quantize(kernel, 4));
    assert.ok(error('split') < error('perTensor') / 5);
    assert.equal(weightRemedies.split.storedBits(kernel, 4), 4 * 200 + 4 * 8 + 64);
  });

  it('examines three-branch and merged forms of a network alike, but only the former knows the branches', async () => {
    const { arch, stateDict } = await goldenNetwork();
    const merged = mergeNetwork(arch, stateDict);
    const of = (dict: StateDict) => layersOf(dict, recognize(dict)!);
    const [branched, plain] = [of(stateDict), of(merged)];
    assert.equal(branched.length, 6);
    assert.deepEqual(
      branched.map(({ kernel }) => kernel.shape),
      plain.map(({ kernel }) => kernel.shape),
    );
    branched.forEach(({ kernel }, i) =>
      kernel.data.forEach((w, j) => assert.ok(Math.abs(w - plain[i]!.kernel.data[j]!) < 1e-5)),
    );
    assert.ok(branched.every(({ shares }) => shares) && plain.every(({ shares }) => !shares));
  });

  it('predicts less spacing for smaller s and for every remedy that it advises, and writes a page', async () => {
    const { stateDict } = await goldenNetwork();
    const recognition = recognize(stateDict)!;
    const spacing = (threshold: number): number =>
      examine(stateDict, recognition, { threshold }).predictions.find(({ bits }) => bits === 4)!.spacing;
    assert.ok(spacing(0.2) < spacing(5));
    const examination = examine(stateDict, recognition);
    const advice = advise(examination);
    assert.match(advice[0]!, /^Uniform quantization, one scale per layer: 8 bits keep/);
    const html = doctorPage({
      ...examination,
      checkpoint: '<x>.safetensors',
      family: 'RepVGG',
      advice,
      trials: [{ title: 'a & b', bits: 4, accuracy: 0.5, storedBits: 8192 }],
      measured: { fp32: 0.6, images: 100, dataset: 'made' },
    });
    assert.equal(html.match(/<svg /g)?.length, 3);
    assert.match(html, /&lt;x&gt;\.safetensors/);
    assert.doesNotMatch(html, /<x>|NaN|undefined|Infinity/);
  });

  it('leaves layers of which all weights are the same out of what it predicts', async () => {
    const { arch, stateDict } = await goldenNetwork();
    const merged = { ...mergeNetwork(arch, stateDict) };
    const [first, ...others] = layersOf(merged, recognize(merged)!);
    const kept = examine(merged, {
      blocks: [],
      rest: others.map(({ name }) => `${name}.weight`).concat('stage0.rbr_reparam.weight'),
    });
    for (const value of [0, 0.01]) {
      const data = new Float32Array(first!.kernel.data.length).fill(value);
      merged[`${first!.name}.weight`] = { shape: [...first!.kernel.shape], data };
      const examined = examine(merged, recognize(merged)!);
      for (const prediction of examined.predictions) {
        assert.ok(Number.isFinite(prediction.expected), prediction.title);
        const { spacing } = kept.predictions.find(
          ({ remedy, bits }) => remedy === prediction.remedy && bits === prediction.bits,
        )!;
        assert.ok(
          Math.abs(prediction.spacing - spacing) < 1e-12,
          `${prediction.title}, ${prediction.bits} bits`,
        );
      }
      assert.doesNotMatch(JSON.stringify(advise(examined)), /NaN/);
    }
  });

  it('advises no OABN to a network that has it', async () => {
    const { stateDict } = await goldenNetwork();
    const recognition = recognize(stateDict)!;
    const [layer] = examine(stateDict, recognition).layers;
    const of = (threshold?: number): string =>
      advise({
        layers: [{ ...layer!, cause: 'identity' }],
        ...{ predictions: [], deadChannels: 0, law },
        ...(threshold !== undefined && { threshold }),
      }).join();
    assert.match(of(), /training with OABN .*oabn train --penalty/);
    assert.match(of(0.5), /OABN limits them to s = 0\.5 already/);
    assert.doesNotMatch(of(0.5), /training with OABN/);
    assert.equal(examine(stateDict, recognition, { threshold: 0.5 }).threshold, 0.5);
    assert.ok(!('threshold' in examine(stateDict, recognition, { threshold: Infinity })));
  });

  it('advises no OABN where the identity has no BN of its own, as in QARepVGG', () => {
    const adviceFor = (block: 'repvgg' | 'qarepvgg'): string => {
      const arch = normalizeArchitecture({
        widths: [32, 32],
        depths: [1, 2],
        strides: [2, 1],
        classes: 10,
        block,
      });
      const stateDict = initialize(arch, 1);
      return advise(examine(stateDict, recognize(stateDict)!)).join('\n');
    };
    assert.match(adviceFor('repvgg'), /r0 = γ\/σ of its BN .*; training with OABN/);
    assert.match(adviceFor('qarepvgg'), /without a BN of its own.*; there is no ratio for OABN to limit/);
    assert.doesNotMatch(adviceFor('qarepvgg'), /training with OABN/);
  });

  it('advises no training that is not there for the family', async () => {
    const { stateDict } = await goldenNetwork();
    const examination = examine(stateDict, recognize(stateDict)!);
    const layers = examination.layers.map((layer) => ({ ...layer, cause: 'identity' as const }));
    const adviceOf = (options: AdviseOptions): string => advise({ ...examination, layers }, options).join();
    const computable = adviceOf({ trainable: false });
    assert.match(computable, /OABN in the network’s own training/);
    assert.doesNotMatch(computable, /oabn train/);
    assert.match(computable, /oabn anneal --penalty kure/);
    assert.doesNotMatch(adviceOf({ trainable: false, computable: false }), /oabn train|oabn anneal/);
  });

  it('advises no remedy that turned out to have no form for the network', async () => {
    const { stateDict } = await goldenNetwork();
    const examination = examine(stateDict, recognize(stateDict)!);
    const best = (options: AdviseOptions): string =>
      /At 4 bits the best .* should be: (.*) \(\d/.exec(advise(examination, options).join('\n'))![1]!;
    const title = best({});
    assert.notEqual(best({ refused: [{ title }] }), title);
  });

  it('names what was measured best, where remedies were tried', async () => {
    const { stateDict } = await goldenNetwork();
    const examination = examine(stateDict, recognize(stateDict)!);
    const trials = [0.78, 0.81, 0.8].map((accuracy, i) => ({
      ...{ title: `remedy ${i}`, bits: 4, accuracy, storedBits: 1 },
    }));
    const text = advise(examination, { trials, images: 200 }).join('\n');
    assert.match(text, /At 4 bits the best that was measured is: remedy 1, 81\.00% on 200 images\./);
    assert.doesNotMatch(text, /At 4 bits .* should be/);
    assert.equal(/At 6 bits .* should be/.test(text), /At 6 bits/.test(advise(examination).join()));
  });

  it('leaves squeeze-and-excitation out, which stays in FP32', () => {
    const conv = (...shape: number[]) => ({ shape, data: new Float32Array(shape.reduce((a, b) => a * b)) });
    const stateDict: StateDict = {
      'stem.weight': conv(16, 3, 3, 3),
      'stages.0.0.se.fc1.weight': conv(8, 16, 1, 1),
      'stages.0.0.se.fc2.weight': conv(16, 8, 1, 1),
      'stages.0.0.mlp.fc1.weight': conv(32, 16, 1, 1),
    };
    const layers = layersOf(stateDict, { blocks: [], rest: Object.keys(stateDict) });
    assert.deepEqual(
      layers.map(({ name }) => name),
      ['stages.0.0.mlp.fc1'],
    );
  });

  it('draws labels that cover no point and no other label, in colours that all pictures share', () => {
    const points = [0, 1, 2, 3].flatMap((i) => [
      { x: 40 + i / 4, y: 0.5, group: 'a', label: '4 bits', onFront: true },
      { x: 60, y: 0.5 - i / 50, group: 'b', label: '6 bits', onFront: i === 0 },
    ]);
    const drawn = planeSvg({ points, xTitle: 'x', yTitle: 'y', groups: ['other', 'a', 'b'] });
    const numbers = (pattern: RegExp) =>
      [...drawn.matchAll(pattern)].map(([, a, b]) => [Number(a), Number(b)]);
    const labels = numbers(/<text x="([\d.]+)" y="([\d.]+)"[^>]*>\d bits/g);
    const circles = numbers(/<circle cx="([\d.]+)" cy="([\d.]+)"/g);
    assert.equal(circles.length, 8);
    assert.ok(labels.length >= 2 && labels.length < 5, `${labels.length} labels`);
    const apart = ([x, y]: number[], [u, v]: number[]): boolean =>
      Math.abs(x! - u!) > 5 || Math.abs(y! - 4 - v!) > 5;
    for (const label of labels) assert.ok(circles.every((circle) => apart(label, circle)));
    const [first, second] = ['#D55E00', '#009E73'];
    assert.ok(drawn.includes(`fill="${first}"`) && drawn.includes(`fill="${second}"`));
    assert.ok(!drawn.includes('#0072B2'));
    assert.match(legendHtml(points, ['other', 'a', 'b']), new RegExp(`${first}.*a<.*${second}.*b<`));
  });

  it('leaves out remedies that have no form for the network, and says why', async () => {
    await useBackend('wasm');
    const { arch, stateDict } = await goldenNetwork();
    const patient = { arch, merged: mergeNetwork(arch, stateDict), imageShape: [8, 8, 3] as const };
    const operations = ofOperations(
      [
        { op: 'convolution', name: 'a', kernel: [4, 3, 3, 3] },
        { op: 'convolution', name: 'b', kernel: [4, 4, 3, 3] },
      ],
      5,
    );
    const calibration = { images: new Float32Array(8 * 8 * 3).fill(0.5), size: 1 };
    const kernel = (inChannels: number) => ({
      shape: [4, inChannels, 3, 3],
      data: Float32Array.from({ length: 36 * inChannels }, (_, i) => Math.sin(i)),
    });
    const merged = {
      'a.rbr_reparam.weight': kernel(3),
      'b.rbr_reparam.weight': kernel(4),
      'a.rbr_reparam.bias': { shape: [4], data: new Float32Array(4) },
      'b.rbr_reparam.bias': { shape: [4], data: new Float32Array(4) },
      'linear.weight': { shape: [5, 4], data: new Float32Array(20) },
      'linear.bias': { shape: [5], data: new Float32Array(5) },
    };
    const { trials, refused } = await tryRemedies(
      { ...patient, arch: operations, merged, calibration },
      { measure: () => Promise.resolve(0.5), bits: [8, 4] },
    );
    assert.deepEqual(
      refused.map(({ title }) => title),
      ['clipped at the least squared error', 'equalized, biases corrected (DFQ)', 'centre taps apart (CFWS)'],
    );
    assert.equal(trials.length, 3 * 2);
    assert.match(refused[0]!.reason, /Values below 0 enter b/);
    await assert.rejects(
      tryRemedies(
        { ...patient, arch: operations, merged, calibration },
        { measure: () => Promise.resolve(0.5), bits: [8], signal: AbortSignal.abort() },
      ),
      { name: 'AbortError' },
    );
  });

  it('marks what nothing smaller beats', () => {
    const items = [
      [1, 0.5],
      [2, 0.4],
      [2, 0.6],
      [3, 0.6],
      [1, 0.5],
    ] as const;
    assert.deepEqual(
      onFront(
        items,
        ([cost]) => cost,
        ([, value]) => value,
      ),
      [true, false, true, false, true],
    );
  });
});
