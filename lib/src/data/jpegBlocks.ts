/**
 * Blocks of a JPEG image: from Huffman-coded bits to 8×8 coefficients to samples. The cosine transform is libjpeg's
 * `jidctint` (Loeffler, Ligtenberg, Moschytz 1989), whose integer arithmetic every decoder repeats to the bit.
 * Source: ITU-T T.81, annexes A and F.
 */

/** Where the coefficients of a block lie in its 8×8 square, in the order in which they are coded. */
// prettier-ignore
const zigzag = Uint8Array.of(
   0,  1,  8, 16,  9,  2,  3, 10, 17, 24, 32, 25, 18, 11,  4,  5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13,  6,  7, 14, 21, 28,
  35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
);

export interface HuffmanTable {
  /** For each code length 1 … 16: the first code, how many there are, and where their symbols begin. */
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly start: Int32Array;
  readonly symbols: Uint8Array;
  /** For each 8 bits: length × 256 + symbol of the code that they begin with; 0 if that code is longer. */
  readonly short: Uint16Array;
}

/** A table from the numbers of codes of each length and the symbols in their order. */
export function huffmanTable(lengths: ArrayLike<number>, symbols: Uint8Array): HuffmanTable {
  const [first, count, start] = [new Int32Array(17), new Int32Array(17), new Int32Array(17)];
  const short = new Uint16Array(256);
  let [code, at] = [0, 0];
  for (let length = 1; length <= 16; length++, code <<= 1) {
    first[length] = code;
    start[length] = at;
    count[length] = lengths[length - 1]!;
    for (let i = 0; i < count[length]!; i++, code++, at++) {
      if (length > 8) continue;
      const from = code << (8 - length);
      short.fill((length << 8) | symbols[at]!, from, from + (1 << (8 - length)));
    }
  }
  return { first, count, start, symbols, short };
}

/** What reading the blocks of one component needs, and the one thing that it remembers. */
export interface BlockCoding {
  /** Factors of the coefficients, in the order in which they are coded. */
  readonly quantization: Int32Array;
  readonly dc: HuffmanTable;
  readonly ac: HuffmanTable;
  /** The constant part of the last block: the next one codes the difference. */
  last: number;
}

/** Coded data, how far it has been read, and the bits at hand. */
export interface BitReader {
  readonly bytes: Uint8Array;
  at: number;
  bits: number;
  held: number;
  /** How many of the held bits stand for data that is not there. */
  missing: number;
}

/** Makes sure that at least `length` bits are held: at most 16 are asked for, so they fit into 32. */
function fill(reader: BitReader, length: number): void {
  while (reader.held < length) {
    let byte = reader.bytes[reader.at];
    if (byte === undefined || (byte === 0xff && reader.bytes[reader.at + 1] !== 0)) {
      byte = 0; // a marker or the end: the look-ahead of the last code may reach beyond it
      reader.missing += 8;
    } else {
      reader.at += byte === 0xff ? 2 : 1;
    }
    reader.bits = (reader.bits << 8) | byte;
    reader.held += 8;
  }
}

/** The next symbol, or −1 when there is no such code. */
function readSymbol(reader: BitReader, { first, count, start, symbols, short }: HuffmanTable): number {
  fill(reader, 16);
  const { bits, held } = reader;
  const entry = short[(bits >>> (held - 8)) & 255]!;
  if (entry !== 0) {
    reader.held = held - (entry >> 8);
    return entry & 255;
  }
  for (let length = 9; length <= 16; length++) {
    const offset = ((bits >>> (held - length)) & ((1 << length) - 1)) - first[length]!;
    if (offset >= 0 && offset < count[length]!) {
      reader.held = held - length;
      return symbols[start[length]! + offset]!;
    }
  }
  return -1;
}

/** `length` bits as JPEG codes signed numbers: a leading 0 means negative. */
function readSigned(reader: BitReader, length: number): number {
  if (length === 0) return 0;
  fill(reader, length);
  reader.held -= length;
  const value = (reader.bits >>> reader.held) & ((1 << length) - 1);
  return value < 1 << (length - 1) ? value - (1 << length) + 1 : value;
}

