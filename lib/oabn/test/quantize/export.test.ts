import assert from 'node:assert/strict';
import { join } from 'node:path';
import fc from 'fast-check';
import { tf, useBackend } from 'tfjs-native';
import { openOnnxModel } from 'tfjs-native/onnx';
import { random } from 'oabn-base';
import { mergeNetwork } from '../../src/merge/index.js';
import {
  type Architecture,
  forwardMerged,
  initialize,
  normalizeArchitecture,
  quantizedBlocks,
  type StateDict,
  toVariables,
} from '../../src/model/index.js';
import {
  calibrate,
  type ExportedNetwork,
  exportedSize,
  exportOnnx,
  forwardQuantized,
  type OnnxExportOptions,
  packBitPlanes,
  packInt4,
  type QuantizationScheme,
  quantizeNetwork,
  saveOnnx,
  storedKernel,
  unpackBitPlanes,
} from '../../src/quantize/index.js';
import { assertClose } from '../golden/index.js';
import { inFolder } from '../data/helpers.js';

const arch: Architecture = normalizeArchitecture({
  widths: [6, 6, 10, 16],
  depths: [1, 2, 1, 1],
  strides: [1, 1, 2, 2],
  classes: 5,
});
/** [4,9,9,3], an odd side, so that strides of 2 show where their windows begin. */
const images = Float32Array.from({ length: 4 * 81 * 3 }, (_, i) => random(3, i >> 8).normal() * Math.sin(i));

function trainedLike(): StateDict {
  const stateDict = Object.entries(initialize(arch, 2)).map(([name, { shape, data }]) => {
    const stream = random(5, name);
    const value = (v: number): number =>
      name.includes('running') || v === 0 ? v : v * (1 + 0.3 * stream.normal());
    return [name, { shape, data: data.map(value) }] as const;
  });
  return mergeNetwork(arch, Object.fromEntries(stateDict));
}

async function logitsOfFile(
  network: ExportedNetwork,
  x = tf.tensor4d(images, [4, 9, 9, 3]),
  options: OnnxExportOptions = {},
): Promise<Float32Array> {
  const nchw = tf.tidy(() => tf.transpose(x, [0, 3, 1, 2]).dataSync() as Float32Array);
  return await inFolder(async (folder) => {
    const path = join(folder, 'network.onnx');
    const bytes = await saveOnnx(path, network, options);
    assert.equal(bytes, exportOnnx(network, options).length);
    const model = await openOnnxModel(path);
    const logits = await model.run(nchw, [4, 3, x.shape[1], x.shape[2]]);
    await model.release();
    return logits;
  });
}

