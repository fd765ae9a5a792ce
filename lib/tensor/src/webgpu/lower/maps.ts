/** Kernels that work on each element by itself, as expressions of WGSL. */
import type { Attributes, DType, KernelCall } from '../../ops/index.js';
import { atLeast, atMost, compared, isNan, larger, smaller } from '../extremes.js';
import { elementaryFunctions } from './elementary.js';
import { floatMod, floatModFunctions } from './floatMod.js';
import type { OfKind } from './kinds.js';
import { converted, expressionType, type Lanes, literal } from './wgsl.js';

export interface Operand {
  readonly text: string;
  readonly dtype: DType;
}

type MapName = OfKind<'map'>;

/** What a rule works with: numbers and conversions in the width at hand. */
interface Context {
  readonly lanes: Lanes;
  /** The result's dtype. */
  readonly dtype: DType;
  readonly float: (x: Operand) => string;
  readonly number: (value: number, dtype?: DType) => string;
  /** Adds functions of WGSL that the expression calls to its module, once. */
  readonly declare: (text: string) => void;
}

interface With<K extends MapName> extends Context {
  readonly attributes: Attributes[K];
}

type RuleIn<C extends Context> = (
  operands: readonly string[],
  context: C,
  given: readonly Operand[],
) => string;
/** A rule that needs no attributes. */
type Rule = RuleIn<Context>;

/** The expression of a kernel on operands of equal width. They are names, so that rules may repeat them. */
export function mapExpression<K extends MapName>(
  { kernel, attributes, outputs }: KernelCall<K>,
  operands: readonly Operand[],
  lanes: Lanes,
  declare: Context['declare'],
): string {
  const context = {
    lanes,
    declare,
    dtype: outputs[0]!.dtype,
    attributes,
    float: ({ text, dtype: from }: Operand) => converted(text, from, 'float32', lanes),
    number: (value: number, type: DType = 'float32') => literal(value, type, lanes),
  };
  return rules[kernel](
    operands.map(({ text }) => text),
    context,
    operands,
  );
}

const infix =
  (operator: string): Rule =>
  ([x, y]) =>
    `(${x} ${operator} ${y})`;

/** WGSL orders numbers only. */
const comparison =
  (operator: string): Rule =>
  (_, { lanes }, operands) => {
    const [x, y] = operands.map(({ text, dtype }) =>
      dtype === 'bool' ? converted(text, 'bool', 'int32', lanes) : text,
    );
    return compared(x!, operator, y!, operands[0]!.dtype, lanes);
  };

const equality: Rule = ([x, y], { lanes }, [first]) => compared(x!, '==', y!, first!.dtype, lanes);

const call =
  (name: string): Rule =>
  (operands) =>
    `${name}(${operands.join(', ')})`;

/** A call of what WGSL leaves to the driver for some operands, with the results of tfjs. */
function elementary(
  name: 'expOf' | 'logOf' | 'powOf',
  { declare, lanes }: Context,
  ...operands: readonly string[]
): string {
  declare(elementaryFunctions);
  return `${name}${lanes}(${operands.join(', ')})`;
}

type Functions = Readonly<Record<'exp' | 'log', (x: string) => string>>;

const onFloat =
  (rule: (x: string, number: Context['number'], functions: Functions) => string): Rule =>
  (_, context, [x]) =>
    rule(context.float(x!), context.number, {
      exp: (power) => elementary('expOf', context, power),
      log: (value) => elementary('logOf', context, value),
    });

const rounding =
  (name: string): Rule =>
  ([x], { dtype }) =>
    dtype === 'int32' ? x! : `${name}(${x})`;

const bits = (x: string, lanes: Lanes): string =>
  `(bitcast<${lanes === 4 ? 'vec4<u32>' : 'u32'}>(${x}) & ${word('0x7fffffffu', lanes)})`;
const word = (text: string, lanes: Lanes): string => (lanes === 4 ? `vec4<u32>(${text})` : text);
/** The bits of |x| order as the numbers do, with infinity at 0x7f800000 and NaN above. */
const classified =
  (operator: string): Rule =>
  ([x], { lanes }) =>
    `(${bits(x!, lanes)} ${operator} ${word('0x7f800000u', lanes)})`;

