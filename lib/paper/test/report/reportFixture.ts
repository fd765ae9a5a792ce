/**
 * A small report from numbers made up here: every kind of figure, table, verdict and output, without
 * training.
 */
import { figureBundle } from 'tslab-kernel/display';
import { type Cell, type Notebook, type Output, readNotebook } from 'tslab-kernel/run';
import { claimsBoardHtml, type ReportParts, type ReportRun } from '../../src/report/index.js';
import { configHash } from 'oabn-base';
import { normalizeConfig, type PtqConfig, pretrainConfig, type RunConfig } from 'oabn/experiment';
import { normalizeArchitecture } from 'oabn/model';
import { profileNamed } from '../../src/profiles/index.js';
import { type Claim, claimOf, type LowBitPoint, type ThresholdPoint } from '../../src/claims/index.js';
import type { Verdict } from '../../src/statistics/index.js';
import {
  type AblationPoint,
  ablationStudy,
  lowBitStudy,
  type NetworkRow,
  networkStudy,
  type StudyResult,
  studyTable,
  thresholdStudy,
} from '../../src/studies/index.js';
import {
  ablationFigure,
  histogramFigure,
  kernelGridFigure,
  lowBitFigure,
  thresholdFigure,
} from '../../src/figures/index.js';
import { type Figure, tableHtml } from 'tslab-kernel/display';

const subtitle = 'profile smoke · MADE DATA (made) · 64 training images × 1 epochs · 2 seeds';
const both = <T>(of: (seed: number) => T): T[] => [1, 2].map(of);

const networksMeasured = [0.5, 2, Infinity].flatMap((threshold, i) =>
  both((seed) => ({ threshold, seed, fp32: 0.7 + 0.04 * i + 0.01 * seed, images: 200 })),
);

const sweep: StudyResult<ThresholdPoint> = {
  study: thresholdStudy(),
  source: subtitle,
  rows: networksMeasured.flatMap((network) =>
    [8, 4].map((bits) => ({
      ...{ ...network, bits, stateSize: 40 * bits },
      accuracy: network.fp32 - 0.1 * (8 - bits) + 0.005 * bits,
    })),
  ),
};

const cells: StudyResult<LowBitPoint> = {
  study: lowBitStudy(),
  source: subtitle,
  rows: networksMeasured.flatMap((network, i) =>
    [4, 2].flatMap((bits) =>
      (['ptq', 'uniformQat', 'clusterQat'] as const).map((method, j) => ({
        ...{ ...network, bits, method, stateSize: 40 * bits },
        accuracy: Math.max(0.1, 0.2 + 0.15 * j + 0.03 * bits - 0.02 * i),
      })),
    ),
  ),
};

/** Two layers, the second with an identity branch. */
const outliersOf = (peak: number): NetworkRow['outliers'] =>
  ['stage1.0', 'stage1.1'].map((block, i) => ({
    ...{ block, weights: 576, maxAbs: 1, std: 1 / peak, peakToSigma: peak + i, kurtosis: 9 },
    ...{ classAOfLargest: i, classAOfAll: 0.014 },
    ...(i === 1 && { identity: { maxRatio: 1, correlation: 0.9, otherShare: 0.1 } }),
  }));

const outlying: StudyResult<NetworkRow> = {
  study: networkStudy([0.5, Infinity]),
  source: subtitle,
  rows: [0.5, Infinity].flatMap((threshold) =>
    both((seed) => ({ threshold, seed, outliers: outliersOf(threshold === Infinity ? 20 : 8) })),
  ),
};

/** Names as long as the studies have them. */
const ablationRows: AblationPoint[] = [
  'a Lloyd step each step (default)',
  'a Lloyd step every 10 steps',
  'moving average',
  'zero where clipped (default)',
  'straight through',
  'identity, 1×1 and 3×3 branches with the same s',
  'quantile (default)',
].flatMap((variant, i) =>
  both((seed) => ({
    ...{ group: 'how centroids move', variant, seed, threshold: 0.5, bits: 3 },
    ...{ fp32: 0.8, stateSize: 112, images: 200, accuracy: 0.5 + 0.04 * i + 0.01 * seed },
  })),
);

