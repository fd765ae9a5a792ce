/**
 * `oabn latency`: compares how long ONNX Runtime takes with each of several files; checkpoints are exported
 * first.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { naming, tableText } from 'oabn-base';
import { type Latency, measureLatency } from '../experiment/index.js';
import { mergedOf } from '../merge/index.js';
import { loadAnyNetwork, saveOnnx } from '../quantize/index.js';
import { type CommonOptions, jsonOption, loadOptions, wholeNumber, withNetworkOptions } from './options.js';
import { print } from './output.js';

interface LatencyOptions extends CommonOptions {
  readonly side: string;
  readonly batch: string;
  readonly calls: string;
}

export function addLatency(program: Command): void {
  withNetworkOptions(
    program
      .command('latency <files...>')
      .description('compare the speed of checkpoints and .onnx files in ONNX Runtime, on the CPU')
      .option('--side <pixels>', 'side of the images', '32')
      .option('--batch <n>', 'images per call', '1')
      .option('--calls <n>', 'number of timed calls of each file', '50'),
  )
    .addOption(jsonOption)
    .addHelpText(
      'after',
      `
The first file is what the others are compared with. Quantized checkpoints are timed as what \`oabn export\` writes.

Example:
  $ oabn latency merged.safetensors 8bit.safetensors 3bit.onnx --side 224`,
    )
    .action(async (files: string[], options: LatencyOptions) => {
      const [side, batch, calls] = [
        wholeNumber('--side', options.side, 1),
        wholeNumber('--batch', options.batch, 1),
        wholeNumber('--calls', options.calls, 1),
      ];
      const folder = await mkdtemp(join(tmpdir(), 'oabn-latency-'));
      try {
        const paths: string[] = [];
        for (const [i, file] of files.entries())
          paths.push(await onnxOf(file, join(folder, `${i}.onnx`), options));
        const times = await measureLatency(paths, { shape: [batch, 3, side, side], calls });
        const rows = files.map((file, i) => ({
          file,
          ...times[i]!,
          relative: times[i]!.median / times[0]!.median,
        }));
        print(
          rows,
          `${tableText(rows.map(formatRow))}\n${batch} × 3 × ${side} × ${side}, ${calls} calls each`,
          options.json,
        );
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
}

/** The file itself, or the checkpoint exported to `path`. */
async function onnxOf(file: string, path: string, options: LatencyOptions): Promise<string> {
  if (file.endsWith('.onnx')) return file;
  const network = await loadAnyNetwork(file, loadOptions(options));
  const { arch, quantization } = network;
  const stateDict = naming(file, () => mergedOf(network));
  await saveOnnx(path, { arch, stateDict, ...(quantization && { quantization }) });
  return path;
}

function formatRow({
  file,
  median,
  low,
  high,
  relative,
}: Latency & { file: string; relative: number }): Record<string, string> {
  const ms = (value: number): string => value.toFixed(3);
  return {
    file: basename(file),
    'median ms': ms(median),
    '10% ms': ms(low),
    '90% ms': ms(high),
    'of the first': relative.toFixed(2),
  };
}
