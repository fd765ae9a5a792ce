/** What commands print: text for people, or one JSON document on standard output with `--json`. */
import { realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { check, checkWritable } from 'oabn-base';
import { datasetTitle } from '../data/index.js';
import type { DataConfig } from '../experiment/index.js';
import type { Accuracy } from '../train/index.js';

/** PyTorch opens files of these names as its own format, which is not written here. */
const torchNames = /\.(pt|pth|ckpt)$/i;

/** What is known of a file before it is written. */
interface Output {
  /** Its format; default one that no ending is reserved for. */
  readonly format?: 'safetensors' | 'onnx';
  /** The checkpoint that it is made from. */
  readonly checkpoint?: string;
  /** How many bytes it will have. */
  readonly bytes?: number | undefined;
}

/**
 * To be called before anything is computed.
 * @throws UserError where the output cannot be written, would replace the checkpoint that it is made from, or
 * bears the name of a format that it will not have
 */
export async function checkOutput(path: string, { format, checkpoint, bytes }: Output): Promise<void> {
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
  if (format !== undefined) await checkEnding(path, format);
}

/** Other commands tell .onnx files from checkpoints by their names. */
async function checkEnding(path: string, format: 'safetensors' | 'onnx'): Promise<void> {
  const isOnnx = path.endsWith('.onnx');
  check(
    format === 'onnx' || !isOnnx,
    `${path} would be a checkpoint, not an ONNX file; name it .safetensors (oabn export makes .onnx files of checkpoints)`,
  );
  check(
    format === 'safetensors' || isOnnx || (await isDevice(path)),
    `${path} would be an ONNX file, which the other commands know by its ending; name it .onnx`,
  );
}

/** Such as /dev/null, which no command reads back. */
async function isDevice(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && !found.isFile();
}

/**
 * `checkOutput` of an ONNX file and of others that are written beside it; those that are not to be written are
 * undefined.
 * @throws UserError also where two of them are the same file
 */
export async function checkOutputs(
  onnx: string,
  others: readonly (string | undefined)[],
  checkpoint: string,
): Promise<void> {
  const given = [onnx, ...others].filter((path) => path !== undefined);
  const files = given.map((path) => resolve(path));
  const twice = files.findIndex((file, i) => files.indexOf(file) < i);
  check(twice < 0, () => `${given[twice]} is named for two files; give each its own name`);
  await checkOutput(onnx, { checkpoint, format: 'onnx' });
  for (const path of given.slice(1)) await checkOutput(path, { checkpoint });
}

/**
 * Prints `result` as JSON when asked to, else `text`. Progress and notes go to standard error, never here.
 */
export function print(result: unknown, text: string, json = false): void {
  process.stdout.write(json ? `${JSON.stringify(result, jsonNumber)}\n` : `${text}\n`);
}

/** «77.62%» of an accuracy in [0, 1]. */
export const percent = (accuracy: number): string => `${(100 * accuracy).toFixed(2)}%`;

/** «75.20% of 2000 test images, CIFAR-10»; of training images that were left out, where a run held some out. */
export function accuracyText(
  { accuracy, images }: Pick<Accuracy, 'accuracy' | 'images'>,
  dataset: Parameters<typeof datasetTitle>[0],
  { heldOut = 0 }: Pick<DataConfig, 'heldOut'> = {},
): string {
  const kind = heldOut > 0 ? 'held-out training images' : 'test images';
  return `${percent(accuracy)} of ${images} ${kind}, ${datasetTitle(dataset)}`;
}

/** What help says of the state size that a command prints. */
export const stateSizeHelp =
  'State size: the number of distinct weight values that are stored, summed over the quantized layers.';

function jsonNumber(_: string, value: unknown): unknown {
  return value === Infinity ? 'Infinity' : value;
}

/** The exit code of commands that check something and find a problem: `doctor`, `kernel status`. */
export const exitUnwell = 4;
