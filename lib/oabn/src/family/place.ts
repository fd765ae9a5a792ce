/** Convolutions and batch normalizations of a file, looked up by name. */
import { check, type HostTensor } from 'oabn-base';
import { get, type StateDict } from '../model/index.js';
import type { KernelShape } from './convolution.js';

/** Where names are looked up, and the ε that is added to variances. */
export interface Place {
  readonly stateDict: StateDict;
  /** With its final dot; empty for the whole file. */
  readonly prefix: string;
  readonly epsilon: number;
}

/** Whether a convolution of this name is there. */
export const hasConvolution = ({ stateDict, prefix }: Place, conv: string | undefined): boolean =>
  conv !== undefined && stateDict[`${prefix}${conv}.weight`]?.shape.length === 4;

/** The shape [out, in per group, height, width] of a kernel. @throws UserError unless it has four sides */
export function kernelShape(stateDict: StateDict, name: string): KernelShape {
  const { shape }: HostTensor = get(stateDict, name);
  check(shape.length === 4, `${name} is [${shape.join(', ')}]; a convolution's kernel has four sides`);
  return shape as unknown as KernelShape;
}

/** A batch normalization with its running statistics, on the host. */
export interface BatchNorm {
  readonly tensors: readonly string[];
  /** γ; ones where the file has none. */
  readonly gamma: Float32Array;
  /** β; zeros where the file has none. */
  readonly beta: Float32Array;
  readonly mean: Float32Array;
  readonly variance: Float32Array;
  /** γ/√(σ²+ε), limited by OABN's s. */
  readonly ratio: (threshold?: number) => Float64Array;
  /** β − ratio·μ */
  readonly shift: (ratio: Float64Array) => Float64Array;
}

/** The running statistics by PyTorch's names and by Paddle's. */
const statistics = [
  ['running_mean', 'running_var'],
  ['_mean', '_variance'],
] as const;

/** Whether a BN of this name is there, judging by its running variance. */
export const hasBn = ({ stateDict, prefix }: Place, bn: string): boolean =>
  statistics.some(([, variance]) => `${prefix}${bn}.${variance}` in stateDict);

/** The name of the BN of which `tensors` has the running variance; undefined where there is none. */
export function bnAmong(tensors: readonly string[]): string | undefined {
  const endings = statistics.map(([, variance]) => `.${variance}`);
  for (const name of tensors) {
    const ending = endings.find((each) => name.endsWith(each));
    if (ending !== undefined) return name.slice(0, -ending.length);
  }
  return undefined;
}

/**
 * The BN of this name; γ = 1 and β = 0 where it has none (`affine=False`). @throws UserError where it is not
 * there
 */
export function batchNormAt({ stateDict, prefix, epsilon }: Place, bn: string): BatchNorm {
  const at = (member: string): string => `${prefix}${bn}.${member}`;
  const names = statistics.find(([, variance]) => at(variance) in stateDict) ?? statistics[0];
  const [mean, variance] = names.map((name) => get(stateDict, at(name)).data) as [Float32Array, Float32Array];
  const gamma = stateDict[at('weight')]?.data ?? new Float32Array(variance.length).fill(1);
  const beta = stateDict[at('bias')]?.data ?? new Float32Array(variance.length);
  return {
    tensors: ['weight', 'bias', ...names].map(at).filter((name) => name in stateDict),
    ...{ gamma, beta, mean, variance },
    ratio: (threshold = Infinity) =>
      Float64Array.from(variance, (v, i) => {
        const r = gamma[i]! / Math.sqrt(v + epsilon);
        return Math.min(threshold, Math.max(-threshold, r));
      }),
    shift: (ratio) => ratio.map((r, i) => beta[i]! - r * mean[i]!),
  };
}
