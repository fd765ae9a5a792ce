/**
 * A decoder for small baseline JPEG images, because starting a general one takes twenty times as long as decoding
 * 32×32 pixels, and CIFAR-10 has 60,000 of them. It gives what libjpeg gives, to the bit: blocks (`jpegBlocks.ts`),
 * smooth enlargement of halved colour, YCbCr to RGB. What is out of the ordinary (progressive, CMYK, colour profiles,
 * odd subsampling, damage) it leaves to the general decoder. Source: ITU-T T.81, annex B; JFIF 1.02.
 */
import type { Pixels } from './augment.js';
import {
  clamp,
  huffmanTable,
  readBlock,
  skipRestart,
  transform,
  type BitReader,
  type BlockCoding,
  type HuffmanTable,
} from './jpegBlocks.js';

/** One of Y, Cb, Cr: how many blocks of it a unit holds, and its decoded samples, `stride` a row. */
interface Component extends BlockCoding {
  readonly across: number;
  readonly down: number;
  readonly samples: Uint8Array;
  readonly stride: number;
}

/** What the headers say. */
interface Headers {
  readonly width: number;
  readonly height: number;
  readonly components: Component[];
  /** Units between restart markers; 0 for none. */
  readonly restart: number;
  /** Where the coded blocks begin. */
  readonly scan: number;
}

/** A component in the frame header. */
interface FrameComponent {
  readonly across: number;
  readonly down: number;
  readonly quantization: number;
}

/** The pixels of a baseline JPEG (greyscale, 4:4:4 or 4:2:0), or nothing if it is of another kind, or damaged. */
export function decodeBaselineJpeg(bytes: Uint8Array): Pixels | undefined {
  const headers = readHeaders(bytes);
  if (!headers || !readBlocks(bytes, headers)) return undefined;
  const { width, height, components } = headers;
  const [luma, blue, red] = components as [Component, Component?, Component?];
  const data = new Uint8Array(width * height * 3);
  if (!blue || !red) {
    for (let y = 0, o = 0; y < height; y++) {
      for (let x = 0; x < width; x++, o += 3) data.fill(luma.samples[y * luma.stride + x]!, o, o + 3);
    }
    return { data, width, height };
  }
  const cb = luma.across === 2 ? enlarge(blue, width, height) : blue;
  const cr = luma.across === 2 ? enlarge(red, width, height) : red;
  for (let y = 0, o = 0; y < height; y++) {
    for (let x = 0; x < width; x++, o += 3) {
      const light = luma.samples[y * luma.stride + x]!;
      const b = cb.samples[y * cb.stride + x]! - 128;
      const r = cr.samples[y * cr.stride + x]! - 128;
      data[o] = clamp(light + ((91881 * r + 32768) >> 16));
      data[o + 1] = clamp(light + ((-22554 * b - 46802 * r + 32768) >> 16));
      data[o + 2] = clamp(light + ((116130 * b + 32768) >> 16));
    }
  }
  return { data, width, height };
}

/** Everything before the coded blocks, or nothing if it is not the ordinary kind. */
function readHeaders(bytes: Uint8Array): Headers | undefined {
  if (word(bytes, 0) !== 0xffd8) return undefined;
  const quantization: Int32Array[] = [];
  const huffman: HuffmanTable[] = [];
  let frame: { width: number; height: number; parts: FrameComponent[] } | undefined;
  let restart = 0;
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1]!;
    const segment = bytes.subarray(at + 4, at + 2 + word(bytes, at + 2));
    at += 2 + word(bytes, at + 2);
    if (at > bytes.length) return undefined;
    switch (marker) {
      case 0xdb:
        if (!readQuantization(segment, quantization)) return undefined;
        break;
      case 0xc4:
        if (!readHuffman(segment, huffman)) return undefined;
        break;
      case 0xc0:
        frame = readFrame(segment);
        break;
      case 0xdd:
        restart = word(segment, 0);
        break;
      case 0xda: {
        const components = frame && scanComponents(segment, frame, quantization, huffman);
        return components && { width: frame!.width, height: frame!.height, components, restart, scan: at };
      }
      default:
        // Colour profiles (APP2), Adobe's colour spaces (APP14) and other frames are left to the general decoder.
        if (marker === 0xe2 || marker === 0xee || ((marker & 0xf0) !== 0xe0 && marker !== 0xfe))
          return undefined;
    }
  }
  return undefined;
}

function readQuantization(segment: Uint8Array, tables: Int32Array[]): boolean {
  for (let p = 0; p < segment.length; p += 65) {
    if (segment[p]! > 3 || p + 65 > segment.length) return false;
    tables[segment[p]!] = Int32Array.from(segment.subarray(p + 1, p + 65));
  }
  return true;
}

function readHuffman(segment: Uint8Array, tables: HuffmanTable[]): boolean {
  for (let p = 0; p < segment.length;) {
    const lengths = segment.subarray(p + 1, p + 17);
    const end = p + 17 + lengths.reduce((sum, n) => sum + n, 0);
    if (end > segment.length) return false;
    tables[segment[p]!] = huffmanTable(lengths, segment.subarray(p + 17, end));
    p = end;
  }
  return true;
}

