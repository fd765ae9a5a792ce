/**
 * A decoder for small plain PNG images (8-bit RGB, not interlaced), as CIFAR-10 comes in from Hugging Face; like
 * `jpeg.ts`, it spares the start of a general decoder. Anything else is left to that. Source: PNG, third edition (W3C).
 */
import { crc32, inflateSync } from 'node:zlib';
import type { Pixels } from './augment.js';

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** Chunks that do not change the colours of an RGB image; others call for the general decoder. */
const harmless = new Set(['pHYs', 'tEXt', 'zTXt', 'iTXt', 'tIME', 'sRGB', 'IEND']);

/** The pixels of a plain PNG, or nothing if it is of another kind, or damaged. */
export function decodePlainPng(bytes: Uint8Array): Pixels | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!file.subarray(0, 8).equals(signature)) return undefined;
  let size: { width: number; height: number } | undefined;
  const compressed: Buffer[] = [];
  for (let at = 8, type = ''; type !== 'IEND';) {
    if (at + 12 > file.length) return undefined;
    const end = at + 8 + file.readUInt32BE(at);
    if (end + 4 > file.length || crc32(file.subarray(at + 4, end)) !== file.readUInt32BE(end))
      return undefined;
    type = file.toString('latin1', at + 4, at + 8);
    const content = file.subarray(at + 8, end);
    if (type === 'IHDR') {
      // Bit depth 8, colour type 2 (RGB), and the only compression, filtering and (no) interlacing that is handled.
      if (content.toString('hex', 8) !== '0802000000') return undefined;
      size = { width: content.readUInt32BE(0), height: content.readUInt32BE(4) };
    } else if (type === 'IDAT') compressed.push(content);
    else if (!harmless.has(type)) return undefined;
    at = end + 4;
  }
  if (!size || Math.max(size.width, size.height) > 1024) return undefined;
  try {
    const { width, height } = size;
    const lines = inflateSync(Buffer.concat(compressed), { maxOutputLength: height * (width * 3 + 1) });
    const data = lines.length === height * (width * 3 + 1) ? unfilter(lines, width * 3, height) : undefined;
    return data && { data, width, height };
  } catch {
    return undefined; // damaged: the general decoder says how
  }
}

/** Undoes the prediction of each line, whose kind is the byte before it, from the pixel before and the line above. */
function unfilter(lines: Uint8Array, stride: number, height: number): Uint8Array | undefined {
  const data = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = lines[y * (stride + 1)]!;
    if (filter > 4) return undefined;
    for (let x = 0, from = y * (stride + 1) + 1, to = y * stride; x < stride; x++, from++, to++) {
      const left = x >= 3 ? data[to - 3]! : 0;
      const above = y > 0 ? data[to - stride]! : 0;
      const corner = x >= 3 && y > 0 ? data[to - stride - 3]! : 0;
      data[to] = lines[from]! + predicted(filter, left, above, corner);
    }
  }
  return data;
}

function predicted(filter: number, left: number, above: number, corner: number): number {
  switch (filter) {
    case 1:
      return left;
    case 2:
      return above;
    case 3:
      return (left + above) >> 1;
    case 4: {
      // Paeth: whichever neighbour is nearest to left + above − corner.
      const toLeft = Math.abs(above - corner);
      const toAbove = Math.abs(left - corner);
      const toCorner = Math.abs(left + above - 2 * corner);
      return toLeft <= toAbove && toLeft <= toCorner ? left : toAbove <= toCorner ? above : corner;
    }
    default:
      return 0;
  }
}
