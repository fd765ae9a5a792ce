/** `oabn notebook run`: notebooks through the TypeScript kernel. */
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { check, checkWritable, consoleProgress, makeFolder, UserError, writeFileAtomic } from 'oabn-base';
import { runsFolder } from 'oabn/experiment';
import { exportHtml } from 'tslab-kernel/html';
import { type Notebook, type NotebookRun, parseParameter, runNotebook } from 'tslab-kernel/run';
import { type CommonOptions, interruption, interruptionCode, jsonOption, print } from 'oabn/cli';
import { claimsAdditions } from '../report/index.js';
import { profileOption } from './options.js';

interface RunOptions extends CommonOptions {
  readonly write: boolean;
  readonly html?: string;
  readonly timeout: string;
  readonly output?: string;
  readonly parameter: readonly string[];
}

/** What is told of a notebook that was executed, or could not be. */
type NotebookResult = (Omit<NotebookRun, 'notebook'> & { readonly notebook: undefined }) | Refusal;

/** A notebook that was not executed, and why. */
interface Refusal {
  readonly path: string;
  readonly ok: false;
  readonly refused: string;
  readonly summary: string;
}

/** The exit code of a notebook whose cell failed. */
const failedCell = 3;

export function addNotebook(program: Command): void {
  program
    .command('notebook')
    .description('execute notebooks through the TypeScript kernel, without Python')
    .command('run <notebooks...>')
    .description(
      'execute notebooks cell by cell and write their outputs back, each as soon as its cell has run',
    )
    .option('--no-write', 'leave the .ipynb as it is')
    .option('--output <file>', 'write the executed notebook there instead, or into a folder')
    .option(
      '-p, --parameter <name=value>',
      'set a parameter in a cell after the one tagged «parameters»; may be repeated',
      (value: string, before: string[]) => [...before, value],
      [],
    )
    .option(
      '--html <folder or file>',
      'also export a self-contained page for each notebook, or one for all of them if a file is named (all.html)',
    )
    .option('--timeout <seconds>', 'for one cell', '3600')
    .addOption(profileOption)
    .addOption(jsonOption)
    .addHelpText(
      'after',
      `
A notebook ends at a cell that fails or takes too long (exit code 3), and the next one begins; so it does after one that
is no notebook, or one in another language, which stays as it is. Ctrl-C and
SIGTERM stop the cell that runs, and all others (exit codes 130 and 143); a second one does not wait for it.
Cells that were not reached keep the outputs that they had.

Example:
  $ OABN_DATA_DIR=~/data oabn notebook run notebooks/*.ipynb --html report`,
    )
    .action(async (notebooks: string[], options: RunOptions) => {
      const results: NotebookResult[] = [];
      const parameters = Object.fromEntries(options.parameter.map(parseParameter));
      const timeout = Number(options.timeout);
      check(timeout > 0, `--timeout must be a number of seconds above 0, got ${options.timeout}`);
      const isFolder = options.output?.endsWith('.ipynb') === false;
      check(
        options.output === undefined || isFolder || notebooks.length === 1,
        `Several notebooks cannot all be written to ${options.output}; name a folder`,
      );
      if (options.output !== undefined && isFolder) await makeFolder(options.output);
      const onePage = options.html?.endsWith('.html') ? options.html : undefined;
      if (onePage !== undefined) await checkWritable(onePage);
      const executed: Notebook[] = [];
      const signal = interruption();
      for (const notebook of notebooks) {
        const output = isFolder ? join(options.output!, basename(notebook)) : options.output;
        const running = runNotebook(notebook, {
          write: options.write,
          parameters,
          ...(output !== undefined && { output }),
          timeout,
          signal,
          env: kernelEnvironment(options.profile),
          progress: consoleProgress(),
          additions: claimsAdditions,
          ...(options.html !== undefined && onePage === undefined && { html: options.html }),
        });
        const result = notebooks.length === 1 ? await running : await orRefusal(running, notebook);
        if ('refused' in result) {
          results.push(result);
          process.exitCode = failedCell;
          continue;
        }
        executed.push(result.notebook);
        // JSON leaves out what is undefined.
        results.push({ ...result, ...(onePage !== undefined && { html: onePage }), notebook: undefined });
        if (!result.ok) process.exitCode = failedCell;
        if (signal.aborted) break;
      }
      if (onePage !== undefined)
        await writeFileAtomic(
          onePage,
          await exportHtml(executed, { title: basename(onePage, '.html'), additions: claimsAdditions }),
        );
      print(results, results.map(({ summary }) => summary).join('\n'), options.json);
      if (results.some((result) => 'failure' in result && result.failure?.status === 'interrupted'))
        process.exitCode = interruptionCode(signal.reason);
    });
}

async function orRefusal(running: Promise<NotebookRun>, path: string): Promise<NotebookRun | Refusal> {
  return running.catch((error: unknown) => {
    if (!(error instanceof UserError)) throw error;
    const refused = error.message;
    return { path, ok: false, refused, summary: refused.includes(path) ? refused : `${path}: ${refused}` };
  });
}

/**
 * The environment of a kernel: folders as absolute paths, because a kernel works in its notebook's folder.
 */
export function kernelEnvironment(profile?: string): Record<string, string> {
  const { OABN_DATA_DIR: data, OABN_CACHE_DIR: cache } = process.env;
  return {
    OABN_RUNS_DIR: resolve(runsFolder()),
    ...(data && { OABN_DATA_DIR: resolve(data) }),
    ...(cache && { OABN_CACHE_DIR: resolve(cache) }),
    ...(profile !== undefined && { OABN_PROFILE: profile }),
  };
}
