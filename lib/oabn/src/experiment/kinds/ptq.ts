/**
 * Post-training quantization of a pretrained network, once merged (paper, section 4.2, and the methods of
 * table 3).
 */
import { canonicalJson, schema } from 'oabn-base';
import { type Custom, normalizeCustom } from '../../custom/index.js';
import { takeCalibration } from '../../data/index.js';
import { mergedOf } from '../../merge/index.js';
import {
  describeScheme,
  learningMethods,
  normalizeScheme,
  readScheme,
  storedScheme,
  type StoredScheme,
  type PtqMethodName,
  ptqMethodOf,
  ptqMethodTitle,
  type QuantizeWeights,
  type QuantizationScheme,
  schemeRule,
} from '../../quantize/index.js';
import { secondsOfIterations } from './cost.js';
import type { Kind, Work } from './kind.js';
import { finish, type QuantizedResult } from './quantized.js';
import { describeSource, type NetworkSource, normalizeSource, sourceSeed } from './source.js';

/** A run that quantizes a network after training, and measures it. */
export interface PtqConfig {
  /** What kind of run it is. */
  readonly kind: 'ptq';
  /** The network that is quantized. */
  readonly source: NetworkSource;
  /** How it is quantized. */
  readonly scheme: QuantizationScheme;
  /** A method by name, or a function of your own on a layer's weights; default `minMax`, the paper's own. */
  readonly method?: PtqMethodName | Custom<QuantizeWeights>;
  /** Steps of the methods that learn, for each unit; default theirs. */
  readonly iterations?: number;
  /** Training images for calibration and reconstruction. */
  readonly calibrationImages: number;
}

const titleOf = (method: PtqConfig['method']): string =>
  typeof method === 'object' ? method.name : ptqMethodTitle(method);

interface StoredPtqConfig extends Omit<PtqConfig, 'scheme'> {
  readonly scheme: StoredScheme;
}

const { anything, either, object, oneOf, text, whole } = schema;
const configRule = object(
  { kind: oneOf('ptq'), source: anything, scheme: schemeRule, calibrationImages: whole(1) },
  {
    method: either((value) =>
      typeof value === 'string' ? text : object({ name: text, source: text }, { of: anything }),
    ),
    iterations: whole(1),
  },
);

export const ptq: Kind<PtqConfig, QuantizedResult> = {
  normalize(config) {
    configRule(config, 'ptq');
    const { kind, source, scheme, method = 'minMax', iterations, calibrationImages } = config;
    const isOwn = typeof method === 'object';
    ptqMethodOf(isOwn ? 'minMax' : method); // throws for an unknown name
    return {
      kind,
      source: normalizeSource(source),
      scheme: normalizeScheme(scheme),
      calibrationImages,
      ...(isOwn && { method: normalizeCustom(method, 'method') }),
      ...(!isOwn && method !== 'minMax' && { method }),
      ...(iterations !== undefined && !isOwn && learningMethods.has(method) && { iterations }),
    };
  },
  store: (config) => ({ ...config, scheme: storedScheme(config.scheme) }),
  read: (stored) => ({ ...(stored as PtqConfig), scheme: readScheme((stored as StoredPtqConfig).scheme) }),
  describe: ({ scheme, method, source }) => {
    const ways = [titleOf(method), ...describeScheme(scheme)].join('; ');
    return `${scheme.bits}-bit ${scheme.weights} PTQ (${ways}), ${describeSource(source)}`;
  },
  label: ({ method = 'minMax' }) => `PTQ ${typeof method === 'object' ? method.name : method}`,
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
  const network = await ptqMethodOf(method).quantize({
    arch: source.arch,
    merged: mergedOf(await work.start()),
    scheme,
    calibration: await takeCalibration(lab.train, calibrationImages, 0),
    imageShape: lab.train.imageShape,
    // A method draws new random numbers for each network, so that the spread over seeds includes that.
    seed: sourceSeed(source),
    ...(iterations !== undefined && { iterations }),
    progress: context.progress,
    signal: context.signal,
  });
  return await finish(network, source.data, work);
}
