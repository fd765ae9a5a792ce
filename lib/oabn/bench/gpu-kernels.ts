/**
 * The GPU kernels of a training step, in TFLOP/s: forward, input gradient and filter gradient of every
 * convolution of RepVGG-A0 on 32×32 images, in float32, in half precision and with matrix units, where the
 * device has them. A figure is the median of the samples, by the device's clock where it has one.
 *
 *     node --conditions=oabn-source --import tsx lib/oabn/bench/gpu-kernels.ts [--batch 128,512] [--width 1] [--ways f32,f16,matrix] [--layers 8×8]
 *                                            [--kernels forward,input,filter] [--sweep] [--samples 9] [--out FILE]
 *
 * --layers takes those whose name contains the text, --sweep tries every tile and shows the best beside the
 * one that the rule chooses, --out writes all figures as JSON. On an emulated GPU (OABN_WEBGPU_SOFTWARE=1)
 * the figures say nothing about a real one.
 */
import { parseArgs } from 'node:util';
import { currentBackend, useBackend } from 'tfjs-native';
import * as gpu from 'tfjs-native/webgpu';
import { check, errorMessage, random, UserError, writeFileAtomic } from 'oabn-base';
import { blocksOf, repvgg } from '../src/model/index.js';

const { values: flags } = parseArgs({
  options: {
    batch: { type: 'string', default: '128,512' },
    width: { type: 'string', default: '1' },
    ways: { type: 'string', default: 'f32,f16,matrix' },
    layers: { type: 'string', default: '' },
    kernels: { type: 'string', default: 'forward,input,filter' },
    sweep: { type: 'boolean', default: false },
    samples: { type: 'string', default: '9' },
    out: { type: 'string' },
  },
});

interface Layer {
  readonly name: string;
  /** How often the network has it. */
  readonly count: number;
  readonly geometry: gpu.Geometry;
  /** Floating-point operations of each of its kernels; taps in the padding count. */
  readonly flop: number;
}

/** The convolutions of RepVGG-A0's three-branch blocks, equal ones once. */
function layersOf(batch: number, width: number): Layer[] {
  const layers = new Map<string, Layer>();
  let side = 32;
  for (const { inChannels, outChannels, stride, branches } of blocksOf(repvgg('A0', { width }))) {
    const out = Math.ceil(side / stride);
    for (const taps of [3, 1].filter((size) => branches.includes(size === 3 ? '3x3' : '1x1'))) {
      const pad = (taps - 1) / 2;
      const name = `${taps}×${taps}${stride > 1 ? `/${stride}` : ''} ${side}×${side} ${inChannels}→${outChannels}`;
      const geometry: gpu.Geometry = {
        ...{ input: [batch, side, side, inChannels], output: [batch, out, out, outChannels] },
        kernel: [taps, taps, inChannels, outChannels],
        ...{ strides: [stride, stride], dilations: [1, 1], pads: [pad, pad, pad, pad] },
      };
      const flop = 2 * batch * out * out * taps * taps * inChannels * outChannels;
      layers.set(name, { name, geometry, flop, count: (layers.get(name)?.count ?? 0) + 1 });
    }
    side = out;
  }
  return [...layers.values()];
}

type KernelName = 'forward' | 'input' | 'filter';

const programOf: Record<
  KernelName,
  (geometry: gpu.Geometry, features: gpu.GpuFeatures, options: gpu.ConvOptions) => gpu.GpuProgram
> = {
  forward: (geometry, ...rest) => gpu.convForward(geometry, { x: 'x', kernel: 'w', y: 'y' }, ...rest),
  input: (geometry, ...rest) => gpu.convInputGradient(geometry, { dy: 'y', kernel: 'w', dx: 'x' }, ...rest),
  filter: (geometry, ...rest) => gpu.convFilterGradient(geometry, { x: 'x', dy: 'y', dw: 'w' }, ...rest),
};

interface Figure {
  readonly batch: number;
  readonly layer: string;
  readonly count: number;
  readonly way: string;
  readonly kernel: KernelName;
  /** What ran, with its tile. */
  readonly program: string;
  readonly microseconds: number;
  readonly tflops: number;
  readonly samples: number;
  readonly clock: string;
  /** All tiles of the sweep that fit, the best first. */
  readonly tried?: readonly Tried[];
}

interface Tried {
  readonly tile: gpu.Tile;
  readonly program: string;
  readonly tflops: number;
}

const samples = Number(flags.samples);
check(Number.isInteger(samples) && samples > 0, `--samples must be a whole number > 0, got ${flags.samples}`);
const kernelNames = flags.kernels.split(',') as KernelName[];
kernelNames.forEach((name) =>
  check(name in programOf, `--kernels must be of ${Object.keys(programOf).join(', ')}, got ${name}`),
);

await useBackend('webgpu');
const device = gpu.webgpuDevice()!;
const { device: adapter, software } = currentBackend()!;
const features = await gpu.trustedFeatures(device);
const short: Record<string, string> = { f32: 'f32', f16: 'f16', 'f16 on matrix units': 'matrix' };
const ways = gpu.waysOf(features).filter(({ name }) => flags.ways.split(',').includes(short[name]!));
const notice = software ? ' – emulated on the processor: the figures say nothing about a real GPU' : '';
console.log(`${adapter}${notice}\n${JSON.stringify(features)}`);

