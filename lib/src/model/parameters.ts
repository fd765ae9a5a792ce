/** The names and shapes of a network's tensors, as the official RepVGG's state dict has them (OIHW, [out, in]). */
import { type Architecture, blocksOf, type Branch } from './architecture.js';

/** The state-dict prefix of a branch's BN. */
export const bnPrefix: Readonly<Record<Branch, string>> = {
  '3x3': 'rbr_dense.bn',
  '1x1': 'rbr_1x1.bn',
  identity: 'rbr_identity',
};
/** The state-dict prefix of a branch's convolution; the identity has none. */
export const convPrefix = { '3x3': 'rbr_dense.conv', '1x1': 'rbr_1x1.conv' } as const;

export type NetworkForm = 'training' | 'merged';
type Shapes = Record<string, readonly number[]>;

/** Name → shape of every tensor of `arch`, in the training-time form (with running statistics) or merged. */
export function parameterShapes(arch: Architecture, form: NetworkForm): Shapes {
  const shapes: Shapes = {};
  for (const { name, inChannels, outChannels, branches } of blocksOf(arch)) {
    if (form === 'merged') {
      shapes[`${name}.rbr_reparam.weight`] = [outChannels, inChannels, 3, 3];
      shapes[`${name}.rbr_reparam.bias`] = [outChannels];
      continue;
    }
    for (const branch of branches) {
      const size = branch === '3x3' ? 3 : 1;
      if (branch !== 'identity') {
        shapes[`${name}.${convPrefix[branch]}.weight`] = [outChannels, inChannels, size, size];
      }
      for (const member of ['weight', 'bias', 'running_mean', 'running_var']) {
        shapes[`${name}.${bnPrefix[branch]}.${member}`] = [outChannels];
      }
    }
  }
  shapes['linear.weight'] = [arch.classes, arch.widths.at(-1)!];
  shapes['linear.bias'] = [arch.classes];
  return shapes;
}
