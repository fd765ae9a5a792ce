/**
 * A made set of 10 classes of 32×32 images for when there is no CIFAR-10, and for tests: five shapes, each
 * with horizontal stripes («barred») or vertical ones («striped»). Colours, place, size, rotation, light,
 * noise and the distractions around it (other shapes, plain or with a weak texture of their own) are random,
 * so neither colour nor a single spot gives the class away: a network must see the outline and the texture.
 * One number, `difficulty`, makes all of it harder.
 */
import { join } from 'node:path';
import { check, random, sha256, type Random } from 'oabn-base';
import { pixelDataset } from './batches.js';
import { type CacheOptions, readDecoded, writeDecoded } from './cache.js';
import type { Dataset, Split } from './dataset.js';
import {
  develop,
  newCanvas,
  paintBackground,
  paintShape,
  randomRotation,
  randomTilt,
  shapes,
  textures,
  type Canvas,
  type Color,
  type Fill,
  type Pose,
  type ShapeName,
  type TextureName,
} from './drawing.js';
import { checkCount } from './order.js';

/** How many images are drawn, from which seed, and how hard they are to tell apart. */
export interface MadeOptions {
  /** Default `train`. */
  readonly split?: Split;
  /** Images, default 10,000 for training and 2,000 for testing. */
  readonly size?: number;
  /** Seed of all that is random in the images, default 0. The splits share no image. */
  readonly seed?: number;
  /** 0 (clear, no noise) to 1 (a person often errs), default `madeDifficulty`. */
  readonly difficulty?: number;
}

/**
 * The difficulty at which RepVGG-A0 at width 0.25 classifies about nine of ten test images correctly after 6
 * epochs of 10,000.
 */
export const madeDifficulty = 0.75;

const SIDE = 32;
const shapeNames = Object.keys(shapes) as ShapeName[];
const textureNames = Object.keys(textures) as TextureName[];

/** «barred disc», «striped disc», «barred square», … in the order of the labels. */
export const madeClasses: readonly string[] = shapeNames.flatMap((shape) =>
  textureNames.map((texture) => `${texture} ${shape}`),
);

/**
 * The made set, in memory; about 7,000 images a second. Image i of a split depends on (seed, difficulty, i)
 * alone.
 */
export function madeDataset(options: MadeOptions = {}): Dataset {
  const rule = ruleOf(options);
  return datasetOf(rule, drawAll(rule));
}

/** Sets of fewer images are drawn faster than they are worth keeping. */
const fewestKept = 2_000;

/**
 * `madeDataset`, whose images are kept as a file in the folder `cache`, if that can be written: reading them back
 * takes a tenth of the time, and every process of a plan opens them. A damaged file is reported to `warn` and
 * drawn again.
 */
export async function openMadeDataset(
  options: MadeOptions,
  { cache, warn }: Pick<CacheOptions, 'cache' | 'warn'>,
): Promise<Dataset> {
  const rule = ruleOf(options);
  if (rule.size < fewestKept) return madeDataset(options);
  // Its first images stand for the program that draws them: what another version drew is not taken.
  const source = `${sourceOf(rule)}, beginning with ${sha256(drawAll({ ...rule, size: 20 }))}`;
  const path = join(cache, `made-${rule.split}-${sha256(source).slice(0, 16)}.safetensors`);
  const kept = await readDecoded(path, source, warn);
  const pixels = kept?.pixels ?? drawAll(rule);
  if (!kept) {
    const decoded = { pixels, labels: labelsOf(rule), side: SIDE, jpeg: false };
    await writeDecoded(path, source, decoded).catch(() => undefined);
  }
  return datasetOf(rule, pixels);
}

type Rule = Required<MadeOptions>;

function ruleOf(options: MadeOptions): Rule {
  const { split = 'train', seed = 0, difficulty = madeDifficulty } = options;
  const { size = split === 'train' ? 10_000 : 2_000 } = options;
  checkCount('The size of the made set', size, 1);
  checkCount('The seed of the made set', seed, 0);
  check(difficulty >= 0 && difficulty <= 1, `difficulty must lie in 0 … 1, got ${difficulty}`);
  return { split, seed, difficulty, size };
}

const sourceOf = ({ split, seed, difficulty, size }: Rule): string =>
  `drawn: seed ${seed}, difficulty ${difficulty}, ${size} ${split} images`;

const labelsOf = ({ size }: Rule): Int32Array =>
  Int32Array.from({ length: size }, (_, i) => i % madeClasses.length);

/** `[size, 32, 32, 3]` */
function drawAll(rule: Rule): Uint8Array {
  const { split, seed, difficulty, size } = rule;
  const pixels = new Uint8Array(size * SIDE * SIDE * 3);
  const canvas = newCanvas(SIDE);
  labelsOf(rule).forEach((label, i) => {
    const image = pixels.subarray(i * SIDE * SIDE * 3, (i + 1) * SIDE * SIDE * 3);
    drawMadeImage(label, difficulty, random(seed, 'made', split, i), canvas, image);
  });
  return pixels;
}

