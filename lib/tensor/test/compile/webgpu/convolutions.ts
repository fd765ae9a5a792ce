/**
 * Run as a process of its own by conv.test.ts, because a GPU driver may end it: holds the kernels against
 * float64 on random convolutions and matrix products, in each precision and with each kind of unit that the
 * device has, and prints one line of JSON for each property.
 */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import '../../../../base/test/propertySeed.js';
import { random } from 'oabn-base';
import { useBackend, webgpuDevice } from '../../../src/engines/index.js';
import { dawnOptions } from '../../../src/engines/webgpu/adapter.js';
import {
  type ConvOptions,
  convFilterGradient,
  convForward,
  convInputGradient,
  type Geometry,
  matMul,
  type Tile,
} from '../../../src/webgpu/conv/index.js';
import { exactConvolution, type Exact, relativeError, toHalf } from '../../../src/webgpu/conv/reference.js';
import { featuresFor } from '../../../src/webgpu/device.js';
import { gpuFeatures } from '../../../src/webgpu/features.js';
import type { GpuFeatures, GpuProgram, SubgroupMatrix } from '../../../src/webgpu/program.js';
import { prepareProgram, readFloats, runPrepared, uploadFloats } from '../../../src/webgpu/run.js';

const { device: name } = await useBackend('webgpu');
const device = webgpuDevice()!;
const features = gpuFeatures(device);
console.log(JSON.stringify({ device: name, features }));

/** Rounding of float32 sums of some thousand terms stays far below; a missing or doubled term does not. */
const tolerance = 3e-6;

interface Variant {
  readonly name: string;
  readonly features: GpuFeatures;
  readonly options: ConvOptions;
  readonly tiles: readonly Tile[];
}

const tile = (m: number, n: number, k: number, rows: number, columns: number): Tile => ({
  ...{ m, n, k },
  each: [rows, columns],
});
/** Small ones, so that small shapes have several blocks, and such that no number of threads divides. */
const fmaTiles = [
  ...[tile(16, 16, 4, 4, 4), tile(32, 12, 8, 4, 4), tile(16, 24, 4, 4, 8)],
  ...[tile(8, 24, 12, 4, 4), tile(64, 8, 4, 8, 4), tile(32, 32, 8, 4, 4)],
];
const { subgroupMatrix: units, ...plain } = features;
const variants: Variant[] = [
  { name: 'f32', features: plain, options: {}, tiles: fmaTiles },
  {
    name: 'f32 with one buffer',
    features: { ...plain, maxWorkgroupStorage: 5000 },
    options: {},
    tiles: fmaTiles.slice(1, 3),
  },
];
if (features.f16) {
  const options = { precision: 'float16', matrixUnits: false } as const;
  variants.push({ name: 'f16', features: plain, options, tiles: fmaTiles });
}
if (units) {
  const { m, n, k } = units;
  const tiles = [
    tile(2 * m, 2 * n, k, m, n),
    tile(4 * m, 2 * n, 2 * k, 2 * m, n),
    tile(2 * m, 4 * n, 2 * k, 2 * m, 2 * n),
  ];
  const options = { precision: 'float16' } as const;
  variants.push({ name: 'matrix units', features, options, tiles });
}

