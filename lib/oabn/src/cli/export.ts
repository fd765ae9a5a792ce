/** `oabn export`: a checkpoint as an ONNX file, with few-bit weights where it is quantized. */
import { basename } from 'node:path';
import type { Command } from 'commander';
import { check, naming, writeFileAtomic } from 'oabn-base';
import { cifar10Classes, cifarStatistics, imagenetStatistics } from '../data/index.js';
import { mergedOf } from '../merge/index.js';
import {
  classifierPage,
  exportedSize,
  exportOnnx,
  loadAnyNetwork,
  ncnnTable,
  tensorRtCache,
} from '../quantize/index.js';
import { type CommonOptions, jsonOption, loadOptions, withNetworkOptions } from './options.js';
import { checkOutputs, print } from './output.js';

interface ExportOptions extends CommonOptions {
  readonly output: string;
  readonly tensorrt?: string;
  readonly ncnn?: string;
  readonly integer?: boolean;
  readonly page?: string;
  readonly runtime: string;
}

/** onnxruntime-web of the version that our files are tested with. */
const usualRuntime = 'https://cdn.jsdelivr.net/npm/onnxruntime-web@1.30.0/dist/';

export function addExport(program: Command): void {
  withNetworkOptions(
    program
      .command('export <checkpoint>')
      .description(
        'write a three-branch, merged or quantized checkpoint as an ONNX file, with one convolution per block',
      )
      .requiredOption('-o, --output <file>', 'the ONNX file to write')
      .option(
        '--tensorrt <file>',
        'also write TensorRT’s calibration cache, for the FP32 .onnx file of the same network',
      )
      .option(
        '--ncnn <file>',
        'also write ncnn’s calibration table, with the names that pnnx gives to that file’s convolutions',
      )
      .option(
        '--integer',
        'at 8 bits: let ONNX Runtime convolve in integers, which is faster, and changes logits a little',
      )
      .option('--page <file>', 'also write a page that classifies pictures with it in the browser')
      .option('--runtime <address>', 'where that page loads onnxruntime-web from', usualRuntime),
  )
    .addOption(jsonOption)
    .addHelpText(
      'after',
      `
Quantized weights take int8, int4 or, clustered, b bits each in the file; the first convolution and the classifier are FP32.

TensorRT and ncnn quantize FP32 networks to 8 bits by themselves; their files carry the ranges of a quantized checkpoint.

Examples:
  $ oabn export 8bit.safetensors -o fast.onnx --integer
  $ oabn export 8bit.safetensors -o 8bit.onnx --tensorrt calibration.cache --ncnn calibration.table
  $ oabn export 3bit.safetensors -o 3bit.onnx --page try-it.html
  $ oabn eval 3bit.onnx --data cifar10`,
    )
    .action(async (checkpoint: string, options: ExportOptions) => {
      await checkOutputs(options.output, [options.tensorrt, options.ncnn, options.page], checkpoint);
      const loaded = await loadAnyNetwork(checkpoint, loadOptions(options));
      const { arch, quantization } = loaded;
      const merged = naming(checkpoint, () => mergedOf(loaded));
      const network = { arch, stateDict: merged, ...(quantization && { quantization }) };
      check(
        quantization || (options.tensorrt === undefined && options.ncnn === undefined),
        `${checkpoint} contains no ranges of activations; quantize it first (oabn quantize … -o quantized.safetensors)`,
      );
      const onnx = exportOnnx(network, { integer: options.integer === true });
      await writeFileAtomic(options.output, onnx);
      if (quantization) {
        const calibrated = { arch, stateDict: merged, activations: quantization.activations };
        if (options.tensorrt) await writeFileAtomic(options.tensorrt, tensorRtCache(calibrated));
        if (options.ncnn) await writeFileAtomic(options.ncnn, ncnnTable(calibrated));
      }
      if (options.page) await writeFileAtomic(options.page, pageOf(onnx, arch.classes, options));
      const size = exportedSize(network, onnx.length);
      const { bitsPerWeight } = size;
      const times = (size.fp32Bytes / size.bytes).toFixed(1);
      print(
        { output: options.output, ...size },
        `${options.output}: ${size.bytes} bytes, ${times} times smaller than FP32 (${size.fp32Bytes})` +
          (bitsPerWeight === undefined
            ? ''
            : `; quantized kernels ${bitsPerWeight.toFixed(2)} bits per weight`),
        options.json,
      );
    });
}

/**
 * A network of ten classes is taken for CIFAR-10's, any other for ImageNet's, which decides the size of the
 * image and its normalization.
 */
function pageOf(onnx: Uint8Array, classes: number, { output, runtime }: ExportOptions): string {
  const isCifar = classes === cifar10Classes.length;
  return classifierPage({
    ...(isCifar ? cifarStatistics : imagenetStatistics),
    title: basename(output),
    onnx,
    side: isCifar ? 32 : 224,
    classes: isCifar ? cifar10Classes : [],
    runtime: runtime.endsWith('/') ? runtime : `${runtime}/`,
  });
}
