/**
 * Many yes-or-no answers as a short text: one bit each, the first in the lowest bit of the first byte, as
 * base64. Python reads it with `numpy.unpackbits(numpy.frombuffer(base64.b64decode(text), 'uint8'),
 * bitorder='little')`.
 */
import { check } from './errors.js';

/** `flags` as base64 of a bitmap; the bits that fill the last byte are 0. */
export function packBits(flags: readonly boolean[]): string {
  const bytes = new Uint8Array(Math.ceil(flags.length / 8));
  flags.forEach((flag, i) => {
    if (flag) bytes[i >> 3]! |= 1 << (i & 7);
  });
  return Buffer.from(bytes).toString('base64');
}

/** The first `count` answers in `text`. @throws UserError when it does not hold as many bytes as they take */
export function unpackBits(text: string, count: number): boolean[] {
  const bytes = Buffer.from(text, 'base64');
  const wanted = Math.ceil(count / 8);
  check(
    bytes.length === wanted,
    () => `A bitmap of ${count} bits must have ${wanted} bytes, this one has ${bytes.length}`,
  );
  return Array.from({ length: count }, (_, i) => (bytes[i >> 3]! & (1 << (i & 7))) !== 0);
}
