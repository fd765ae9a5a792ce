/**
 * What a dataset is to the rest of the library: a plain record that describes labelled images and hands them
 * out in batches, ready for a network. A dataset holds no position and no random state: `batches` is a
 * function of its options alone, so the same (seed, epoch, startBatch) gives the same bits today, tomorrow
 * and after a crash.
 */

/**
 * The training images, or those that accuracy is measured on (ImageNet's validation split is `test` here).
 */
export type Split = 'train' | 'test';

/**
 * How a training image is varied. `padCrop`: pad by an eighth of the side, cut the original size out at
 * random, flip at random (the usual CIFAR recipe: pad 4 on 32×32). `resizedCrop`: a random part of 8 to 100%
 * of the area with a side ratio of 3/4 to 4/3, resized, and a random flip (the usual ImageNet recipe).
 * `none`: the plain image, or for photographs resize and centre crop.
 */
export type Augmentation = 'none' | 'padCrop' | 'resizedCrop';

/** How training images are varied, where that differs from the dataset's default. */
export interface AugmentOptions {
  /**
   * `random` (default): an image is mirrored in half of the epochs, at random. `alternating`: in every other
   * one, so that two epochs show both sides; the image itself decides which comes first (Jordan, arXiv
   * 2404.00498, section 3.6).
   */
  readonly flip?: 'random' | 'alternating';
  /** For `padCrop`: the largest shift in pixels, in each direction; default an eighth of the image's side. */
  readonly translate?: number;
  /** For `padCrop`: what appears at the edges, `black` (default) or the image mirrored at its edge. */
  readonly padding?: 'black' | 'reflect';
}

/** Where images came from, as it goes into every stored result. Holds no path of the machine. */
export interface Provenance {
  /** The data's proper name, such as «CIFAR-10». */
  readonly dataset: string;
  /** The file or folder inside the data folder, or the rule that made the images. */
  readonly source: string;
  /**
   * `sha256:` of the source's bytes, or `listing-sha256:` of its names and sizes where hashing everything
   * would be slow.
   */
  readonly checksum: string;
  /** A caveat for readers of a figure, such as «JPEG-recompressed»; empty if there is none. */
  readonly note: string;
}

/** Images that go through the network together. */
export interface Batch {
  /** `[N, H, W, 3]`, (value/255 − mean)/std per channel. */
  readonly images: Float32Array;
  /** `[N]`, class numbers. */
  readonly labels: Int32Array;
  /** N: `batchSize`, or fewer in the last batch. */
  readonly size: number;
  /** Which batch of the epoch this is, from 0. */
  readonly index: number;
  /** `[N]`, each image's number in the dataset. */
  readonly rows: Uint32Array;
}

/** Which images `batches` reads, in what order, how they are varied, and how many make a batch. */
export interface BatchOptions {
  /** Images per batch, default 128. */
  readonly batchSize?: number;
  /** Seed of shuffling and augmentation, default 0. */
  readonly seed?: number;
  /** Which pass over the data, default 0; each has its own order and its own crops. */
  readonly epoch?: number;
  /** Random order, default false. */
  readonly shuffle?: boolean;
  /** Variation of the images, default none; `true` is the dataset's own kind, which options modify. */
  readonly augment?: boolean | Augmentation | AugmentOptions;
  /** Use only this many images: the first of a fixed class-balanced order, the same for every seed. */
  readonly limit?: number;
  /** How many images at the beginning of that order to leave out; default 0. */
  readonly skip?: number;
  /** Begin with this batch, as if those before it had been read, default 0. */
  readonly startBatch?: number;
  /** Leave out a last batch that is not full, default false. */
  readonly dropLast?: boolean;
  /** Batches made ahead while the engine works on one, default 2. */
  readonly prefetch?: number;
}

/** What is known of a dataset before its first image is made. */
export interface DatasetHead {
  /** The name by which it is opened: `cifar10`, `imagenet`, `imagenet50`, `made`. */
  readonly name: string;
  /** Which split of the dataset this is. */
  readonly split: Split;
  /** Number of images. */
  readonly size: number;
  /** Class names; a label is an index into it. */
  readonly classes: readonly string[];
  /** [height, width, 3], the same for all images. */
  readonly imageShape: readonly [height: number, width: number, channels: 3];
  /** Per channel (R, G, B) of values in 0…1: what normalization subtracts and divides by. */
  readonly mean: readonly [number, number, number];
  /** Per channel, like `mean`. */
  readonly std: readonly [number, number, number];
  /** What `augment: true` does. */
  readonly augmentation: Exclude<Augmentation, 'none'>;
  /** Where the images came from. */
  readonly provenance: Provenance;
  /** True for drawn images: a figure or table that rests on them says so. */
  readonly made: boolean;
  /** `[size]` */
  readonly labels: Int32Array;
}

/** One split of a set of images: what describes it, and its images in batches, normalized, [N,H,W,3]. */
export interface Dataset extends DatasetHead {
  /**
   * One epoch, or its rest from `startBatch`. @throws UserError for options out of range, or an unreadable
   * image.
   */
  batches(options?: BatchOptions): AsyncIterable<Batch>;
  /** These images as one batch, not augmented, in this order. */
  take(rows: ArrayLike<number>): Promise<Batch>;
}

/** Normalization of the CIFAR-10 training images. */
export const cifarStatistics = { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] } as const;

/** Normalization of ImageNet, as in torchvision and the official RepVGG checkpoints. */
export const imagenetStatistics = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;
