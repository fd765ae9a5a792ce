/**
 * Files as accidents and enemies make them: bits flipped, parts cut, repeated, moved, numbers made huge; from
 * a seed, so that a failure comes again.
 */

/** Whole numbers 0 … n − 1, the same for the same seed (xorshift, Marsaglia 2003). */
export function randomNumbers(seed: number): (n: number) => number {
  let state = (seed * 2654435761 + 1) >>> 0 || 1;
  return (n) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % n;
  };
}

/** Numbers that readers stumble over. */
const boundaries = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** One to eight accidents upon `original`. */
export function mutate(original: Uint8Array, random: (n: number) => number): Buffer {
  let bytes = Buffer.from(original);
  for (let left = 1 + random(8); left > 0 && bytes.length > 8; left--) {
    const at = random(bytes.length);
    const length = Math.min(bytes.length - at, 1 + random(64));
    switch (random(7)) {
      case 0:
        bytes[at]! ^= 1 << random(8);
        break;
      case 1:
        bytes[at] = random(256);
        break;
      case 2:
        bytes = bytes.subarray(0, at);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
        break;
      case 5:
        bytes.writeUInt32LE(boundaries[random(boundaries.length)]!, Math.min(at, bytes.length - 4));
        break;
      default: {
        const from = random(bytes.length - length + 1);
        bytes.copy(bytes, at, from, from + length);
      }
    }
    // A view of the original would be changed with it.
    bytes = Buffer.from(bytes);
  }
  return bytes;
}
