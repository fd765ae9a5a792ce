/**
 * Calibration of RepVGG-A0 on 32×32 images, operation by operation and compiled: time, and how far the ranges
 * differ.
 *
 *     node --conditions=oabn-source --import tsx lib/oabn/bench/calibrate.ts [--width 1] [--images 1024]
 */
import { parseArgs } from 'node:util';
import { tf, useBackend } from 'tfjs-native';
import { mergeNetwork } from '../src/merge/index.js';
import { initialize, repvgg } from '../src/model/index.js';
import { type ActivationRanges, calibrate } from '../src/quantize/index.js';

const { values: flags } = parseArgs({
  options: { width: { type: 'string', default: '1' }, images: { type: 'string', default: '1024' } },
});
await useBackend('wasm');
const arch = repvgg('A0', { width: Number(flags.width) });
const merged = mergeNetwork(arch, initialize(arch, 1));
const size = Number(flags.images);
const images = (await tf.randomNormal([size * 32 * 32 * 3], 0, 1, 'float32', 1).data()) as Float32Array;

async function timed(eager: boolean): Promise<ActivationRanges> {
  process.env.OABN_EAGER = eager ? '1' : '0';
  const [began, used] = [performance.now(), process.cpuUsage()];
  const ranges = await calibrate(arch, merged, [{ images, size }]);
  const { user, system } = process.cpuUsage(used);
  const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)} s`;
  console.log(
    `${eager ? 'eager' : 'compiled'}: ${seconds(performance.now() - began)}, CPU ${seconds((user + system) / 1000)}`,
  );
  return ranges;
}

const [compiled, eager] = [await timed(false), await timed(true)];
const differences = Object.entries(eager).map(([name, { max }]) => Math.abs(compiled[name]!.max / max - 1));
console.log(`largest relative difference of a range: ${Math.max(...differences).toExponential(1)}`);
