/**
 * What stands between the blocks of the families that we know, as their papers and their published code have
 * it.
 */
import type { Activation } from '../model/index.js';
import type { ConvolutionStep, Layout, LayoutStep } from './layout.js';

const conv = (
  name: string,
  activation?: Activation,
  more: Omit<ConvolutionStep, 'conv' | 'activation'> = {},
): ConvolutionStep => ({ conv: name, ...(activation && { activation }), ...more });

/**
 * A stem and stages of blocks, each with a ReLU and perhaps squeeze-and-excitation before it: RepVGG,
 * MobileOne.
 */
function chain(stem: string, blocks: string, squeeze: string, classifier: readonly string[]): Layout {
  const block = (name: string, at: string): ConvolutionStep =>
    conv(name, 'relu', { stride: 'stage', squeeze: at });
  return {
    steps: [block(stem, `${stem}.${squeeze}`), { each: blocks, steps: [block('', squeeze)] }],
    classifier,
    strides: [2, 2, 2, 2, 2],
  };
}

export const repvggLayout = chain('stage0', 'stage*.*', 'se', ['linear']);
export const repvggTimmLayout = chain('stem', 'stages.*.*', 'attn', ['head.fc']);
export const repvggMmpretrainLayout = chain('stem', 'stage_*.*', 'se', ['head.fc']);
export const mobileOneLayout = chain('stage0', 'stage*.*', 'se', ['linear', 'head.fc']);

/** 1×1, activation, 1×1 around the input. */
const expansion = (first: string, second: string): LayoutStep => ({
  residual: [conv(first, 'gelu'), conv(second)],
});

/**
 * FastViT (arXiv 2303.14189, figure 2): the RepMixer with its own skip, then a residual with a large
 * depthwise kernel.
 */
const fastvitMlp = (mlp: string, scale: string): LayoutStep => ({
  residual: [conv(`${mlp}.conv`), conv(`${mlp}.fc1`, 'gelu'), conv(`${mlp}.fc2`, undefined, { scale })],
});
const fastvitStem = (stem: string): LayoutStep[] => [
  conv(`${stem}.0`, 'gelu', { stride: 2 }),
  conv(`${stem}.1`, 'gelu', { stride: 2 }),
  conv(`${stem}.2`, 'gelu'),
];

export const fastvitTimmLayout: Layout = {
  steps: [
    ...fastvitStem('stem'),
    {
      each: 'stages.*',
      steps: [
        conv('downsample.proj.0', undefined, { stride: 2, optional: true, squeeze: 'downsample.proj.0.se' }),
        conv('downsample.proj.1', 'gelu', { optional: true }),
        conv('pos_emb', undefined, { optional: true }),
        { each: 'blocks.*', steps: [conv('token_mixer'), fastvitMlp('mlp', 'layer_scale.gamma')] },
      ],
    },
    conv('final_conv', 'gelu', { squeeze: 'final_conv.se' }),
  ],
  classifier: ['head.fc'],
  strides: [1],
};

/** The official code's `network` is a list of stages, embeddings between them and position encodings. */
export const fastvitLayout: Layout = {
  steps: [
    ...fastvitStem('patch_embed'),
    {
      each: 'network.*',
      steps: [
        conv('proj.0', undefined, { stride: 2, optional: true }),
        conv('proj.1', 'gelu', { optional: true }),
        conv('', undefined, { optional: true }),
        { each: '*', steps: [conv('token_mixer'), fastvitMlp('convffn', 'layer_scale')] },
      ],
    },
    conv('conv_exp', 'gelu', { squeeze: 'conv_exp.se' }),
  ],
  classifier: ['head'],
  strides: [1],
};

/**
 * RepViT (arXiv 2307.09283, figures 2 and 3): the depthwise token mixer, squeeze in every other block, then
 * the channel mixer.
 */
const repvitBlock = (squeeze?: string): LayoutStep[] => [
  conv('token_mixer', undefined, squeeze === undefined ? {} : { squeeze }),
  expansion('channel_mixer.conv1', 'channel_mixer.conv2'),
];
const below = (module: string, steps: readonly LayoutStep[]): LayoutStep => ({ each: module, steps });

export const repvitLayout: Layout = {
  steps: [
    conv('stem.conv1', 'gelu', { stride: 2 }),
    conv('stem.conv2', undefined, { stride: 2 }),
    {
      each: 'stages.*',
      steps: [
        below('downsample.pre_block', repvitBlock()),
        below('downsample', [
          conv('spatial_downsample', undefined, { stride: 2 }),
          conv('channel_downsample'),
          expansion('ffn.conv1', 'ffn.conv2'),
        ]),
        { each: 'blocks.*', steps: repvitBlock('se') },
      ],
    },
  ],
  classifier: [
    [
      { linear: 'head.head.l', bn: 'head.head.bn' },
      { linear: 'head.head_dist.l', bn: 'head.head_dist.bn' },
    ],
    [{ linear: 'head.head.l', bn: 'head.head.bn' }],
    [{ linear: 'head.l', bn: 'head.bn' }],
    'head',
  ],
  strides: [1],
};

/**
 * PP-LCNet (arXiv 2109.15099, figure 2): depthwise and pointwise convolutions, H-Swish, squeeze in the last
 * stage.
 */
export const pplcnetTimmLayout: Layout = {
  steps: [
    conv('conv_stem', 'hardSwish', { stride: 'stage' }),
    {
      each: 'blocks.*.*',
      steps: [
        conv('conv_dw', 'hardSwish', { stride: 'stage' }),
        { squeeze: 'se', gate: 'hardSigmoid' },
        conv('conv_pw', 'hardSwish'),
      ],
    },
    { average: true },
    conv('conv_head', 'hardSwish'),
  ],
  classifier: ['classifier'],
  strides: [2, 1, 2, 2, 2, 1, 2],
};