export const ablations: StudyResult<AblationPoint> = {
  study: ablationStudy(),
  rows: ablationRows,
  source: subtitle,
};

const claim = (id: string, statement: string, ...parts: [string, Verdict, string, string][]): Claim =>
  claimOf({
    ...{ id, statement, rule: 'Held: the interval lies above 0.' },
    parts: parts.map(([name, verdict, effect, evidence]) => ({ name, verdict, effect, evidence })),
  });

export const claims: Claim[] = [
  claim('C10', 'With OABN, ClusterQAT beats uniform QAT.', [
    ...(['4 bits', 'held', '+5.0 points [4.8, 5.2]', 'ClusterQAT has 77.6%.'] as const),
  ]),
  claim('C1', 'Merging makes outliers of class A.', [
    ...(['plain BN', 'held', '100.0% [99.0, 101.0]', '100% of the largest 0.1% are of class A.'] as const),
  ]),
  claim(
    'C3',
    'OABN saves few bits.',
    ['8 bits', 'precondition not met', '+0.4 points [−0.5, 1.3]', 'Plain BN loses 0.4 points.'],
    ['5 bits', 'undecided', '+0.4 points [−0.5, 1.3]', 'INT5 at s = 2 is 0.4 points ahead.'],
    ['4 bits', 'held', '+42.0 points [40.0, 44.0]', 'INT4 at s = 0.5 is 42.0 points ahead.'],
  ),
  claim('C5', 'The best s is the same on <both> sets.', [
    ...(['8 bits', 'not held', 'slope −0.5 [−0.9, −0.1]', 'It is 0.5 on one | and 2 on the other.'] as const),
  ]),
];

const profile = profileNamed('smoke');
const train = (name: string, made: boolean, note: string): ReportParts['labs']['cifar']['train'] =>
  ({
    made,
    size: 64,
    provenance: { dataset: name, source: `${name}.parquet`, checksum: `sha256:${'0f'.repeat(32)}`, note },
  }) as never;

const data = { name: 'made', checksum: 'sha256:00', testImages: 200 } as const;
const networks = networksMeasured.map(({ threshold, seed }) =>
  normalizeConfig(pretrainConfig({ defaults: profile, data }, { threshold, seed })),
);
const quantized = networks.map((source): PtqConfig =>
  normalizeConfig({ kind: 'ptq', source, scheme: { bits: 4, weights: 'uniform' }, calibrationImages: 16 }),
);

export const runs: ReportRun[] = [...networks, ...quantized].map(
  (config: RunConfig, i) =>
    ({
      hash: configHash(config),
      folder: '',
      config,
      from: i % 2 === 0 ? 'computed' : 'store',
      result: {
        accuracy: 0.1 + ((i * 7) % 12) / 20,
        images: 200,
        ...(config.kind === 'ptq' && { stateSize: 100 + i }),
      },
      provenance: {
        backend: 'onnxruntime 1.30.0, compiled',
        device: 'CPU',
        dataset: { dataset: 'made' },
        versions: { node: '20.19.0', oabn: '0.1.0' },
        command: 'oabn reproduce',
        machine: { cpu: 'A processor', cores: 2, memoryGiB: 24, system: 'linux' },
        startedAt: '2026-01-01T10:00:00.000Z',
        finishedAt: `2026-01-01T10:${String(10 + i)}:00.000Z`,
        sessions: 1,
        wallSeconds: 3.2 * (i + 1),
      },
    }) as unknown as ReportRun,
);