/** Numbers that are exact in half precision, so that all precisions have the same exact result. */
function numbers(size: number, seed: number, path: string): Float32Array {
  const { normal } = random(seed, path);
  return toHalf(Float32Array.from({ length: size }, normal));
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((size, length) => size * length, 1);

/**
 * Runs a program that reads `inputs` and writes `output`; twice, and holds the bits of the two against each
 * other.
 */
async function run(
  program: GpuProgram,
  inputs: Readonly<Record<string, Float32Array>>,
  output: string,
  size: number,
): Promise<Float32Array> {
  const buffers = Object.fromEntries(
    Object.entries({ ...inputs, [output]: new Float32Array(size).fill(NaN) }).map(([key, values]) => [
      key,
      uploadFloats(device, values),
    ]),
  );
  const prepared = await prepareProgram(device, program);
  const once = async (): Promise<Float32Array> => {
    await runPrepared(device, prepared, buffers);
    return readFloats(device, buffers[output]!);
  };
  const [first, second] = [await once(), await once()];
  prepared.dispose();
  Object.values(buffers).forEach((buffer) => buffer.destroy());
  const same = Buffer.compare(Buffer.from(first.buffer), Buffer.from(second.buffer)) === 0;
  if (!same) throw new Error('two runs gave different bits');
  return first;
}

function expectClose(what: string, program: GpuProgram, values: Float32Array, exact: Exact): void {
  const error = relativeError(values, exact);
  if (!(error < tolerance)) {
    throw new Error(
      `${what} is off by ${error} of its terms: ${program.dispatches.map(({ label }) => label).join('; ')}`,
    );
  }
}

const channels = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(4, 8, 12, 16, 24, 32, 40));
const pad = fc.integer({ min: 0, max: 3 });
const axis = fc.record({
  taps: fc.constantFrom(1, 3, 5),
  stride: fc.constantFrom(1, 1, 2, 3),
  dilation: fc.constantFrom(1, 1, 2),
  before: pad,
  after: pad,
  size: fc.integer({ min: 1, max: 11 }),
});

/** A convolution with room for at least one output pixel. */
const geometries = fc
  .record({ images: fc.integer({ min: 1, max: 3 }), rows: axis, columns: axis, from: channels, to: channels })
  .map(({ images, rows, columns, from, to }): Geometry => {
    const reach = ({ taps, dilation }: typeof rows): number => (taps - 1) * dilation + 1;
    const sized = (a: typeof rows): number => Math.max(a.size, reach(a) - a.before - a.after, 1);
    const out = (a: typeof rows): number =>
      Math.floor((sized(a) + a.before + a.after - reach(a)) / a.stride) + 1;
    return {
      input: [images, sized(rows), sized(columns), from],
      output: [images, out(rows), out(columns), to],
      kernel: [rows.taps, columns.taps, from, to],
      strides: [rows.stride, columns.stride],
      dilations: [rows.dilation, columns.dilation],
      pads: [rows.before, columns.before, rows.after, columns.after],
    };
  });
const pointwise = fc
  .record({
    images: fc.integer({ min: 1, max: 3 }),
    side: fc.integer({ min: 1, max: 9 }),
    from: channels,
    to: channels,
  })
  .map(({ images, side, from, to }): Geometry => ({
    ...{ input: [images, side, side, from], output: [images, side, side, to], kernel: [1, 1, from, to] },
    ...{ strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] },
  }));

const choices = (tiles: readonly Tile[]) =>
  fc.record(
    { tile: fc.constantFrom(...tiles), splits: fc.integer({ min: 1, max: 5 }) },
    { requiredKeys: ['tile'] },
  );

async function checkConvolution(
  { features: has, options }: Variant,
  geometry: Geometry,
  cut: ConvOptions,
  seed: number,
  epilogue: { readonly bias: boolean; readonly relu: boolean },
): Promise<void> {
  const { input, output, kernel } = geometry;
  const [x, w, dy] = [
    numbers(sizeOf(input), seed, 'x'),
    numbers(sizeOf(kernel), seed, 'w'),
    numbers(sizeOf(output), seed, 'dy'),
  ];
  const bias = numbers(output[3]!, seed, 'bias');
  const exact = exactConvolution(geometry, x, w, dy);
  const all = { ...options, ...cut };
  const names = { x: 'x', kernel: 'w', y: 'y', ...(epilogue.bias ? { bias: 'bias' } : {}) };
  const forward = convForward(geometry, names, has, { ...all, relu: epilogue.relu });
  const finished = {
    values: exact.forward.values.map((sum, i) => {
      const value = sum + (epilogue.bias ? bias[i % bias.length]! : 0);
      return epilogue.relu ? Math.max(0, value) : value;
    }),
    magnitudes: exact.forward.magnitudes.map((sum, i) => sum + Math.abs(bias[i % bias.length]!)),
  };
  expectClose('forward', forward, await run(forward, { x, w, bias }, 'y', sizeOf(output)), finished);
  const toInput = convInputGradient(geometry, { dy: 'dy', kernel: 'w', dx: 'dx' }, has, all);
  const dx = await run(toInput, { dy, w }, 'dx', sizeOf(input));
  expectClose('input gradient', toInput, dx, exact.inputGradient);
  const toFilter = convFilterGradient(geometry, { x: 'x', dy: 'dy', dw: 'dw' }, has, all);
  const dw = await run(toFilter, { x, dy }, 'dw', sizeOf(kernel));
  expectClose('filter gradient', toFilter, dw, exact.filterGradient);
}

