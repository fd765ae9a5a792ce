/** `oabn merge`: a three-branch checkpoint to one 3×3 convolution a block. */
import type { Command } from 'commander';
import { mergeNetwork } from '../merge/index.js';
import { loadNetwork, saveNetwork } from '../model/index.js';
import { architectureOf, archOption, type CommonOptions, jsonOption } from './options.js';
import { print } from './output.js';

export function addMerge(program: Command): void {
  program
    .command('merge <checkpoint>')
    .description('merge the three branches of a RepVGG checkpoint into one convolution a block')
    .requiredOption('-o, --output <file>', 'the merged checkpoint to write')
    .addOption(archOption)
    .addOption(jsonOption)
    .addHelpText(
      'after',
      `
Examples:
  $ oabn merge RepVGG-A0-train.safetensors --arch A0 -o RepVGG-A0.safetensors
  $ oabn merge small.safetensors --arch '{"widths":[16,16,24,48,320],"depths":[1,2,4,6,1]}' -o merged.safetensors`,
    )
    .action(async (checkpoint: string, options: CommonOptions & { output: string }) => {
      const { arch, stateDict } = await loadNetwork(checkpoint, architectureOf(options));
      const merged = mergeNetwork(arch, stateDict);
      await saveNetwork(options.output, { arch, stateDict: merged, form: 'merged' });
      const convolutions = Object.keys(merged).filter((name) => name.endsWith('.rbr_reparam.weight')).length;
      print(
        { output: options.output, convolutions },
        `${options.output}: ${convolutions} merged convolutions`,
        options.json,
      );
    });
}
