/** Post-training quantization of a pretrained network, once merged (paper, section 4.2, and the methods of table 3). */
import { canonicalJson } from 'oabn-base';
import { takeCalibration } from '../../data/index.js';
import {
  learningMethods,
  normalizeScheme,
  type PtqMethodName,
  ptqMethods,
  ptqMethodTitle,
  type QuantizationScheme,
} from '../../quantize/index.js';
import { secondsOfIterations } from './cost.js';
import type { Kind, Work } from './kind.js';
import { checkCalibration, finish, mergedOf, type QuantizedResult } from './quantized.js';
import { describeSource, type NetworkSource, normalizeSource, sourceSeed } from './source.js';

export interface PtqConfig {
  readonly kind: 'ptq';
  readonly source: NetworkSource;
  readonly scheme: QuantizationScheme;
  /** Default `minMax`, the paper's own. */
  readonly method?: PtqMethodName;
  /** Steps of the methods that learn, for each unit; default theirs. */
  readonly iterations?: number;
  /** Training images for calibration and reconstruction. */
  readonly calibrationImages: number;
}

export const ptq: Kind<PtqConfig, QuantizedResult> = {
  normalize({ kind, source, scheme, method = 'minMax', iterations, calibrationImages }) {
    ptqMethodTitle(method); // throws for an unknown one
    checkCalibration(calibrationImages);
    return {
      kind,
      source: normalizeSource(source),
      scheme: normalizeScheme(scheme),
      calibrationImages,
      ...(method !== 'minMax' && { method }),
      ...(iterations !== undefined && learningMethods.has(method) && { iterations }),
    };
  },
  describe: ({ scheme: { bits, weights }, method, source }) =>
    `${bits}-bit ${weights} PTQ (${ptqMethodTitle(method)}), ${describeSource(source)}`,
  label: ({ method = 'minMax' }) => `PTQ ${method}`,
  network: ({ source: { arch, data } }) => ({ arch, data }),
  source: ({ source }) => source,
  seed: () => undefined,
  compiledKey: ({ scheme }) => canonicalJson({ scheme }),
  execute,
  cost: {
    key: ({ method = 'minMax' }) => ({ method }),
    steps: () => 0,
    async probe(work, few) {
      const { source, iterations: asked } = work.config;
      const rest = await secondsOfIterations(asked, (iterations) => {
        const shorter = { ...work.config, source: { ...source, data: few } };
        const config = { ...shorter, ...(iterations !== undefined && { iterations }) };
        return execute({ ...work, config });
      });
      return { perStep: 0, setUp: 0, rest, evaluated: few.testImages };
    },
  },
};

async function execute(work: Work<PtqConfig>): Promise<QuantizedResult> {
  const { lab, context } = work;
  const { source, scheme, method = 'minMax', iterations, calibrationImages } = work.config;
  const network = await ptqMethods[method].quantize({
    arch: source.arch,
    merged: mergedOf(await work.start()),
    scheme,
    calibration: await takeCalibration(lab.train, calibrationImages, 0),
    imageShape: lab.train.imageShape,
    // What a method draws is drawn anew for each network, so that a spread over seeds has that in it too.
    seed: sourceSeed(source),
    ...(iterations !== undefined && { iterations }),
    progress: context.progress,
    signal: context.signal,
  });
  return await finish(network, source.data, work);
}
