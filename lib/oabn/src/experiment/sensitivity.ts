/**
 * Bits by layer for a run of the lab: what few bits cost each block, measured on the run's own calibration
 * images.
 */
import { takeCalibration } from '../data/index.js';
import { sensitivities, type Sensitivity } from '../quantize/index.js';
import type { FinetuneConfig, PtqConfig } from './kinds/index.js';
import { type Lab, stopSignal } from './lab.js';
import { mergedSource } from './run.js';

/**
 * The sensitivities of the blocks of `config`'s network, quantized as its scheme says. `allocateBits` makes
 * the scheme's `layerBits` of them, for the same run of mixed bits. @throws the reason of the lab's signal when
 * that fires
 */
export async function blockSensitivities(
  lab: Lab,
  {
    source,
    scheme,
    calibrationImages,
  }: Pick<PtqConfig | FinetuneConfig, 'source' | 'scheme' | 'calibrationImages'>,
  bits?: readonly number[],
): Promise<Sensitivity[]> {
  const signal = stopSignal(lab);
  return await sensitivities({
    arch: source.arch,
    merged: await mergedSource(lab, source),
    scheme,
    calibration: await takeCalibration(lab.train, calibrationImages, 0),
    ...(bits && { bits }),
    ...(lab.progress && { progress: lab.progress }),
    ...(signal && { signal }),
  });
}
