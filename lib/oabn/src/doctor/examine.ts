/**
 * The doctor's report on a network of any family: what 8, 6 and 4 bits will leave, layer by layer and
 * overall, what causes the loss, and what each remedy is worth, judging by the weights alone. Nothing is
 * trained and no image is needed.
 */
import { check } from 'oabn-base';
import { deadTolerance, type MergeOptions, type Recognition } from '../family/index.js';
import type { StateDict } from '../model/index.js';
import { type Diagnosis, diagnose, diagnosedBits, meanSpacing } from './diagnose.js';
import { keptAccuracy, law as repVGGLaw, type Law, laws } from './law.js';
import { type Layer, layersOf } from './layers.js';
import {
  effectiveSpacing,
  weightRemedies,
  type WeightRemedyName,
  weightRemedyNames,
} from './weightRemedies.js';

/** What one way to store the weights is expected to keep. */
export interface Prediction {
  /** The remedy, by name. */
  readonly remedy: WeightRemedyName | 'foldDead';
  /** Its name for people. */
  readonly title: string;
  /** b of the weights. */
  readonly bits: number;
  /** Mean level spacing over the layers, in σ. */
  readonly spacing: number;
  /** The least of the accuracy above chance that is kept. */
  readonly least: number;
  /** The most of the accuracy above chance that is kept. */
  readonly most: number;
  /** What is expected, between the two. */
  readonly expected: number;
  /** Bits that the layers' weights take, with the scales or codebooks that decode them. */
  readonly storedBits: number;
}

/**
 * What is known of a network from its weights alone: a diagnosis of each layer, and what few bits will cost.
 */
export interface Examination {
  /** A diagnosis of each layer. */
  readonly layers: readonly Diagnosis[];
  /** The first: one scale per layer, as it is. */
  readonly predictions: readonly Prediction[];
  /** Output channels with a dead identity, in all layers. */
  readonly deadChannels: number;
  /** The law for one scale per layer. */
  readonly law: Law;
  /** OABN's s, where the network was trained with it. */
  readonly threshold?: number;
}

/** How the network is merged, and which bits are asked about. */
export interface ExamineOptions extends MergeOptions {
  /** Default `diagnosedBits`. */
  readonly bits?: readonly number[];
  /** The law for one scale per layer; default RepVGG's. `laws.perTensor` is for other families. */
  readonly law?: Law;
}

/** Examines a recognized file. @throws UserError where it has no layer to quantize */
export function examine(
  stateDict: StateDict,
  recognition: Pick<Recognition, 'blocks' | 'rest'>,
  { bits = diagnosedBits, law = repVGGLaw, ...options }: ExamineOptions = {},
): Examination {
  const layers = layersOf(stateDict, recognition, options);
  check(
    layers.length > 0,
    'The network has no convolution beyond its first, so there is nothing to quantize',
  );
  const rows = diagnose(layers, bits);
  const deadChannels = rows.reduce((sum, row) => sum + row.deadChannels, 0);
  const uniform = bits.map((b) => predictPlain(rows, layers, b, law));
  const folded =
    deadChannels === 0
      ? []
      : bits.map((b) =>
          predictFolded(layersOf(stateDict, recognition, { ...options, deadTolerance }), b, law),
        );
  const others = weightRemedyNames
    .filter((name) => name !== 'perTensor')
    .flatMap((name) => bits.map((b) => predictRemedy(rows, layers, name, b)));
  const predictions = [...uniform, ...folded, ...others];
  const { threshold } = options;
  const hasOabn = threshold !== undefined && threshold < Infinity;
  return { layers: rows, predictions, deadChannels, law, ...(hasOabn && { threshold }) };
}

function predictPlain(
  rows: readonly Diagnosis[],
  layers: readonly Layer[],
  bits: number,
  of: Law,
): Prediction {
  const { title } = weightRemedies.perTensor;
  return prediction({ remedy: 'perTensor', title, bits, spacing: meanSpacing(rows, bits), of }, layers);
}

function predictFolded(layers: readonly Layer[], bits: number, of: Law): Prediction {
  const spacing = meanSpacing(diagnose(layers, [bits]), bits);
  const title = 'dead channels folded into the biases';
  return prediction({ remedy: 'foldDead', title, bits, spacing, of }, layers);
}

function predictRemedy(
  rows: readonly Diagnosis[],
  layers: readonly Layer[],
  name: WeightRemedyName,
  bits: number,
): Prediction {
  const { title, quantize } = weightRemedies[name];
  const spread = layers.filter((_, i) => rows[i]!.std > 0);
  const spacings = spread.map(({ kernel }) => effectiveSpacing(kernel.data, quantize(kernel, bits)));
  const spacing = spacings.reduce((sum, s) => sum + s, 0) / Math.max(1, spacings.length);
  return prediction({ remedy: name, title, bits, spacing, of: laws[name] }, layers);
}

function prediction(
  { of, ...told }: Pick<Prediction, 'remedy' | 'title' | 'bits' | 'spacing'> & { readonly of: Law },
  layers: readonly Layer[],
): Prediction {
  const { storedBits } = weightRemedies[told.remedy === 'foldDead' ? 'perTensor' : told.remedy];
  const stored = layers.reduce((sum, { kernel }) => sum + storedBits(kernel, told.bits), 0);
  return { ...told, ...keptAccuracy(told.spacing, of), storedBits: stored };
}