function datasetOf(rule: Rule, pixels: Uint8Array): Dataset {
  return pixelDataset(
    {
      name: 'made',
      split: rule.split,
      size: rule.size,
      classes: madeClasses,
      imageShape: [SIDE, SIDE, 3],
      mean: [0.5, 0.5, 0.5],
      std: [0.25, 0.25, 0.25],
      augmentation: 'padCrop',
      made: true,
      labels: labelsOf(rule),
      provenance: {
        dataset: 'made shapes',
        source: sourceOf(rule),
        checksum: `sha256:${sha256(pixels)}`,
        note: 'made data (drawn shapes and textures), not photographs',
      },
    },
    pixels,
  );
}

/** Draws one image of a class into `out` (`[32, 32, 3]` bytes), using `canvas` as scratch. */
function drawMadeImage(
  label: number,
  difficulty: number,
  draw: Random,
  canvas: Canvas,
  out: Uint8Array,
): void {
  const between = (easy: number, hard: number): number => easy + difficulty * (hard - easy);
  const within = (low: number, high: number): number => low + draw.uniform() * (high - low);
  const texture = textureNames[label % textureNames.length]!;
  const shape = shapeNames[Math.floor(label / textureNames.length)]!;

  const ground = randomColor(draw, 0.2, 0.8);
  paintBackground(canvas, ground, randomColor(draw, 0.2, 0.8), between(0.03, 0.15), draw);

  const scale = within(between(11, 6.5), 12.5);
  const slack = Math.max(0, SIDE / 2 - scale * 0.9);
  const pose: Pose = {
    x: SIDE / 2 - 0.5 + within(-slack, slack),
    y: SIDE / 2 - 0.5 + within(-slack, slack),
    scale,
    rotation: randomRotation(draw),
  };
  const [light, dark] = colorPair(draw, ground, within(between(0.6, 0.14), between(0.8, 0.5)));
  const fill: Fill = {
    texture,
    light,
    dark,
    period: within(4, between(5, 6.5)),
    rotation: randomTilt(draw, between(0.1, 0.35)),
  };

  const distractors = Math.round(within(0, between(1, 7)));
  const inFront = Math.round(within(0, between(0, 2)));
  for (let i = 0; i < distractors; i++) paintDistractor(canvas, draw, between(2, 4.5), between(0.1, 0.5));
  paintShape(canvas, shape, pose, fill);
  for (let i = 0; i < inFront; i++) paintDistractor(canvas, draw, between(1, 2.6), between(0.1, 0.5));

  develop(canvas, within(0, between(0.02, 0.16)), draw, out);
}

/** A small shape of any kind anywhere, with a texture of any kind whose contrast is at most `contrast`. */
function paintDistractor(canvas: Canvas, draw: Random, scale: number, contrast: number): void {
  const color = randomColor(draw, 0.1, 0.9);
  const half = (draw.uniform() * contrast) / 2;
  const fill: Fill = {
    texture: textureNames[draw.integer(textureNames.length)]!,
    light: color.map((value) => value + half) as unknown as Color,
    dark: color.map((value) => value - half) as unknown as Color,
    period: 3 + 3 * draw.uniform(),
    rotation: randomRotation(draw),
  };
  const pose: Pose = {
    x: draw.uniform() * SIDE,
    y: draw.uniform() * SIDE,
    scale: scale * (0.5 + draw.uniform()),
    rotation: randomRotation(draw),
  };
  paintShape(canvas, shapeNames[draw.integer(shapeNames.length)]!, pose, fill, 0.5 + 0.5 * draw.uniform());
}

function randomColor(draw: Random, low: number, high: number): Color {
  return [
    low + draw.uniform() * (high - low),
    low + draw.uniform() * (high - low),
    low + draw.uniform() * (high - low),
  ];
}

/** Two colours on either side of one that differs from `ground`, `contrast` apart in a random direction. */
function colorPair(draw: Random, ground: Color, contrast: number): [Color, Color] {
  const middle = randomColor(draw, 0.2, 0.8);
  const away = middle.map((value, c) => value + (value >= ground[c]! ? 0.5 : -0.5) * contrast * 0.5);
  const direction = [draw.uniform() + 0.2, draw.uniform() + 0.2, draw.uniform() + 0.2];
  const length = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0));
  const shift = direction.map((value) => (value / length) * contrast * 0.85);
  return [
    away.map((value, c) => value + shift[c]! / 2) as unknown as Color,
    away.map((value, c) => value - shift[c]! / 2) as unknown as Color,
  ];
}
