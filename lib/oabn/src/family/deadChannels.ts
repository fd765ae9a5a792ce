/**
 * Dead channels: where a block's input channel hardly varies, σ ≪ √ε, the identity's BN divides by almost
 * nothing, and its ratio r = γ/√(σ²+ε) goes up to γ/√ε: an outlier of the merged kernel that carries no
 * information. With x = μ the branch gives r·(x − μ) + β = β, so its weight r can go and r·μ joins the bias:
 *
 *     r·x + b   →   0·x + (b + r·μ)
 *
 * Under the running statistics the mean of the output stays exactly the same, whatever σ is, and what is lost
 * has the standard deviation |r|·σ = |γ|·σ/√(σ²+ε): nothing where σ = 0, and at most `tolerance`·|γ| for the
 * channels taken here. The identity's weight is at the kernel's centre, which padding never touches, so
 * borders lose no more.
 */
import type { FoundBranch } from './branches.js';
import { type Convolution, identityIndex } from './convolution.js';

/** Channels whose identity branch passes at most this share of γ as standard deviation count as dead. */
export const deadTolerance = 0.01;

/**
 * The channels of an identity branch with BN whose σ/√(σ²+ε) is at most `tolerance`; none for other branches.
 */
export function deadChannels(
  { input }: Pick<FoundBranch, 'input'>,
  epsilon: number,
  tolerance = deadTolerance,
): number[] {
  if (!input) return [];
  return [...input.variance.keys()].filter((channel) => {
    const variance = Math.max(0, input.variance[channel]!);
    return Math.sqrt(variance / (variance + epsilon)) <= tolerance;
  });
}

/** An identity branch with its BN, without the weights of `channels`, which are in its bias instead. */
export function foldDead(
  { shape, kernel, bias }: Convolution,
  { mean }: NonNullable<FoundBranch['input']>,
  channels: readonly number[],
): Convolution {
  const [folded, shifted] = [kernel.slice(), bias.slice()];
  for (const channel of channels) {
    const index = identityIndex(shape, channel);
    shifted[channel]! += folded[index]! * mean[channel]!;
    folded[index] = 0;
  }
  return { shape, kernel: folded, bias: shifted };
}