async function checkProduct(
  { features: has, options }: Variant,
  shape: { m: number; n: number; k: number; batch: number; transposeA: boolean; transposeB: boolean },
  cut: ConvOptions,
  seed: number,
): Promise<void> {
  const { m, n, k, batch, transposeA, transposeB } = shape;
  const [a, b] = [numbers(batch * m * k, seed, 'a'), numbers(batch * k * n, seed, 'b')];
  const exact = { values: new Float64Array(batch * m * n), magnitudes: new Float64Array(batch * m * n) };
  for (let g = 0; g < batch; g++) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        for (let t = 0; t < k; t++) {
          const left = a[g * m * k + (transposeA ? t * m + i : i * k + t)]!;
          const right = b[g * k * n + (transposeB ? j * k + t : t * n + j)]!;
          exact.values[(g * m + i) * n + j]! += left * right;
          exact.magnitudes[(g * m + i) * n + j]! += Math.abs(left * right);
        }
      }
    }
  }
  const program = matMul(shape, { a: 'a', b: 'b', c: 'c' }, has, { ...options, ...cut });
  expectClose('product', program, await run(program, { a, b }, 'c', batch * m * n), exact);
}

/**
 * Cases of each property; compiling for an emulated GPU takes seconds. With OABN_KERNEL_RUNS they are other
 * ones every time.
 */
const runs = Number(process.env.OABN_KERNEL_RUNS ?? 2);

/** A part of a property's name, to try that one alone. */
const filter = process.argv[2] ?? '';

async function report(property: string, work: () => Promise<void>): Promise<void> {
  if (!property.includes(filter)) return;
  const [began, before] = [performance.now(), process.cpuUsage()];
  let error: string | undefined;
  try {
    await work();
  } catch (thrown) {
    const { message, cause } = thrown as Error;
    error = `${message}\n${cause instanceof Error ? cause.message : ''}`;
  }
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - began) / 1000;
  console.log(
    JSON.stringify({
      property,
      seconds,
      cpu: (user + system) / 1e6,
      ...(error === undefined ? {} : { error }),
    }),
  );
}

let nullInstance: GPU | undefined;

/** A device with every feature that computes nothing. */
async function nullDevice(): Promise<GPUDevice> {
  const { create } = await import('webgpu');
  // Dawn's instance must outlive its devices.
  nullInstance ??= create(['backend=null', ...dawnOptions]);
  const adapter = await nullInstance.requestAdapter();
  const required = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'] as GPUFeatureName[];
  return adapter!.requestDevice({ requiredFeatures: required });
}

/**
 * The convolutions of a network for small images: rows and columns of the input, channels in and out, stride.
 */
const layers = [
  [32, 3, 48, 1],
  [32, 48, 48, 1],
  [32, 48, 96, 2],
  [16, 96, 96, 1],
  [16, 96, 192, 2],
  [8, 192, 192, 1],
  [8, 192, 1280, 2],
] as const;

/**
 * The WGSL of every convolution of a network, with the tiles that the rule chooses on a large card, in all
 * precisions and with matrix units. Dawn's null backend has every feature and checks WGSL as the others do,
 * but runs nothing.
 */
