/**
 * Min–max: every range covers all values seen, and nothing is clipped. The paper's own
 * PTQ.
 */
import { calibrate } from '../calibrate.js';
import { quantizeNetwork } from '../quantizedNetwork.js';
import type { PtqMethod } from './method.js';

export const minMax: PtqMethod = {
  title: 'min–max',
  source: 'arXiv 2402.07200, figure 5',
  granularities: ['perTensor', 'perChannel'],
  quantize: async ({ arch, merged, scheme, calibration }) => {
    const ranges = await calibrate(arch, merged, [calibration]);
    return quantizeNetwork({ arch, merged, ranges, scheme });
  },
};
