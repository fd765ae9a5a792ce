/**
 * The blocks that several families share, as tables. Their structures are from the papers that `families.ts`
 * names; the names of tensors are those of the code that published the checkpoints.
 */
import type { BlockTable, Term } from './table.js';

/** A convolution followed by a BN. */
export const convBn = (conv: string, bn: string): Term => ({ conv, bn });

/** A convolution and its BN, the block of every ordinary network. */
export const pair = (conv: string, bn: string, merged: string, unless?: string): BlockTable => ({
  title: 'convolution and BN',
  keys: [`${conv}.weight`],
  ...(unless !== undefined && { unless }),
  terms: [convBn(conv, bn)],
  merged,
});

/** What stands between re-parameterized blocks in most families. */
export const ordinary: readonly BlockTable[] = [{ ...pair('conv', 'bn', 'conv'), ordinary: true }];

/** RepVGG's block (arXiv 2101.03697) by the names of the official code. */
export const repvggBlock: BlockTable = {
  title: 'RepVGG block',
  keys: ['rbr_dense.conv.weight'],
  terms: [
    convBn('rbr_dense.conv', 'rbr_dense.bn'),
    convBn('rbr_1x1.conv', 'rbr_1x1.bn'),
    { identity: 'named', bn: 'rbr_identity' },
  ],
  merged: 'rbr_reparam',
};

/** QARepVGG's block (arXiv 2212.01593): one BN after the sum, none on the 1×1 and identity branches. */
export const qarepvggBlock: BlockTable = {
  title: 'QARepVGG block',
  keys: ['rbr_1x1.weight'],
  terms: [convBn('rbr_dense.conv', 'rbr_dense.bn'), { conv: 'rbr_1x1' }, { identity: 'sameShape' }],
  bn: 'bn',
  merged: 'rbr_reparam',
};

/**
 * The second version of QARepVGG's block, which YOLOv6 has: an average over k×k pixels stands beside the
 * identity.
 */
export const qarepvggAverageBlock: BlockTable = {
  ...qarepvggBlock,
  title: 'QARepVGG block, second version',
  terms: [...qarepvggBlock.terms, { averagePool: 'kernel', sameShape: true }],
};

/** RepOptimizer's block (arXiv 2205.15242) while it searches for its scales. */
export const linearAddBlock: BlockTable = {
  title: 'linear-add block',
  keys: ['scale_conv.weight'],
  terms: [
    { conv: 'conv', scale: 'scale_conv.weight' },
    { conv: 'conv_1x1', scale: 'scale_1x1.weight' },
    { identity: 'named', scale: 'scale_identity.weight' },
  ],
  bn: 'bn',
  merged: 'rbr_reparam',
};

/**
 * MobileOne's block (arXiv 2206.04040) by the names of the official code: several convolutions of one size, a
 * 1×1 one and an identity, each with its BN.
 */
export const mobileOneBlock: BlockTable = {
  title: 'MobileOne block',
  keys: ['rbr_conv.0.conv.weight', 'rbr_scale.conv.weight', 'rbr_skip.weight'],
  terms: [
    convBn('rbr_conv.*.conv', 'rbr_conv.*.bn'),
    convBn('rbr_scale.conv', 'rbr_scale.bn'),
    { identity: 'named', bn: 'rbr_skip' },
  ],
  merged: 'reparam_conv',
};
/** The terms of MobileOne's block by timm's names, below a prefix. */
export const timmMobileOneTerms = (prefix = ''): Term[] => [
  convBn(`${prefix}conv_kxk.*.conv`, `${prefix}conv_kxk.*.bn`),
  convBn(`${prefix}conv_scale.conv`, `${prefix}conv_scale.bn`),
  { identity: 'named', bn: `${prefix}identity` },
];
/** MobileOne's block by timm's names. */
export const timmMobileOneBlock: BlockTable = {
  title: 'MobileOne block',
  keys: ['conv_kxk.0.conv.weight', 'conv_scale.conv.weight', 'identity.running_var'],
  terms: timmMobileOneTerms(),
  merged: 'reparam_conv',
};

/**
 * FastViT's token mixer (its section «Reparameterizing Skip Connections»): x + scale·(mixer(x) − norm(x)), both of
 * MobileOne's branches.
 */
export const repMixer = (
  mixer: readonly Term[],
  norm: readonly Term[],
  scale: string,
  key: string,
): BlockTable => ({
  title: 'RepMixer',
  keys: [key],
  terms: [{ identity: 'always' }, { sum: mixer, scale }, { sum: norm, scale, subtract: true }],
  merged: 'reparam_conv',
});
/** FastViT's large depthwise kernel with a small one beside it. */
export const largeKernel = (large: string, small: string, merged: string): BlockTable => ({
  title: 'large kernel',
  keys: [`${large}.conv.weight`],
  terms: [convBn(`${large}.conv`, `${large}.bn`), convBn(`${small}.conv`, `${small}.bn`)],
  merged,
});

const avgBn = 'dbb_avg.avgbn';
/** A 1×1 convolution before the k×k one; its BN pads with the value that zeros take in it. */
const dbbChain = (first: Term): Term => ({
  chain: [{ ...first, bn: 'dbb_1x1_kxk.bn1.bn' }, convBn('dbb_1x1_kxk.conv2', 'dbb_1x1_kxk.bn2')],
});
/** The Diverse Branch Block (arXiv 2103.13425). */
export const diverseBranchBlock: BlockTable = {
  title: 'Diverse Branch Block',
  keys: ['dbb_origin.conv.weight'],
  terms: [
    convBn('dbb_origin.conv', 'dbb_origin.bn'),
    convBn('dbb_1x1.conv', 'dbb_1x1.bn'),
    { chain: [convBn('dbb_avg.conv', 'dbb_avg.bn.bn'), { averagePool: 'kernel', bn: avgBn }] },
    { averagePool: 'kernel', bn: avgBn, unless: 'dbb_avg.conv.weight' },
    dbbChain({ conv: 'dbb_1x1_kxk.idconv1', plusIdentity: true }),
    dbbChain({ conv: 'dbb_1x1_kxk.idconv1.conv', plusIdentity: true }),
    dbbChain({ conv: 'dbb_1x1_kxk.conv1' }),
    { identity: 'named', bn: 'id_bn' },
  ],
  merged: 'dbb_reparam',
};
