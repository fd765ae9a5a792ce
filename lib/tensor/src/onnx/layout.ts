/**
 * Where the values of a graph live while it is lowered. A value has one of three forms:
 *
 * - **plain**: as tfjs has it, row-major; activations are [N,H,W,C].
 * - **blocked**: activations as ONNX Runtime's fastest convolutions want them, [N, C/B, H, W, B] with B
 *   channels side by side (B = 16 with AVX-512); C is padded to a multiple of B. Declared as [N,C,H,W].
 * - **affine**: not computed yet. A sum of blocked tensors, products of two and convolutions, each scaled per
 *   channel, plus an offset per channel:  y = Σ scaleᵢ ⊙ xᵢ + Σ scaleⱼ ⊙ conv(xⱼ, wⱼ) + … + offset.
 *
 * The affine form is what makes normalization cheap. Additions, subtractions and products with a number per
 * channel only change its small vectors; when the sum is needed, each term is one pass over memory: a
 * depthwise 1×1 convolution that adds to the sum before it (the `Sum` input of the blocked convolution) and,
 * at the end, applies ReLU. Scales of a convolution go into its kernel and cost nothing.
 */
import { type Shape, sizeOf, type TensorType, type ValueId } from '../ops/index.js';
import { type Builder, nchwc } from './builder.js';

/** One number per channel: a number for all of them, or the name of a vector [C padded]. */
export type Vector = number | string;

/** What is fused into a convolution: conv(x, scale ⊙ w) + bias + sum, then ReLU. */
export interface ConvOptions {
  /** Per output channel, into the kernel. */
  readonly scale?: Vector;
  readonly bias?: Vector;
  /** A blocked tensor to add. */
  readonly sum?: string;
  readonly relu?: boolean;
}

/** What an affine form adds up: a blocked tensor, or a convolution that is not emitted yet. */
export type Source =
  | { readonly kind: 'tensor'; readonly name: string }
  /** Element by element, of two blocked tensors; not computed if only its mean is wanted. */
  | { readonly kind: 'product'; readonly factors: readonly [string, string] }
  | {
      readonly kind: 'convolution';
      readonly emit: (options: ConvOptions) => string;
      /** It cannot add to an earlier sum, so a sum has to begin with it. */
      readonly alone?: boolean;
    };

export interface Affine {
  readonly terms: readonly { readonly source: Source; readonly scale: Vector }[];
  readonly offset: Vector;
}

export type Form =
  | { readonly kind: 'plain'; readonly name: string }
  | { readonly kind: 'blocked'; readonly name: string }
  | { readonly kind: 'affine'; readonly affine: Affine };

/** What the lowering of a kernel works with. */
export interface Lowering {
  readonly b: Builder;
  /** B, the channels in a block. */
  readonly block: number;
  readonly typeOf: (id: ValueId) => TensorType;
  /** Whether the value is blocked or affine. */
  readonly isBlocked: (id: ValueId) => boolean;
  /** The value in tfjs's layout. */
  readonly plain: (id: ValueId) => string;
  /** A rank-4 float32 value in the blocked layout, declared [N, C padded, H, W]. */
  readonly blocked: (id: ValueId) => string;
  /** A rank-4 float32 value as a sum that can be extended. */
  readonly affine: (id: ValueId) => Affine;
  /** The value as one number per channel of a tensor with `channels`, if that is what it broadcasts to. */
  readonly vector: (id: ValueId, channels: number) => Vector | undefined;
  /** The number of a value that is known and the same everywhere. */
  readonly scalar: (id: ValueId) => number | undefined;
  /** How many kernels read the value, and results return it. */
  readonly uses: (id: ValueId) => number;
  readonly set: (id: ValueId, form: Form) => void;
}

export function paddedChannels(channels: number, block: number): number {
  return Math.ceil(channels / block) * block;
}

/** The declared shape of the blocked form of a [N,H,W,C] tensor. */
export function blockedShape([n, h, w, c]: Shape, block: number): Shape {
  return [n!, paddedChannels(c!, block), h!, w!];
}

