/** `oabn kernel`: the TypeScript kernel for every Jupyter of this user. */
import type { Command } from 'commander';
import { exitUnwell, jsonOption, print } from 'oabn/cli';
import { installKernel, kernelStatus, uninstallKernel } from 'tslab-kernel/kernel';

export function addKernel(program: Command): void {
  const kernel = program.command('kernel').description('the TypeScript kernel for Jupyter');
  const prefix = ['--prefix <folder>', 'into <folder>/share/jupyter instead of the user’s folder'] as const;
  kernel
    .command('install')
    .description('register «TypeScript (oabn)» with all of this user’s Jupyter installations')
    .option(...prefix)
    .addHelpText('after', '\nExample:\n  $ oabn kernel install')
    .action(async (options: { prefix?: string }) => {
      const { folder } = await installKernel(options);
      print({ folder }, `«TypeScript (oabn)» is installed in ${folder}`);
    });
  kernel
    .command('uninstall')
    .description('remove it again')
    .option(...prefix)
    .addHelpText('after', '\nExample:\n  $ oabn kernel uninstall')
    .action(async (options: { prefix?: string }) => {
      const { folder } = await uninstallKernel(options);
      print({ folder }, `«TypeScript (oabn)» is no longer in ${folder}`);
    });
  kernel
    .command('status')
    .description('report where it is installed and whether it is this version')
    .option(...prefix)
    .addOption(jsonOption)
    .addHelpText(
      'after',
      '\nExits with 4 where it is not installed or is another one.\n\nExample:\n  $ oabn kernel status',
    )
    .action(async (options: { prefix?: string; json?: boolean }) => {
      const status = await kernelStatus(options);
      print(status, status.summary, options.json);
      if (status.state !== 'installed') process.exitCode = exitUnwell;
    });
}
