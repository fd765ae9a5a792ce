/**
 * Profiles: the same experiments at several scales. `smoke` takes seconds and shows only that all of it runs;
 * `quick` tells the story in minutes on two CPU cores; `desk` has networks worth quantizing, in hours of two
 * cores, and `deep` a single pair of the paper's depth; `paper` has the paper's networks, sized for hours of
 * one GPU; `full` is ImageNet-1k and training as long as RepVGG's own, in days. A notebook names its profile
 * and changes single values of it for an ablation.
 */
import { check } from 'oabn-base';
import { finetuningRecipes, type PretrainRecipe, type RunDefaults, trainingRecipe } from 'oabn/experiment';
import { imagenetStrides, normalizeArchitecture, repvgg } from 'oabn/model';
import { imagenetStandIn, imagenetSuffix, onImagenet, type Profile } from './profile.js';

/**
 * What the search for a recipe found best on a CPU (data/results/recipes): short training that ends at a rate
 * of zero, and the official decay, of kernels and of the identity's γ.
 */
function deskRecipe({
  epochs,
  learningRate,
  translate,
  images = null,
  batchSize = 128,
  warmupEpochs = 0.5,
}: DeskRecipe): PretrainRecipe {
  return {
    images,
    batchSize,
    schedule: { learningRate, warmupEpochs, epochs, annealing: 'linear' },
    momentum: 0.9,
    weightDecay: 5e-4,
    decay: 'kernelsAndIdentity',
    labelSmoothing: 0.1,
    augment: { flip: 'alternating', translate, padding: 'reflect' },
  };
}

interface DeskRecipe {
  readonly epochs: number;
  readonly learningRate: number;
  /** Pixels. */
  readonly translate: number;
  /** Default all. */
  readonly images?: number | null;
  /** Default 128. */
  readonly batchSize?: number;
  /** Default 0.5. */
  readonly warmupEpochs?: number;
}

/**
 * Fine-tuning of the merged weights in the way that pretraining ended: the same images, no label smoothing,
 * no decay.
 */
function deskFinetuning(options: Omit<DeskRecipe, 'learningRate'>): RunDefaults['finetuning'] {
  const { decay: _, ...recipe } = deskRecipe({ ...options, learningRate: 3e-3 });
  const finetuning = { ...recipe, labelSmoothing: 0, weightDecay: 0 };
  return { uniform: finetuning, cluster: finetuning };
}

/**
 * The paper's network and its sweeps on all of CIFAR-10, in hours on one GPU. It is trained as `desk`'s, but
 * twice as long, with larger shifts against overfitting and with batches that fill a GPU.
 */
const paper = {
  data: { name: 'cifar10', testImages: null },
  arch: repvgg('A0'),
  pretraining: deskRecipe({
    ...{ epochs: 32, batchSize: 512, learningRate: 0.4, warmupEpochs: 2, translate: 4 },
  }),
  finetuning: deskFinetuning({ epochs: 3, translate: 4 }),
  calibrationImages: 1024,
  thresholds: [0.1, 0.25, 0.5, 1, 2, 3, 5, 10, Infinity],
  lowBitThresholds: [0.25, 0.5, 1, 3, Infinity],
  seeds: [1, 2, 3],
  bits: [8, 6, 4, 3, 2],
  ptqBits: [8, 7, 6, 5, 4, 3, 2],
  tableThresholds: [0.5, 1, 3, Infinity],
  tableBits: [8, 4],
  tableSeeds: [1, 2, 3],
  tableIterations: 1_000,
  search: {
    rates: [3e-4, 1e-3, 3e-3, 1e-2],
    thresholds: [0.5, Infinity],
    bits: [4],
    seeds: [100, 101],
    heldOut: 5_000,
  },
  ablation: { threshold: 0.5, bits: 3, seeds: [1, 2, 3] },
  outliers: { epochs: [5, 16], widths: [0.5, 1], thresholds: [0.5, Infinity], seeds: [1, 2, 3] },
} as const satisfies Omit<Profile, 'name'>;

