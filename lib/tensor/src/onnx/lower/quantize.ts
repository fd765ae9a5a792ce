/**
 * The two kernels of fake quantization (ops/quantize.ts). On blocked activations each is two passes over
 * memory, of which the engine gives every thread a part; what they replace is five, and rounding and casting
 * run on one thread only. A pass is a depthwise 1×1 convolution: it multiplies, adds, and clips.
 */
import type { Attributes } from '../../ops/index.js';
import { type Builder, nchwc } from '../builder.js';
import { type Lower, type Lowerings, plainly } from './lowering.js';

/** 1.5·2²³: floats of this size are whole numbers, so adding it rounds, half to even as `round` does. */
const wholeFrom = 12582912;
/** Products with it are beyond every other term: x·huge > y for x one rounding above 0 and y of x's size. */
const huge = 1e9;
/** A ramp from 0 so steep that every normal number is beyond its end. */
const steep = 3e38;

type QuantizerName = 'QuantizedLevels' | 'InsideRange';

export const quantizeLowerings: Lowerings<QuantizerName> = {
  QuantizedLevels: onBlocks(plainLevels, blockedLevels),
  InsideRange: onBlocks(plainInside, blockedInside),
};

interface Quantizer {
  readonly x: string;
  /** Scalars. */
  readonly scale: string;
  readonly zero: string;
  readonly min: number;
  readonly max: number;
  readonly positive: boolean;
}

type Emit = (b: Builder, quantizer: Quantizer) => string;

function onBlocks(plain: Emit, blocked: Emit): Lower<QuantizerName> {
  const lowerPlain = plainly<QuantizerName>(({ b }, [x, scale, zero], _type, attributes) =>
    plain(b, quantizerOf(x!, scale!, zero!, attributes)),
  );
  return (l, node) => {
    const [x, scale, zero] = node.inputs as [number, number, number];
    if (!l.isBlocked(x)) return lowerPlain(l, node);
    const scalar = (id: number): string => l.b.reshape(l.plain(id), []);
    const name = blocked(l.b, quantizerOf(l.blocked(x), scalar(scale), scalar(zero), node.attributes));
    l.set(node.outputs[0]!.id, { kind: 'blocked', name });
  };
}

function quantizerOf(
  x: string,
  scale: string,
  zero: string,
  attributes: Attributes[QuantizerName],
): Quantizer {
  const { min, max } = attributes;
  return { x, scale, zero, min, max, positive: 'positive' in attributes && attributes.positive === true };
}

/** round(x/s) + z, and that within [min, max]. */
function plainCodes(b: Builder, { x, scale, zero, min, max }: Quantizer): [string, string] {
  const shape = b.shapeOf(x);
  const rounded = b.emit('Round', [b.emit('Div', [x, scale], { shape })], { shape });
  const shifted = b.emit('Add', [rounded, zero], { shape });
  return [shifted, b.emit('Clip', [shifted, b.floats([min], []), b.floats([max], [])], { shape })];
}

function plainLevels(b: Builder, quantizer: Quantizer): string {
  const [, codes] = plainCodes(b, quantizer);
  return b.emit('Sub', [codes, quantizer.zero], { shape: b.shapeOf(codes) });
}

function plainInside(b: Builder, quantizer: Quantizer): string {
  const { x, positive } = quantizer;
  const shape = b.shapeOf(x);
  const inside = b.emit('Equal', plainCodes(b, quantizer), { shape, type: 'bool' });
  if (!positive) return b.cast(inside, 'float32');
  const above = b.emit('Greater', [x, b.floats([0], [])], { shape, type: 'bool' });
  return b.cast(b.emit('And', [inside, above], { shape, type: 'bool' }), 'float32');
}

/**
 * x·(1/s) + (z + 1.5·2²³) is the code as a whole number, clipped in the same pass. The product with 1/s
 * differs from the quotient in its last bit, as x does with the order in which a convolution sums.
 */
function blockedLevels(b: Builder, { x, scale, zero, min, max }: Quantizer): string {
  const offset = scalarOp(b, 'Add', zero, wholeFrom);
  const inverse = b.emit('Reciprocal', [scale], { shape: [] });
  const codes = pass(b, x, inverse, offset, 'Clip', [wholeFrom + min, wholeFrom + max]);
  return b.emit('Sub', [codes, offset], { shape: b.shapeOf(x) });
}

/** Above `high` the excess, hugely; then whether x is more than `low` and that. */
function blockedInside(b: Builder, { x, scale, zero, min, max, positive }: Quantizer): string {
  const bound = (level: number): string =>
    b.emit('Mul', [b.emit('Sub', [b.floats([level], []), zero], { shape: [] }), scale], { shape: [] });
  const high = bound(max + 0.5);
  const least = bound(min - 0.5);
  const low = positive ? b.emit('Max', [least, b.floats([0], [])], { shape: [] }) : least;
  const excess = pass(b, x, b.floats([huge], []), scalarOp(b, 'Mul', high, -huge), 'Relu', []);
  return pass(b, x, b.floats([-1], []), low, 'HardSigmoid', [-steep, 0], excess);
}

function scalarOp(b: Builder, op: string, x: string, y: number): string {
  return b.emit(op, [x, b.floats([y], [])], { shape: [] });
}

/** activation(x·scale + offset + sum) of a blocked x; scale and offset are scalars. */
function pass(
  b: Builder,
  x: string,
  scale: string,
  offset: string,
  activation: string,
  params: readonly number[],
  sum?: string,
): string {
  const shape = b.shapeOf(x);
  const channels = shape[1]!;
  const vector = (scalar: string): string =>
    b.emit('Expand', [b.reshape(scalar, [1]), b.int64s([channels])], { shape: [channels] });
  const inputs = [x, b.reshape(vector(scale), [channels, 1, 1, 1]), vector(offset)];
  return b.emit('Conv', sum === undefined ? inputs : [...inputs, sum], {
    shape,
    domain: nchwc,
    attributes: {
      kernel_shape: [1, 1],
      group: channels,
      activation,
      ...(params.length > 0 && { activation_params: { floats: params } }),
    },
  });
}
