/**
 * What engines that do their own quantization need besides a network in FP32: the ranges that we found, as
 * their calibration files. Both know only symmetric 8-bit quantization, so a range [min, max] becomes
 * ±max(|min|, |max|).
 *
 * - TensorRT's calibration cache (a header, then `tensor: scale` a line, the scale max/127 as the hexadecimal
 *   digits of a 32-bit float, most significant first), for the tensor names of our FP32 ONNX file.
 * - ncnn's table (`layer_param_0` with 127/max of each output channel's weights, then `layer` with 127/max of
 *   its input), for layers named as pnnx names the convolutions of that file, `conv_0`, `conv_1`, … in order.
 *
 * The first convolution and the classifier have no lines: they stay in floating point (paper, figure 6).
 * Sources: the samples of NVIDIA/TensorRT that read and write caches; Tencent/ncnn, `tools/quantize`.
 */
import { check } from 'oabn-base';
import {
  type Architecture,
  blocksOf,
  checkChain,
  get,
  quantizedBlocks,
  type StateDict,
} from '../../model/index.js';
import type { ActivationRanges } from '../calibrate.js';
import { groupsOf } from '../scheme.js';

/** A merged network with the ranges of its activations. */
export interface Calibrated {
  /** Its description. */
  readonly arch: Architecture;
  /** Merged. */
  readonly stateDict: StateDict;
  /** Block name → range of the activation that enters it. */
  readonly activations: ActivationRanges;
}

/** The largest level of symmetric 8-bit numbers. */
const levels = 127;

/** TensorRT's calibration cache; `version` is that of the engine's builder, such as 8601 for 8.6.1. */
export function tensorRtCache({ arch, activations }: Calibrated, version = 8601): string {
  checkChain(arch, 'TensorRT’s calibration cache');
  const blocks = blocksOf(arch);
  const lines = quantizedBlocks(arch).map(({ name }) => {
    const before = blocks[blocks.findIndex((block) => block.name === name) - 1]!;
    return `${before.name}.output: ${hexadecimal(largest(activations, name) / levels)}`;
  });
  return [`TRT-${version}-MinMaxCalibration`, ...lines, ''].join('\n');
}

/** ncnn's table. */
export function ncnnTable({ arch, stateDict, activations }: Calibrated): string {
  checkChain(arch, 'ncnn’s calibration table');
  const index = (name: string): number => blocksOf(arch).findIndex((block) => block.name === name);
  const number = (value: number): string => String(Math.fround(value));
  const blocks = quantizedBlocks(arch);
  const weights = blocks.map(({ name }) => {
    const kernel = get(stateDict, `${name}.rbr_reparam.weight`);
    const scales = groupsOf(kernel, 'perChannel').map((group) => {
      const most = group.reduce((a, w) => Math.max(a, Math.abs(w)), 0);
      return number(most > 0 ? levels / most : 1);
    });
    return `conv_${index(name)}_param_0 ${scales.join(' ')}`;
  });
  const inputs = blocks.map(
    ({ name }) => `conv_${index(name)} ${number(levels / largest(activations, name))}`,
  );
  return [...weights, ...inputs, ''].join('\n');
}

/** max(|min|, |max|) of what enters a block; never 0, from which no scale can be made. */
function largest(activations: ActivationRanges, block: string): number {
  const range = activations[block];
  check(range, () => `No activation range for ${block}; calibrate the network first`);
  return Math.max(Math.abs(range.min), Math.abs(range.max), 1e-12);
}

function hexadecimal(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatBE(value);
  return bytes.toString('hex');
}
