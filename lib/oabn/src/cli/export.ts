/** `oabn export`: a checkpoint as an ONNX file, with few-bit weights where it is quantized. */
import type { Command } from 'commander';
import { checkWritable } from 'oabn-base';
import { mergeNetwork } from '../merge/index.js';
import { exportedSize, loadAnyNetwork, saveOnnx } from '../quantize/index.js';
import {
  archOption,
  type CommonOptions,
  jsonOption,
  loadOptions,
  stridesOption,
  thresholdOption,
} from './options.js';
import { print } from './output.js';

export function addExport(program: Command): void {
  program
    .command('export <checkpoint>')
    .description(
      'write a three-branch, merged or quantized checkpoint as an ONNX file, one convolution a block',
    )
    .requiredOption('-o, --output <file>', 'the ONNX file to write')
    .addOption(archOption)
    .addOption(stridesOption)
    .addOption(thresholdOption)
    .addOption(jsonOption)
    .addHelpText(
      'after',
      `
Quantized weights take int8, int4 or, clustered, b bits each in the file; the first convolution and the classifier are FP32.

Examples:
  $ oabn export 3bit.safetensors -o 3bit.onnx
  $ oabn eval 3bit.onnx --data cifar10`,
    )
    .action(async (checkpoint: string, options: CommonOptions & { output: string }) => {
      await checkWritable(options.output);
      const { arch, form, stateDict, quantization } = await loadAnyNetwork(checkpoint, loadOptions(options));
      const merged = form === 'merged' ? stateDict : mergeNetwork(arch, stateDict);
      const network = { arch, stateDict: merged, ...(quantization && { quantization }) };
      await saveOnnx(options.output, network);
      const size = exportedSize(network);
      const times = (size.fp32Bytes / size.bytes).toFixed(1);
      print(
        { output: options.output, ...size },
        `${options.output}: ${size.bytes} bytes, ${times} times smaller than FP32 (${size.fp32Bytes}); ` +
          `quantized kernels ${size.bitsPerWeight.toFixed(2)} bits a weight`,
        options.json,
      );
    });
}
