/** `oabn doctor`: which engines there are, which was chosen and why, and how to get a faster one. */
import type { Command } from 'commander';
import { doctor, formatDoctor } from '../backend/index.js';
import { type CommonOptions, jsonOption } from './options.js';
import { print } from './output.js';

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('show the engines that were found, the one that is chosen and why, and a short self-test')
    .addOption(jsonOption)
    .addHelpText('after', '\nExample:\n  $ OABN_BACKEND=wasm oabn doctor')
    .action(async ({ json }: CommonOptions) => {
      const report = await doctor();
      print(report, formatDoctor(report), json);
    });
}
