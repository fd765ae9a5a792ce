/**
 * The numbers of `docs/findings.md` and of the README's first screen, computed again from the results that ship. Each
 * phrase must stand there word for word.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { QuantizedPoint } from '../../src/claims/index.js';
import { onImagenet, type Profile, profiles, shippedFolder } from '../../src/profiles/index.js';
import { intervalOf, pairedDifference, type StoredPoint } from '../../src/statistics/index.js';
import {
  ablationStudy,
  firstEpochStudy,
  lawStudy,
  lowBitStudy,
  ptqStudy,
  rivalStudy,
  secondTrainings,
  shippedRows,
  thresholdStudy,
} from '../../src/studies/index.js';

const whole = (share: number): string => (100 * share).toFixed(0);
const tenth = (share: number): string =>
  (100 * share)
    .toFixed(1)
    .replace(/^-(?!0\.0$)/, '−')
    .replace('-', '');
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** The rows that agree with all members of `wanted`, by their seeds. @throws where there are none */
function where<Row extends { readonly seed: number }>(rows: readonly Row[], wanted: Partial<Row>): Row[] {
  const found = rows.filter((row) =>
    Object.entries(wanted).every(([name, value]) => (row as Record<string, unknown>)[name] === value),
  );
  assert.ok(found.length > 0, `nothing ships with ${JSON.stringify(wanted)}`);
  return [...found].sort((a, b) => a.seed - b.seed);
}

const kept = (rows: readonly { readonly accuracy: number }[]): number =>
  mean(rows.map(({ accuracy }) => accuracy));

/** «33 points [18, 47]», of the first over the second. */
function ahead(rows: readonly StoredPoint[], others: readonly StoredPoint[]): string {
  const { mean: middle, low, high } = intervalOf(pairedDifference(rows, others));
  return `${whole(middle)} points [${whole(low)}, ${whole(high)}]`.replaceAll('-', '−');
}

/** In FP32: «−0.2 points [−0.9, 0.6]». */
function aheadInFp32(rows: readonly QuantizedPoint[], others: readonly QuantizedPoint[]): string {
  const inFp32 = ({ right: _, fp32Right, ...row }: QuantizedPoint): StoredPoint => ({
    ...{ ...row, accuracy: row.fp32 },
    ...(fp32Right !== undefined && { right: fp32Right }),
  });
  const { mean: middle, low, high } = intervalOf(pairedDifference(rows.map(inFp32), others.map(inFp32)));
  return `${tenth(middle)} points [${tenth(low)}, ${tenth(high)}]`;
}

