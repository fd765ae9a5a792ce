/** What a profile consists of, and how its ImageNet side becomes a profile of its own. */
import type { RunDefaults } from 'oabn/experiment';
import type { Architecture } from 'oabn/model';

/** What runs have by default, and the grids of the paper's experiments. */
export interface Profile extends RunDefaults {
  /** Such as `quick`. */
  readonly name: string;
  /** The values of s in the main job; Infinity is plain BN. */
  readonly thresholds: readonly number[];
  /** The values of s in the low-bit tables, where every cell is a fine-tuning run. */
  readonly lowBitThresholds: readonly number[];
  /** The seeds of the main job. */
  readonly seeds: readonly number[];
  /** Thresholds that only draw the curve over s, with the first seed alone; no claim rests on them. */
  readonly curveThresholds?: readonly number[];
  /** b of fine-tuning. */
  readonly bits: readonly number[];
  /** b of quantization after training. */
  readonly ptqBits: readonly number[];
  /** The values of s in table 3, whose networks are compared with QARepVGG. */
  readonly tableThresholds: readonly number[];
  /** b of table 3. */
  readonly tableBits: readonly number[];
  /** The seeds of table 3. */
  readonly tableSeeds: readonly number[];
  /** Steps of Table 3's learning methods, for each unit. */
  readonly tableIterations: number;
  /**
   * What the search for the learning rates of fine-tuning tries, with which seeds (default one of its own),
   * and what it is scored on: this many of the last training images, on which its networks do not train, or
   * test images that no result of the profile uses.
   */
  readonly search: {
    readonly rates: readonly number[];
    readonly thresholds: readonly number[];
    readonly bits: readonly number[];
    readonly seeds?: readonly number[];
    readonly heldOut: number | { readonly first: number; readonly images: number };
  };
  /** The network on which the ablations are made. */
  readonly ablation: { readonly threshold: number; readonly bits: number; readonly seeds: readonly number[] };
  /** The study of what makes outliers: lengths of training, factors of the widths, values of s, and seeds. */
  readonly outliers: {
    readonly epochs: readonly number[];
    readonly widths: readonly number[];
    readonly thresholds: readonly number[];
    readonly seeds: readonly number[];
  };
  /**
   * The notebooks that tell the story, by the beginnings of their names. If given, `reproduce` computes what
   * these need (figures 2, 4, 7a and 8, and table 5) and executes these; otherwise everything in the paper.
   */
  readonly story?: readonly string[];
  /** What differs on the ImageNet side of the paper (figure 7b, tables 3 and 6); see `onImagenet`. */
  readonly imagenet?: Partial<Omit<Profile, 'name' | 'imagenet'>>;
}

/** The data that stand in for ImageNet-1k where a profile names no other: 50 classes at 64×64. */
export const imagenetStandIn = { name: 'imagenet50', testImages: null } as const;

/** For images with twice the side: the stem halves them, and everything after it is as large as before. */
const forTwiceTheSide = ({ strides: [first = 1, ...rest], ...arch }: Architecture): Architecture => ({
  ...arch,
  strides: [2 * first, ...rest],
});

/** The ImageNet side of a profile is the profile `<name>-imagenet`. */
export const imagenetSuffix = '-imagenet';

/**
 * The ImageNet side of a profile, as a profile of its own, on which all studies can run. Unless the profile
 * says otherwise, it takes the stand-in for ImageNet, 50 classes at 64×64, with strides that make its network
 * cost there what it costs on 32×32.
 */
export function onImagenet({ imagenet, ...profile }: Profile): Profile {
  return {
    ...profile,
    data: imagenetStandIn,
    arch: forTwiceTheSide(profile.arch),
    ...imagenet,
    name: `${profile.name}${imagenetSuffix}`,
  };
}
