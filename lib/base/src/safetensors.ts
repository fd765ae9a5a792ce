/**
 * The safetensors file format: an 8-byte little-endian header length, a JSON header (name → dtype, shape,
 * byte range; `__metadata__` holds strings), then the bytes of all tensors without gaps. Source: the format's
 * description in huggingface/safetensors.
 */
import { readFile } from 'node:fs/promises';
import { cannotRead } from './disk.js';
import { check, UserError } from './errors.js';
import { writeFileAtomic } from './files.js';
import { fromBfloat16, fromFloat16, toFloat16 } from './half.js';
import { metadataName, readHeader } from './safetensorsHeader.js';

/** The types of elements that are read and written, as the format names them. */
export const safetensorsTypes = {
  F32: Float32Array,
  F64: Float64Array,
  I8: Int8Array,
  U8: Uint8Array,
  I16: Int16Array,
  I32: Int32Array,
  U32: Uint32Array,
  I64: BigInt64Array,
} as const;

/** Types that are read as others, which hold all their values. */
const widened: Readonly<Record<string, { readonly bytes: number; read(bytes: ArrayBuffer): HostArray }>> = {
  F16: { bytes: 2, read: (bytes) => fromFloat16(new Uint16Array(bytes)) },
  BF16: { bytes: 2, read: (bytes) => fromBfloat16(new Uint16Array(bytes)) },
  BOOL: { bytes: 1, read: (bytes) => new Uint8Array(bytes) },
  U16: { bytes: 2, read: (bytes) => Int32Array.from(new Uint16Array(bytes)) },
};

/** What is read: not the format's U64, C64, and floats of 8, 6 and 4 bits, whose scales are tensors of their own. */
const readTypes = [...Object.keys(safetensorsTypes), ...Object.keys(widened)];

/** The name of such a type. */
export type SafetensorsType = keyof typeof safetensorsTypes;

/** The elements of a tensor. */
export type HostArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array;

/** A tensor in host memory: row-major `data`, whose length is the product of `shape`. */
export interface HostTensor<Data extends HostArray = HostArray> {
  /** The lengths of its axes; none for a scalar. */
  readonly shape: readonly number[];
  /** Its elements, row-major. */
  readonly data: Data;
}

