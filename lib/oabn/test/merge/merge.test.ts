import assert from 'node:assert/strict';
import fc from 'fast-check';
import { tf } from 'tfjs-native';
import { random } from 'oabn-base';
import {
  analyzeOutliers,
  describeKernel,
  mergeNetwork,
  mergeParts,
  splitByClass,
  summarizeRows,
  weightClass,
} from '../../src/merge/index.js';
import {
  type Architecture,
  blockKinds,
  blocksOf,
  type Branch,
  forward,
  forwardMerged,
  initialize,
  normalizeArchitecture,
  type StateDict,
  toVariables,
} from '../../src/model/index.js';

/** A network whose every number is random, running statistics too. */
function randomNetwork(arch: Architecture, seed: number): StateDict {
  return Object.fromEntries(
    Object.entries(initialize(arch, seed)).map(([name, { shape, data }]) => {
      const stream = random(seed, name);
      const value = (): number =>
        name.endsWith('running_var') ? 0.05 + 2 * stream.uniform() : 0.6 * stream.normal();
      return [name, { shape, data: data.map(value) }];
    }),
  );
}

const architectures = fc
  .record({
    widths: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 4 }),
    strides: fc.array(fc.constantFrom(1, 2), { minLength: 4, maxLength: 4 }),
    depths: fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 4, maxLength: 4 }),
    branches: fc.constantFrom<Branch[]>(
      ['3x3', '1x1', 'identity'],
      ['3x3'],
      ['3x3', 'identity'],
      ['3x3', '1x1'],
    ),
    threshold: fc.constantFrom(0.1, 0.8, Infinity),
    limited: fc.constantFrom<Branch[]>(['identity'], ['3x3', '1x1', 'identity']),
    block: fc.constantFrom(...blockKinds),
  })
  .map(({ widths, strides, depths, branches, threshold, limited, block }) =>
    normalizeArchitecture({
      widths,
      depths: [1, ...depths.slice(1, widths.length)],
      strides: strides.slice(0, widths.length),
      classes: 3,
      block,
      branches,
      ...(block === 'repvgg' && { oabn: { threshold, branches: limited } }),
    }),
  );

