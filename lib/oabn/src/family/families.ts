/**
 * The families that we know, as tables. Block structures are from the papers named; names of tensors are
 * those of the code that published the checkpoints. Order matters only between equals: the first that
 * explains as much wins.
 */
import {
  fastvitLayout,
  fastvitTimmLayout,
  mobileOneLayout,
  pplcnetTimmLayout,
  repvggLayout,
  repvggMmpretrainLayout,
  repvggTimmLayout,
  repvitLayout,
} from './layouts.js';
import type { BlockTable, Family, Term } from './table.js';

const convBn = (conv: string, bn: string): Term => ({ conv, bn });

/** A convolution and its BN, the block of every ordinary network. */
const pair = (conv: string, bn: string, merged: string, unless?: string): BlockTable => ({
  title: 'convolution and BN',
  keys: [`${conv}.weight`],
  ...(unless !== undefined && { unless }),
  terms: [convBn(conv, bn)],
  merged,
});

/** What stands between re-parameterized blocks in most families. */
const ordinary: readonly BlockTable[] = [{ ...pair('conv', 'bn', 'conv'), ordinary: true }];

const repvggBlock: BlockTable = {
  title: 'RepVGG block',
  keys: ['rbr_dense.conv.weight'],
  terms: [
    convBn('rbr_dense.conv', 'rbr_dense.bn'),
    convBn('rbr_1x1.conv', 'rbr_1x1.bn'),
    { identity: 'named', bn: 'rbr_identity' },
  ],
  merged: 'rbr_reparam',
};

const qarepvggBlock: BlockTable = {
  title: 'QARepVGG block',
  keys: ['rbr_1x1.weight'],
  terms: [convBn('rbr_dense.conv', 'rbr_dense.bn'), { conv: 'rbr_1x1' }, { identity: 'sameShape' }],
  bn: 'bn',
  merged: 'rbr_reparam',
};

/**
 * MobileOne's block in two vocabularies: several convolutions of one size, a 1×1 one, an identity, each with
 * its BN.
 */
const mobileOneBlock: BlockTable = {
  title: 'MobileOne block',
  keys: ['rbr_conv.0.conv.weight', 'rbr_scale.conv.weight', 'rbr_skip.weight'],
  terms: [
    convBn('rbr_conv.*.conv', 'rbr_conv.*.bn'),
    convBn('rbr_scale.conv', 'rbr_scale.bn'),
    { identity: 'named', bn: 'rbr_skip' },
  ],
  merged: 'reparam_conv',
};
const timmMobileOneTerms = (prefix = ''): Term[] => [
  convBn(`${prefix}conv_kxk.*.conv`, `${prefix}conv_kxk.*.bn`),
  convBn(`${prefix}conv_scale.conv`, `${prefix}conv_scale.bn`),
  { identity: 'named', bn: `${prefix}identity` },
];
const timmMobileOneBlock: BlockTable = {
  title: 'MobileOne block',
  keys: ['conv_kxk.0.conv.weight', 'conv_scale.conv.weight', 'identity.running_var'],
  terms: timmMobileOneTerms(),
  merged: 'reparam_conv',
};

/** FastViT's token mixer (section 3.1): x + scale·(mixer(x) − norm(x)), both of MobileOne's branches. */
const repMixer = (mixer: readonly Term[], norm: readonly Term[], scale: string, key: string): BlockTable => ({
  title: 'RepMixer',
  keys: [key],
  terms: [{ identity: 'always' }, { sum: mixer, scale }, { sum: norm, scale, subtract: true }],
  merged: 'reparam_conv',
});
const largeKernel = (large: string, small: string, merged: string): BlockTable => ({
  title: 'large kernel',
  keys: [`${large}.conv.weight`],
  terms: [convBn(`${large}.conv`, `${large}.bn`), convBn(`${small}.conv`, `${small}.bn`)],
  merged,
});

