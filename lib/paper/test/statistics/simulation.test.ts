/**
 * Made-up experiments in which a claim is neither right nor wrong (there is no effect, or it is just at the
 * margin): the whole verdict on each claim, choices and corrections included, is wrong in at most 5% of them.
 * Networks differ by seed, images by how hard they are, kinds of network by which images they like, and
 * answers by chance.
 */
import assert from 'node:assert/strict';
import { packBits, random } from 'oabn-base';
import {
  type Claim,
  claimC10,
  claimC11,
  claimC12,
  claimC2,
  claimC3,
  claimC4,
  claimC5,
  claimC6,
  claimC8,
  claimC9,
  type LowBitPoint,
  littleBelow,
  nearlyEqual,
  type PtqPoint,
  type QuantizedPoint,
} from '../../src/claims/index.js';

const images = 40;
/** Of the accuracies of networks that differ by their seed: more than the error of the images, as in our runs. */
const spread = 0.2;
const seeds = [1, 2, 3];
const thresholds = [0.1, 0.5, 1, Infinity];
const low = [4, 3];

/**
 * Points of one made-up experiment; its networks are right on `fp32` and `quantized` of the images, on
 * average.
 */
function experiment(index: number, name: string) {
  const draw = random(index, name);
  const hardness = Array.from({ length: images }, () => draw.uniform());
  const right = (accuracy: number): boolean[] => {
    const skill = accuracy + spread * draw.normal();
    // Half of an answer is the image's, half is chance: the mean over images stays `skill`.
    return hardness.map((h) => (draw.uniform() < 0.5 ? h : draw.uniform()) < skill);
  };
  const share = (flags: readonly boolean[]): number => flags.filter(Boolean).length / images;
  return <Fields extends object>(
    of: Fields & { threshold: number; bits: number; fp32?: number; quantized: number },
  ): (Fields & QuantizedPoint)[] =>
    seeds.map((seed) => {
      const [fp32, quantized] = [right(of.fp32 ?? 0.8), right(of.quantized)];
      return {
        ...of,
        ...{ seed, images, stateSize: 100, fp32: share(fp32), accuracy: share(quantized) },
        ...{ right: packBits(quantized), fp32Right: packBits(fp32) },
      };
    });
}

/** At most 5%, and three standard errors of counting. */
function atMost5Percent(claimIn: (index: number) => Claim, isWrong = decided, experiments = 1000): void {
  let wrong = 0;
  for (let index = 0; index < experiments; index++) if (isWrong(claimIn(index))) wrong++;
  console.log(`        ${((100 * wrong) / experiments).toFixed(1)}% of ${experiments}`);
  const bound = 0.05 + 3 * Math.sqrt((0.05 * 0.95) / experiments);
  assert.ok(wrong / experiments <= bound, `${wrong} of ${experiments}`);
}

const decided = ({ verdict }: Claim): boolean => verdict === 'held' || verdict === 'not held';

