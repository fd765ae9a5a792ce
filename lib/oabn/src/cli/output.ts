/** What commands print: text for people, or one JSON document on standard output with `--json`. */
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { check, checkWritable } from 'oabn-base';

/** PyTorch opens files of these names as its own format, which is not written here. */
const torchNames = /\.(pt|pth|ckpt)$/i;

/**
 * To be called before anything is computed, with the checkpoint that is read, if any, and how many bytes are
 * to be written, where that is known.
 * @throws UserError where the output cannot be written, would replace the checkpoint that it is made from, or
 * bears the name of a format that it will not have
 */
export async function checkOutput(path: string, checkpoint?: string, bytes?: number): Promise<void> {
  check(
    !torchNames.test(path),
    `${path} would not be a file that torch.load reads, which is never written here; choose another ending`,
  );
  const file = async (name: string): Promise<string | undefined> => realpath(name).catch(() => undefined);
  const output = await file(path);
  check(
    output === undefined || checkpoint === undefined || output !== (await file(checkpoint)),
    `${path} is the checkpoint itself, which the result would replace; choose another name`,
  );
  await checkWritable(path, bytes);
}

/**
 * `checkOutput` of several files that one command writes; those that it is not to write are undefined.
 * @throws UserError also where two of them are the same file
 */
export async function checkOutputs(
  paths: readonly (string | undefined)[],
  checkpoint: string,
): Promise<void> {
  const given = paths.filter((path) => path !== undefined);
  const files = given.map((path) => resolve(path));
  const twice = files.findIndex((file, i) => files.indexOf(file) < i);
  check(twice < 0, () => `${given[twice]} is named for two files; give each its own name`);
  for (const path of given) await checkOutput(path, checkpoint);
}

/**
 * Prints `result` as JSON when asked to, else `text`. Progress and notes go to standard error, never here.
 */
export function print(result: unknown, text: string, json = false): void {
  process.stdout.write(json ? `${JSON.stringify(result, jsonNumber)}\n` : `${text}\n`);
}

/** «77.62%» of an accuracy in [0, 1]. */
export const percent = (accuracy: number): string => `${(100 * accuracy).toFixed(2)}%`;

function jsonNumber(_: string, value: unknown): unknown {
  return value === Infinity ? 'Infinity' : value;
}

/** The exit code of commands that check something and find a problem: `doctor`, `kernel status`. */
export const exitUnwell = 4;
