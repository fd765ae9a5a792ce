/**
 * Half-precision numbers as single-precision ones, exactly: IEEE's binary16, and bfloat16, the upper half of
 * a float32.
 */

/** The values of binary16 bit patterns. */
export function fromFloat16(bits: Uint16Array): Float32Array {
  return Float32Array.from(bits, (half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
  });
}

/** The values of bfloat16 bit patterns. */
export function fromBfloat16(bits: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(bits, (half) => half << 16).buffer);
}

const word = new DataView(new ArrayBuffer(4));

/**
 * The binary16 bit patterns nearest to `values`, ties to even. Numbers beyond ±65,504 become infinite, and
 * those below 2^-25 zero: the caller has to check for that.
 */
export function toFloat16(values: Float32Array): Uint16Array {
  return Uint16Array.from(values, (value) => {
    word.setFloat32(0, value);
    const bits = word.getUint32(0);
    const sign = (bits >>> 16) & 0x8000;
    const exponent = ((bits >>> 23) & 0xff) - 127;
    if (exponent === 128) return sign | 0x7c00 | (bits & 0x7fffff ? 0x200 : 0);
    if (exponent < -25) return sign;
    // The fraction with its leading one, and how many of its bits the half has no room for.
    const fraction = (bits & 0x7fffff) | 0x800000;
    const dropped = exponent >= -14 ? 13 : -1 - exponent;
    const kept = fraction >>> dropped;
    const rest = fraction & (2 ** dropped - 1);
    const tie = 2 ** (dropped - 1);
    const up = rest > tie || (rest === tie && kept & 1) ? 1 : 0;
    // Rounding up may carry into the exponent, and from the largest number to infinity, as it should.
    const biased = exponent >= -14 ? (exponent + 14) << 10 : 0;
    const half = biased + kept + up;
    return sign | Math.min(half, 0x7c00);
  });
}
