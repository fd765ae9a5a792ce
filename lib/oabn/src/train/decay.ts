/**
 * What weight decay acts on, which decides how far the identity branch's γ, and so the merged kernel's
 * outliers, grow:
 *
 * - `kernels`: the convolutions and the classifier's matrix.
 * - `kernelsAndIdentity`: the identity branch's γ as well, as in RepVGG's own training code
 *   (`train/optimizer.py`, where `identity.weight` has decay and all other one-dimensional parameters have
 *   none).
 * - `all`: every parameter, as PyTorch's optimizers do unless told otherwise.
 * - `repvggCustom`: RepVGG's «custom L2» (`get_custom_L2` of the same code). It decays the kernel that a
 *   block will merge to, rather than the branches, and the identity's γ by itself. With tb = γb/√(σb²+ε) of
 *   branch b, held constant, the loss has λ/2 times, for each block,
 *
 *       Σ over the taps off the centre of K3²  +  Σ E²/(t3² + t1²),  E = t3·K3[centre] + t1·K1.
 */
import { tf } from 'tfjs-native';
import { check } from 'oabn-base';
import {
  type Architecture,
  type Block,
  blocksOf,
  bnEpsilon,
  bnPrefix,
  convPrefix,
  type Tensors,
} from '../model/index.js';
import type { ParameterRules } from './sgd.js';

/**
 * Which parameters weight decay pulls at: kernels, also the identity branches' γ, all, or RepVGG's custom L2.
 */
export const decayPolicies = ['kernels', 'kernelsAndIdentity', 'all', 'repvggCustom'] as const;
/** The name of a policy. */
export type DecayPolicy = (typeof decayPolicies)[number];

/**
 * Refuses a policy that does not go with the blocks.
 * @throws UserError for an unknown policy, or one that does not apply to the network's blocks.
 */
export function checkDecay(policy: DecayPolicy, { block }: Pick<Architecture, 'block'>): void {
  check(
    decayPolicies.includes(policy),
    `decay must be one of ${decayPolicies.join(', ')}, got ${JSON.stringify(policy)}`,
  );
  check(
    policy !== 'repvggCustom' || block !== 'qarepvgg',
    'decay "repvggCustom" needs a BN in the 1×1 branch, and QARepVGG has none there: take another decay, or RepVGG’s blocks',
  );
}

/** The rules of `policy` where they differ from decay of the kernels by λ. */
export function decayRules(arch: Architecture, policy: DecayPolicy, weightDecay: number): ParameterRules {
  checkDecay(policy, arch);
  if (policy === 'kernels') return () => undefined;
  if (policy === 'all') return () => ({ weightDecay });
  const blocks = blocksOf(arch);
  const rules = new Map(
    blocks.flatMap((block) =>
      block.branches.includes('identity') ? [[`${bnPrefix(block, 'identity')}.weight`, { weightDecay }]] : [],
    ),
  );
  if (policy === 'repvggCustom') {
    for (const block of blocks) for (const name of convolutions(block)) rules.set(name, { weightDecay: 0 });
  }
  return (name) => rules.get(name);
}

/** The gradients of the custom L2, λ/2 times the sum above, to the kernels of all blocks, by their names. */
export function customL2Gradients(
  arch: Architecture,
  weightDecay: number,
  params: Tensors,
  buffers: Tensors,
): Tensors {
  const centre = tf.tensor4d([0, 0, 0, 0, 1, 0, 0, 0, 0], [3, 3, 1, 1]);
  const ring = tf.sub(1, centre);
  const gradients: Record<string, tf.Tensor> = {};
  for (const block of blocksOf(arch)) {
    const [dense, pointwise] = convolutions(block);
    const kernel = params[dense!]!;
    const [, , inChannels, outChannels] = kernel.shape as [number, number, number, number];
    const middle = tf.slice(kernel, [1, 1, 0, 0], [1, 1, inChannels, outChannels]);
    const ratio = (branch: '3x3' | '1x1'): tf.Tensor => ratioOf(block, branch, params, buffers);
    const t3 = ratio('3x3');
    const t1 = pointwise === undefined ? undefined : ratio('1x1');
    const merged = tf.mul(middle, t3);
    const whole = t1 ? tf.add(merged, tf.mul(params[pointwise!]!, t1)) : merged;
    const squares = t1 ? tf.add(tf.square(t3), tf.square(t1)) : tf.square(t3);
    const scaled = tf.mul(tf.div(whole, squares), weightDecay);
    gradients[dense!] = tf.add(tf.mul(kernel, tf.mul(ring, weightDecay)), tf.mul(centre, tf.mul(scaled, t3)));
    if (t1) gradients[pointwise!] = tf.mul(scaled, t1);
  }
  return gradients;
}

/** The names of a block's kernels, 3×3 first. */
function convolutions(block: Block): string[] {
  return (['3x3', '1x1'] as const)
    .filter((branch) => block.branches.includes(branch))
    .map((branch) => `${convPrefix(block, branch)}.weight`);
}

/** γ/√(σ²+ε) of a branch's BN by its running variance, [out]. */
function ratioOf(block: Block, branch: '3x3' | '1x1', params: Tensors, buffers: Tensors): tf.Tensor {
  const prefix = bnPrefix(block, branch)!;
  const variance = buffers[`${prefix}.running_var`]!;
  return tf.mul(params[`${prefix}.weight`]!, tf.rsqrt(tf.add(variance, bnEpsilon)));
}