/** Unlike WGSL's `clamp`, NaN stays NaN. */
function clip(x: string, low: number, high: number, { dtype, number, lanes }: Context): string {
  if (dtype === 'float32') return atMost(atLeast(x, number(low), lanes), number(high), lanes);
  const above = low === -Infinity ? x : `max(${x}, ${number(low, dtype)})`;
  return high === Infinity ? above : `min(${above}, ${number(high, dtype)})`;
}

/** Abramowitz and Stegun, formula 7.1.26: |error| ≤ 1.5e-7. */
function erf(x: string, number: Context['number']): string {
  const t = `(${number(1)} / (${number(1)} + ${number(0.3275911)} * abs(${x})))`;
  const coefficients = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592];
  const sum = coefficients
    .slice(1)
    .reduce((text, c) => `(${text} * ${t} + ${number(c)})`, number(coefficients[0]!));
  return `(sign(${x}) * (${number(1)} - ${sum} * ${t} * exp(-${x} * ${x})))`;
}

/** round(x/s) + z of fake quantization. */
const shiftedCode = ([x, scale, zero]: readonly string[]): string => `(round(${x} / ${scale}) + ${zero})`;
const clippedCode = (operands: readonly string[], context: With<'QuantizedLevels' | 'InsideRange'>): string =>
  clip(shiftedCode(operands), context.attributes.min, context.attributes.max, context);

const floorQuotient = (context: Context, [x, y]: readonly Operand[]): string =>
  `floor(${context.float(x!)} / ${context.float(y!)})`;

/** Whether whole numbers leave a rest whose sign is not the divisor's: quotients go towards 0. */
const signsDiffer = (x: string, y: string, zero: string): string =>
  `(((${x} % ${y}) != ${zero}) & ((${x} < ${zero}) != (${y} < ${zero})))`;