describe('whole verdicts over thousands of made-up experiments without an effect', () => {
  const grid = (index: number, name: string, quantized: number): QuantizedPoint[] => {
    const make = experiment(index, name);
    return [8, 4].flatMap((bits) => thresholds.flatMap((threshold) => make({ threshold, bits, quantized })));
  };

  const others = (index: number, share: number): Claim => {
    const draw = random(index, 'C2');
    const report = () => {
      const identity = {
        ...{ maxRatio: 1, correlation: 0.9 + 0.01 * draw.normal() },
        otherShare: share + 0.02 * draw.normal(),
      };
      return [{ classAOfLargest: 1, classAOfAll: 0.01, identity }];
    };
    return claimC2(seeds.map(report) as unknown as Parameters<typeof claimC2>[0]);
  };

  it('C2: the other branches add just what no longer counts as little, or just what does', () => {
    atMost5Percent(
      (index) => others(index, nearlyEqual),
      ({ verdict }) => verdict === 'held',
      4000,
    );
    atMost5Percent(
      (index) => others(index, nearlyEqual - 1e-6),
      ({ verdict }) => verdict === 'not held',
      4000,
    );
  });

  it('C3: s changes nothing, and quantization hurts', () => {
    atMost5Percent((index) => claimC3(grid(index, 'C3', 0.6), [8, 4]));
  });

  it('C3: s changes nothing, and quantization hurts just enough to be judged, or does not', () => {
    atMost5Percent((index) => claimC3(grid(index, 'C3 at the precondition', 0.78), [8, 4]));
  });

  it('C4: s changes nothing, and the best is chosen', () => {
    atMost5Percent((index) => claimC4(grid(index, 'C4', 0.7), [8, 4]));
  });

  it('C5: both curves are flat', () => {
    atMost5Percent((index) => claimC5(grid(index, 'CIFAR', 0.7), grid(index, 'ImageNet', 0.5), [8, 4]));
  });

  const table = (index: number, kept: number): PtqPoint[] => {
    const make = experiment(index, 'table 3');
    return ['A', 'B', 'C', 'D'].flatMap((method) =>
      (['perTensor', 'perChannel'] as const).flatMap((granularity) => {
        const cell = { method, granularity, bits: 8, quantized: kept };
        return [
          ...[0.5, 3, Infinity].flatMap((s) => make({ ...cell, network: 'RepVGG' as const, threshold: s })),
          ...make({ ...cell, network: 'QARepVGG' as const, threshold: Infinity }),
        ];
      }),
    );
  };

  it('C6: OABN helps none of eight methods; not one of the many is said to lose, nor all to gain', () => {
    atMost5Percent((index) => claimC6(table(index, 0.6), [8]), decided);
  });

  it('C8: QARepVGG keeps just nine tenths, and OABN is as good', () => {
    atMost5Percent((index) => claimC8(table(index, 0.72), [8]), decided);
  });

  const cells = (
    index: number,
    name: string,
    accuracy: (method: string, s: number) => number,
  ): LowBitPoint[] => {
    const make = experiment(index, name);
    return low.flatMap((bits) =>
      (['ptq', 'uniformQat', 'clusterQat'] as const).flatMap((method) =>
        thresholds.flatMap((threshold) =>
          make({ bits, method, threshold, quantized: accuracy(method, threshold) }),
        ),
      ),
    );
  };

  it('C9: ClusterQAT keeps just half, on plain BN and with OABN', () => {
    atMost5Percent((index) =>
      claimC9(
        cells(index, 'C9', (method) => (method === 'ptq' ? 0.1 : 0.4)),
        low,
      ),
    );
  });

  it('C10: both ways of fine-tuning are as good, and keep just nine tenths', () => {
    atMost5Percent((index) =>
      claimC10(
        cells(index, 'C10', () => 0.72),
        low,
      ),
    );
  });

  it('C11: each s is just at the margin from plain BN', () => {
    atMost5Percent((index) =>
      claimC11(
        cells(index, 'C11', (_, s) => 0.7 + (s < Infinity ? littleBelow : 0)),
        low,
      ),
    );
  });

  it('C11: s changes nothing, and is not said to', () => {
    atMost5Percent(
      (index) =>
        claimC11(
          cells(index, 'C11 without', () => 0.7),
          low,
        ),
      ({ verdict }) => verdict === 'not held',
    );
  });

  it('C12: a step takes as long', () => {
    atMost5Percent(
      (index) => {
        const draw = random(index, 'C12');
        const seconds = (): number[] => Array.from({ length: 9 }, () => Math.exp(0.05 * draw.normal()));
        const cost = { flops: 1, activationBytes: 1 };
        return claimC12(
          { ...cost, seconds: seconds() },
          { flops: 2, activationBytes: 2, seconds: seconds() },
        );
      },
      decided,
      4000,
    );
  });
});
