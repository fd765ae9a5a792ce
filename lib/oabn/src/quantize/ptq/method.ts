/**
 * Post-training quantization: a merged network and some training images in, a quantized network out. Every
 * method has this one form, whatever it optimizes, so that a table of methods is a loop.
 */
import type { Progress } from 'oabn-base';
import type { Architecture, StateDict } from '../../model/index.js';
import type { CalibrationImages } from '../calibrate.js';
import type { QuantizedNetwork } from '../quantizedNetwork.js';
import type { Granularity, QuantizationScheme } from '../scheme.js';

/** What a method is given: a merged network, a scheme, and images to calibrate with. */
export interface PtqProblem {
  /** Its description. */
  readonly arch: Architecture;
  /** The merged network in FP32. */
  readonly merged: StateDict;
  /** How it is to be quantized. */
  readonly scheme: QuantizationScheme;
  /** Images for calibration. */
  readonly calibration: CalibrationImages;
  /** [H, W, 3] */
  readonly imageShape: readonly [number, number, number];
  /** Seed of the method's random numbers. */
  readonly seed: number;
  /** Optimization steps of a layer or block, for methods that learn; default the method's own. */
  readonly iterations?: number;
  /** Called as the method proceeds; default: no progress is reported. */
  readonly progress?: Progress;
  /** When aborted, the method ends with the reason. */
  readonly signal?: AbortSignal;
}

/** A method of quantization after training. */
export interface PtqMethod {
  /** Its name in tables. */
  readonly title: string;
  /** The paper it comes from. */
  readonly source: string;
  /** What may share a weight quantizer with it. */
  readonly granularities: readonly Granularity[];
  /** The quantized network. @throws UserError for a scheme that the method has no variant for */
  readonly quantize: (problem: PtqProblem) => Promise<QuantizedNetwork>;
}