describe('quantize/export', () => {
  before(() => useBackend('wasm'));

  it('gives the FP32 network’s logits', async () => {
    const stateDict = trainedLike();
    const x = tf.tensor4d(images, [4, 9, 9, 3]);
    const expected = forwardMerged(arch, toVariables(stateDict).params, x).dataSync();
    assertClose(await logitsOfFile({ arch, stateDict }), expected, 1e-5, 'logits');
  });

  it('for integer kernels leaves out the clamps at 8 bits, gives nearly the same logits, and refuses other bits', async () => {
    const merged = trainedLike();
    const x = tf.tensor4d(images, [4, 9, 9, 3]);
    const ranges = await calibrate(arch, merged, [{ images, size: 4 }]);
    const scheme = { bits: 8, weights: 'uniform' } as const;
    const { stateDict, activations } = quantizeNetwork({ arch, merged, ranges, scheme });
    const network = { arch, stateDict, quantization: { scheme, activations } };
    const hasClamp = (bytes: Uint8Array): boolean => Buffer.from(bytes).includes('Clip');
    assert.ok(hasClamp(exportOnnx(network)));
    assert.ok(!hasClamp(exportOnnx(network, { integer: true })));
    const [usual, integer] = [
      await logitsOfFile(network, x),
      await logitsOfFile(network, x, { integer: true }),
    ];
    assertClose(integer, usual, 0.02, 'logits');
    const refuse = (quantization: ExportedNetwork['quantization'], message: RegExp): void => {
      assert.throws(
        () => exportOnnx({ arch, stateDict, ...(quantization && { quantization }) }, { integer: true }),
        message,
      );
    };
    refuse(
      { activations, scheme: { bits: 4, weights: 'uniform' } },
      /this network has uniform weights of 4 bits/,
    );
    refuse(
      { activations, scheme: { bits: 8, weights: 'cluster' } },
      /this network has cluster weights of 8 bits/,
    );
    refuse(
      { activations, scheme: { ...scheme, layerBits: { 'stage1.1': 4 }, activationBits: 8 } },
      /uniform weights and activations of 8 bits/,
    );
    refuse(
      { activations, scheme: { ...scheme, activationBits: 6 } },
      /uniform weights and activations of 8 bits/,
    );
    refuse(undefined, /this network has FP32 weights/);
  });

  const schemes: readonly [QuantizationScheme, number][] = [
    [{ bits: 8, weights: 'uniform' }, 8],
    [{ bits: 4, weights: 'uniform' }, 4],
    [{ bits: 6, weights: 'uniform', granularity: 'perChannel' }, 8],
    [{ bits: 3, weights: 'cluster' }, 3],
    [{ bits: 5, weights: 'cluster', activationBits: 8 }, 5],
    [{ bits: 2, weights: 'cluster', granularity: 'perChannel', activationBits: null }, 2],
    [{ bits: 4, weights: 'uniform', layerBits: { 'stage1.1': 8 } }, 4],
  ];
  for (const [scheme, fileBits] of schemes) {
    it(`gives the quantized network’s logits, and keeps few bits in the file: ${JSON.stringify(scheme)}`, async () => {
      const merged = trainedLike();
      // Of smaller values than are shown later, so that the clamp to b bits matters.
      const ranges = await calibrate(arch, merged, [{ images: images.map((value) => value / 2), size: 4 }]);
      const network = quantizeNetwork({ arch, merged, ranges, scheme });
      const { stateDict, activations } = network;
      const x = tf.tensor4d(images, [4, 9, 9, 3]);
      const expected = forwardQuantized(network, toVariables(stateDict).params, activations, x).dataSync();
      const exported = { arch, stateDict, quantization: { scheme, activations } };
      assertClose(await logitsOfFile(exported), expected, 1e-4, 'logits');

      const bitsOf = quantizedBlocks(arch).map(({ name }) => {
        const stored = storedKernel(stateDict[`${name}.rbr_reparam.weight`]!, scheme.granularity);
        assert.ok(stored.kind !== 'float');
        return stored.bits;
      });
      assert.deepEqual(
        bitsOf,
        quantizedBlocks(arch).map(({ name }) => scheme.layerBits?.[name] ?? fileBits),
      );
      const size = exportedSize(exported);
      assert.ok(size.bytes < size.fp32Bytes);
      const weights = quantizedBlocks(arch).reduce((n, b) => n + b.inChannels * b.outChannels * 9, 0);
      assert.ok(8 * size.kernelBytes >= weights * fileBits, `${size.kernelBytes} bytes`);
      assert.ok(size.bitsPerWeight! < 32);
    });
  }

  it('has the zero points of our engine where a range puts them half-way between two levels', async () => {
    const merged = trainedLike();
    for (const bits of [2, 3, 4, 5, 6, 7, 8]) {
      // −low/S is (2^b−1)/2, or a last bit beside it.
      const ranges = quantizedBlocks(arch).map(({ name }, i) => [
        name,
        { min: -1 / (i + 1), max: 1 / (i + 1) },
      ]);
      const scheme: QuantizationScheme = { bits, weights: 'uniform' };
      const network = quantizeNetwork({ arch, merged, ranges: Object.fromEntries(ranges), scheme });
      const { stateDict, activations } = network;
      const x = tf.tensor4d(images, [4, 9, 9, 3]);
      const expected = forwardQuantized(network, toVariables(stateDict).params, activations, x).dataSync();
      const logits = await logitsOfFile({ arch, stateDict, quantization: { scheme, activations } });
      assertClose(logits, expected, 1e-4, `logits at ${bits} bits`);
    }
  });

  it('gives the quantized network’s logits to the last bit where its sums are exact, ties included', async () => {
    const stream = random(8, 'exact');
    const eighths = (most: number): number => (stream.integer(2 * most + 1) - most) / 8;
    for (const bits of [2, 4, 8]) {
      const merged = Object.entries(trainedLike()).map(([name, { shape, data }]) => [
        name,
        { shape, data: data.map(() => eighths(7)) },
      ]);
      const stateDict = Object.fromEntries(merged) as StateDict;
      const range = { min: 0, max: (2 ** bits - 1) / 2 };
      const network = {
        arch,
        stateDict,
        scheme: { bits, weights: 'uniform' } as const,
        activations: Object.fromEntries(quantizedBlocks(arch).map(({ name }) => [name, range])),
      };
      const whole = Float32Array.from({ length: 4 * 64 * 3 }, () => stream.integer(9) - 4);
      const x = tf.tensor4d(whole, [4, 8, 8, 3]);
      const expected = forwardQuantized(
        network,
        toVariables(stateDict).params,
        network.activations,
        x,
      ).dataSync();
      const file = await logitsOfFile({ arch, stateDict, quantization: network }, x);
      assert.deepEqual([...file], [...expected], `${bits} bits`);
      assert.ok(new Set(expected).size > 10);
    }
  });

  it('stores what no quantizer made as it is, and refuses a network that is not merged', async () => {
    const merged = trainedLike();
    assert.equal(storedKernel(merged['stage1.0.rbr_reparam.weight']!).kind, 'float');
    assert.throws(
      () => exportOnnx({ arch, stateDict: initialize(arch, 1) }),
      /merge the three branches first/,
    );
    await assert.rejects(openOnnxModel('nowhere.onnx'), /Cannot open nowhere\.onnx as an ONNX model/);
  });

  it('finds the scale of uniform levels, whatever the largest level is', () => {
    const levels = [-7, -3, 0, 2, 5, 7, 1, 4, 6];
    for (const scale of [1, 0.1, 3.7e-4]) {
      const kernel = { shape: [1, 1, 3, 3], data: Float32Array.from(levels, (q) => q * scale) };
      const stored = storedKernel(kernel);
      assert.ok(stored.kind === 'levels' && stored.bits === 4);
      assert.deepEqual([...stored.levels], levels);
      assert.ok(Math.abs(stored.scales[0]! / scale - 1) < 1e-6);
    }
    const zeros = storedKernel({ shape: [1, 1, 3, 3], data: new Float32Array(9) });
    assert.ok(zeros.kind === 'levels' && zeros.levels.every((q) => q === 0));
  });

  it('packs numbers of any width into that many bits and back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.array(fc.nat(4095), { maxLength: 40 }), (bits, any) => {
        const values = any.map((value) => value % 2 ** bits);
        const planes = packBitPlanes(values, bits);
        assert.equal(planes.length, bits * Math.ceil(values.length / 8));
        assert.deepEqual([...unpackBitPlanes(planes, bits, values.length)], values);
      }),
    );
    assert.deepEqual([...packInt4([1, -1, 7, -8, 3])], [0xf1, 0x87, 0x03]);
  });
});
