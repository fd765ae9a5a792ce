import assert from 'node:assert/strict';
import type { Precision } from '../../../src/engines/index.js';
import {
  convFilterGradient,
  convForward,
  convInputGradient,
  type Geometry,
  matMul,
} from '../../../src/webgpu/conv/index.js';
import { exactConvolution, relativeError, toHalf } from '../../../src/webgpu/conv/reference.js';
import { chooseCut, fmaTiles, matrixTiles, threadsOf } from '../../../src/webgpu/conv/tile.js';
import type { GpuFeatures, GpuProgram } from '../../../src/webgpu/program.js';
import { runOnGpu } from '../../engines/webgpu/environment.js';

interface Line {
  readonly device?: string;
  readonly property?: string;
  readonly error?: string;
}

/** A card with all that kernels can use, and the least that WebGPU promises. */
const large: GpuFeatures = {
  ...{ f16: true, subgroups: true, maxWorkgroupStorage: 49152, maxInvocations: 1024 },
  subgroupMatrix: { m: 16, n: 16, k: 16, component: 'f16', result: 'f32', subgroupSize: 32 },
};
const least: GpuFeatures = { f16: false, subgroups: false, maxWorkgroupStorage: 16384, maxInvocations: 256 };

const geometry = (images: number, side: number, from: number, to: number, stride = 1): Geometry => ({
  input: [images, side, side, from],
  output: [images, Math.ceil(side / stride), Math.ceil(side / stride), to],
  ...{ kernel: [3, 3, from, to], strides: [stride, stride], dilations: [1, 1], pads: [1, 1, 1, 1] },
});

describe('GPU kernels of convolutions', function () {
  // Some twenty seconds of processor time where the GPU is emulated; those of a busy machine take many times
  // as long.
  this.timeout(1_200_000);
  let lines: Line[] = [];

  before(async function () {
    ({ lines } = await runOnGpu<Line>(this, new URL('convolutions.ts', import.meta.url)));
  });

  const expectProperty = (property: string): void => {
    const line = lines.find((candidate) => candidate.property === property);
    assert.ok(line, 'the process ended before this property');
    assert.equal(line.error, undefined);
  };
  const always = ['f32', 'f32 with one buffer'].flatMap((variant) =>
    ['convolution', 'pointwise convolution', 'matrix product'].map((what) => `${what}, ${variant}`),
  );
  for (const property of [...always, 'WGSL of a network', 'half precision that is not trusted'])
    it(property, () => expectProperty(property));

  it('and every other variant that the device has', () => {
    const others = lines.flatMap(({ property }) => property ?? []).filter((name) => !always.includes(name));
    console.log(`      ${others.join('; ')}`);
    others.forEach(expectProperty);
  });
});

describe('the cut of a product', () => {
  const storage = (): number => 10_000;
  const cutOf = (m: number, n: number, k: number) =>
    chooseCut({ m, n, k, groups: 1 }, fmaTiles, large, storage, 1);

  it('leaves no columns of a narrow result idle', () => {
    assert.equal(cutOf(131072, 48, 432).tile.n, 48);
    assert.ok(cutOf(131072, 10, 1280).tile.n <= 16);
    assert.equal(cutOf(131072, 48, 432).splits, 1);
  });

  it('splits a long sum with few results, and covers it once', () => {
    const { tile, splits, steps } = cutOf(432, 48, 131072);
    assert.ok(splits > 8, `${splits} splits`);
    assert.ok(splits * steps * tile.k >= 131072 && (splits - 1) * steps * tile.k < 131072);
  });

  it('stages as little as it can for matrix units, on as many multiprocessors as there are', () => {
    const units = large.subgroupMatrix!;
    const of = (m: number, n: number, k: number) =>
      chooseCut({ m, n, k, groups: 1 }, matrixTiles(units), large, storage, units.subgroupSize);
    const many = of(32768, 192, 1728);
    assert.deepEqual([many.tile.m, many.tile.n, many.splits], [128, 192, 1]);
    for (const [m, n, k] of [
      [8192, 192, 1728],
      [1728, 192, 32768],
    ] as const) {
      const { tile, splits } = of(m, n, k);
      assert.ok(Math.ceil(m / tile.m) * Math.ceil(n / tile.n) * splits >= 100, JSON.stringify(tile));
    }
  });

  it('fits the device', () => {
    for (const features of [large, least]) {
      for (const program of [
        convForward(geometry(128, 32, 48, 48), { x: 'x', kernel: 'w', y: 'y' }, features),
        convFilterGradient(geometry(128, 8, 192, 192), { x: 'x', dy: 'dy', dw: 'dw' }, features),
        matMul({ m: 1000, n: 1000, k: 1000 }, { a: 'a', b: 'b', c: 'c' }, features),
      ]) {
        for (const { wgsl, workgroups } of program.dispatches) {
          const size = Number(/@workgroup_size\((\d+)\)/.exec(wgsl)![1]);
          assert.ok(size <= features.maxInvocations && workgroups.every((count) => count <= 65535));
        }
      }
    }
    assert.ok(fmaTiles.every((tile) => threadsOf(tile) <= 256 && threadsOf(tile) % 32 === 0));
  });

  it('is refused when it fits no device', () => {
    const tile = { m: 1024, n: 1024, k: 16, each: [8, 8] as const };
    const ask = () => matMul({ m: 64, n: 64, k: 64 }, { a: 'a', b: 'b', c: 'c' }, least, { tile });
    assert.throws(ask, /^UserError: The tile .* does not fit a device with 256 invocations/);
    const odd = { m: 10, n: 16, k: 16, each: [5, 4] as const };
    const askOdd = () => matMul({ m: 64, n: 64, k: 64 }, { a: 'a', b: 'b', c: 'c' }, least, { tile: odd });
    assert.throws(askOdd, /^UserError: A tile has multiples of 4/);
  });
});

