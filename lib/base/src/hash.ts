/**
 * Canonical JSON (RFC 8785's order of keys) and hashes: the same configuration has the same name everywhere.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { UserError } from './errors.js';

/**
 * `value` as JSON with sorted keys and no white space; `undefined` members are left out, and what has a
 * `toJSON` (a date) is what that returns.
 * @throws UserError for what JSON cannot hold (NaN, ±Infinity, functions, maps and sets), with its path.
 */
export function canonicalJson(value: unknown, path = '$'): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new UserError(`${path} must be a finite number, got ${value}`);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    return `[${value.map((item, i) => canonicalJson(item, `${path}[${i}]`)).join(',')}]`;
  }
  if (typeof value === 'object') {
    const { toJSON } = value as { readonly toJSON?: unknown };
    const shown: unknown = typeof toJSON === 'function' ? toJSON.call(value) : value;
    if (shown !== value) return canonicalJson(shown, path);
    if (hidesItsContent(value)) throw new UserError(`${path} must be JSON, got a ${value.constructor.name}`);
    const entries = Object.entries(value).filter(([, member]) => member !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member, `${path}.${key}`)}`).join(',')}}`;
  }
  throw new UserError(`${path} must be JSON, got a ${typeof value}`);
}

/**
 * Whether JSON would show an object of a class as {}, whatever is in it: a map, a set, a regular expression,
 * private fields.
 */
function hidesItsContent(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  return !isPlain && !ArrayBuffer.isView(value) && Object.keys(value).length === 0;
}

/** The SHA-256 of bytes, or of a text in UTF-8, in hexadecimal. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** The digest of a file's bytes, in hex, read as a stream. */
export async function fileDigest(path: string, algorithm: 'sha256' | 'md5' = 'sha256'): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** The first 16 hex digits of the SHA-256 of `canonicalJson(config)`: the name of a run. */
export function configHash(config: unknown): string {
  return sha256(canonicalJson(config)).slice(0, 16);
}
