/** MurmurHash2 of Austin Appleby (public domain), 32 bits: how Jupyter's clients name the file of a cell. */

/** The hash of `text` in UTF-8. */
export function murmur2(text: string, seed: number): number {
  const data = Buffer.from(text, 'utf8');
  const multiplier = 0x5bd1e995;
  let hash = (seed ^ data.length) >>> 0;
  let at = 0;
  for (; at + 4 <= data.length; at += 4) {
    let block = Math.imul(data.readUInt32LE(at), multiplier);
    block = Math.imul(block ^ (block >>> 24), multiplier);
    hash = Math.imul(hash, multiplier) ^ block;
  }
  const rest = data.length - at;
  if (rest >= 3) hash ^= data[at + 2]! << 16;
  if (rest >= 2) hash ^= data[at + 1]! << 8;
  if (rest >= 1) hash = Math.imul(hash ^ data[at]!, multiplier);
  hash = Math.imul(hash ^ (hash >>> 13), multiplier);
  return (hash ^ (hash >>> 15)) >>> 0;
}