const avgBn = 'dbb_avg.avgbn';
/** A 1×1 convolution before the k×k one; its BN pads with what it makes of zeros. */
const dbbChain = (first: Term): Term => ({
  chain: [{ ...first, bn: 'dbb_1x1_kxk.bn1.bn' }, convBn('dbb_1x1_kxk.conv2', 'dbb_1x1_kxk.bn2')],
});
const diverseBranchBlock: BlockTable = {
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

/** The families that are known. Of those that explain equally many tensors of a file, the first is taken. */
export const families: readonly Family[] = [
  {
    name: 'yolov6',
    title: 'YOLOv6 (EfficientRep and Rep-PAN)',
    source: 'arXiv 2209.02976; names of meituan/YOLOv6, whose BNs have ε = 1e-3',
    epsilon: 1e-3,
    recognisedBy: '(^|\\.)ERBlock_\\d',
    blocks: [repvggBlock, qarepvggBlock, ...ordinary],
  },
  {
    name: 'repvgg',
    title: 'RepVGG',
    source: 'arXiv 2101.03697; names of the official code',
    blocks: [repvggBlock],
    layout: repvggLayout,
  },
  {
    name: 'qarepvgg',
    title: 'QARepVGG',
    source: 'arXiv 2212.01593',
    blocks: [qarepvggBlock, repvggBlock],
    layout: repvggLayout,
  },
  {
    name: 'repvgg-timm',
    title: "RepVGG (timm's names)",
    source: 'arXiv 2101.03697',
    blocks: [
      {
        title: 'RepVGG block',
        keys: ['conv_kxk.conv.weight'],
        terms: [
          convBn('conv_kxk.conv', 'conv_kxk.bn'),
          convBn('conv_1x1.conv', 'conv_1x1.bn'),
          { identity: 'named', bn: 'identity' },
        ],
        merged: 'reparam_conv',
      },
      ...ordinary,
    ],
    layout: repvggTimmLayout,
  },
  {
    name: 'repvgg-mmpretrain',
    title: "RepVGG (mmpretrain's names)",
    source: 'arXiv 2101.03697',
    blocks: [
      {
        title: 'RepVGG block',
        keys: ['branch_3x3.conv.weight'],
        terms: [
          convBn('branch_3x3.conv', 'branch_3x3.bn'),
          convBn('branch_1x1.conv', 'branch_1x1.bn'),
          { identity: 'named', bn: 'branch_norm' },
        ],
        merged: 'branch_reparam',
      },
      ...ordinary,
    ],
    layout: repvggMmpretrainLayout,
  },
  {
    name: 'fastvit',
    title: 'FastViT, its convolutional parts',
    source: 'arXiv 2303.14189; names of the official code',
    recognisedBy:
      '(^|\\.)(network\\.\\d+\\.\\d+\\.token_mixer\\.(norm|mixer|reparam_conv)|.*lkb_(origin|reparam))\\.',
    blocks: [
      repMixer(
        [
          convBn('mixer.rbr_conv.*.conv', 'mixer.rbr_conv.*.bn'),
          convBn('mixer.rbr_scale.conv', 'mixer.rbr_scale.bn'),
          { identity: 'named', bn: 'mixer.rbr_skip' },
        ],
        [{ identity: 'named', bn: 'norm.rbr_skip' }],
        'layer_scale',
        'mixer.rbr_conv.0.conv.weight',
      ),
      largeKernel('lkb_origin', 'small_conv', 'lkb_reparam'),
      mobileOneBlock,
      {
        title: 'conditional positional encoding',
        keys: ['pe.weight'],
        terms: [{ conv: 'pe' }, { identity: 'always' }],
        merged: 'reparam_conv',
      },
      ...ordinary,
    ],
    layout: fastvitLayout,
  },
  {
    name: 'fastvit-timm',
    title: "FastViT, its convolutional parts (timm's names)",
    source: 'arXiv 2303.14189',
    recognisedBy: '(^|\\.)stages\\.\\d+\\.blocks\\.\\d+\\.token_mixer\\.(norm|mixer|reparam_conv)\\.',
    blocks: [
      repMixer(
        timmMobileOneTerms('mixer.'),
        timmMobileOneTerms('norm.'),
        'layer_scale.gamma',
        'mixer.conv_kxk.0.conv.weight',
      ),
      largeKernel('large_conv', 'small_conv', 'reparam_conv'),
      timmMobileOneBlock,
      {
        title: 'conditional positional encoding',
        keys: ['pos_enc.weight'],
        terms: [{ conv: 'pos_enc' }, { identity: 'always' }],
        merged: 'reparam_conv',
      },
      ...ordinary,
    ],
    layout: fastvitTimmLayout,
  },
  {
    name: 'mobileone',
    title: 'MobileOne',
    source: 'arXiv 2206.04040; names of the official code',
    blocks: [mobileOneBlock, ...ordinary],
    layout: mobileOneLayout,
  },
  {
    name: 'mobileone-timm',
    title: "MobileOne (timm's names)",
    source: 'arXiv 2206.04040',
    blocks: [timmMobileOneBlock, ...ordinary],
    layout: repvggTimmLayout,
  },
  {
    name: 'mobileone-mmpretrain',
    title: "MobileOne (mmpretrain's names)",
    source: 'arXiv 2206.04040',
    blocks: [
      {
        title: 'MobileOne block',
        keys: ['branch_conv_list.0.conv.weight', 'branch_scale.conv.weight'],
        terms: [
          convBn('branch_conv_list.*.conv', 'branch_conv_list.*.bn'),
          convBn('branch_scale.conv', 'branch_scale.bn'),
          { identity: 'named', bn: 'branch_norm' },
        ],
        merged: 'branch_reparam',
      },
      ...ordinary,
    ],
    layout: mobileOneLayout,
  },
  {
    name: 'repoptimizer',
    title: 'RepOptimizer, the search network of RepOpt-VGG',
    source: 'arXiv 2205.15242; names of the official code',
    recognisedBy: '(^|\\.)scale_(conv|1x1|identity)\\.weight$',
    blocks: [
      {
        title: 'linear-add block',
        keys: ['scale_conv.weight'],
        terms: [
          { conv: 'conv', scale: 'scale_conv.weight' },
          { conv: 'conv_1x1', scale: 'scale_1x1.weight' },
          { identity: 'named', scale: 'scale_identity.weight' },
        ],
        bn: 'bn',
        merged: 'rbr_reparam',
      },
      ...ordinary,
    ],
    layout: repvggLayout,
  },
  {
    name: 'dbb',
    title: 'Diverse Branch Block',
    source: 'arXiv 2103.13425; names of the official code',
    blocks: [diverseBranchBlock, ...ordinary],
  },
  {
    name: 'acnet',
    title: 'ACNet, asymmetric convolutions',
    source: 'arXiv 1908.03930; names of the official code',
    blocks: [
      {
        title: 'asymmetric block',
        keys: ['square_conv.weight'],
        terms: [
          convBn('square_conv', 'square_bn'),
          convBn('ver_conv', 'ver_bn'),
          convBn('hor_conv', 'hor_bn'),
        ],
        merged: 'fused_conv',
      },
      ...ordinary,
    ],
  },
  {
    name: 'repvit',
    title: 'RepViT',
    source: 'arXiv 2307.09283',
    recognisedBy: '\\.c\\.weight$',
    blocks: [
      {
        title: 'depthwise RepVGG block',
        keys: ['conv.c.weight'],
        terms: [convBn('conv.c', 'conv.bn'), { conv: 'conv1' }, { identity: 'always' }],
        bn: 'bn',
        merged: '',
      },
      pair('c', 'bn', ''),
    ],
    layout: repvitLayout,
  },
  {
    name: 'pplcnet-v2',
    title: 'PP-LCNetV2',
    source: "PaddlePaddle/PaddleClas, its names; the depthwise kernels' sizes are 5, 3 and 1",
    recognisedBy: 'dw_conv_list\\.',
    blocks: [
      {
        title: 'depthwise branches',
        keys: ['dw_conv_list.0.conv.weight'],
        terms: [convBn('dw_conv_list.*.conv', 'dw_conv_list.*.bn')],
        merged: 'dw_conv',
      },
      ...ordinary,
    ],
  },
  {
    name: 'pplcnet-timm',
    title: "PP-LCNet (timm's names)",
    source: 'arXiv 2109.15099',
    blocks: [
      pair('conv_stem', 'bn1', 'conv_stem'),
      pair('conv_dw', 'bn1', 'conv_dw', 'conv_pwl.weight'),
      pair('conv_pw', 'bn2', 'conv_pw', 'conv_pwl.weight'),
    ],
    layout: pplcnetTimmLayout,
  },
  {
    name: 'conv-bn',
    title: 'convolutions with BN (PP-LCNet in Paddle, VGG-BN and others)',
    source: 'no paper: a convolution «conv» whose BN is «bn» beside it',
    blocks: [pair('conv', 'bn', 'conv')],
  },
];