describe('the findings', () => {
  const texts: Record<string, string> = {};
  before(async () => {
    for (const file of ['README.md', 'docs/findings.md']) {
      const text = await readFile(file, 'utf8');
      texts[file] = text.replaceAll('**', '').replace(/\s+/g, ' ');
    }
  });

  const says = (file: 'README.md' | 'docs/findings.md', ...phrases: readonly string[]): void => {
    for (const phrase of phrases)
      assert.ok(texts[file]!.includes(phrase), `${file} does not say «${phrase}»`);
  };
  const finds = (...phrases: readonly string[]): void => says('docs/findings.md', ...phrases);
  const both = (...phrases: readonly string[]): void => {
    says('README.md', ...phrases);
    finds(...phrases);
  };
  const sweepOf = async (profile: Profile): Promise<readonly QuantizedPoint[]> =>
    (await shippedRows({ profile }, thresholdStudy())).rows;

  it('are right about the paper’s network', async () => {
    const sweep = await sweepOf(profiles.paper);
    const at = (threshold: number, bits: number) => where(sweep, { threshold, bits });
    const each = (rows: readonly { readonly accuracy: number }[]): string[] =>
      rows.map(({ accuracy }) => whole(accuracy)).sort((a, b) => Number(b) - Number(a));
    const limited = at(0.5, 8).map(({ accuracy }) => accuracy);
    both(`keep ${tenth(Math.min(...limited))} to ${tenth(Math.max(...limited))}%`.replace('keep ', ''));
    const [best, middle, worst] = each(at(Infinity, 8));
    says('README.md', `with plain BN keep ${best}, ${middle} and ${worst}.`);
    finds(`plain BN keeps ${best}, ${middle} or ${worst}%`);
    const six = each(at(Infinity, 6));
    const withOabn = [...new Set(each(at(0.5, 6)))].reverse();
    finds(`at 6 bits ${six[0]}, ${six[1]} or ${six[2]} where OABN keeps ${withOabn.join(' or ')}`);
    finds(`at 5 bits alone, with ${ahead(at(0.5, 5), at(Infinity, 5))}`);
    finds(`by ${aheadInFp32(at(0.5, 8), at(Infinity, 8)).replace(' points', '')} with RepVGG-A0`);
  });

  it('are right about its fine-tuning', async () => {
    const cells = (await shippedRows({ profile: profiles.paper }, lowBitStudy())).rows;
    const at = (method: 'clusterQat' | 'uniformQat', bits: number, threshold: number) =>
      where(cells, { method, bits, threshold });
    const [limited, plain] = [at('clusterQat', 3, 0.5), at('clusterQat', 3, Infinity)];
    assert.deepEqual([limited.length, plain.length], [2, 1]);
    says(
      'README.md',
      `keep ${whole(kept(limited))}%; of three with plain BN one keeps ${whole(kept(plain))}`,
    );
    finds(
      `at ${whole(kept(limited))}% with OABN (two seeds) and at ${whole(kept(plain))} without (one seed)`,
    );
    const four = [...at('clusterQat', 4, 0.5), ...at('clusterQat', 4, Infinity)];
    const range = [Math.min, Math.max].map((end) => whole(end(...four.map(({ accuracy }) => accuracy))));
    both(`${range[0]} to ${range[1]}%`);
    const uniform = at('uniformQat', 4, Infinity).map(({ accuracy }) => whole(accuracy));
    finds(
      `${whole(kept(at('uniformQat', 4, 0.5)))}% at 4 bits with OABN (one seed), ${uniform.join(' and ')} without`,
    );
  });

  it('are right about s on small networks', async () => {
    const sweep = await sweepOf(profiles.desk);
    const at = (threshold: number, bits: number) => where(sweep, { threshold, bits });
    const [oabn, plain] = [whole(kept(at(0.5, 4))), whole(kept(at(Infinity, 4)))];
    says('README.md', `at 4 bits ${oabn}% with OABN and ${plain} without`);
    finds(
      `keep ${oabn}% with OABN at s = 0.5 (${ahead(at(0.5, 4), at(Infinity, 4))} more than the ${plain}%`,
    );
    finds(`and ${whole(kept(at(0.1, 4)))}% at s = 0.1`);
    const range = (s: number): string => {
      const shares = at(s, 4).map(({ accuracy }) => accuracy);
      return `${whole(Math.min(...shares))} to ${whole(Math.max(...shares))}%`;
    };
    finds(`keep ${range(1)} at s = 1, and ${range(3)} at s = 3`);
    finds(`by ${aheadInFp32(at(0.5, 8), at(Infinity, 8))} on CIFAR-10`);
    says(
      'README.md',
      `OABN gains ${ahead(at(0.5, 5), at(Infinity, 5)).replace('points', 'points at 5 bits')}`,
    );
    finds(`: ${ahead(at(0.5, 5), at(Infinity, 5))}. The paper`);
    const seeds = [Infinity, 0.5].map((s) => at(s, 5));
    finds(`then it is ${seeds.map(([first]) => whole(first!.accuracy)).join(' and ')}% with this seed`);
    finds(`and ${seeds.map((rows) => whole(kept(rows))).join(' and ')}% with three`);
  });

  it('are right about s on ImageNet’s classes', async () => {
    const sweep = await sweepOf(onImagenet(profiles.desk));
    const at = (threshold: number, bits: number) => where(sweep, { threshold, bits });
    const [least, half, plain] = [0.1, 0.5, Infinity].map((s) => whole(kept(at(s, 4))));
    says(
      'README.md',
      `on ImageNet's classes ${least} with the smallest s we tried (0.1) and ${plain} without`,
    );
    finds(`s = 0.1 keeps ${least}%, s = 0.5 ${half}% and plain BN ${plain}%`);
    finds(
      `at 5 bits ${[0.1, 0.5].map((s) => whole(kept(at(s, 5)))).join(', ')} and ${whole(kept(at(Infinity, 5)))}%`,
    );
    finds(`keeps ${[1, 3].map((s) => whole(kept(at(s, 5)))).join(' to ')}% at 5 bits`);
    finds(`by +${aheadInFp32(at(0.5, 8), at(Infinity, 8)).replace(' points', '')} on ImageNet's classes`);
  });

  it('are right about fine-tuning on ImageNet’s classes', async () => {
    const { rows } = await shippedRows({ profile: onImagenet(profiles.desk) }, lowBitStudy());
    const of = (method: 'clusterQat' | 'uniformQat', bits: number): string[] =>
      [0.5, Infinity].map((threshold) => whole(kept(where(rows, { method, bits, threshold }))));
    const [four, three] = [4, 3].map((bits) => of('clusterQat', bits));
    assert.equal(four![0], four![1]);
    finds(
      `ClusterQAT ends at ${four![0]}% at 4 bits with OABN or without, and at ${three!.join(' and ')}% at 3`,
    );
    const [uniform, few] = [4, 3].map((bits) => of('uniformQat', bits).join(' and '));
    finds(`uniform QAT at ${uniform}% at 4 bits, and at ${few}% at 3`);
    says('README.md', `on ImageNet's classes ${[...three!].sort().join(' to ')} of 52%`);
  });

  it('are right about penalties, and second trainings', async () => {
    const study = rivalStudy({ rounds: ['pretraining'], bits: [4, 3, 2], seeds: [1, 2, 3] });
    const { rows } = await shippedRows({ profile: profiles.desk }, study);
    const at = (pretraining: string, bits: number, quantization = 'uniform PTQ') =>
      where(rows, { pretraining, bits, quantization });
    const [kure, range, oabn] = ['KURE on the merged kernels', 'R² on the merged kernels', 'OABN'] as const;
    const among = (bits: number): string => {
      const shares = [kure, range].flatMap((name) => at(name, bits).map(({ accuracy }) => accuracy));
      return `${whole(Math.min(...shares))} to ${whole(Math.max(...shares))}%`;
    };
    finds(`keeps ${among(4)} at 4 bits per layer and ${among(3)} at 3`);
    finds(`${ahead(at(range, 4), at(oabn, 4))} more than with OABN at 4 bits`);
    finds(`and ${ahead(at(range, 3), at(oabn, 3)).replace(' points', '')} at 3`);
    const others = (name: string) => at(name, 3).filter(({ seed }) => seed > 1);
    finds(`at 3 bits is ${ahead(others(range), others(oabn)).replace(' points', '')}`);
    const again = secondTrainings().filter(
      ({ pretraining }) => pretraining === kure || pretraining === range,
    );
    const seconds = (bits: number): number[] => again.map(({ second }) => second.ptq[bits]!).sort();
    finds(
      `keep ${seconds(4).map(whole).join(' and ')}% at 4 bits and ${seconds(3).map(whole).join(' and ')} at 3`,
    );
    const all = (bits: number): number[] => [
      ...seconds(bits),
      ...[kure, range].flatMap((name) => at(name, bits).map(({ accuracy }) => accuracy)),
    ];
    const ends = (bits: number) => [Math.min, Math.max].map((end) => whole(end(...all(bits)))).join(' to ');
    says(
      'README.md',
      `keep ${ends(3)}%, OABN ${whole(kept(at(oabn, 3)))} (at 4 bits ${ends(4)} and ${whole(kept(at(oabn, 4)))}`,
    );
    const tuned = (name: string) =>
      where(rows, { pretraining: name, bits: 3, quantization: 'uniform QAT', seed: 1 });
    says(
      'README.md',
      `ends at ${whole(kept(tuned(kure)))}% (one seed), with OABN at ${whole(kept(tuned(oabn)))}`,
    );
    assert.equal(whole(kept(tuned(kure))), whole(kept(tuned(range))));
  });

  it('are right about the step, of one seed', async () => {
    const { rows } = await shippedRows(
      { profile: profiles.desk },
      rivalStudy({ rounds: ['fine-tuning'], bits: [3] }),
    );
    const at = (pretraining: string, quantization: string): string =>
      whole(kept(where(rows, { pretraining, quantization, bits: 3, seed: 1 })));
    const plain = 'BN, decay of kernels and γ';
    says(
      'README.md',
      `(LSQ) keeps ${at('OABN', 'LSQ')}% with OABN and ${at(plain, 'LSQ')} without`,
      `from the largest weight, ${at('OABN', 'uniform QAT')} and ${at(plain, 'uniform QAT')}.`,
    );
    const ablationsAt = async (bits: number) => {
      const few = ["the activations' ranges", 'uniform baselines'];
      const grid = bits === 3 ? {} : { groups: few, bits };
      const found = (await shippedRows({ profile: profiles.desk }, ablationStudy(grid))).rows;
      return (group: string, variant: string) => where(found, { group, variant, seed: 1 });
    };
    const [varied, at2] = [await ablationsAt(3), await ablationsAt(2)];
    const both3and2 = (group: string, variant: string, join: string): string =>
      [varied, at2].map((of) => tenth(kept(of(group, variant)))).join(join);
    const ranges = "the activations' ranges";
    finds(
      `ClusterQAT keeps ${both3and2(ranges, 'learned', '% at 3 bits and ')} at 2 with OABN, instead of ${both3and2(ranges, 'moving average (paper)', ' and ')},`,
      `and LSQ ${both3and2('uniform baselines', 'LSQ, weights and activations', ' and ')}, of ${tenth(varied(ranges, 'learned')[0]!.fp32)} in FP32`,
    );
    const fromShipped = await Promise.all(
      ['7cd377c87a96ed03', '9cda0fad7d89666a'].map(async (hash) => {
        const file = join(shippedFolder(), `${hash}.json`);
        return (JSON.parse(await readFile(file, 'utf8')) as { result: { accuracy: number } }).result.accuracy;
      }),
    );
    finds(`from plain BN ClusterQAT keeps ${fromShipped.map(tenth).join(' and ')}.`);
    const rounded = [varied, at2].map((of) => whole(kept(of(ranges, 'learned'))));
    says(
      'README.md',
      `either keeps ${rounded[0]}% at 3 bits and ${rounded[1]} at 2`,
      `by itself keeps ${whole(kept(at2(ranges, 'moving average (paper)')))}; plain BN ${fromShipped.map(whole).join(' and ')} (`,
    );
    const lsq = [varied, at2].map((of) =>
      whole(kept(of('uniform baselines', 'LSQ, weights and activations'))),
    );
    assert.deepEqual(lsq, rounded);
    const gradient = kept(varied('how centroids move', 'gradient'));
    assert.equal(whole(gradient - kept(varied('how centroids move', 'a Lloyd step each step'))), '1');
    const { rows: all } = await shippedRows({ profile: profiles.desk }, ablationStudy());
    const others = all.filter(({ group }) => !/ranges|baselines/.test(group));
    assert.equal(Math.max(...others.map(({ accuracy }) => accuracy)), gradient);
  });

  it('are right about methods that do not learn', async () => {
    const rows = (await shippedRows({ profile: onImagenet(profiles.desk) }, ptqStudy())).rows.filter(
      ({ network, bits, granularity }) => network === 'RepVGG' && bits === 4 && granularity === 'perTensor',
    );
    const at = (method: string, threshold: number) => kept(where(rows, { method, threshold } as never));
    const methods = [...new Set(rows.map(({ method }) => method))].filter((method) =>
      rows.some((row) => row.method === method && row.threshold === 1),
    );
    assert.equal(methods.length, 8, methods.join());
    assert.ok(methods.every((method) => at(method, 0.5) > at(method, Infinity)));
    assert.equal(methods.filter((method) => at(method, 1) < at(method, Infinity)).length, 6);
    finds(`CFWS: ${whole(at('CFWS', 0.5))} and ${whole(at('CFWS', Infinity))}%`);
  });

  it('are right about how far merged weights reach', async () => {
    const spread = async (profile: Profile): Promise<(s: number) => number[]> => {
      const { rows } = await shippedRows({ profile }, lawStudy({ networks: ['RepVGG'] }));
      // The spacing of the levels is the reach over the number of levels on a side.
      return (s) =>
        rows
          .filter(
            ({ bits, group }) => bits === 8 && group.startsWith(`RepVGG, s = ${s === Infinity ? '∞' : s}`),
          )
          .map(({ spacing }) => spacing * 127)
          .sort((a, b) => a - b);
    };
    const paper = await spread(profiles.paper);
    const plain = paper(Infinity).map((reach) => reach.toFixed(0));
    finds(`reach ${plain[0]} to ${plain.at(-1)} σ`, `and ${mean(paper(0.5)).toFixed(0)} with OABN`);
    const deep = await spread(profiles.deep);
    finds(`ends with ${deep(Infinity)[0]!.toFixed(0)} and ${deep(0.5)[0]!.toFixed(0)} σ`);
    const { rows: first } = await shippedRows({ profile: profiles.paper }, firstEpochStudy);
    const after = (width: number, batchSize: number): string => {
      const reaches = first.filter((row) => row.width === width && row.batchSize === batchSize);
      const sorted = reaches.map(({ meanPeakToSigma }) => meanPeakToSigma.toFixed(0)).sort();
      return [...new Set([sorted[0], sorted.at(-1)])].join(' to ');
    };
    finds(
      `leaves ${after(0.375, 512)} σ at 3/8 of the width and ${after(1, 512)} at full width`,
      `a quarter of the batches and of the rate ${after(0.375, 128)} (`,
    );
    const [onCifar, there] = [await spread(profiles.desk), await spread(onImagenet(profiles.desk))];
    const small = [...onCifar(Infinity), ...there(Infinity)];
    finds(`Small networks reach ${Math.min(...small).toFixed(0)} to ${Math.max(...small).toFixed(0)} σ`);
  });
});
