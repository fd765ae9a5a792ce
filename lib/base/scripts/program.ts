/**
 * Programs that the scripts start: found or missed by name, their output shown as it comes, their failure
 * explained.
 */
import { execFile, spawn } from 'node:child_process';
import { errorMessage, UserError } from '../src/index.js';

export interface ProgramOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** What to do when it fails, as the end of the message. */
  readonly advice?: string;
}

/** Runs a program and shows what it prints. @throws UserError when it is not there or ends with an error */
export function runProgram(
  command: string,
  args: readonly string[],
  { cwd, env = process.env, advice = '' }: ProgramOptions = {},
): Promise<void> {
  const shown = [command, ...args].join(' ');
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', () => reject(new UserError(`${command} cannot be run. ${advice}`.trim())));
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new UserError(`«${shown}» ended with ${code}. ${advice}`.trim()));
    });
  });
}

/** What a program prints, or undefined when it is not there or fails. */
export function outputOf(command: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(command, args, { maxBuffer: 2 ** 26 }, (error, stdout) =>
      resolve(error ? undefined : stdout.trim()),
    );
  });
}

/**
 * Ends the process as the command line does: 2 for what the user can mend, with its message; 1 and a trace
 * else.
 */
export async function asCommand(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const mendable = error instanceof UserError || code.startsWith('ERR_PARSE_ARGS');
    const text = mendable || !(error instanceof Error) ? errorMessage(error) : error.stack;
    process.stderr.write(`${name}: ${text}\n`);
    process.exitCode = mendable ? 2 : 1;
  }
}