const rules: { readonly [K in MapName]: RuleIn<With<K>> } = {
  Add: infix('+'),
  Sub: infix('-'),
  Multiply: infix('*'),
  RealDiv: (_, { float }, [x, y]) => `(${float(x!)} / ${float(y!)})`,
  Maximum: ([x, y], { dtype, lanes }) => larger(x!, y!, dtype, lanes),
  Minimum: ([x, y], { dtype, lanes }) => smaller(x!, y!, dtype, lanes),
  Pow: ([x, y], context, operands) => {
    const { dtype, lanes, number } = context;
    if (dtype === 'int32') {
      const [a, b] = operands.map((operand) => converted(operand.text, 'int32', 'float32', lanes));
      return `${expressionType('int32', lanes)}(round(pow(abs(${a}), ${b}) * select(${number(1)}, sign(${a}), (${y} & ${number(1, 'int32')}) == ${number(1, 'int32')})))`;
    }
    return elementary('powOf', context, x!, y!);
  },
  FloorDiv: ([x, y], context, operands) => {
    if (operands.some(({ dtype }) => dtype !== 'int32'))
      return `${expressionType('int32', context.lanes)}(${floorQuotient(context, operands)})`;
    const [zero, one] = [0, 1].map((value) => context.number(value, 'int32'));
    const floor = `select(${x} / ${y}, ${x} / ${y} - ${one}, ${signsDiffer(x!, y!, zero!)})`;
    return `select(${floor}, ${zero}, ${y} == ${zero})`;
  },
  // With the sign of the divisor.
  Mod: ([x, y], context) => {
    if (context.dtype !== 'int32') {
      context.declare(floatModFunctions);
      return floatMod(x!, y!, context.lanes);
    }
    return `select(${x} % ${y}, ${x} % ${y} + ${y}, ${signsDiffer(x!, y!, context.number(0, 'int32'))})`;
  },
  SquaredDifference: ([x, y]) => `((${x} - ${y}) * (${x} - ${y}))`,
  Equal: equality,
  NotEqual: (...args) => `(!${equality(...args)})`,
  Greater: comparison('>'),
  GreaterEqual: comparison('>='),
  Less: comparison('<'),
  LessEqual: comparison('<='),
  LogicalAnd: infix('&'),
  LogicalOr: infix('|'),
  LogicalNot: ([x]) => `(!${x})`,
  Neg: ([x]) => `(-${x})`,
  Relu: ([x], { dtype, number, lanes }) =>
    dtype === 'float32' ? atLeast(x!, number(0), lanes) : `max(${x}, ${number(0, dtype)})`,
  Abs: call('abs'),
  Square: ([x]) => `(${x} * ${x})`,
  Sqrt: onFloat((x) => `sqrt(${x})`),
  Rsqrt: onFloat((x, number) => `(${number(1)} / sqrt(${x}))`),
  Reciprocal: onFloat((x, number) => `(${number(1)} / ${x})`),
  Exp: onFloat((x, _, { exp }) => exp(x)),
  Expm1: onFloat((x, number, { exp }) => `(${exp(x)} - ${number(1)})`),
  Log: onFloat((x, _, { log }) => log(x)),
  Log1p: onFloat((x, number, { log }) => log(`${x} + ${number(1)}`)),
  Sigmoid: onFloat((x, number, { exp }) => `(${number(1)} / (${number(1)} + ${exp(`-${x}`)}))`),
  // Beyond 15 the result is 1 in single precision, and exponentials inside would overflow.
  Tanh: (_, context, [x]) => `tanh(${clip(context.float(x!), -15, 15, { ...context, dtype: 'float32' })})`,
  Erf: onFloat(erf),
  Sin: onFloat((x) => `sin(${x})`),
  Cos: onFloat((x) => `cos(${x})`),
  Softplus: onFloat(
    (x, number, { exp, log }) => `(max(${x}, ${number(0)}) + ${log(`${number(1)} + ${exp(`-abs(${x})`)}`)})`,
  ),
  Floor: rounding('floor'),
  Ceil: rounding('ceil'),
  // Halves to the even number, as tfjs does.
  Round: rounding('round'),
  Sign: call('sign'),
  Elu: onFloat((x, number, { exp }) => `select(${x}, ${exp(x)} - ${number(1)}, ${x} < ${number(0)})`),
  Relu6: ([x], context) => clip(x!, 0, 6, context),
  LeakyRelu: ([x], { attributes, number }) =>
    `select(${x} * ${number(attributes.alpha)}, ${x}, ${x} >= ${number(0)})`,
  Step: ([x], { attributes, number, dtype, lanes }) => {
    const [zero, one, alpha] = [0, 1, attributes.alpha ?? 0].map((value) => number(value, dtype));
    const step = `select(${alpha}, ${one}, ${x} > ${zero})`;
    return dtype === 'float32' ? `select(${step}, ${x}, ${isNan(x!, lanes)})` : step;
  },
  ClipByValue: ([x], context) =>
    clip(x!, context.attributes.clipValueMin, context.attributes.clipValueMax, context),
  // Of x, a scale and a zero point: see ops/quantize.ts.
  QuantizedLevels: (operands, context) => `(${clippedCode(operands, context)} - ${operands[2]})`,
  InsideRange: (operands, context) => {
    const { attributes, number, lanes } = context;
    const inside = compared(shiftedCode(operands), '==', clippedCode(operands, context), 'float32', lanes);
    const counts = attributes.positive ? `(${inside} & (${operands[0]} > ${number(0)}))` : inside;
    return `select(${number(0)}, ${number(1)}, ${counts})`;
  },
  IsNan: ([x], { lanes }, [given]) =>
    given!.dtype === 'float32' ? isNan(x!, lanes) : literal(0, 'bool', lanes),
  IsInf: classified('=='),
  IsFinite: classified('<'),
  // What a step returns as it got it.
  Copy: ([x]) => x!,
  Cast: (_, { dtype, lanes }, [x]) => converted(x!.text, x!.dtype, dtype, lanes),
  Select: ([condition, t, e], { lanes }, [given]) =>
    `select(${e}, ${t}, ${converted(condition!, given!.dtype, 'bool', lanes)})`,
};