/** [N,H,W,C] → blocked. */
export function toBlocked(b: Builder, name: string, block: number): string {
  const shape = b.shapeOf(name);
  const [n, h, w] = shape as [number, number, number];
  const target = blockedShape(shape, block);
  const padded = padTo(b, name, [n, h, w, target[1]!]);
  // A single block of channels is laid out as in tfjs.
  if (h * w === 1 || target[1] === block) return b.reshape(padded, target);
  return b.emit('ReorderInput', [padded], { shape: target, domain: nchwc, attributes: { channels_last: 1 } });
}

/** Blocked → [N,H,W,C]. Values other than float32 go through float32. */
export function fromBlocked(b: Builder, name: string, shape: Shape, block: number): string {
  const type = b.typeOf(name);
  if (type !== 'float32') return b.cast(fromBlocked(b, b.cast(name, 'float32'), shape, block), type);
  const [n, h, w, c] = shape as [number, number, number, number];
  const channels = b.shapeOf(name)[1]!;
  const whole = [n, h, w, channels];
  // A single block of channels lies as tfjs has it.
  const reordered =
    h * w === 1 || channels === block
      ? b.reshape(name, whole)
      : b.emit('ReorderOutput', [name], {
          shape: whole,
          domain: nchwc,
          attributes: { channels, channels_last: 1 },
        });
  return sliceTo(b, reordered, [n, h, w, c]);
}

/** Zeros appended to each axis, up to `shape`. */
export function padTo(b: Builder, name: string, shape: Shape): string {
  const from = b.shapeOf(name);
  if (from.join() === shape.join()) return name;
  const pads = [...from.map(() => 0), ...shape.map((size, i) => size - from[i]!)];
  return b.emit('Pad', [name, b.int64s(pads)], { type: b.typeOf(name), shape });
}

/** The leading part of each axis. */
export function sliceTo(b: Builder, name: string, shape: Shape): string {
  return sliceOf(
    b,
    name,
    shape.map(() => 0),
    shape,
  );
}

export function sliceOf(b: Builder, name: string, begin: readonly number[], size: readonly number[]): string {
  const from = b.shapeOf(name);
  const axes = from.map((_, i) => i).filter((i) => size[i] !== from[i]);
  if (axes.length === 0) return name;
  const pick = (values: readonly number[]): string => b.int64s(axes.map((axis) => values[axis]!));
  const ends = begin.map((start, i) => start + size[i]!);
  return b.emit('Slice', [name, pick(begin), pick(ends), b.int64s(axes)], {
    type: b.typeOf(name),
    shape: size,
  });
}

/** A vector [C], padded with zeros to [C padded]. */
export function paddedVector(b: Builder, name: string, channels: number, block: number): string {
  return padTo(b, b.reshape(name, [channels]), [paddedChannels(channels, block)]);
}

/** The vector written out as [channels]; `channels` is the padded number. */
export function vectorName(b: Builder, vector: Vector, channels: number): string {
  return typeof vector === 'number' ? b.floats(new Float32Array(channels).fill(vector)) : vector;
}

export function addVectors(b: Builder, x: Vector, y: Vector): Vector {
  if (typeof x === 'number' && typeof y === 'number') return Math.fround(x + y);
  if (x === 0) return y;
  if (y === 0) return x;
  return vectorOp(b, 'Add', x, y);
}

export function multiplyVectors(b: Builder, x: Vector, y: Vector): Vector {
  if (typeof x === 'number' && typeof y === 'number') return Math.fround(x * y);
  if (x === 1) return y;
  if (y === 1) return x;
  return vectorOp(b, 'Mul', x, y);
}

function vectorOp(b: Builder, op: string, x: Vector, y: Vector): Vector {
  const shape = b.shapeOf(typeof x === 'string' ? x : (y as string));
  const operand = (vector: Vector): string => (typeof vector === 'number' ? b.floats([vector], []) : vector);
  return b.emit(op, [operand(x), operand(y)], { shape });
}

/** The sum of two affine forms; equal tensors become one term. */
export function addAffine(b: Builder, x: Affine, y: Affine): Affine {
  const terms = [...x.terms];
  for (const term of y.terms) {
    const same = terms.findIndex(
      ({ source }) =>
        source.kind === 'tensor' && term.source.kind === 'tensor' && source.name === term.source.name,
    );
    if (same < 0) terms.push(term);
    else terms[same] = { ...term, scale: addVectors(b, terms[same]!.scale, term.scale) };
  }
  return { terms, offset: addVectors(b, x.offset, y.offset) };
}