async function checkWgsl(): Promise<void> {
  const nothing = await nullDevice();
  const large: GpuFeatures = {
    ...{ f16: true, subgroups: true, maxWorkgroupStorage: 49152, maxInvocations: 1024 },
    subgroupMatrix: { m: 16, n: 16, k: 16, component: 'f16', result: 'f32', subgroupSize: 32 },
  };
  for (const [side, inChannels, outChannels, stride] of layers) {
    const out = Math.ceil(side / stride);
    for (const taps of [3, 1]) {
      const pad = (taps - 1) / 2;
      const geometry: Geometry = {
        ...{ input: [128, side, side, inChannels], output: [128, out, out, outChannels] },
        kernel: [taps, taps, inChannels, outChannels],
        ...{ strides: [stride, stride], dilations: [1, 1], pads: [pad, pad, pad, pad] },
      };
      for (const options of [
        {},
        { precision: 'float16' },
        { precision: 'float16', matrixUnits: false },
      ] as const) {
        const names = { x: 'x', kernel: 'w', y: 'y', bias: 'bias' };
        for (const { dispatches } of [
          convForward(geometry, names, large, { ...options, relu: true }),
          convInputGradient(geometry, { dy: 'dy', kernel: 'w', dx: 'dx' }, large, options),
          convFilterGradient(geometry, { x: 'x', dy: 'dy', dw: 'dw' }, large, options),
        ]) {
          for (const { label, wgsl } of dispatches) {
            const { messages } = await nothing.createShaderModule({ code: wgsl }).getCompilationInfo();
            if (messages.length > 0)
              throw new Error(`${label}: ${messages[0]!.message} at ${messages[0]!.lineNum}`);
          }
        }
      }
    }
  }
}
await report('WGSL of a network', checkWgsl);

/**
 * The null device's results are not those of a convolution: steps do without its half precision and its matrix
 * units, whatever it offers.
 */
async function checkTrust(): Promise<void> {
  const nothing = await nullDevice();
  const offered: SubgroupMatrix[] = [
    { m: 16, n: 16, k: 16, component: 'f16', result: 'f32', subgroupSize: 32 },
  ];
  assert.deepEqual(gpuFeatures(nothing, offered).subgroupMatrix, offered[0]);
  const used = await featuresFor(nothing, 'float16', offered);
  assert.ok(!used.f16 && !used.subgroupMatrix, 'float16 has units that compute wrongly');
  const exact = await featuresFor(nothing, 'float32', offered);
  assert.ok(exact.f16 && !exact.subgroupMatrix, 'float32 has units');
}
await report('half precision that is not trusted', checkTrust);

const seeds = fc.integer({ min: 0, max: 1e6 });
const asked = process.env.OABN_KERNEL_RUNS !== undefined;
const settings = { numRuns: runs, endOnFailure: true, ...(asked ? {} : { seed: 20 }) };
const size = fc.integer({ min: 1, max: 70 });
for (const variant of variants) {
  const cuts = choices(variant.tiles);
  const epilogues = fc.record({ bias: fc.boolean(), relu: fc.boolean() });
  const few = { ...settings, numRuns: Math.ceil(runs / 2) };
  // What is special about one buffer is the loop, which all shapes share.
  const usual = variant.name.includes('one buffer') ? few : settings;
  await report(`convolution, ${variant.name}`, () =>
    fc.assert(
      fc.asyncProperty(geometries, cuts, seeds, epilogues, (geometry, cut, seed, epilogue) =>
        checkConvolution(variant, geometry, cut, seed, epilogue),
      ),
      usual,
    ),
  );
  await report(`pointwise convolution, ${variant.name}`, () =>
    fc.assert(
      fc.asyncProperty(pointwise, cuts, seeds, epilogues, (geometry, cut, seed, epilogue) =>
        checkConvolution(variant, geometry, cut, seed, epilogue),
      ),
      few,
    ),
  );
  const shapes = fc.record({
    ...{ m: size, n: size, k: size, batch: fc.integer({ min: 1, max: 3 }) },
    ...{ transposeA: fc.boolean(), transposeB: fc.boolean() },
  });
  await report(`matrix product, ${variant.name}`, () =>
    fc.assert(
      fc.asyncProperty(shapes, cuts, seeds, (shape, cut, seed) => checkProduct(variant, shape, cut, seed)),
      usual,
    ),
  );
}
process.exit(0);
