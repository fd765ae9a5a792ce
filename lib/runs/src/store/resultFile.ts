/**
 * `result.json`, which makes a run done: configuration, result and provenance in one file, with a checksum.
 * The same file, named after the run's hash, is how small results ship with the project.
 */
import { canonicalJson, configHash, sha256 } from 'oabn-base';
import { readIfThere, writeJsonDurable } from './durable.js';
import type { Provenance } from './provenance.js';

/** A finished run as `result.json` keeps it. */
export interface ResultFile {
  /** The version of the format. */
  readonly format: 'oabn-result-1';
  /** The hash of `config`, which names the run. */
  readonly hash: string;
  /** The configuration, as canonical JSON. */
  readonly config: unknown;
  /** What the run returned, as JSON. */
  readonly result: unknown;
  /** Where, when and with what it was computed. */
  readonly provenance: Provenance;
  /**
   * Name → SHA-256 of the files that the run made; absent in results of earlier versions and in those that
   * ship.
   */
  readonly files?: Readonly<Record<string, string>>;
}

/**
 * Writes a result file and returns its content as a reader will find it.
 * @throws UserError when the result is not JSON (NaN, say), with the place, or when the disk refuses
 */
export async function writeResultFile(path: string, content: ResultFile): Promise<ResultFile> {
  canonicalJson(content.result ?? null, 'The result');
  const plain = JSON.parse(JSON.stringify({ ...content, result: content.result ?? null })) as ResultFile;
  await writeJsonDurable(path, { ...plain, checksum: checksum(plain) });
  return plain;
}

export type FoundResult =
  | { readonly kind: 'missing' }
  | { readonly kind: 'whole'; readonly content: ResultFile }
  | { readonly kind: 'damaged'; readonly why: string };

/**
 * Reads a result file and compares it with its checksum and its hash. @throws UserError when the disk refuses
 */
export async function readResultFile(path: string): Promise<FoundResult> {
  const text = await readIfThere(path);
  if (text === undefined) return { kind: 'missing' };
  const damaged = (why: string): FoundResult => ({ kind: 'damaged', why: `${path} is damaged: ${why}` });
  let parsed: Partial<ResultFile & { checksum: string }> | null;
  try {
    parsed = JSON.parse(text) as typeof parsed;
  } catch {
    return damaged('it is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null) return damaged('it is not an object');
  const { checksum: expected, ...content } = parsed;
  if (content.format !== 'oabn-result-1')
    return damaged(`its format is ${content.format}, expected oabn-result-1`);
  if (checksum(content) !== expected) return damaged('its content does not agree with its checksum');
  if (configHash(content.config) !== content.hash) return damaged('its configuration does not have its hash');
  return { kind: 'whole', content: content as ResultFile };
}

function checksum(content: object): string {
  return sha256(canonicalJson(content));
}
