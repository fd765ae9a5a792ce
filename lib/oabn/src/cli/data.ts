/** `oabn data`: which data is where, and fetching CIFAR-10. */
import type { Command } from 'commander';
import { check, consoleProgress, tableText } from 'oabn-base';
import { type DataDescription, describeData, openDataset } from '../data/index.js';
import { type CommonOptions, dataLocation, dataOption, jsonOption } from './options.js';
import { print } from './output.js';

export function addData(program: Command): void {
  program
    .command('data')
    .description('list the datasets in a folder, or fetch CIFAR-10 into it')
    .addOption(dataOption)
    .option('--download', 'fetch CIFAR-10 (170 MB) if it is missing; resumes an interrupted download')
    .addOption(jsonOption)
    .addHelpText('after', '\nExamples:\n  $ oabn data --data ~/data\n  $ oabn data --data ~/data --download')
    .action(async (options: CommonOptions & { download?: boolean }) => {
      const { data = process.env.OABN_DATA_DIR } = dataLocation(options.data);
      check(data, 'Name the folder with --data or OABN_DATA_DIR');
      if (options.download) {
        await openDataset({ name: 'cifar10', data, download: true, progress: consoleProgress() });
      }
      const found = await describeData(data);
      print(
        found,
        found.length > 0 ? found.map(formatDataset).join('\n') : `${data} holds no dataset`,
        options.json,
      );
    });
}

function formatDataset({ content, format, folder, splits, problems }: DataDescription): string {
  const rows = splits.map(({ split, images, classes, bytes, checksum }) => ({
    split,
    images,
    classes,
    MB: (bytes / 1e6).toFixed(1),
    checksum: checksum.slice(0, 23),
  }));
  const trouble = problems.map((problem) => `  ! ${problem}`);
  return [`${content} (${format}) in ${folder}`, tableText(rows), ...trouble, ''].join('\n');
}
