import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { random } from 'oabn-base';
import { openOnnxModel } from 'tfjs-native/onnx';
import { mergeNetwork } from '../../src/merge/index.js';
import { quantizedBlocks } from '../../src/model/index.js';
import {
  ncnnTable,
  type QuantizationScheme,
  quantizeNetwork,
  saveOnnx,
  tensorRtCache,
} from '../../src/quantize/index.js';
import { assertClose, goldenNetwork } from '../golden/index.js';
import { inFolder } from '../data/helpers.js';

async function calibrated(scheme: QuantizationScheme = { bits: 8, weights: 'uniform' }) {
  const { arch, stateDict } = await goldenNetwork();
  const ranges = Object.fromEntries(
    quantizedBlocks(arch).map(({ name }, i) => [name, { min: 0, max: 1 + i }]),
  );
  return quantizeNetwork(arch, mergeNetwork(arch, stateDict), ranges, scheme);
}

describe('quantize/export for other engines', () => {
  it('writes TensorRT’s cache: a scale for each tensor that enters a quantized block, in hexadecimal', async () => {
    const lines = tensorRtCache(await calibrated())
      .trimEnd()
      .split('\n');
    assert.deepEqual(lines.slice(0, 3), [
      'TRT-8601-MinMaxCalibration',
      // 1/127 = 0x3c010204, 2/127 = 0x3c810204 as 32-bit floats.
      'stage0.output: 3c010204',
      'stage1.0.output: 3c810204',
    ]);
    assert.equal(lines.length, 1 + 6);
  });

  it('writes ncnn’s table: scales of weights by channel, then of inputs', async () => {
    const network = await calibrated();
    const lines = ncnnTable(network).trimEnd().split('\n');
    assert.equal(lines.length, 12);
    assert.match(lines[0]!, /^conv_1_param_0( [\d.e-]+){4}$/);
    assert.equal(lines[6], 'conv_1 127');
    assert.equal(lines[7], 'conv_2 63.5');
    const kernel = network.stateDict['stage1.0.rbr_reparam.weight']!.data.subarray(0, 4 * 9);
    const most = kernel.reduce((a, w) => Math.max(a, Math.abs(w)), 0);
    assert.ok(Math.abs(Number(lines[0]!.split(' ')[1]) - 127 / most) < 1e-3);
  });

  it('ONNX Runtime in Python gives the logits that it gives in Node, for levels of 8 and 4 bits and for codebooks', async function () {
    const python = process.env.OABN_ONNXRUNTIME_PYTHON ?? 'python3';
    try {
      execFileSync(python, ['-c', 'import onnxruntime, numpy'], { stdio: 'ignore' });
    } catch {
      this.skip();
    }
    this.timeout(120_000);
    const schemes: QuantizationScheme[] = [
      { bits: 8, weights: 'uniform' },
      { bits: 4, weights: 'uniform', granularity: 'perChannel' },
      { bits: 3, weights: 'kmeans' },
    ];
    for (const scheme of schemes) {
      const network = await calibrated(scheme);
      await inFolder(async (folder) => {
        const [path, input] = [join(folder, 'network.onnx'), join(folder, 'input.bin')];
        await saveOnnx(path, { ...network, quantization: network });
        const images = Float32Array.from({ length: 2 * 3 * 16 * 16 }, (_, i) => random(1, i).normal());
        await writeFile(input, images);
        const model = await openOnnxModel(path);
        const ours = await model.run(images, [2, 3, 16, 16]);
        await model.release();
        const code =
          'import sys,json,numpy as np,onnxruntime as o; s=o.InferenceSession(sys.argv[1],providers=["CPUExecutionProvider"]); ' +
          'x=np.fromfile(sys.argv[2],dtype=np.float32).reshape(2,3,16,16); print(json.dumps(s.run(None,{"images":x})[0].ravel().tolist()))';
        const theirs = JSON.parse(
          execFileSync(python, ['-c', code, path, input], { encoding: 'utf8' }),
        ) as number[];
        assertClose(ours, theirs, 1e-5, JSON.stringify(scheme));
      });
    }
  });
});