describe('merge', () => {
  it('changes no logit by more than 1e-4, for any block, stride, branches and limits', () => {
    fc.assert(
      fc.property(architectures, fc.integer(), (arch, seed) => {
        tf.tidy(() => {
          const stateDict = randomNetwork(arch, seed);
          const images = tf.randomNormal<tf.Rank.R4>([2, 7, 7, 3], 0, 1, 'float32', seed);
          const before = forward(arch, toVariables(stateDict), images, { training: false }).logits;
          const after = forwardMerged(arch, toVariables(mergeNetwork(arch, stateDict)).params, images);
          const scale = Math.max(1e-3, tf.max(tf.abs(before)).dataSync()[0]!);
          const difference = tf.max(tf.abs(tf.sub(before, after))).dataSync()[0]!;
          assert.ok(difference <= 1e-4 * scale, `logits differ by ${difference} of ${scale}`);
        });
      }),
      { numRuns: 40 },
    );
  });

  it('keeps the identity part of class A within ±s with OABN', () => {
    fc.assert(
      fc.property(
        fc.float({ min: Math.fround(0.05), max: 3, noNaN: true }),
        fc.integer(),
        (threshold, seed) => {
          const arch = normalizeArchitecture({
            widths: [4, 4],
            depths: [1, 2],
            strides: [1, 1],
            classes: 2,
            oabn: { threshold },
          });
          const stateDict = randomNetwork(arch, seed);
          for (const block of blocksOf(arch)) {
            const r0 = mergeParts(arch, stateDict, block).ratios.identity ?? new Float64Array();
            r0.forEach((ratio) => assert.ok(Math.abs(ratio) <= threshold));
          }
        },
      ),
    );
  });

  it('divides a kernel into C, C² − C and 8·C² weights', () => {
    const kernel = { shape: [5, 5, 3, 3], data: Float32Array.from({ length: 225 }, (_, i) => i) };
    const { A, B, C } = splitByClass(kernel);
    assert.deepEqual([A.length, B.length, C.length], [5, 20, 200]);
    assert.deepEqual([...A], [4, 58, 112, 166, 220]);
    assert.equal(weightClass(4, 5), 'A');
    assert.equal(weightClass(13, 5), 'B');
    assert.equal(weightClass(0, 5), 'C');
    // Two groups of 2 × 2: output 3 is the second of its group.
    assert.equal(weightClass((3 * 2 + 1) * 9 + 4, 2, 9, 2), 'A');
    assert.equal(weightClass(3 * 2 * 9 + 4, 2, 9, 2), 'B');
  });

  it('refuses to merge twice', () => {
    const arch = normalizeArchitecture({ widths: [2], depths: [1], strides: [1], classes: 2 });
    const merged = mergeNetwork(arch, initialize(arch, 1));
    assert.throws(() => mergeNetwork(arch, merged), /merged already/);
  });

  it('refuses the tensors of another network', () => {
    const arch = normalizeArchitecture({ widths: [2], depths: [1], strides: [1], classes: 2 });
    const stateDict = initialize({ ...arch, widths: [4] }, 1);
    assert.throws(() => mergeNetwork(arch, stateDict), /is \[4, .*\], the architecture expects \[2, /);
  });
});

describe('merge/outliers', () => {
  it('finds the class-A weights that an identity BN of large ratio makes', () => {
    const arch = normalizeArchitecture({ widths: [8, 8], depths: [1, 2], strides: [1, 1], classes: 2 });
    const stateDict = { ...initialize(arch, 1) };
    const gamma = Float32Array.of(3, 4, 5, 6, 7, 8, 9, 10);
    stateDict['stage1.1.rbr_identity.weight'] = { shape: [8], data: gamma };
    const row = analyzeOutliers(arch, stateDict)[1]!;
    assert.equal(row.block, 'stage1.1');
    assert.equal(row.weights, 576);
    assert.equal(row.classAOfLargest, 1);
    assert.ok(Math.abs(row.classAOfAll - 8 / 576) < 1e-12);
    assert.ok(row.maxAbs > 9.5 && row.peakToSigma > 8 && row.kurtosis > 20);
    assert.ok(row.identity!.maxRatio > 9.99 && row.identity!.maxRatio <= 10);
    assert.ok(row.identity!.correlation! > 0.99 && row.identity!.otherShare < 0.1);
    assert.equal(analyzeOutliers(arch, mergeNetwork(arch, stateDict))[1]!.identity, undefined);
  });

  it('finds class A in every group, and in depthwise kernels', () => {
    for (const groups of [1, 4, 16]) {
      const inPerGroup = 16 / groups;
      const data = new Float32Array(16 * inPerGroup * 9);
      for (let out = 0; out < 16; out++) data[(out * inPerGroup + (out % inPerGroup)) * 9 + 4] = 1;
      const row = describeKernel({ shape: [16, inPerGroup, 3, 3], data }, groups);
      assert.equal(row.classAOfLargest, 1, `${groups} groups`);
      assert.equal(row.classAOfAll, 16 / data.length);
    }
  });

  it('has no reach where all weights are the same, whatever rounding makes of them', () => {
    for (const value of [0, 0.01, -3]) {
      const data = new Float32Array(8 * 8 * 9).fill(value);
      const { maxAbs, std, peakToSigma, kurtosis } = describeKernel({ shape: [8, 8, 3, 3], data });
      assert.deepEqual([maxAbs, std, peakToSigma, kurtosis], [Math.abs(Math.fround(value)), 0, 0, 0]);
    }
    const arch = normalizeArchitecture({ widths: [8, 8], depths: [1, 2], strides: [1, 1], classes: 2 });
    const merged = { ...mergeNetwork(arch, initialize(arch, 1)) };
    const before = summarizeRows(analyzeOutliers(arch, merged));
    merged['stage1.1.rbr_reparam.weight'] = { shape: [8, 8, 3, 3], data: new Float32Array(576) };
    const { meanPeakToSigma } = summarizeRows(analyzeOutliers(arch, merged));
    assert.equal(meanPeakToSigma, analyzeOutliers(arch, merged)[0]!.peakToSigma);
    assert.ok(before.meanPeakToSigma > 0 && Number.isFinite(meanPeakToSigma));
  });

  it('has no correlation where every ratio is the same, as a small s of OABN makes them', () => {
    const oabn = { threshold: 0.1 };
    const arch = normalizeArchitecture({ widths: [8, 8], depths: [1, 2], strides: [1, 1], classes: 2, oabn });
    const stateDict = { ...initialize(arch, 1) };
    stateDict['stage1.1.rbr_identity.weight'] = { shape: [8], data: new Float32Array(8).fill(3) };
    const { identity } = analyzeOutliers(arch, stateDict)[1]!;
    assert.equal(identity!.maxRatio, 0.1);
    assert.equal(identity!.correlation, null);
  });

  it('takes the BN after the sum for the identity’s ratio in a QARepVGG block', () => {
    const arch = normalizeArchitecture({
      widths: [4, 4],
      depths: [1, 1],
      strides: [1, 1],
      classes: 2,
      block: 'qarepvgg',
    });
    const stateDict = { ...initialize(arch, 1) };
    stateDict['stage1.0.bn.weight'] = { shape: [4], data: Float32Array.of(1, 2, 3, 6) };
    stateDict['stage1.0.bn.running_var'] = { shape: [4], data: new Float32Array(4).fill(4) };
    stateDict['stage1.0.rbr_dense.bn.weight'] = { shape: [4], data: new Float32Array(4).fill(5) };
    const { ratios } = mergeParts(arch, stateDict, blocksOf(arch)[1]!);
    [0.5, 1, 1.5, 3].forEach((ratio, i) => {
      assert.ok(Math.abs(ratios.identity![i]! - ratio) < 1e-5);
      assert.ok(Math.abs(ratios['1x1']![i]! - ratio) < 1e-5);
      assert.ok(Math.abs(ratios['3x3']![i]! - 5 * ratio) < 1e-4);
    });
    assert.ok(Math.abs(analyzeOutliers(arch, stateDict)[0]!.identity!.maxRatio - 3) < 1e-4);
  });
});
