/** Table 3: published PTQ methods on RepVGG, RepVGG with OABN at several s, and QARepVGG: accuracy and state size. */
import type { PaperLab } from '../profiles/index.js';
import { type Granularity, type PtqMethod, type PtqMethodName, ptqMethods } from 'oabn/quantize';
import type { NetworkKind, PtqPoint } from '../claims/index.js';
import { type PretrainConfig, pretrainConfig, type PtqConfig, run } from 'oabn/experiment';
import { cellsOf, type GridOptions, gridOf } from './options.js';

interface Cell {
  readonly network: NetworkKind;
  readonly threshold: number;
  readonly seed: number;
  readonly method: PtqMethodName;
  readonly granularity: Granularity;
  readonly bits: number;
}

/** The cells of table 3, by running what the store does not have. */
export async function ptqTable(
  lab: PaperLab,
  options: GridOptions & { methods?: readonly PtqMethodName[] } = {},
): Promise<PtqPoint[]> {
  const points: PtqPoint[] = [];
  for (const cell of ptqCells(lab, options)) {
    const config = ptqCellConfig(lab, cell);
    const fp32 = (await run(config.source as PretrainConfig, lab)).result.accuracy;
    const { accuracy, images, stateSize } = (await run(config, lab)).result;
    points.push({ ...cell, method: ptqMethods[cell.method].title, accuracy, fp32, images, stateSize });
  }
  return points;
}

/** The runs behind `ptqTable`, networks first. */
export function ptqTableConfigs(lab: PaperLab, options: GridOptions = {}): (PretrainConfig | PtqConfig)[] {
  const configs = ptqCells(lab, options).map((cell) => ptqCellConfig(lab, cell));
  return [...configs.map(({ source }) => source as PretrainConfig), ...configs];
}

function ptqCells(
  lab: PaperLab,
  { methods, ...options }: GridOptions & { methods?: readonly PtqMethodName[] },
): Cell[] {
  const { tableThresholds, tableBits, tableSeeds: seeds } = gridOf(lab, options);
  const networks = [
    ...cellsOf(seeds, tableThresholds).map((cell) => ({ network: 'RepVGG' as const, ...cell })),
    ...seeds.map((seed) => ({ network: 'QARepVGG' as const, threshold: Infinity, seed })),
  ];
  const names = methods ?? (Object.keys(ptqMethods) as PtqMethodName[]);
  const rows = names.flatMap((method) =>
    (ptqMethods[method] as PtqMethod).granularities.map((granularity) => ({ method, granularity })),
  );
  return tableBits.flatMap((bits) =>
    rows.flatMap((row) => networks.map((network) => ({ ...network, ...row, bits }))),
  );
}

function ptqCellConfig(
  lab: PaperLab,
  { network, threshold, seed, method, granularity, bits }: Cell,
): PtqConfig {
  return {
    kind: 'ptq',
    source: pretrainConfig(lab, {
      threshold,
      seed,
      ...(network === 'QARepVGG' && { arch: { ...lab.profile.arch, block: 'qarepvgg' } }),
    }),
    scheme: { bits, weights: 'uniform', granularity },
    method,
    iterations: lab.profile.tableIterations,
    calibrationImages: lab.profile.calibrationImages,
  };
}