describe('programs of convolutions', () => {
  it('keep sums and operands in registers: no array but in buffers and workgroup memory', () => {
    const buffers = { dy: 'dy', kernel: 'w', dx: 'dx' };
    for (const options of [
      {},
      { precision: 'float16' },
      { precision: 'float16', matrixUnits: false },
    ] as const) {
      const { dispatches } = convInputGradient(geometry(64, 32, 48, 96, 2), buffers, large, options);
      const declared = dispatches[0]!.wgsl.split('\n').filter((line) => line.includes('array<'));
      assert.ok(declared.length >= 5, 'three buffers and two tiles');
      assert.ok(
        declared.every((line) => /^(@group|var<workgroup>)/.test(line)),
        declared.join('\n'),
      );
    }
  });

  it('write each result once and say what scratch they need', () => {
    const buffers = { x: 'x', dy: 'dy', dw: 'dw' };
    const program = convFilterGradient(geometry(128, 32, 48, 48), buffers, large, { splits: 7 });
    const [main, sum] = program.dispatches;
    const [scratch] = Object.keys(program.scratch);
    assert.deepEqual(main!.bindings, ['x', 'dy', scratch]);
    assert.deepEqual(sum!.bindings, [scratch, 'dw']);
    assert.equal(main!.workgroups[2], 7);
    assert.equal(program.scratch[scratch!], 4 * 7 * 9 * 48 * 48);
  });

  it('use matrix units of half precision for float16 alone', () => {
    const { subgroupMatrix, ...plain } = large;
    assert.ok(subgroupMatrix);
    const usesUnits = (program: GpuProgram): boolean =>
      program.dispatches.some(({ wgsl }) => wgsl.includes('subgroup_matrix'));
    const programs = (features: GpuFeatures, precision: Precision): GpuProgram[] => [
      convForward(geometry(8, 32, 48, 48), { x: 'x', kernel: 'w', y: 'y' }, features, { precision }),
      convInputGradient(geometry(8, 32, 48, 48), { dy: 'dy', kernel: 'w', dx: 'dx' }, features, {
        precision,
      }),
      convFilterGradient(geometry(8, 32, 48, 48), { x: 'x', dy: 'dy', dw: 'dw' }, features, { precision }),
      matMul({ m: 64, n: 64, k: 64 }, { a: 'a', b: 'b', c: 'c' }, features, { precision }),
    ];
    assert.ok(programs(large, 'float16').every(usesUnits));
    assert.deepEqual(programs(large, 'float32'), programs(plain, 'float32'));
    assert.ok(!programs(large, 'float32').some(usesUnits));
  });

  it('are refused for shapes that do not fit and for half precision without it', () => {
    const wrong = { ...geometry(1, 8, 4, 4), output: [1, 7, 8, 4] };
    const buffers = { x: 'x', kernel: 'w', y: 'y' };
    assert.throws(() => convForward(wrong, buffers, least), /^UserError: Shapes of a convolution do not fit/);
    const half = () => convForward(geometry(1, 8, 4, 4), buffers, least, { precision: 'float16' });
    assert.throws(half, /^UserError: float16 needs a GPU with the feature shader-f16/);
  });
});

describe('the float64 reference', () => {
  it('gives a convolution that one can check by head', () => {
    // 1 2 3 with the kernel 1 10, padding 1 before: 0·1+1·10, 1·1+2·10, 2·1+3·10.
    const row: Geometry = {
      ...{ input: [1, 1, 3, 1], output: [1, 1, 3, 1], kernel: [1, 2, 1, 1] },
      ...{ strides: [1, 1], dilations: [1, 1], pads: [0, 1, 0, 0] },
    };
    const [x, w, dy] = [
      [1, 2, 3],
      [1, 10],
      [1, 100, 10000],
    ].map((values) => new Float32Array(values));
    const { forward, inputGradient, filterGradient } = exactConvolution(row, x!, w!, dy!);
    assert.deepEqual([...forward.values], [10, 21, 32]);
    assert.deepEqual([...inputGradient.values], [110, 11000, 100000]);
    assert.deepEqual([...filterGradient.values], [20100, 30201]);
    assert.equal(relativeError([10, 21, 33], forward), 1 / 32);
    assert.equal(relativeError([10, NaN, 32], forward), Infinity);
  });

  it('rounds to half precision, ties to even', () => {
    const rounded = toHalf(
      new Float32Array([1, 1 + 2 ** -11, 1 + 3 * 2 ** -11, -65504, 65520, 2 ** -24, 2 ** -26, 0.1]),
    );
    assert.deepEqual([...rounded], [1, 1, 1 + 2 ** -9, -65504, Infinity, 2 ** -24, 0, 0.0999755859375]);
  });
});
