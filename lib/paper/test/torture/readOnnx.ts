/**
 * Reads changed ONNX files in a process of its own, for ONNX Runtime is native code and could end it:
 * `readOnnx.ts seed first count`. Prints a line before each file, then what became of it.
 */
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { random, UserError } from 'oabn-base';
import { mergeNetwork } from 'oabn/merge';
import { initialize, normalizeArchitecture } from 'oabn/model';
import { exportOnnx, type QuantizationScheme, quantizeNetwork } from 'oabn/quantize';
import { openOnnxModel } from 'tfjs-native/onnx';
import { mutateBytes } from '../../../base/test/mutate.js';

const [seed, first, count] = process.argv.slice(2).map(Number);
const arch = normalizeArchitecture({ widths: [3, 4], depths: [1, 2], strides: [1, 2], classes: 5 });
const merged = mergeNetwork(arch, initialize(arch, 1));
const activations = { 'stage1.0': { min: 0, max: 1 }, 'stage1.1': { min: 0, max: 2 } };
const schemes: readonly QuantizationScheme[] = [
  { bits: 8, weights: 'uniform' },
  { bits: 4, weights: 'uniform', granularity: 'perChannel' },
  { bits: 2, weights: 'cluster' },
];
const originals = [
  exportOnnx({ arch, stateDict: merged }),
  ...schemes.map((scheme) => {
    const { stateDict } = quantizeNetwork({ arch, merged, ranges: activations, scheme });
    return exportOnnx({ arch, stateDict, quantization: { scheme, activations } });
  }),
];
const path = join(await mkdtemp(join(tmpdir(), 'onnx-')), 'changed.onnx');

for (let number = first!; number < first! + count!; number++) {
  const stream = random(seed!, 'onnx', number);
  await writeFile(path, mutateBytes(originals[stream.integer(originals.length)]!, stream));
  console.log(`file ${number}`);
  try {
    const model = await openOnnxModel(path);
    try {
      await model.run(new Float32Array(2 * 3 * 8 * 8), [2, 3, 8, 8]);
    } finally {
      await model.release();
    }
    console.log('read');
  } catch (error) {
    console.log(error instanceof UserError ? 'refused' : `broken: ${(error as Error).stack}`);
  }
}