/** Networks of 85% on all of CIFAR-10, in hours of two CPU cores. */
const desk = {
  data: { name: 'cifar10', testImages: null },
  arch: normalizeArchitecture({
    widths: [32, 32, 64, 128],
    depths: [1, 2, 3, 2],
    strides: [2, 1, 2, 2],
    classes: 10,
  }),
  pretraining: deskRecipe({ epochs: 16, learningRate: 0.1, translate: 2 }),
  finetuning: deskFinetuning({ epochs: 3, translate: 2 }),
  calibrationImages: 1024,
  thresholds: [0.1, 0.25, 0.5, 1, 2, 3, 5, Infinity],
  curveThresholds: [0.25, 2, 5],
  lowBitThresholds: [0.5, 1, Infinity],
  seeds: [1, 2, 3],
  bits: [8, 4, 3, 2],
  ptqBits: [8, 7, 6, 5, 4, 3, 2],
  tableThresholds: [0.5, 1, 3, Infinity],
  tableBits: [8, 4],
  tableSeeds: [1, 2, 3],
  tableIterations: 1_000,
  search: {
    rates: [3e-4, 1e-3, 3e-3, 1e-2],
    thresholds: [0.5, Infinity],
    bits: [4],
    heldOut: 5_000,
    seeds: [100, 101],
  },
  ablation: { threshold: 0.5, bits: 3, seeds: [1] },
  outliers: { epochs: [5, 16], widths: [0.5, 1], thresholds: [0.5, Infinity], seeds: [1] },
} as const satisfies Omit<Profile, 'name'>;

/** Desk's networks of 50% on ImageNet's stand-in. */
const onStandIn = {
  data: { ...imagenetStandIn, testImages: null },
  arch: normalizeArchitecture({
    widths: [16, 32, 64, 128],
    depths: [1, 2, 3, 2],
    strides: [2, 2, 2, 2],
    classes: 50,
  }),
  pretraining: deskRecipe({ epochs: 12, learningRate: 0.1, translate: 4 }),
  finetuning: deskFinetuning({ epochs: 3, translate: 4 }),
  thresholds: [0.1, 0.5, 1, 2, 3, Infinity],
  curveThresholds: [2],
} as const satisfies Profile['imagenet'];