/**
 * A buffer for each tensor of the layer. The input gradient overwrites x and the filter gradient w with its
 * like.
 */
function buffersOf({ geometry }: Layer): Record<string, GPUBuffer> {
  const { normal } = random(3, 'bench');
  // Enough numbers that a cache cannot know them, few enough that making them takes no time.
  const noise = Float32Array.from({ length: 65536 }, normal);
  const fill = (shape: readonly number[]): GPUBuffer => {
    const size = shape.reduce((product, length) => product * length, 1);
    return gpu.uploadFloats(
      device,
      Float32Array.from({ length: size }, (_, i) => noise[i % 65536]!),
    );
  };
  return { x: fill(geometry.input), w: fill(geometry.kernel), y: fill(geometry.output) };
}

async function measure(
  program: gpu.GpuProgram,
  buffers: Record<string, GPUBuffer>,
  flop: number,
): Promise<gpu.Timing & { tflops: number }> {
  const timing = await gpu.timeProgram(device, program, buffers, { samples });
  return { ...timing, tflops: flop / timing.seconds / 1e12 };
}

const labelOf = ({ dispatches }: gpu.GpuProgram): string => dispatches[0]!.label.split(', ').at(-1)!;

const figures: Figure[] = [];
for (const batch of flags.batch.split(',').map(Number)) {
  check(Number.isInteger(batch) && batch > 0, `--batch must be whole numbers > 0, got ${flags.batch}`);
  const layers = layersOf(batch, Number(flags.width)).filter(({ name }) => name.includes(flags.layers));
  check(layers.length > 0, `No layer's name contains «${flags.layers}»`);
  for (const layer of layers) {
    const buffers = buffersOf(layer);
    for (const way of ways) {
      for (const kernel of kernelNames) {
        const make = (options: gpu.ConvOptions): gpu.GpuProgram =>
          programOf[kernel](layer.geometry, way.features, { ...way.options, ...options });
        const program = make({});
        const { seconds, tflops, samples: taken, clock } = await measure(program, buffers, layer.flop);
        const tried = flags.sweep ? await sweep(make, buffers, layer.flop, way.features) : undefined;
        const figure: Figure = {
          ...{ batch, layer: layer.name, count: layer.count, way: short[way.name]!, kernel },
          ...{ program: labelOf(program), microseconds: seconds * 1e6, tflops, samples: taken, clock },
          ...(tried ? { tried } : {}),
        };
        figures.push(figure);
        console.log(line(figure));
      }
    }
    Object.values(buffers).forEach((buffer) => buffer.destroy());
  }
}

async function sweep(
  make: (options: gpu.ConvOptions) => gpu.GpuProgram,
  buffers: Record<string, GPUBuffer>,
  flop: number,
  has: gpu.GpuFeatures,
): Promise<Tried[]> {
  const tried: Tried[] = [];
  for (const tile of has.subgroupMatrix ? gpu.matrixTiles(has.subgroupMatrix) : gpu.fmaTiles) {
    try {
      const program = make({ tile });
      const { tflops } = await measure(program, buffers, flop);
      tried.push({ tile, program: labelOf(program), tflops });
    } catch (error) {
      // A tile that does not fit this device is no candidate.
      if (!(error instanceof UserError)) throw error;
      console.warn(errorMessage(error));
    }
  }
  return tried.sort((a, b) => b.tflops - a.tflops);
}

function line({ batch, layer, way, kernel, program, microseconds, tflops, tried }: Figure): string {
  const best = tried?.[0];
  const found = best ? `   best ${best.tflops.toFixed(2)} with ${best.program}` : '';
  const what = `${String(batch).padStart(4)} ${layer.padEnd(24)} ${way.padEnd(7)}${kernel.padEnd(8)}`;
  return `${what}${microseconds.toFixed(1).padStart(11)} µs ${tflops.toFixed(2).padStart(8)} TFLOP/s  ${program}${found}`;
}

/** All convolutions of one training step. */
for (const batch of new Set(figures.map((figure) => figure.batch))) {
  for (const { name } of ways) {
    const all = figures.filter((figure) => figure.batch === batch && figure.way === short[name]);
    const seconds = all.reduce((sum, { count, microseconds }) => sum + (count * microseconds) / 1e6, 0);
    const work = all.reduce((sum, { count, microseconds, tflops }) => sum + count * microseconds * tflops, 0);
    const rate = work / (seconds * 1e6);
    console.log(
      `all of batch ${batch}, ${name}: ${(seconds * 1000).toFixed(2)} ms, ${rate.toFixed(2)} TFLOP/s${notice}`,
    );
  }
}
if (flags.out !== undefined) {
  const report = { adapter, emulated: software, features, width: Number(flags.width), figures };
  await writeFileAtomic(flags.out, `${JSON.stringify(report, null, 2)}\n`);
}
process.exit(0);
