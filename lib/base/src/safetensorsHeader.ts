/**
 * The header of a safetensors file: an 8-byte little-endian length, then JSON that names each tensor once,
 * with its dtype, its shape and the bytes that it takes. Read as strictly as the format's own reader does it
 * (the crate `safetensors` of huggingface/safetensors), because the header of a file from elsewhere decides
 * how much memory is allocated and which bytes become which weights.
 */
import { parseStrictJson, type StrictJson } from './strictJson.js';

/** The name in a header that holds texts, not a tensor. */
export const metadataName = '__metadata__';

/** The largest header allowed, as in the format's own reader. */
const longestHeader = 100_000_000;

export interface HeaderEntry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  /** The tensor's first byte and the one after its last, counted from the end of the header. */
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  /** Tensors in the order of their bytes. */
  readonly entries: readonly HeaderEntry[];
  readonly metadata: Readonly<Record<string, string>>;
  /** Where in the file the tensors' bytes begin. */
  readonly dataStart: number;
}

/** The header of the file with these bytes. @throws what `bad` makes of the reason why it is not a header */
export function readHeader(file: Uint8Array, bad: (why: string) => Error): Header {
  if (file.byteLength < 8) throw bad(`${file.byteLength} bytes`);
  const length = Number(new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true));
  if (length > longestHeader)
    throw bad('its first 8 bytes are not the length of a header, so it is probably of another format');
  if (length > file.byteLength - 8)
    throw bad(`its header needs ${length} bytes, it has ${file.byteLength - 8}`);
  const header = parseHeader(file.subarray(8, 8 + length), bad);
  const entries: HeaderEntry[] = [];
  let metadata: Header['metadata'] = {};
  for (const [name, value] of header) {
    if (name === metadataName) metadata = readTexts(value, bad);
    else entries.push(readEntry(name, value, bad));
  }
  // Empty tensors share their place with the next one, so the end counts too.
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  return { entries, metadata, dataStart: 8 + length };
}

function parseHeader(bytes: Uint8Array, bad: (why: string) => Error): ReadonlyMap<string, StrictJson> {
  let header: StrictJson;
  try {
    header = parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw bad(`its header is not JSON as the format has it (${(error as Error).message})`);
  }
  if (!(header instanceof Map)) throw bad('its header is JSON, but not an object');
  return header;
}

function readTexts(value: StrictJson, bad: (why: string) => Error): Header['metadata'] {
  const texts = value instanceof Map ? [...value] : undefined;
  if (!texts?.every((entry): entry is [string, string] => typeof entry[1] === 'string')) {
    throw bad(`its ${metadataName} is not an object of texts`);
  }
  return Object.fromEntries(texts);
}

function readEntry(name: string, value: StrictJson, bad: (why: string) => Error): HeaderEntry {
  const member = (key: string): StrictJson | undefined => (value instanceof Map ? value.get(key) : undefined);
  const [dtype, shape, offsets] = [member('dtype'), member('shape'), member('data_offsets')];
  if (typeof dtype !== 'string') throw bad(`tensor ${name} has no dtype`);
  if (!isWholeNumbers(shape)) throw bad(`tensor ${name} has no shape of whole numbers ≥ 0`);
  if (!isWholeNumbers(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw bad(`tensor ${name} has no data_offsets [begin, end] of whole numbers ≥ 0`);
  }
  return { name, dtype, shape, begin: offsets[0]!, end: offsets[1]! };
}

const isWholeNumbers = (value: StrictJson | undefined): value is number[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'number' && Number.isSafeInteger(item));
