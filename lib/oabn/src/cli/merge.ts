/**
 * `oabn merge`: merges the branches of each block into one convolution, for RepVGG and for other families.
 */
import type { Command } from 'commander';
import { check, naming, writeSafetensors } from 'oabn-base';
import {
  checkUnread,
  deadTolerance,
  type Family,
  type MergeOptions as MergeRecognizedOptions,
  mergedName,
  mergeRecognized,
  mergeWithoutDead,
  recognize,
  repVGGOf,
  warnOfTrace,
} from '../family/index.js';
import { mergeNetwork } from '../merge/index.js';
import { checkFinite, readStateDict, saveNetwork, type StateDictFile } from '../model/index.js';
import { familyOf, familyOption } from './familyOptions.js';
import {
  architectureOf,
  archOption,
  type CommonOptions,
  jsonOption,
  loadOptions,
  stridesOption,
  threshold,
  thresholdOption,
} from './options.js';
import { checkOutput, print } from './output.js';

interface MergeOptions extends CommonOptions {
  readonly output: string;
  readonly family?: string;
  readonly foldBn?: boolean;
  readonly foldDead?: boolean;
}

export function addMerge(program: Command): void {
  program
    .command('merge <checkpoint>')
    .description('merge the branches of each block of a checkpoint into one convolution')
    .requiredOption('-o, --output <file>', 'the merged checkpoint to write, as safetensors')
    .addOption(archOption)
    .addOption(familyOption)
    .addOption(stridesOption)
    .addOption(thresholdOption)
    .option(
      '--fold-bn',
      'also fold the BNs of ordinary convolutions, which the family’s own merged networks keep',
    )
    .option(
      '--fold-dead',
      'move the identity weights of channels that hardly vary into the bias: the same outputs, fewer outliers',
    )
    .addOption(jsonOption)
    .addHelpText(
      'after',
      `
Without --arch, a file that does not describe its network is recognised by its tensors' names and keeps them: the merged file
loads in its own code's network (timm's, MobileOne's, …). With --arch it becomes a RepVGG of the official names.

Examples:
  $ oabn merge RepVGG-A0-train.pth -o RepVGG-A0.safetensors
  $ oabn merge mobileone_s1.pth -o merged.safetensors
  $ oabn merge mine.safetensors --family mine.json -o merged.safetensors
  $ oabn merge small.safetensors --arch '{"widths":[16,16,24,48,320],"depths":[1,2,4,6,1]}' -o merged.safetensors`,
    )
    .action(async (checkpoint: string, options: MergeOptions) => {
      await checkOutput(options.output, { checkpoint, format: 'safetensors' });
      const file = await readStateDict(checkpoint);
      const [arch, family] = [architectureOf(options), familyOf(options.family)];
      check(!(arch && family), '--arch and --family are two ways to say what the file is; give one of them');
      check(
        !family || file.metadata.arch === undefined,
        `${checkpoint} records its own architecture; --family is for files that do not`,
      );
      const s = options.threshold === undefined ? undefined : threshold(options.threshold);
      const convolutions =
        arch || (file.metadata.arch !== undefined && !family)
          ? await mergeOurs(checkpoint, file, options)
          : await mergeFamily(checkpoint, options.output, file, family, {
              ...(s !== undefined && { threshold: s }),
              foldOrdinary: options.foldBn === true,
              ...(options.foldDead && { deadTolerance }),
            });
      const { output } = options;
      print({ output, convolutions }, `${output}: ${convolutions} merged convolutions`, options.json);
    });
}

/** Merges a RepVGG network, under the official names; returns the number of its convolutions. */
async function mergeOurs(path: string, file: StateDictFile, options: MergeOptions): Promise<number> {
  const { arch, stateDict } = repVGGOf(path, file, loadOptions(options));
  const merged = naming(path, () =>
    options.foldDead ? mergeWithoutDead(arch, stateDict) : mergeNetwork(arch, stateDict),
  );
  await saveNetwork(options.output, { arch, stateDict: merged, form: 'merged' });
  return Object.keys(merged).filter((name) => name.endsWith('.rbr_reparam.weight')).length;
}

/** Merges the blocks of any family; all other tensors stay as they are. */
async function mergeFamily(
  path: string,
  output: string,
  file: StateDictFile,
  family: Family | undefined,
  options: MergeRecognizedOptions,
): Promise<number> {
  const notice = (message: string): void => void process.stderr.write(`${message}\n`);
  checkUnread(path, file, family, notice);
  checkFinite(file.stateDict, path, 'the checkpoint is broken');
  const recognition = recognize(file.stateDict, family);
  check(
    recognition,
    `${path} does not contain its architecture, and its tensor names belong to no known family; give --arch, a name such as A0 or JSON ` +
      'with widths, depths and strides, or --family, a JSON file that describes its blocks',
  );
  if (options.threshold === undefined) warnOfTrace(path, file.stateDict, recognition, notice);
  const merged = naming(path, () => mergeRecognized(file.stateDict, recognition, options));
  await writeSafetensors(
    output,
    { ...file.integers, ...merged },
    {
      ...{ format: 'pt', form: 'merged', family: recognition.family.name },
      ...(options.threshold !== undefined && { threshold: String(options.threshold) }),
    },
  );
  return recognition.blocks.filter((block) => `${mergedName(block)}.bias` in merged).length;
}