export function scaleAffine(b: Builder, x: Affine, scale: Vector): Affine {
  return {
    terms: x.terms.map((term) => ({ ...term, scale: multiplyVectors(b, term.scale, scale) })),
    offset: multiplyVectors(b, x.offset, scale),
  };
}

/** Computes an affine form, then ReLU if asked for: a blocked tensor of `shape` [N, C padded, H, W]. */
export function materialize(b: Builder, affine: Affine, shape: Shape, relu = false): string {
  const rank = ({ source, scale }: { source: ComputedSource; scale: Vector }): number =>
    source.kind === 'convolution' ? (source.alone ? -1 : 2) : scale === 1 ? 0 : 1;
  const terms = affine.terms
    .map(({ source, scale }) => ({ source: computed(b, source, shape), scale }))
    .sort((x, y) => rank(x) - rank(y));
  if (terms.length === 0) {
    const offset = b.reshape(vectorName(b, affine.offset, shape[1]!), [shape[1]!, 1, 1]);
    return broadcastVector(b, offset, shape, relu);
  }
  let sum: string | undefined;
  let offset = affine.offset;
  terms.forEach(({ source, scale }, i) => {
    const last = i === terms.length - 1;
    const plainTensor = source.kind === 'tensor' && scale === 1 && sum === undefined;
    if (plainTensor && (!last || (offset === 0 && !relu))) {
      sum = source.name;
      return;
    }
    const options: ConvOptions = { scale, bias: offset, sum, relu: relu && last };
    offset = 0;
    sum = source.kind === 'convolution' ? source.emit(options) : depthwise(b, source.name, shape, options);
  });
  return sum!;
}

type ComputedSource = Exclude<Source, { readonly kind: 'product' }>;

function computed(b: Builder, source: Source, shape: Shape): ComputedSource {
  if (source.kind !== 'product') return source;
  return { kind: 'tensor', name: b.emit('Mul', source.factors, { shape }) };
}

/** scale ⊙ x + bias + sum, then ReLU: one pass. */
function depthwise(b: Builder, x: string, shape: Shape, { scale = 1, bias, sum, relu }: ConvOptions): string {
  const channels = shape[1]!;
  if (scale === 1 && (bias === 0 || bias === undefined) && !relu && sum !== undefined) {
    return b.emit('Add', [sum, x], { shape });
  }
  if (scale === 1 && (bias === 0 || bias === undefined) && relu && sum === undefined) {
    return b.emit('Relu', [x], { shape });
  }
  const kernel = b.reshape(vectorName(b, scale, channels), [channels, 1, 1, 1]);
  return emitConvolution(b, x, kernel, shape, { bias, sum, relu }, { group: channels });
}

/** A blocked convolution with ready kernel, with what can be fused into it. */
export function emitConvolution(
  b: Builder,
  x: string,
  kernel: string,
  shape: Shape,
  { bias, sum, relu }: ConvOptions,
  attributes: Readonly<Record<string, number | readonly number[]>> = {},
): string {
  const biased = bias !== undefined && bias !== 0;
  const inputs = [x, kernel];
  if (biased || sum !== undefined) inputs.push(biased ? vectorName(b, bias, shape[1]!) : '');
  if (sum !== undefined) inputs.push(sum);
  const kernelShape = b.shapeOf(kernel).slice(2);
  return b.emit('Conv', inputs, {
    shape,
    domain: nchwc,
    attributes: { kernel_shape: kernelShape, ...attributes, ...(relu && { activation: 'Relu' }) },
  });
}

/** A vector per channel, [C,B-blocked], repeated over images and positions. */
function broadcastVector(b: Builder, vector: string, shape: Shape, relu: boolean): string {
  // In memory the channels of a block lie innermost: expand in that order and declare the usual shape.
  const [n, c, h, w] = shape as [number, number, number, number];
  const active = relu ? b.emit('Relu', [vector], { shape: b.shapeOf(vector) }) : vector;
  const size = sizeOf([h, w]);
  const rows = b.reshape(active, [1, c, 1]);
  const repeated = b.emit('Expand', [rows, b.int64s([n, c, size])], { shape: [n, c, size] });
  if (size === 1) return b.reshape(repeated, shape);
  return b.emit('ReorderInput', [b.reshape(repeated, shape)], { shape, domain: nchwc });
}