/** The contents of a safetensors file: tensors by name, and texts in its metadata. */
export interface Safetensors {
  /** Name → tensor. */
  readonly tensors: Readonly<Record<string, HostTensor>>;
  /** Name → text. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** The number of elements of a tensor of this shape. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** How the numbers are written. */
export interface SafetensorsOptions {
  /**
   * Write 32-bit floats as 16-bit ones (F16), in half the bytes and with 11 bits of precision. Default false.
   */
  readonly float16?: boolean;
}

/**
 * The bytes of a safetensors file that holds `tensors` in the order of their names.
 * @throws UserError for a shape that does not fit its elements, a forbidden name, or a number that no 16-bit
 * float holds
 */
export function encodeSafetensors(
  { tensors, metadata }: Safetensors,
  { float16 = false }: SafetensorsOptions = {},
): Uint8Array {
  const header = new Map<string, unknown>();
  if (Object.keys(metadata).length > 0) header.set(metadataName, metadata);
  const parts: (HostArray | Uint16Array)[] = [];
  let offset = 0;
  for (const name of Object.keys(tensors).sort()) {
    const { shape, data } = tensors[name]!;
    if (sizeOf(shape) !== data.length) {
      throw new UserError(`Tensor ${name} has shape [${shape.join(', ')}] but ${data.length} elements`);
    }
    check(name !== metadataName, `A tensor must not be named ${metadataName}: the format keeps that name`);
    const stored = float16 && data instanceof Float32Array ? halfOf(name, data) : data;
    const dtype = stored instanceof Uint16Array ? 'F16' : typeOf(stored);
    header.set(name, { dtype, shape, data_offsets: [offset, offset + stored.byteLength] });
    offset += stored.byteLength;
    parts.push(stored);
  }
  const text = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const padding = (8 - (text.length % 8)) % 8;
  const start = 8 + text.length + padding;
  const file = Buffer.alloc(start + offset, ' ');
  file.writeBigUInt64LE(BigInt(text.length + padding), 0);
  text.copy(file, 8);
  offset = start;
  for (const { buffer, byteOffset, byteLength } of parts) {
    file.set(new Uint8Array(buffer, byteOffset, byteLength), offset);
    offset += byteLength;
  }
  return file;
}

function halfOf(name: string, data: Float32Array): Uint16Array {
  const index = data.findIndex((value) => Number.isFinite(value) && Math.abs(value) >= 65_520);
  check(index < 0, () => `Tensor ${name}[${index}] = ${data[index]} is beyond 16-bit floats; write 32 bits`);
  return toFloat16(data);
}

/** What becomes of tensors of a type that is not read. */
export interface DecodeOptions {
  /** Called for each of them, which are then left out; without it, they are refused. */
  readonly passOver?: (
    name: string,
    tensor: { readonly dtype: string; readonly shape: readonly number[] },
  ) => void;
}

/**
 * The tensors of a safetensors file's bytes; BOOL as 0 and 1, F16 and BF16 as 32-bit floats, U16 as 32-bit
 * integers. As strict as the format's own reader (`safetensors` in Rust):
 * every byte belongs to the header or to exactly one tensor, and nothing is stated twice.
 * @throws UserError naming `source` when the file is not whole, is not safetensors, or holds a dtype that is
 * not read.
 */
export function decodeSafetensors(
  file: Uint8Array,
  source = 'the file',
  { passOver }: DecodeOptions = {},
): Safetensors {
  const bad = (why: string): UserError =>
    new UserError(`${source} is not a whole safetensors file: ${why}. Write or fetch it again.`);
  const { entries, metadata, dataStart } = readHeader(file, bad);
  const tensors: [string, HostTensor][] = [];
  let place = dataStart;
  for (const { name, dtype, shape, begin, end } of entries) {
    if (dataStart + begin !== place) {
      throw bad(
        `tensor ${name} begins at byte ${dataStart + begin}, but the tensor before it ends at ${place}`,
      );
    }
    place = dataStart + end;
    if (place > file.byteLength) throw bad(`tensor ${name} ends at byte ${place} of ${file.byteLength}`);
    const wide = Object.hasOwn(widened, dtype) ? widened[dtype] : undefined;
    const type = Object.hasOwn(safetensorsTypes, dtype)
      ? safetensorsTypes[dtype as SafetensorsType]
      : undefined;
    const elementBytes = wide?.bytes ?? type?.BYTES_PER_ELEMENT;
    if (elementBytes === undefined) {
      const refused = `${source}: tensor ${name} has dtype ${dtype}; convert it to one of ${readTypes.join(', ')}`;
      if (!passOver) throw new UserError(refused);
      passOver(name, { dtype, shape });
      continue;
    }
    if (end - begin !== sizeOf(shape) * elementBytes) {
      throw bad(`tensor ${name} of type ${dtype} and shape [${shape.join(', ')}] has ${end - begin} bytes`);
    }
    // A copy, because a typed array needs an aligned start and the file's bytes give none.
    const { buffer } = Uint8Array.prototype.slice.call(file, dataStart + begin, place);
    tensors.push([name, { shape, data: wide ? wide.read(buffer) : new type!(buffer) }]);
  }
  if (place !== file.byteLength) throw bad(`its tensors end at byte ${place} of ${file.byteLength}`);
  // Not by assignment, which would lose a tensor whose name is __proto__.
  return { tensors: Object.fromEntries(tensors), metadata };
}

/** Reads a safetensors file. @throws UserError when it is missing, truncated or of another kind. */
export async function readSafetensors(path: string): Promise<Safetensors> {
  const file = await readFile(path).catch(cannotRead(path));
  return decodeSafetensors(file, path);
}

/** Writes a safetensors file, whole or not at all. */
export async function writeSafetensors(
  path: string,
  tensors: Safetensors['tensors'],
  metadata: Safetensors['metadata'] = {},
  options: SafetensorsOptions = {},
): Promise<void> {
  await writeFileAtomic(path, encodeSafetensors({ tensors, metadata }, options));
}

function typeOf(data: HostArray): SafetensorsType {
  const found = Object.entries(safetensorsTypes).find(([, type]) => data instanceof type);
  return found![0] as SafetensorsType;
}
