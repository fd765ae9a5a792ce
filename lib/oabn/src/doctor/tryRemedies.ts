/**
 * Each remedy tried on the spot on a network that can be computed: quantized, measured, and its bits counted.
 * The caller measures, so that the doctor knows no data.
 */
import { type Progress, silent, UserError } from 'oabn-base';
import { quantizedBlocks, type Architecture, type StateDict } from '../model/index.js';
import {
  type CalibrationImages,
  type Granularity,
  type PtqMethodName,
  ptqMethods,
  type QuantizedNetwork,
  storedBits,
  weightBitsOf,
  type WeightMethod,
} from '../quantize/index.js';

/** A merged network, and the images to calibrate it with. */
export interface Patient {
  /** Its description. */
  readonly arch: Architecture;
  /** The merged network in FP32. */
  readonly merged: StateDict;
  /** The same with its dead channels folded into the biases, where it has any. */
  readonly folded?: StateDict;
  /** Images for calibration. */
  readonly calibration: CalibrationImages;
  /** [H, W, 3] */
  readonly imageShape: readonly [number, number, number];
  /** The network trained on in some ways, merged. */
  readonly annealed?: readonly AnnealedNetwork[];
}

/** A network after it was trained on so that its merged weights get easier to quantize. */
export interface AnnealedNetwork {
  /** Its description. */
  readonly arch: Architecture;
  /** Its merged form. */
  readonly merged: StateDict;
  /** How it was made, in a few words. */
  readonly title: string;
}

/** A remedy as it was measured: its accuracy on test images, and what its weights take in storage. */
export interface Trial {
  /** The name of the treatment. */
  readonly title: string;
  /** b of the weights. */
  readonly bits: number;
  /** Top-1 accuracy, in [0, 1]. */
  readonly accuracy: number;
  /** Bits of the quantized weights, with scales and codebooks. */
  readonly storedBits: number;
}

interface Treatment {
  readonly title: string;
  readonly method: PtqMethodName;
  readonly granularity: Granularity;
  readonly weights?: WeightMethod;
  readonly folded?: boolean;
}

const treatments: readonly Treatment[] = [
  { title: 'uniform, one scale per layer', method: 'minMax', granularity: 'perTensor' },
  { title: 'dead channels folded into the biases', method: 'minMax', granularity: 'perTensor', folded: true },
  { title: 'uniform, one scale per channel', method: 'minMax', granularity: 'perChannel' },
  { title: 'clipped at the least squared error', method: 'mse', granularity: 'perTensor' },
  { title: 'equalized, biases corrected (DFQ)', method: 'dfq', granularity: 'perTensor' },
  { title: 'centre taps apart (CFWS)', method: 'cfws', granularity: 'perTensor' },
  { title: 'cluster, 2^b centroids', method: 'minMax', granularity: 'perTensor', weights: 'cluster' },
];

/** How treatments are measured. */
export interface TrialOptions {
  /** The accuracy of a network, in [0, 1]. */
  readonly measure: (network: QuantizedNetwork) => Promise<number>;
  /** The bits to try. */
  readonly bits: readonly number[];
  /** Called after each treatment; default: no progress is reported. */
  readonly progress?: Progress;
  /** When aborted, the trials end with the reason. */
  readonly signal?: AbortSignal;
}

/** What was measured, and what could not be, with the reason. */
export interface Trials {
  /** What was measured. */
  readonly trials: readonly Trial[];
  /** Treatments that do not apply to the network or that failed, with the reason. */
  readonly refused: readonly { readonly title: string; readonly reason: string }[];
}

/** A treatment of one form of the network. */
interface Course extends Treatment {
  readonly arch: Architecture;
  readonly merged: StateDict;
}

/**
 * All treatments at all bits; each is reported to `progress` when it is done. A method that has no variant
 * for the network, such as equalization where there is no plain chain, is left out and reported.
 */
export async function tryRemedies(
  patient: Patient,
  { measure, bits, progress = silent, signal }: TrialOptions,
): Promise<Trials> {
  const { calibration, imageShape } = patient;
  const trials: Trial[] = [];
  const refused: { title: string; reason: string }[] = [];
  const courses = coursesOf(patient);
  for (const { title, method, granularity, weights = 'uniform', arch, merged } of courses) {
    for (const b of bits) {
      signal?.throwIfAborted();
      progress({ task: `${title}, ${b} bits`, done: trials.length, total: courses.length * bits.length });
      const scheme = { bits: b, weights, granularity };
      try {
        const problem = {
          ...{ arch, merged, scheme, calibration, imageShape, seed: 0 },
          ...(signal && { signal }),
        };
        const network = await ptqMethods[method].quantize(problem);
        const stored = storedBits(network) + decoding(network);
        trials.push({ title, bits: b, accuracy: await measure(network), storedBits: stored });
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        refused.push({ title, reason: error.message });
        break;
      }
    }
  }
  return { trials, refused };
}

function coursesOf({ arch, merged, folded, annealed = [] }: Patient): Course[] {
  const own = treatments
    .filter((treatment) => !treatment.folded || folded !== undefined)
    .map((treatment) => ({ ...treatment, arch, merged: treatment.folded ? folded! : merged }));
  return [...own, ...annealed.map((network) => ({ ...treatments[0]!, ...network }))];
}

/** Bits of scales and codebooks: 32 for each of them. */
function decoding({ arch, scheme, stored }: QuantizedNetwork): number {
  const values = quantizedBlocks(arch).map(({ name, outChannels }) => {
    if (scheme.weights === 'cluster') return 2 ** weightBitsOf(scheme, name);
    const parts = stored?.[name] ? 2 : 1;
    return parts * (scheme.granularity === 'perChannel' ? outChannels : 1);
  });
  return 32 * values.reduce((sum, n) => sum + n, 0);
}
