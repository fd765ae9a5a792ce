/**
 * Whole numbers of b bits in exactly b bits each: bit p of all numbers is one plane, eight numbers a byte,
 * the first in the lowest bit. Words of several numbers would waste bits wherever b does not divide 8.
 */

/** The planes [bits, ⌈n/8⌉] of `values`, each in 0 … 2^bits − 1. */
export function packBitPlanes(values: ArrayLike<number>, bits: number): Uint8Array {
  const bytes = Math.ceil(values.length / 8);
  const planes = new Uint8Array(bits * bytes);
  for (let i = 0; i < values.length; i++) {
    for (let plane = 0; plane < bits; plane++) {
      planes[plane * bytes + (i >> 3)]! |= ((values[i]! >> plane) & 1) << (i & 7);
    }
  }
  return planes;
}

/** The `count` numbers that `packBitPlanes` packed. */
export function unpackBitPlanes(planes: Uint8Array, bits: number, count: number): Uint16Array {
  const bytes = planes.length / bits;
  return Uint16Array.from({ length: count }, (_, i) => {
    let value = 0;
    for (let plane = 0; plane < bits; plane++) {
      value |= ((planes[plane * bytes + (i >> 3)]! >> (i & 7)) & 1) << plane;
    }
    return value;
  });
}

/** Signed numbers in −8 … 7 as ONNX stores int4: two a byte, the first in the lower half. */
export function packInt4(values: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(values.length / 2));
  for (let i = 0; i < values.length; i++) bytes[i >> 1]! |= (values[i]! & 15) << (4 * (i & 1));
  return bytes;
}
