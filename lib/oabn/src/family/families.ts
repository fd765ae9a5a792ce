/**
 * The families that are known, as tables. Block structures are from the papers named; the names of tensors
 * are those of the code that published the checkpoints. Order matters only between equals: the first that
 * explains as much wins.
 */
import {
  convBn,
  diverseBranchBlock,
  largeKernel,
  linearAddBlock,
  mobileOneBlock,
  ordinary,
  pair,
  qarepvggAverageBlock,
  qarepvggBlock,
  repMixer,
  repvggBlock,
  timmMobileOneBlock,
  timmMobileOneTerms,
} from './blockTables.js';
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
import type { Family } from './table.js';

/** Matches no name: for tables that fit the same tensors as another one, so that only the reader can tell. */
const neverByItself = '(?!)';

/**
 * Backbone, neck and head alike: what is re-parameterized is one of these blocks, in whatever they are stacked
 * to (RepBlock, CSPStackRep, MBLA).
 */
const yolov6 = {
  title: 'YOLOv6 (EfficientRep, Rep-PAN and its head)',
  source: 'arXiv 2209.02976 and 2301.05586; names of meituan/YOLOv6',
  epsilon: 1e-3,
  notComputed: 'the detector’s neck and head are no chain of layers',
  blocks: [repvggBlock, linearAddBlock, diverseBranchBlock, ...ordinary],
} as const satisfies Partial<Family>;

/** The families that are known. Of those that explain equally many tensors of a file, the first is taken. */
export const families: readonly Family[] = [
  {
    ...yolov6,
    name: 'yolov6',
    recognisedBy: '(^|\\.)ERBlock_\\d',
    blocks: [
      {
        ...qarepvggBlock,
        assumption:
          'QARepVGG blocks of the first version; the second one’s average pool has no tensors (--family yolov6-qarepvgg-v2 adds it)',
      },
      ...yolov6.blocks,
    ],
  },
  {
    ...yolov6,
    name: 'yolov6-qarepvgg-v2',
    title: 'YOLOv6 with QARepVGG blocks of the second version',
    recognisedBy: neverByItself,
    blocks: [qarepvggAverageBlock, ...yolov6.blocks],
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
    blocks: [linearAddBlock, ...ordinary],
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
      {
        title: 'depthwise RepVGG block, first version',
        keys: ['conv.c.weight'],
        terms: [convBn('conv.c', 'conv.bn'), convBn('conv1.c', 'conv1.bn'), { identity: 'always' }],
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
