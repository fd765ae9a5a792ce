/**
 * Does this device compute the kernels correctly? Drivers for half precision and matrix units are young and Dawn's
 * extension is experimental, so they are used only after a small convolution, its gradients and a matrix product
 * have come out right.
 */
import type { MatrixUnits, Precision } from '../engines/index.js';
import { random } from 'oabn-base';
import {
  type ConvOptions,
  convFilterGradient,
  convForward,
  convInputGradient,
  type Geometry,
} from './conv/index.js';
import { type Exact, exactConvolution, relativeError, toHalf } from './conv/reference.js';
import { gpuFeatures, withoutMatrixUnits } from './features.js';
import type { GpuFeatures, GpuProgram } from './program.js';
import { readFloats, runProgram, uploadFloats } from './run.js';

/** Whether a kernel computed correctly on a device. */
export interface KernelCheck {
  /** What was computed. */
  readonly name: string;
  /** The largest |result − float64| / Σ|terms|. */
  readonly error: number;
  /** Whether the result is right. */
  readonly correct: boolean;
  /** Why it did not run, if it did not. */
  readonly failure?: string;
}

/** Sums of float32; the operands are exact in half precision. */
const tolerance = 1e-5;

/**
 * Padding, a stride, channels that fill no tile: 3×3/2 on 2×9×7×20 → 12, and a matrix product on its pixels.
 */
const strided: Geometry = {
  ...{ input: [2, 9, 7, 20], output: [2, 5, 4, 12], kernel: [3, 3, 20, 12] },
  ...{ strides: [2, 2], dilations: [1, 1], pads: [1, 1, 1, 1] },
};
const pointwise: Geometry = {
  ...{ input: [2, 9, 7, 20], output: [2, 9, 7, 12], kernel: [1, 1, 20, 12] },
  ...{ strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] },
};

/**
 * Forward and both gradients of two small convolutions in `precision`. A kernel that does not run is not
 * correct.
 */
export async function checkKernels(
  device: GPUDevice,
  features: GpuFeatures,
  precision: Precision,
): Promise<KernelCheck[]> {
  const checks: KernelCheck[] = [];
  for (const geometry of [strided, pointwise]) {
    const [x, w, dy] = [geometry.input, geometry.kernel, geometry.output].map(numbers) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const exact = exactConvolution(geometry, x, w, dy);
    const given = { x, w, dy };
    const options: ConvOptions = { precision };
    const look = async (output: string, make: () => GpuProgram, expected: Exact): Promise<void> => {
      checks.push(await examine(device, make, given, output, expected));
    };
    await look(
      'y',
      () => convForward(geometry, { x: 'x', kernel: 'w', y: 'y' }, features, options),
      exact.forward,
    );
    await look(
      'dx',
      () => convInputGradient(geometry, { dy: 'dy', kernel: 'w', dx: 'dx' }, features, options),
      exact.inputGradient,
    );
    await look(
      'dw',
      () => convFilterGradient(geometry, { x: 'x', dy: 'dy', dw: 'dw' }, features, options),
      exact.filterGradient,
    );
  }
  return checks;
}

const trusted = new WeakMap<GPUDevice, Promise<GpuFeatures>>();

/**
 * The features of `device`, without matrix units, or half precision at all, where they do not compute correctly.
 * Checked once for each device; `matrixUnits` as in `gpuFeatures`.
 */
export function trustedFeatures(
  device: GPUDevice,
  matrixUnits?: readonly MatrixUnits[],
): Promise<GpuFeatures> {
  let known = trusted.get(device);
  if (!known) trusted.set(device, (known = withoutBroken(device, matrixUnits)));
  return known;
}

async function withoutBroken(
  device: GPUDevice,
  matrixUnits: readonly MatrixUnits[] | undefined,
): Promise<GpuFeatures> {
  const all = gpuFeatures(device, matrixUnits);
  if (!all.f16) return withoutMatrixUnits(all);
  for (const features of all.subgroupMatrix ? [all, withoutMatrixUnits(all)] : [all]) {
    const checks = await checkKernels(device, features, 'float16');
    if (checks.every(({ correct }) => correct)) return features;
  }
  return { ...withoutMatrixUnits(all), f16: false };
}

async function examine(
  device: GPUDevice,
  make: () => GpuProgram,
  inputs: Readonly<Record<string, Float32Array>>,
  output: string,
  exact: Exact,
): Promise<KernelCheck> {
  let name = output;
  const results = { [output]: new Float32Array(exact.values.length) };
  const buffers = Object.fromEntries(
    Object.entries({ ...inputs, ...results }).map(([key, values]) => [key, uploadFloats(device, values)]),
  );
  try {
    const program = make();
    name = program.dispatches[0]!.label;
    await runProgram(device, program, buffers);
    const error = relativeError(await readFloats(device, buffers[output]!), exact);
    return { name, error, correct: error < tolerance };
  } catch (error) {
    return { name, error: Infinity, correct: false, failure: String(error) };
  } finally {
    Object.values(buffers).forEach((buffer) => buffer.destroy());
  }
}

function numbers(shape: readonly number[]): Float32Array {
  const { normal } = random(11, ...shape.map(String));
  const length = shape.reduce((size, side) => size * side, 1);
  return toHalf(Float32Array.from({ length }, normal));
}
