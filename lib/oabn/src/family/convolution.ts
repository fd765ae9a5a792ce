/**
 * The algebra behind every merge. A branch without an activation is a linear map of an image that commutes
 * with shifts, so it is a convolution: a k×k kernel, a 1×1 one, the identity (a kernel of one 1), an average
 * (k² equal weights). Sums, per-channel factors and 1×1 convolutions before a k×k one stay convolutions; so
 * whole blocks become one.
 *
 * All in double precision; rounded once, by whoever stores the result. Kernels are OIHW, centred: every
 * branch is padded by (k−1)/2, as all networks in `families.ts` are.
 */
import { check } from 'oabn-base';

/** y = W ∗ x + b. */
export interface Convolution {
  /** [out, in per group, height, width] */
  readonly shape: KernelShape;
  /** W, flat in the order of `shape`. */
  readonly kernel: Float64Array;
  /** [out] */
  readonly bias: Float64Array;
}

/** The shape of a kernel in PyTorch's layout. */
export type KernelShape = readonly [out: number, inPerGroup: number, height: number, width: number];

const sizeOfShape = ([out, inPerGroup, height, width]: KernelShape): number =>
  out * inPerGroup * height * width;

/**
 * The flat index of the weight that the identity has in output channel `out`: its own channel, at the centre.
 */
export function identityIndex([, inPerGroup, height, width]: KernelShape, out: number): number {
  const centre = Math.floor(height / 2) * width + Math.floor(width / 2);
  // With as many inputs as outputs, the channel's place in its group is the same on both sides.
  return (out * inPerGroup + (out % inPerGroup)) * height * width + centre;
}

/** y = x, as a 1×1 convolution of `out` channels in groups of `inPerGroup`. */
export function identityConvolution(out: number, inPerGroup: number): Convolution {
  const shape: KernelShape = [out, inPerGroup, 1, 1];
  const kernel = new Float64Array(sizeOfShape(shape));
  for (let channel = 0; channel < out; channel++) kernel[identityIndex(shape, channel)] = 1;
  return { shape, kernel, bias: new Float64Array(out) };
}

/** The mean of k×k pixels, those of the zero padding counted (`count_include_pad`, PyTorch's default). */
export function averageConvolution(out: number, inPerGroup: number, size: number): Convolution {
  const shape: KernelShape = [out, inPerGroup, size, size];
  const kernel = new Float64Array(sizeOfShape(shape));
  for (let channel = 0; channel < out; channel++) {
    const start = (channel * inPerGroup + (channel % inPerGroup)) * size ** 2;
    kernel.fill(1 / size ** 2, start, start + size ** 2);
  }
  return { shape, kernel, bias: new Float64Array(out) };
}

/**
 * y ↦ ratio·y + shift, channel by channel: a batch normalization with running statistics, or a learned scale.
 */
export function affine(
  { shape, kernel, bias }: Convolution,
  ratio: ArrayLike<number>,
  shift?: ArrayLike<number>,
): Convolution {
  const perChannel = kernel.length / shape[0];
  return {
    shape,
    kernel: kernel.map((w, i) => w * ratio[Math.floor(i / perChannel)]!),
    bias: bias.map((b, i) => b * ratio[i]! + (shift?.[i] ?? 0)),
  };
}

/**
 * The same map with a larger kernel, zeros around the old one. @throws UserError where the centres cannot
 * agree
 */
export function embed(convolution: Convolution, height: number, width: number): Convolution {
  const { shape, kernel, bias } = convolution;
  const [out, inPerGroup, h, w] = shape;
  if (h === height && w === width) return convolution;
  check(
    h <= height && w <= width && (height - h) % 2 === 0 && (width - w) % 2 === 0,
    `A ${h}×${w} kernel has no centre in common with a ${height}×${width} one; branches need odd sizes`,
  );
  const larger = new Float64Array(out * inPerGroup * height * width);
  const [top, left] = [(height - h) / 2, (width - w) / 2];
  for (let plane = 0; plane < out * inPerGroup; plane++) {
    for (let y = 0; y < h; y++) {
      const row = kernel.subarray((plane * h + y) * w, (plane * h + y + 1) * w);
      larger.set(row, (plane * height + y + top) * width + left);
    }
  }
  return { shape: [out, inPerGroup, height, width], kernel: larger, bias };
}

/** Σ of convolutions, at the size of the largest. @throws UserError where their channels or groups differ */
export function sumOf(convolutions: readonly Convolution[]): Convolution {
  const [first] = convolutions;
  check(first, 'A block needs at least one branch');
  const height = Math.max(...convolutions.map(({ shape }) => shape[2]));
  const width = Math.max(...convolutions.map(({ shape }) => shape[3]));
  const kernel = new Float64Array(first.shape[0] * first.shape[1] * height * width);
  const bias = new Float64Array(first.shape[0]);
  for (const convolution of convolutions) {
    const { shape } = convolution;
    check(
      shape[0] === first.shape[0] && shape[1] === first.shape[1],
      `Branches of shapes [${first.shape.join(', ')}] and [${shape.join(', ')}] cannot be added: channels or groups differ`,
    );
    embed(convolution, height, width).kernel.forEach((w, i) => (kernel[i]! += w));
    convolution.bias.forEach((b, i) => (bias[i]! += b));
  }
  return { shape: [first.shape[0], first.shape[1], height, width], kernel, bias };
}

/**
 * `second` after a 1×1 `first`, as one convolution. Exact at the borders too where what
 * `second` pads with is what `first` gives for zeros, its bias (Diverse Branch Block pads so: arXiv
 * 2103.13425, section 3.3).
 * @throws UserError where `first` is larger than 1×1 or its channels are not those that `second` takes
 */
export function inSequence(first: Convolution, second: Convolution): Convolution {
  const [middle, inPerGroup, h, w] = first.shape;
  const [out, middlePerGroup, height, width] = second.shape;
  check(h === 1 && w === 1, `Only a 1×1 convolution can stand before another in a branch, got ${h}×${w}`);
  check(
    middle % middlePerGroup === 0 && out % (middle / middlePerGroup) === 0,
    `A convolution of ${middlePerGroup} channels per group cannot follow one of ${middle} channels`,
  );
  const outPerGroup = out / (middle / middlePerGroup);
  const taps = height * width;
  const kernel = new Float64Array(out * inPerGroup * taps);
  const bias = second.bias.slice();
  for (let o = 0; o < out; o++) {
    const firstMiddle = Math.floor(o / outPerGroup) * middlePerGroup;
    for (let m = 0; m < middlePerGroup; m++) {
      for (let tap = 0; tap < taps; tap++) {
        const weight = second.kernel[(o * middlePerGroup + m) * taps + tap]!;
        bias[o]! += weight * first.bias[firstMiddle + m]!;
        for (let i = 0; i < inPerGroup; i++) {
          kernel[(o * inPerGroup + i) * taps + tap]! +=
            weight * first.kernel[(firstMiddle + m) * inPerGroup + i]!;
        }
      }
    }
  }
  return { shape: [out, inPerGroup, height, width], kernel, bias };
}
