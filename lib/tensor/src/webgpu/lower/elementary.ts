/**
 * exp, log and pow with the results of tfjs where WGSL leaves them to the driver: of NaN, of 0 and below. An
 * emulated GPU has numbers for them.
 */
import { expressionType, type Lanes, literal } from './wgsl.js';

const functionsOf = (lanes: Lanes): string => {
  const type = expressionType('float32', lanes);
  const number = (value: number): string => literal(value, 'float32', lanes);
  return `
fn expOf${lanes}(x: ${type}) -> ${type} { return select(exp(x), x, isNan${lanes}(x)); }
fn logOf${lanes}(x: ${type}) -> ${type} {
  let positive = select(log(x), ${number(-Infinity)}, x == ${number(0)});
  return select(select(positive, ${number(NaN)}, x < ${number(0)}), x, isNan${lanes}(x));
}
// WGSL's pow is for x ≥ 0: the sign comes back for odd powers, and a fraction of a negative number is NaN.
fn powOf${lanes}(x: ${type}, y: ${type}) -> ${type} {
  let power = pow(abs(x), y);
  let signed = select(power, sign(x) * power, abs(y % ${number(2)}) == ${number(1)});
  let none = ((x < ${number(0)}) & (floor(y) != y)) | isNan${lanes}(x) | isNan${lanes}(y);
  return select(select(signed, ${number(NaN)}, none), ${number(1)}, (y == ${number(0)}) & !isNan${lanes}(y));
}`;
};

/** The functions `expOf`, `logOf` and `powOf` for 1 lane and for 4. */
export const elementaryFunctions = `${functionsOf(1)}${functionsOf(4)}`.trim();
