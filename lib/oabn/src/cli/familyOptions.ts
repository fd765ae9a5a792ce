/** `--family`: which table of names and branches a file is read by. */
import { existsSync, readFileSync } from 'node:fs';
import { Option } from 'commander';
import { check, errorMessage, UserError } from 'oabn-base';
import { families, type Family, parseFamily } from '../family/index.js';

export const familyOption = new Option(
  '--family <name|file>',
  `the family: ${families.map(({ name }) => name).join(', ')}; or a JSON file that describes one; by default, the tensor names decide`,
);

/**
 * The family that `--family` names, or what a file that we merged says of itself; undefined where neither
 * does.
 * @throws UserError with the known ones
 */
export function familyOf(
  text: string | undefined,
  metadata: Readonly<Record<string, string>> = {},
): Family | undefined {
  if (text === undefined) return families.find(({ name }) => name === metadata.family);
  const known = families.find(({ name }) => name === text);
  if (known) return known;
  check(
    existsSync(text),
    () => `--family ${text} is neither known (${families.map(({ name }) => name).join(', ')}) nor a file`,
  );
  return parseFamily(textOf(text), text);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UserError(`Cannot read the family's description ${path}: ${errorMessage(error)}`);
  }
}
