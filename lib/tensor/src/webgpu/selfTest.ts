/**
 * Our own kernels on this device: are they right, and how fast? A matrix product, and the convolution that
 * networks for small images spend most of their time in, with its two gradients; in float32, half precision
 * and with matrix units, where there are.
 */
import { random } from 'oabn-base';
import {
  convolutionTerms,
  productTerms,
  relativeError,
  type SelfTest,
  type Terms,
} from '../engines/index.js';
import {
  type ConvOptions,
  convFilterGradient,
  convForward,
  convInputGradient,
  type Geometry,
  matMul,
} from './conv/index.js';
import { toHalf } from './conv/reference.js';
import type { GpuFeatures, GpuProgram } from './program.js';
import { readFloats, uploadFloats } from './run.js';
import { timeProgram } from './time.js';

/** Relative to √Σ terms²: sums of float32 stay below 1e-5; the operands are exact in half precision. */
const tolerance = 1e-4;
const places = 24;
const budgetMs = 150;

/** A program, its work, and the terms of one element of its result. */
interface Subject {
  readonly name: string;
  readonly gflop: number;
  readonly output: string;
  readonly program: (features: GpuFeatures, options: ConvOptions) => GpuProgram;
  readonly terms: Terms;
}

/** A way in which the kernels can be built on this device. */
export interface Way {
  readonly name: string;
  readonly features: GpuFeatures;
  readonly options: ConvOptions;
}

/** The ways to compute that a device has. */
export function waysOf(features: GpuFeatures): Way[] {
  const { subgroupMatrix, ...plain } = features;
  const half = { precision: 'float16' } as const;
  return [
    { name: 'f32', features: plain, options: {} },
    ...(features.f16 ? [{ name: 'f16', features: plain, options: half }] : []),
    ...(subgroupMatrix ? [{ name: 'f16 on matrix units', features, options: half }] : []),
  ];
}

/**
 * Takes a few seconds.
 * @param emulated true for small shapes and tiles, which a processor compiles and computes in time
 * @throws UserError when the device does not take a kernel
 */
export async function kernelSelfTest(
  device: GPUDevice,
  features: GpuFeatures,
  emulated = false,
): Promise<SelfTest[]> {
  const tests: SelfTest[] = [];
  for (const { subjects, inputs, sizes } of [
    product(emulated ? 48 : 2048),
    convolution(emulated ? 1 : 128),
  ]) {
    const empty = Object.entries(sizes).map(([name, size]) => [name, new Float32Array(size)] as const);
    const buffers = Object.fromEntries(
      [...Object.entries(inputs), ...empty].map(([name, values]) => [name, uploadFloats(device, values)]),
    );
    try {
      for (const way of waysOf(features).map((w) => (emulated ? withSmallTiles(w) : w))) {
        for (const subject of subjects) tests.push(await examine(device, subject, way, buffers));
      }
    } finally {
      Object.values(buffers).forEach((buffer) => buffer.destroy());
    }
  }
  return tests;
}

function withSmallTiles(way: Way): Way {
  const { m, n, k } = way.features.subgroupMatrix ?? { m: 4, n: 4, k: 4 };
  return { ...way, options: { ...way.options, tile: { m: 2 * m, n: 2 * n, k, each: [m, n] } } };
}

async function examine(
  device: GPUDevice,
  { name, gflop, output, program, terms }: Subject,
  way: Way,
  buffers: Readonly<Record<string, GPUBuffer>>,
): Promise<SelfTest> {
  const { seconds } = await timeProgram(device, program(way.features, way.options), buffers, { budgetMs });
  const values = await readFloats(device, buffers[output]!);
  // A result that is not a number fails: NaN is not below the tolerance.
  const error = relativeError(values, terms, { name, places });
  return { name: `${name}, ${way.name}`, error, correct: error < tolerance, gflops: gflop / seconds };
}

interface Subjects {
  readonly subjects: readonly Subject[];
  readonly inputs: Readonly<Record<string, Float32Array>>;
  /** Numbers in each result. */
  readonly sizes: Readonly<Record<string, number>>;
}

/** Numbers that are exact in half precision. */
function numbers(size: number, name: string): Float32Array {
  const { normal } = random(7, name);
  return toHalf(Float32Array.from({ length: size }, normal));
}

function product(n: number): Subjects {
  const [a, b] = [numbers(n * n, 'a'), numbers(n * n, 'b')];
  const subject: Subject = {
    ...{ name: `own matrix product ${n}×${n}×${n}`, gflop: (2 * n ** 3) / 1e9, output: 'c' },
    program: (features, options) => matMul({ m: n, n, k: n }, { a: 'a', b: 'b', c: 'c' }, features, options),
    terms: productTerms(a, b, n),
  };
  return { subjects: [subject], inputs: { a, b }, sizes: { c: n * n } };
}

/** 3×3, padding 1, on 8×8 pixels of 192 channels, as deep in a network for 32×32 images. */
function convolution(images: number): Subjects {
  const [side, channels] = images > 1 ? [8, 192] : [8, 24];
  const pixels = images * side * side;
  const [x, w, dy] = [
    numbers(pixels * channels, 'x'),
    numbers(9 * channels ** 2, 'w'),
    numbers(pixels * channels, 'dy'),
  ];
  const shape = [images, side, side, channels];
  const geometry: Geometry = {
    ...{ input: shape, output: shape, kernel: [3, 3, channels, channels] },
    ...{ strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1] },
  };
  const { forward, toInput, toFilter } = convolutionTerms({ side, channels, x, w, dy });
  const gflop = (2 * pixels * 9 * channels ** 2) / 1e9;
  const size = `3×3, ${channels}→${channels}, ${images}×${side}×${side}`;
  const subjects: Subject[] = [
    {
      ...{ name: `own convolution ${size}`, gflop, output: 'y' },
      program: (features, options) =>
        convForward(geometry, { x: 'x', kernel: 'w', y: 'y' }, features, options),
      terms: forward,
    },
    {
      ...{ name: 'its input gradient', gflop, output: 'dx' },
      program: (features, options) =>
        convInputGradient(geometry, { dy: 'dy', kernel: 'w', dx: 'dx' }, features, options),
      terms: toInput,
    },
    {
      ...{ name: 'its filter gradient', gflop, output: 'dw' },
      program: (features, options) =>
        convFilterGradient(geometry, { x: 'x', dy: 'dy', dw: 'dw' }, features, options),
      terms: toFilter,
    },
  ];
  return { subjects, inputs: { x, w, dy }, sizes: { y: x.length, dx: x.length, dw: w.length } };
}
