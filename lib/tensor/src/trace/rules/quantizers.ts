/**
 * Finds fake quantization, x̂ = (clip(round(x/s) + z, min, max) − z)·s with scalars s and z, as tfjs
 * operations spell it, and expresses it in the kernels of ops/quantize.ts. Each rule is an identity for whole
 * z, whatever network it stands in.
 */
import { sameShape, sizeOf, type ValueId } from '../../ops/index.js';
import { eitherWay, type Rule, type Writer } from '../rule.js';

/** clip(round(x/s) + z, min, max) − z → QuantizedLevels. */
export const quantizedLevels: Rule = {
  name: 'quantized levels',
  apply: (writer, { kernel }, [clipped, zero]) => {
    if (kernel !== 'Sub') return undefined;
    const codes = clippedCodes(writer, clipped!);
    if (!codes || codes.zero !== zero) return undefined;
    return writer.run('QuantizedLevels', [codes.x, codes.scale, codes.zero], levelsOf(codes))[0];
  },
};

/** Whether clip changes round(x/s) + z, as 0 and 1 → InsideRange. */
export const insideRange: Rule = {
  name: 'inside range',
  apply: (writer, node, [x]) => {
    if (node.kernel !== 'Cast' || node.outputs[0]!.dtype !== 'float32') return undefined;
    const equal = writer.producer(x!);
    if (equal?.kernel !== 'Equal') return undefined;
    const codes = equal.inputs.map((id) => clippedCodes(writer, id)).find((found) => found !== undefined);
    if (!codes || !equal.inputs.includes(codes.shifted)) return undefined;
    return writer.run('InsideRange', [codes.x, codes.scale, codes.zero], levelsOf(codes))[0];
  },
};

/** (dy · InsideRange(x)) · Step(x), the gradient through ReLU → dy · InsideRange(x) where x > 0. */
export const insidePositive: Rule = {
  name: 'inside range after ReLU',
  apply: (writer, { kernel }, inputs) => {
    if (kernel !== 'Multiply') return undefined;
    for (const [product, step] of eitherWay(inputs)) {
      const [masked, ramp] = [writer.producer(product), writer.producer(step)];
      if (masked?.kernel !== 'Multiply' || ramp?.kernel !== 'Step' || ramp.attributes.alpha) continue;
      for (const [dy, mask] of eitherWay(masked.inputs)) {
        const inside = writer.producer(mask);
        if (inside?.kernel !== 'InsideRange' || inside.inputs[0] !== ramp.inputs[0]) continue;
        const [both] = writer.run('InsideRange', inside.inputs, { ...inside.attributes, positive: true });
        return writer.run('Multiply', [dy, both], {})[0];
      }
    }
    return undefined;
  },
};

/** The factor s goes into the kernel of a convolution of x̂, which is smaller. */
export const scaleIntoKernel: Rule = {
  name: 'scale into kernel',
  apply: (writer, node, [x, filter]) => {
    if (node.kernel !== 'Conv2D') return undefined;
    const scaled = scaledBy(writer, x!);
    if (!scaled || sizeOf(writer.value(filter!).shape) >= sizeOf(writer.value(x!).shape)) return undefined;
    const [scaledFilter] = writer.run('Multiply', [filter!, scaled.factor], {});
    return writer.run('Conv2D', [scaled.x, scaledFilter], node.attributes)[0];
  },
};

/** And behind the gradient of such a kernel. */
export const scaleBehindGradient: Rule = {
  name: 'scale behind gradient',
  apply: (writer, node, [x, dy]) => {
    if (node.kernel !== 'Conv2DBackpropFilter') return undefined;
    const scaled = scaledBy(writer, x!);
    if (!scaled || sizeOf(node.outputs[0]!.shape) >= sizeOf(writer.value(x!).shape)) return undefined;
    const [gradient] = writer.run('Conv2DBackpropFilter', [scaled.x, dy!], node.attributes);
    return writer.run('Multiply', [gradient, scaled.factor], {})[0];
  },
};

/** What clip(round(x/s) + z, min, max) is made of. */
interface Codes {
  readonly x: ValueId;
  readonly scale: ValueId;
  readonly zero: ValueId;
  /** round(x/s) + z */
  readonly shifted: ValueId;
  readonly min: number;
  readonly max: number;
}

const levelsOf = ({ min, max }: Codes) => ({ min, max });

function clippedCodes({ value, constant, producer }: Writer, id: ValueId): Codes | undefined {
  const clip = producer(id);
  if (clip?.kernel !== 'ClipByValue') return undefined;
  const sum = producer(clip.inputs[0]!);
  if (sum?.kernel !== 'Add') return undefined;
  const { clipValueMin: min, clipValueMax: max } = clip.attributes;
  if (!Number.isInteger(min) || !Number.isInteger(max)) return undefined;
  const isWhole = (scalar: ValueId): boolean =>
    producer(scalar)?.kernel === 'Round' || Number.isInteger(constant(scalar)?.[0]);
  for (const [rounded, zero] of eitherWay(sum.inputs)) {
    const round = producer(rounded);
    const quotient = round?.kernel === 'Round' ? producer(round.inputs[0]!) : undefined;
    if (quotient?.kernel !== 'RealDiv') continue;
    const [x, scale] = quotient.inputs as [ValueId, ValueId];
    const scalars = [scale, zero].every((each) => sizeOf(value(each).shape) === 1);
    const whole = value(x).dtype === 'float32' && sameShape(value(x).shape, value(id).shape);
    if (scalars && whole && isWhole(zero)) return { x, scale, zero, shifted: clip.inputs[0]!, min, max };
  }
  return undefined;
}

/** x and the number that `id` is the product of. */
function scaledBy({ value, producer }: Writer, id: ValueId): { x: ValueId; factor: ValueId } | undefined {
  const product = producer(id);
  if (product?.kernel !== 'Multiply') return undefined;
  for (const [x, factor] of eitherWay(product.inputs)) {
    if (value(factor).shape.length === 0 && sameShape(value(x).shape, value(id).shape)) return { x, factor };
  }
  return undefined;
}