/** The profiles by name, from seconds (`smoke`) to days (`full`). */
export const profiles = {
  smoke: {
    name: 'smoke',
    data: { name: 'made', testImages: 200 },
    arch: normalizeArchitecture({ widths: [8, 8, 16], depths: [1, 2, 1], strides: [2, 1, 2], classes: 10 }),
    pretraining: trainingRecipe({ images: 320, batchSize: 32, epochs: 2, learningRate: 0.05 }),
    finetuning: finetuningRecipes({ images: 320, batchSize: 32, epochs: 1 }),
    calibrationImages: 64,
    thresholds: [0.5, Infinity],
    lowBitThresholds: [0.5, Infinity],
    seeds: [1],
    bits: [8, 4],
    ptqBits: [8, 4],
    tableThresholds: [0.5, Infinity],
    tableBits: [8],
    tableSeeds: [1],
    tableIterations: 4,
    search: { rates: [1e-3, 1e-2], thresholds: [0.5], bits: [4], heldOut: { first: 200, images: 200 } },
    ablation: { threshold: 0.5, bits: 4, seeds: [1] },
    outliers: { epochs: [2], widths: [1], thresholds: [0.5, Infinity], seeds: [1] },
    // Made images here too; other strides, so that the runs of the two sides are not the same.
    imagenet: {
      data: { name: 'made', testImages: 200 },
      arch: normalizeArchitecture({ widths: [8, 8, 16], depths: [1, 2, 1], strides: [2, 2, 2], classes: 10 }),
    },
  },
  // At most eight minutes of two CPU cores, notebooks included.
  quick: {
    name: 'quick',
    data: { name: 'cifar10', testImages: 2_000 },
    arch: normalizeArchitecture({
      widths: [16, 16, 32, 64],
      depths: [1, 2, 3, 2],
      strides: [2, 1, 2, 2],
      classes: 10,
    }),
    pretraining: deskRecipe({
      ...{ images: 16_000, batchSize: 64 },
      ...{ epochs: 3, learningRate: 0.1, translate: 2 },
    }),
    finetuning: deskFinetuning({ images: 9_600, batchSize: 64, epochs: 1, translate: 2 }),
    calibrationImages: 512,
    thresholds: [0.1, 0.5, Infinity],
    lowBitThresholds: [0.5, Infinity],
    seeds: [1, 2],
    bits: [8, 4, 3],
    ptqBits: [8, 6, 5, 4, 3],
    tableThresholds: [0.5, Infinity],
    tableBits: [8, 4],
    tableSeeds: [1],
    tableIterations: 40,
    search: {
      rates: [1e-3, 3e-3, 1e-2],
      thresholds: [0.5, Infinity],
      bits: [4],
      heldOut: { first: 8_000, images: 2_000 },
    },
    ablation: { threshold: 0.5, bits: 3, seeds: [1] },
    outliers: { epochs: [3], widths: [1], thresholds: [0.5, Infinity], seeds: [1] },
    story: ['01', '02', '03', '04', '05', '06', '07', '08', '12', '13', '18', 'algorithm'],
    imagenet: {
      data: { ...imagenetStandIn, testImages: 2_000 },
      pretraining: deskRecipe({
        ...{ images: 16_000, batchSize: 64 },
        ...{ epochs: 3, learningRate: 0.1, translate: 4 },
      }),
      finetuning: deskFinetuning({ images: 9_600, batchSize: 64, epochs: 1, translate: 4 }),
      thresholds: [0.5, Infinity],
      seeds: [1],
      bits: [4, 3],
    },
  },
  desk: { ...desk, name: 'desk', imagenet: onStandIn },
  // A check that desk's small networks tell the story of deep ones: its recipe on RepVGG-A0 at 3/8 of its width,
  // which costs five times as much.
  deep: {
    ...desk,
    name: 'deep',
    arch: repvgg('A0', { width: 0.375 }),
    thresholds: [0.5, Infinity],
    curveThresholds: [],
    lowBitThresholds: [0.5, Infinity],
    seeds: [1],
    bits: [4, 3],
    story: ['08', '12', '13'],
  },
  paper: { ...paper, name: 'paper' },
  full: {
    ...paper,
    name: 'full',
    pretraining: trainingRecipe({
      ...{ images: null, batchSize: 128, epochs: 120, learningRate: 0.1 },
      decay: 'kernelsAndIdentity',
    }),
    finetuning: finetuningRecipes({ images: null, batchSize: 128, epochs: 10 }),
    tableThresholds: [0.25, 0.5, 1, 3, 10, Infinity],
    tableBits: [8, 6, 4],
    tableIterations: 10_000,
    search: {
      rates: [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2],
      thresholds: [0.5, Infinity],
      bits: [4, 3],
      seeds: [100, 101],
      heldOut: 5_000,
    },
    // ImageNet-1k itself. Epochs, rate and decay as RepVGG-A0 was trained (arXiv 2101.03697, section 4.1, and its
    // code).
    imagenet: {
      data: { name: 'imagenet', testImages: null },
      arch: repvgg('A0', { strides: imagenetStrides, classes: 1000 }),
      pretraining: trainingRecipe({
        images: null,
        batchSize: 256,
        epochs: 120,
        learningRate: 0.1,
        weightDecay: 1e-4,
        decay: 'kernelsAndIdentity',
      }),
      finetuning: finetuningRecipes({ images: null, batchSize: 256, epochs: 5 }),
      thresholds: [0.1, 0.5, 1, 2, 3, 5, 10, Infinity],
      lowBitThresholds: [0.5, 1, 3, Infinity],
      seeds: [1],
    },
  },
} as const satisfies Record<string, Profile>;

/** The name of a profile. */
export type ProfileName = keyof typeof profiles;

/** The names of all profiles in a sentence. */
export const profileNames = Object.keys(profiles)
  .join(', ')
  .replace(/, (?=\w+$)/, ' or ');

/**
 * A profile by name, such as `quick`, or its ImageNet side: `quick-imagenet`. @throws UserError with the
 * known names.
 */
export function profileNamed(name: string): Profile {
  const base = name.replace(new RegExp(`${imagenetSuffix}$`), '');
  const profile = (profiles as Record<string, Profile>)[base];
  check(
    profile,
    () =>
      `Unknown profile «${name}»; expected one of ${Object.keys(profiles).join(', ')}, or one of these followed by ${imagenetSuffix}`,
  );
  return base === name ? profile : onImagenet(profile);
}
