/**
 * The command `oabn`. Exit codes: 0 done; 1 a defect of ours, with a stack trace; 2 something the user can
 * fix, with a message that says how; 3 a notebook with a failing cell; 4 a problem was found (`doctor`,
 * `kernel status`); 128 plus the signal's number (130 for Ctrl-C) interrupted.
 */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { errorMessage, UserError } from 'oabn-base';
import { addAnalyze } from './analyze.js';
import { addCompletion } from './completion.js';
import { addData } from './data.js';
import { addDoctor } from './doctor.js';
import { addEval, addQuantize } from './evaluate.js';
import { addExport } from './export.js';
import { addInspect } from './inspect.js';
import { addLatency } from './latency.js';
import { addMerge } from './merge.js';
import { addedCommands, type AddCommands } from './extensions.js';
import { interruptionCode, tolerateClosedPipes } from './interruption.js';
import { addAnneal, addFinetune, addTrain } from './train.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

/** The program with its own commands and `more`. */
export function createProgram(more: readonly AddCommands[] = []): Command {
  const program = new Command('oabn')
    .description('Outlier-aware training and low-bit quantization of RepVGG')
    .version(version)
    .showHelpAfterError('(oabn --help lists commands and options)')
    .addHelpText(
      'after',
      `
The backend is chosen by OABN_BACKEND (auto, tensorflow, webgpu, wasm), data by OABN_DATA_DIR.

Examples:
  $ oabn doctor
  $ oabn train --threshold 0.5 --data cifar10 -o oabn.safetensors
  $ oabn quantize oabn.safetensors --bits 4 --data cifar10`,
    );
  for (const add of [
    addDoctor,
    addData,
    addTrain,
    addInspect,
    addMerge,
    addAnalyze,
    addQuantize,
    addAnneal,
    addFinetune,
    addEval,
    addExport,
    addLatency,
    ...more,
    addCompletion,
  ]) {
    add(program);
  }
  forEachCommand(program, (command) => command.showHelpAfterError(helpHint(command)));
  return program;
}

/** «(oabn runs list --help lists its options)» */
function helpHint(command: Command): string {
  const names: string[] = [];
  for (let at: Command | null = command; at; at = at.parent) names.unshift(at.name());
  return `(${names.join(' ')} --help lists its ${command.commands.length > 0 ? 'commands' : 'options'})`;
}

/** Nested commands, too, such as `kernel status`. */
function forEachCommand(program: Command, act: (command: Command) => void): void {
  for (const command of program.commands) {
    act(command);
    forEachCommand(command, act);
  }
}

/** Runs the command line `args` (without node and script). Resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  tolerateClosedPipes();
  const program = createProgram(await addedCommands()).exitOverride();
  forEachCommand(program, (command) => command.exitOverride());
  try {
    await program.parseAsync([...args], { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (
      error instanceof Error &&
      'exitCode' in error &&
      'code' in error &&
      String(error.code).startsWith('commander.')
    ) {
      return error.exitCode === 0 ? 0 : 2;
    }
    if (error instanceof UserError) {
      process.stderr.write(`oabn: ${error.message}\n`);
      return 2;
    }
    const interrupted = interruptionCode(error);
    if (interrupted !== undefined) {
      process.stderr.write(
        'oabn: interrupted; training that is run again continues from its last checkpoint\n',
      );
      return interrupted;
    }
    process.stderr.write(
      `oabn: ${error instanceof Error ? (error.stack ?? error.message) : errorMessage(error)}\n`,
    );
    return 1;
  }
}
