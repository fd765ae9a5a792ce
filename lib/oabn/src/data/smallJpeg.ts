/**
 * Small JPEG images by libjpeg-turbo in WebAssembly. The pixels are those of sharp, whose libvips contains the
 * same decoder but builds a pipeline for each image, which takes ten times as long as decoding 32×32 pixels.
 */
import type { Pixels } from './augment.js';

type Decode = (typeof import('@cwasm/jpeg-turbo'))['decode'];

let library: Promise<Decode> | undefined;

/** Above this many pixels an image is left to sharp, which decodes beside the JavaScript thread. */
export const mostPixels = 128 * 128;

/**
 * The RGB pixels of a small, ordinary JPEG image whose size is `wanted`. Undefined where sharp is needed: for other
 * images (large, grey, CMYK or progressive ones, those with a colour profile or other metadata that may change
 * colours), and for damaged ones, of which sharp says what is wrong.
 */
export async function decodeSmallJpeg(
  bytes: Uint8Array,
  wanted: (width: number, height: number) => boolean = () => true,
): Promise<Pixels | undefined> {
  const size = ordinarySize(bytes);
  if (!size || size.width * size.height > mostPixels || !wanted(size.width, size.height)) return undefined;
  const decode = await (library ??= import('@cwasm/jpeg-turbo').then((turbo) => turbo.decode));
  try {
    return { data: withoutAlpha(decode(bytes).data), ...size };
  } catch {
    return undefined;
  }
}

/** Markers of a JPEG file: ITU-T T.81, table B.1. */
const marker = { start: 0xd8, end: 0xd9, scan: 0xda, baseline: 0xc0 };
/** JFIF's header, tables, restart intervals and comments: none makes other colours. */
const harmless = new Set([0xe0, 0xc4, 0xdb, 0xdd, 0xfe]);

/**
 * The size of a whole baseline file whose components are 1, 2 and 3, which without metadata to the contrary are Y, Cb and
 * Cr.
 */
function ordinarySize(bytes: Uint8Array): { width: number; height: number } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isMarker = (at: number, code: number): boolean => view.getUint16(at) === 0xff00 + code;
  if (bytes.length < 20 || !isMarker(0, marker.start) || !isMarker(bytes.length - 2, marker.end))
    return undefined;
  let size: { width: number; height: number } | undefined;
  for (let at = 2; at + 18 < bytes.length; at += 2 + view.getUint16(at + 2)) {
    const code = bytes[at + 1]!;
    if (bytes[at] !== 0xff) return undefined;
    if (code === marker.scan) return size;
    if (code === marker.baseline) {
      const components = [bytes[at + 9], bytes[at + 10], bytes[at + 13], bytes[at + 16]];
      if (bytes[at + 4] !== 8 || components.join() !== '3,1,2,3') return undefined;
      size = { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    } else if (!harmless.has(code)) return undefined;
  }
  return undefined;
}

function withoutAlpha(rgba: Uint8ClampedArray): Uint8Array {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    rgb[to++] = rgba[from]!;
    rgb[to++] = rgba[from + 1]!;
    rgb[to++] = rgba[from + 2]!;
  }
  return rgb;
}
