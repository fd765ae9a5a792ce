import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { useBackend } from 'tfjs-native';
import { madeDataset, takeCalibration } from '../../src/data/index.js';
import { mergeNetwork } from '../../src/merge/index.js';
import { initialize, normalizeArchitecture, saveNetwork } from '../../src/model/index.js';
import { calibrate, quantizeNetwork, saveQuantizedNetwork } from '../../src/quantize/index.js';
import { inFolder } from '../data/helpers.js';
import { oabn } from './run.js';

const arch = normalizeArchitecture({
  widths: [8, 16, 24],
  depths: [1, 2, 1],
  strides: [2, 1, 2],
  classes: 10,
  block: 'qarepvgg',
});

describe('cli export', () => {
  it('writes files that ONNX Runtime evaluates to the accuracy of the checkpoint, clustered ones far smaller', async function () {
    this.timeout(180_000);
    await useBackend('wasm');
    await inFolder(async (folder) => {
      const at = (name: string): string => join(folder, name);
      const stateDict = initialize(arch, 3);
      await saveNetwork(at('fp32.safetensors'), { arch, stateDict, form: 'training' });
      const merged = mergeNetwork(arch, stateDict);
      const ranges = await calibrate(arch, merged, [
        await takeCalibration(madeDataset({ split: 'train' }), 20),
      ]);
      const uniform = quantizeNetwork({ arch, merged, ranges, scheme: { bits: 8, weights: 'uniform' } });
      await saveQuantizedNetwork(at('8bit.safetensors'), uniform);
      const clustered = quantizeNetwork({ arch, merged, ranges, scheme: { bits: 3, weights: 'cluster' } });
      await saveQuantizedNetwork(at('3bit.safetensors'), clustered);

      for (const name of ['fp32', '3bit']) {
        const onnx = at(`${name}.onnx`);
        const exported = await oabn(['export', at(`${name}.safetensors`), '-o', onnx, '--json']);
        assert.equal(exported.code, 0, exported.stderr);
        const { output, bytes, fp32Bytes, bitsPerWeight } = JSON.parse(exported.stdout);
        assert.deepEqual([output, bytes], [onnx, (await stat(onnx)).size]);
        if (name === 'fp32') assert.deepEqual([bytes, bitsPerWeight], [fp32Bytes, 32]);
        else assert.ok(bytes < fp32Bytes / 2.5 && bitsPerWeight > 3 && bitsPerWeight < 3.2, exported.stdout);
      }

      const integer = at('integer.onnx');
      const exported = await oabn(['export', at('8bit.safetensors'), '-o', integer, '--integer', '--json']);
      assert.equal(exported.code, 0, exported.stderr);
      assert.equal(JSON.parse(exported.stdout).bytes, (await stat(integer)).size);

      const options = ['--data', 'made', '--images', '100', '--json'];
      const ofFile = await oabn(['eval', at('3bit.onnx'), ...options]);
      assert.equal(ofFile.code, 0, ofFile.stderr);
      const ofCheckpoint = await oabn(['eval', at('3bit.safetensors'), ...options]);
      assert.deepEqual(JSON.parse(ofFile.stdout), JSON.parse(ofCheckpoint.stdout));
      const wrong = await oabn(['eval', at('nowhere.onnx'), '--data', 'made']);
      assert.equal(wrong.code, 2);
      assert.match(wrong.stderr, /oabn: Cannot read .*nowhere\.onnx: no such file/);
    });
  });
});
