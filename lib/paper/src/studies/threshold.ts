/** Figure 7: FP32 accuracy and that of uniform per-layer PTQ, over the threshold s. */
import type { PaperLab } from '../profiles/index.js';
import type { ThresholdPoint } from '../claims/index.js';
import { pretrainConfig, ptqConfig, run, type RunConfig } from 'oabn/experiment';
import { cellsOf, type GridOptions, gridOf } from './options.js';

/** The points of figure 7, by running what the store does not have. */
export async function thresholdSweep(lab: PaperLab, options: GridOptions = {}): Promise<ThresholdPoint[]> {
  const { thresholds, seeds, ptqBits } = gridOf(lab, options);
  const points: ThresholdPoint[] = [];
  for (const cell of cellsOf(seeds, thresholds)) {
    const source = pretrainConfig(lab, cell);
    const { accuracy, images } = (await run(source, lab)).result;
    const quantized: Record<number, number> = {};
    for (const b of ptqBits) quantized[b] = (await run(ptqConfig(lab, source, b), lab)).result.accuracy;
    points.push({ ...cell, fp32: accuracy, quantized, images });
  }
  return points;
}

/** The runs behind `thresholdSweep`, networks first. */
export function thresholdConfigs(lab: PaperLab, options: GridOptions = {}): RunConfig[] {
  const { thresholds, seeds, ptqBits } = gridOf(lab, options);
  const networks = cellsOf(seeds, thresholds).map((cell) => pretrainConfig(lab, cell));
  // Networks of one width of bits stand together, for they share compiled functions.
  return [...networks, ...ptqBits.flatMap((b) => networks.map((network) => ptqConfig(lab, network, b)))];
}
