import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { random } from 'oabn-base';
import { openOnnxModel } from 'tfjs-native/onnx';
import { mergeNetwork } from '../../src/merge/index.js';
import { quantizedBlocks } from '../../src/model/index.js';
import {
  classifierPage,
  exportOnnx,
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
  return quantizeNetwork({ arch, merged: mergeNetwork(arch, stateDict), ranges, scheme });
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
      { bits: 3, weights: 'cluster' },
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

  it('a page computes the same logits with onnxruntime-web in Chromium, where both are', async function () {
    this.timeout(180_000);
    const [chromiumPath, runtime] = ['/usr/bin/chromium', process.env.OABN_ONNXRUNTIME_WEB];
    if (!existsSync(chromiumPath) || !runtime) this.skip();
    const { chromium } = await import('playwright-core');
    const network = await calibrated({ bits: 3, weights: 'cluster' });
    const exported = { ...network, quantization: network };
    const page = classifierPage({
      ...{ title: 'a <page>', onnx: exportOnnx(exported), side: 16, runtime: '/runtime/' },
      ...{ mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4], classes: ['a', 'b', 'c', 'd', 'e'] },
    });
    const server = createServer((request, response) => {
      const name = request.url!.slice(1);
      if (name === '') return void response.setHeader('content-type', 'text/html').end(page);
      const file = join(runtime, name.replace('runtime/', ''));
      const type = name.endsWith('.wasm') ? 'application/wasm' : 'text/javascript';
      if (existsSync(file)) response.setHeader('content-type', type).end(readFileSync(file));
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] });
    try {
      const opened = await browser.newPage();
      await opened.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      const rgba = Array.from({ length: 4 * 16 * 16 }, (_, i) => (i * 37) % 256);
      const inBrowser = await opened.evaluate((pixels) => {
        const { classify } = globalThis as unknown as { classify: (rgba: number[]) => Promise<number[]> };
        return classify(pixels);
      }, rgba);
      const images = Float32Array.from({ length: 3 * 256 }, (_, i) => {
        const [c, pixel] = [Math.floor(i / 256), i % 256];
        return (rgba[4 * pixel + c]! / 255 - [0.5, 0.4, 0.3][c]!) / [0.2, 0.3, 0.4][c]!;
      });
      await inFolder(async (folder) => {
        await saveOnnx(join(folder, 'network.onnx'), exported);
        const model = await openOnnxModel(join(folder, 'network.onnx'));
        assertClose(await model.run(images, [1, 3, 16, 16]), inBrowser, 1e-4, 'logits');
        await model.release();
      });
    } finally {
      await browser.close();
      server.close();
    }
  });
});
