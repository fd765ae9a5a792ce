/**
 * Finds fake quantization, x̂ = (clip(round(x/s) + z, min, max) − z)·s with scalars s and z, as tfjs operations spell it,
 * and says it in the kernels of kernels/quantize.ts:
 *
 * - clip(round(x/s) + z, min, max) − z  →  QuantizedLevels;
 * - whether clip changes round(x/s) + z, as 0 and 1  →  InsideRange; times whether x > 0 (ReLU's gradient), the same;
 * - the factor s goes into the kernel of a convolution of x̂, and behind the gradient of one.
 *
 * Each is an identity for whole z, whatever network it stands in.
 */
import { type KernelAttributes, type KernelNode, sameShape, sizeOf, type Value, type ValueId } from './ir.js';

/** What the rules ask of the graph so far. */
export interface Known {
  readonly value: (id: ValueId) => Value;
  readonly constant: (id: ValueId) => ArrayLike<number> | undefined;
  readonly producer: (id: ValueId) => KernelNode | undefined;
  readonly run: (kernel: string, inputs: readonly ValueId[], attributes: KernelAttributes) => ValueId[];
}

/** The value that stands for the result of `kernel` on `inputs`; undefined if no rule applies. */
export function rewriteQuantizer(
  known: Known,
  { kernel, attributes, outputs }: KernelNode,
  inputs: readonly ValueId[],
): ValueId | undefined {
  const [x, y] = inputs as [ValueId, ValueId];
  switch (kernel) {
    case 'Sub': {
      const codes = clippedCodes(known, x);
      return codes && codes.zero === y ? emit(known, 'QuantizedLevels', codes) : undefined;
    }
    case 'Cast': {
      const equal = known.producer(x);
      if (outputs[0]!.dtype !== 'float32' || equal?.kernel !== 'Equal') return undefined;
      const codes = equal.inputs.map((id) => clippedCodes(known, id)).find((found) => found !== undefined);
      return codes && equal.inputs.includes(codes.shifted) ? emit(known, 'InsideRange', codes) : undefined;
    }
    case 'Multiply':
      return insidePositive(known, x, y) ?? insidePositive(known, y, x);
    case 'Conv2D': {
      const scaled = scaledBy(known, x);
      if (!scaled || sizeOf(known.value(y).shape) >= sizeOf(known.value(x).shape)) return undefined;
      const [filter] = known.run('Multiply', [y, scaled.factor], {});
      return known.run(kernel, [scaled.x, filter!], attributes)[0];
    }
    case 'Conv2DBackpropFilter': {
      const scaled = scaledBy(known, x);
      if (!scaled || sizeOf(outputs[0]!.shape) >= sizeOf(known.value(x).shape)) return undefined;
      const [gradient] = known.run(kernel, [scaled.x, y], attributes);
      return known.run('Multiply', [gradient!, scaled.factor], {})[0];
    }
    default:
      return undefined;
  }
}

interface Codes {
  readonly x: ValueId;
  readonly scale: ValueId;
  readonly zero: ValueId;
  /** round(x/s) + z */
  readonly shifted: ValueId;
  readonly min: number;
  readonly max: number;
}

function emit(known: Known, kernel: string, { x, scale, zero, min, max }: Codes): ValueId {
  return known.run(kernel, [x, scale, zero], { min, max })[0]!;
}

/** What clip(round(x/s) + z, min, max) is made of, if `id` is that. */
function clippedCodes({ value, constant, producer }: Known, id: ValueId): Codes | undefined {
  const clip = producer(id);
  const sum = clip?.kernel === 'ClipByValue' ? producer(clip.inputs[0]!) : undefined;
  if (!clip || sum?.kernel !== 'Add') return undefined;
  const { clipValueMin: min, clipValueMax: max } = clip.attributes as Record<string, number>;
  if (!Number.isInteger(min) || !Number.isInteger(max)) return undefined;
  const isWhole = (scalar: ValueId): boolean =>
    producer(scalar)?.kernel === 'Round' || Number.isInteger(constant(scalar)?.[0]);
  for (const [rounded, zero] of [sum.inputs, [...sum.inputs].reverse()] as [ValueId, ValueId][]) {
    const round = producer(rounded);
    const quotient = round?.kernel === 'Round' ? producer(round.inputs[0]!) : undefined;
    if (quotient?.kernel !== 'RealDiv') continue;
    const [x, scale] = quotient.inputs as [ValueId, ValueId];
    const scalars = [scale, zero].every((each) => sizeOf(value(each).shape) === 1);
    const whole = value(x).dtype === 'float32' && sameShape(value(x).shape, value(id).shape);
    if (scalars && whole && isWhole(zero)) {
      return { x, scale, zero, shifted: clip.inputs[0]!, min: min!, max: max! };
    }
  }
  return undefined;
}

/** (dy · InsideRange(x)) · Step(x) → dy · InsideRange(x > 0). */
function insidePositive({ producer, run }: Known, product: ValueId, step: ValueId): ValueId | undefined {
  const [masked, ramp] = [producer(product), producer(step)];
  if (masked?.kernel !== 'Multiply' || ramp?.kernel !== 'Step' || ramp.attributes['alpha']) return undefined;
  for (const [dy, mask] of [masked.inputs, [...masked.inputs].reverse()] as [ValueId, ValueId][]) {
    const inside = producer(mask);
    if (inside?.kernel !== 'InsideRange' || inside.inputs[0] !== ramp.inputs[0]) continue;
    const [both] = run('InsideRange', inside.inputs, { ...inside.attributes, positive: true });
    return run('Multiply', [dy, both!], {})[0];
  }
  return undefined;
}

/** x and the number that `id` is the product of. */
function scaledBy({ value, producer }: Known, id: ValueId): { x: ValueId; factor: ValueId } | undefined {
  const product = producer(id);
  if (product?.kernel !== 'Multiply') return undefined;
  for (const [x, factor] of [product.inputs, [...product.inputs].reverse()] as [ValueId, ValueId][]) {
    if (value(factor).shape.length === 0 && sameShape(value(x).shape, value(id).shape)) return { x, factor };
  }
  return undefined;
}
