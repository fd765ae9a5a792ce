/**
 * x mod y of floats as tfjs has it, with the sign of the divisor and without rounding. WGSL's own remainder is
 * x − y·trunc(x/y), which has no correct digit left for large quotients; here the rest of the division of
 * the significands is taken, eight bits at a time, as C's fmod does.
 */
import type { Lanes } from './wgsl.js';

/** The functions that `floatMod` calls. */
export const floatModFunctions = `
fn floatRest(x: f32, y: f32) -> f32 {
  let sign = bitcast<u32>(x) & 0x80000000u;
  let a = bitcast<u32>(x) & 0x7fffffffu;
  let b = bitcast<u32>(y) & 0x7fffffffu;
  if (a >= 0x7f800000u || b > 0x7f800000u || b == 0u) { return bitcast<f32>(bitsOfNan); }
  if (a < b) { return x; }
  // The value is significand · 2^exponent but for a constant factor; numbers below the normal ones have exponent 1, too.
  var exponent = max(a >> 23u, 1u);
  let least = max(b >> 23u, 1u);
  let divisor = (b & 0x7fffffu) | select(0u, 0x800000u, b >= 0x800000u);
  var rest = ((a & 0x7fffffu) | select(0u, 0x800000u, a >= 0x800000u)) % divisor;
  while (exponent > least && rest != 0u) {
    let step = min(exponent - least, 8u);
    rest = (rest << step) % divisor;
    exponent -= step;
  }
  if (rest == 0u) { return bitcast<f32>(sign); }
  let shift = min(countLeadingZeros(rest) - 8u, least - 1u);
  let significand = rest << shift;
  let raised = select(0u, (least - shift) << 23u, significand >= 0x800000u);
  return bitcast<f32>(sign | raised | (significand & 0x7fffffu));
}
fn floatMod(x: f32, y: f32) -> f32 {
  let rest = floatRest(x, y);
  if ((x < 0f) == (y < 0f)) { return rest; }
  return floatRest(rest + y, y);
}`;

/** The call for operands that are names or literals. */
export function floatMod(x: string, y: string, lanes: Lanes): string {
  if (lanes === 1) return `floatMod(${x}, ${y})`;
  const parts = ['x', 'y', 'z', 'w'].map((lane) => `floatMod(${x}.${lane}, ${y}.${lane})`);
  return `vec4<f32>(${parts.join(', ')})`;
}