const text = (source: string): Cell => ({ cell_type: 'markdown', id: 'm', metadata: {}, source });
const code = (source: string, ...outputs: Output[]): Cell => ({
  ...{ cell_type: 'code', id: 'c', metadata: {}, execution_count: 1 },
  source,
  outputs,
});
const display = (bundle: Readonly<Record<string, unknown>>): Output => ({
  output_type: 'display_data',
  data: bundle,
  metadata: {},
});
const shown = async (figure: Figure): Promise<Cell> =>
  code('await show(figure); // a comment', display(await figureBundle(figure)));
const html = (source: string, content: string): Cell =>
  code(source, display({ 'text/html': content, 'text/plain': 'text' }));

async function sweepNotebook(): Promise<Notebook> {
  const counts = Float32Array.from({ length: 4000 }, (_, i) => Math.sin(i) * (i % 50));
  return {
    metadata: {},
    cells: [
      text(
        '# Figure 7(a) · Accuracy over $s$\n\nText, `code`, and [table 3](table3-ptq.ipynb).\n\n| s | what it means for the merged kernel |\n|---|---|\n| 0.5 | a long explanation that does not break_anywhere_because_it_is_one_word_of_many_letters |',
      ),
      await shown(thresholdFigure(sweep, { title: 'Figure 7(a) · Accuracy against s' })),
      text('### A level left out\n\n$$S = \\frac{\\max |w|}{2^{b-1} - 1}$$'),
      html('await showTable(rows)', tableHtml(studyTable(sweep))),
      await shown(
        histogramFigure({
          ...{ title: 'Weights', subtitle, xTitle: 'weight / σ', yTitle: 'number (log)', binWidth: 1 },
          series: [{ name: 'RepVGG', values: counts }],
        }),
      ),
      code(
        "console.log('x')",
        {
          output_type: 'stream',
          name: 'stdout',
          text: '\u001b[33myellow\u001b[0m and \u001b[36mcyan\u001b[0m\n',
        },
        { output_type: 'stream', name: 'stderr', text: 'a notice\n' },
      ),
      html('await showClaims(claims)', claimsBoardHtml(claims.slice(2))),
    ],
  };
}

async function tableNotebook(): Promise<Notebook> {
  return {
    metadata: {},
    cells: [
      text('# Table 3 · Low bits\n\nBack to [the sweep](./fig7a-threshold.ipynb).'),
      html('await showTable(rows)', tableHtml(studyTable(cells))),
      await shown(lowBitFigure(cells, { bits: 4 })),
      await shown(ablationFigure(ablations, { group: 'how centroids move' })),
      await shown(
        kernelGridFigure({
          ...{ title: 'Kernels', subtitle, xTitle: 'input channel', yTitle: 'output channel' },
          ...{ values: Array.from({ length: 2 * 8 * 9 }, (_, i) => (i * 37) % 100), inChannels: 8, rows: 2 },
          colorTitle: '|w|',
        }),
      ),
      code('fail()', { output_type: 'error', ename: 'Error', evalue: 'as an example', traceback: [] }),
    ],
  };
}

/** All of it; the notebooks are not in the paper's order. */
export async function reportFixture(): Promise<ReportParts> {
  const tour = new URL('../../../notebook/test/fixtures/tour.ipynb', import.meta.url).pathname;
  return {
    labs: {
      cifar: {
        profile,
        train: train(
          'CIFAR-10',
          false,
          'images JPEG-recompressed: accuracies come out a little lower than on the original',
        ),
      },
      imagenet: { profile, train: train('made', true, 'made data') },
    },
    story: { threshold: 0.5, networks: outlying, sweep, cells, claims },
    board: claims,
    notebooks: [
      { name: 'a-tour', notebook: await readNotebook(tour) },
      { name: 'table3-ptq', notebook: await tableNotebook() },
      { name: 'fig7a-threshold', notebook: await sweepNotebook() },
    ],
    runs,
  };
}

export const architecture = normalizeArchitecture({
  widths: [16, 16, 32, 64, 128],
  depths: [1, 2, 4, 14, 1],
  strides: [1, 2, 2, 2, 2],
  classes: 10,
});