/** Size and components, if there are one or three, the first as fine as the others or twice as fine both ways. */
function readFrame(
  segment: Uint8Array,
): { width: number; height: number; parts: FrameComponent[] } | undefined {
  const [height, width, number] = [word(segment, 1), word(segment, 3), segment[5]!];
  if (Math.max(width, height) > 1024) return undefined; // not a small image, or a damaged size
  if (segment[0] !== 8 || !width || !height || (number !== 1 && number !== 3)) return undefined;
  const parts = Array.from({ length: number }, (_, i) => {
    const [id, sampling, quantization] = segment.subarray(6 + 3 * i, 9 + 3 * i) as unknown as [
      number,
      number,
      number,
    ];
    return { id, across: sampling >> 4, down: sampling & 15, quantization };
  });
  if (parts.some(({ id }, i) => id !== i + 1)) return undefined;
  const [first, ...others] = parts;
  if (number === 1) return { width, height, parts: [{ ...first!, across: 1, down: 1 }] };
  if (first!.across !== first!.down || others.some((part) => part.across !== 1 || part.down !== 1))
    return undefined;
  // libjpeg enlarges colour that is at most two samples wide by another rule.
  const fits = first!.across === 1 || (first!.across === 2 && width > 4);
  return fits ? { width, height, parts } : undefined;
}

/** The components with their tables and room for their samples, if one scan holds them all. */
function scanComponents(
  segment: Uint8Array,
  { width, height, parts }: { width: number; height: number; parts: FrameComponent[] },
  quantizations: readonly Int32Array[],
  huffman: readonly HuffmanTable[],
): Component[] | undefined {
  if (segment[0] !== parts.length) return undefined;
  const unit = 8 * parts[0]!.across;
  const components: Component[] = [];
  for (const [i, { across, down, quantization }] of parts.entries()) {
    const tables = segment[2 + 2 * i]!;
    const [factors, dc, ac] = [
      quantizations[quantization],
      huffman[tables >> 4],
      huffman[16 + (tables & 15)],
    ];
    if (segment[1 + 2 * i] !== i + 1 || !factors || !dc || !ac) return undefined;
    const stride = Math.ceil(width / unit) * across * 8;
    const samples = new Uint8Array(stride * Math.ceil(height / unit) * down * 8);
    components.push({ across, down, quantization: factors, dc, ac, samples, stride, last: 0 });
  }
  return components;
}

/** Decodes all blocks into the components' samples. @returns whether the data was whole */
function readBlocks(bytes: Uint8Array, { width, height, components, restart, scan }: Headers): boolean {
  const unit = 8 * components[0]!.across;
  const unitsAcross = Math.ceil(width / unit);
  const units = unitsAcross * Math.ceil(height / unit);
  const reader: BitReader = { bytes, at: scan, bits: 0, held: 0, missing: 0 };
  const block = new Int32Array(64);
  for (let n = 0; n < units; n++) {
    if (restart > 0 && n > 0 && n % restart === 0) {
      if (!skipRestart(reader)) return false;
      for (const component of components) component.last = 0;
    }
    for (const component of components) {
      const { across, down, samples, stride } = component;
      for (let i = 0; i < across * down; i++) {
        if (!readBlock(reader, component, block)) return false;
        const x = ((n % unitsAcross) * across + (i % across)) * 8;
        const y = (Math.floor(n / unitsAcross) * down + Math.floor(i / across)) * 8;
        transform(block, samples, y * stride + x, stride);
      }
    }
  }
  return true;
}

/**
 * Colour of half the size, enlarged: each new sample is 9/16 of the nearest one, 3/16 of the two beside it and 1/16
 * of the one across; rounding alternates so as not to drift. Edges repeat.
 */
function enlarge(
  { samples, stride }: Component,
  width: number,
  height: number,
): Pick<Component, 'samples' | 'stride'> {
  const [halfWidth, halfHeight] = [(width + 1) >> 1, (height + 1) >> 1];
  const large = new Uint8Array(4 * halfWidth * halfHeight);
  for (let y = 0; y < 2 * halfHeight; y++) {
    const near = (y >> 1) * stride;
    const far = Math.min(Math.max((y >> 1) + (y & 1 ? 1 : -1), 0), halfHeight - 1) * stride;
    let before = 3 * samples[near]! + samples[far]!;
    let here = before;
    for (let x = 0, o = y * 2 * halfWidth; x < halfWidth; x++, o += 2) {
      const next = Math.min(x + 1, halfWidth - 1);
      const after = 3 * samples[near + next]! + samples[far + next]!;
      large[o] = (3 * here + before + 8) >> 4;
      large[o + 1] = (3 * here + after + 7) >> 4;
      before = here;
      here = after;
    }
  }
  return { samples: large, stride: 2 * halfWidth };
}

const word = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