/** Reads the next block, dequantized, in natural order; false when the data ends or makes no sense. */
export function readBlock(reader: BitReader, coding: BlockCoding, block: Int32Array): boolean {
  const { quantization, dc, ac } = coding;
  block.fill(0);
  const size = readSymbol(reader, dc);
  if (size < 0 || size > 11) return false;
  coding.last += readSigned(reader, size);
  block[0] = coding.last * quantization[0]!;
  for (let k = 1; k < 64; k++) {
    const symbol = readSymbol(reader, ac);
    if (symbol < 0) return false;
    k += symbol >> 4;
    const length = symbol & 15;
    if (length === 0 && symbol !== 0xf0) break;
    if (k > 63) return false;
    if (length > 0) block[zigzag[k]!] = readSigned(reader, length) * quantization[k]!;
  }
  return reader.held >= reader.missing;
}

/** Passes over a restart marker; false when there is none. */
export function skipRestart(reader: BitReader): boolean {
  const there = reader.bytes[reader.at] === 0xff && (reader.bytes[reader.at + 1]! & 0xf8) === 0xd0;
  reader.bits = reader.held = reader.missing = 0;
  reader.at += 2;
  return there;
}

// Scratch of `transform`, which never waits.
const workspace = new Int32Array(64);

/** A sample within its range. */
export const clamp = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : value);

/** The inverse cosine transform of a dequantized block, as samples at `at` in rows of `stride`. */
export function transform(block: Int32Array, samples: Uint8Array, at: number, stride: number): void {
  // Columns first, kept with 2 more bits; then rows, and the 3 bits of the transform's own scale.
  for (let x = 0; x < 8; x++) transformLine(block, x, 8, workspace, 11);
  for (let y = 0; y < 8; y++) {
    transformLine(workspace, 8 * y, 1, workspace, 18);
    for (let x = 0; x < 8; x++) samples[at + y * stride + x] = clamp(workspace[8 * y + x]! + 128);
  }
}

/** One-dimensional transform of eight values `step` apart, rounded off by `shift` bits. Constants have 13 bits. */
function transformLine(from: Int32Array, at: number, step: number, to: Int32Array, shift: number): void {
  const i1 = from[at + step]!;
  const i2 = from[at + 2 * step]!;
  const i3 = from[at + 3 * step]!;
  const i5 = from[at + 5 * step]!;
  const i6 = from[at + 6 * step]!;
  const i7 = from[at + 7 * step]!;
  const sum = (from[at]! + from[at + 4 * step]!) << 13;
  const difference = (from[at]! - from[at + 4 * step]!) << 13;
  const turn = (i2 + i6) * 4433;
  const low = turn - i6 * 15137;
  const high = turn + i2 * 6270;
  const e0 = sum + high;
  const e1 = difference + low;
  const e2 = difference - low;
  const e3 = sum - high;

  const z5 = (i7 + i3 + i5 + i1) * 9633;
  const z1 = (i7 + i1) * -7373;
  const z2 = (i5 + i3) * -20995;
  const z3 = (i7 + i3) * -16069 + z5;
  const z4 = (i5 + i1) * -3196 + z5;
  const o0 = i7 * 2446 + z1 + z3;
  const o1 = i5 * 16819 + z2 + z4;
  const o2 = i3 * 25172 + z2 + z3;
  const o3 = i1 * 12299 + z1 + z4;

  const half = 1 << (shift - 1);
  to[at] = (e0 + o3 + half) >> shift;
  to[at + step] = (e1 + o2 + half) >> shift;
  to[at + 2 * step] = (e2 + o1 + half) >> shift;
  to[at + 3 * step] = (e3 + o0 + half) >> shift;
  to[at + 4 * step] = (e3 - o0 + half) >> shift;
  to[at + 5 * step] = (e2 - o1 + half) >> shift;
  to[at + 6 * step] = (e1 - o2 + half) >> shift;
  to[at + 7 * step] = (e0 - o3 + half) >> shift;
}
