/**
 * Effects on networks that were quantized: each network's answers on the test images, before and after, one
 * network for each seed; and the best of several kinds of network, chosen without looking at the answers by
 * which it is judged.
 */
import { check } from 'oabn-base';
import { contrast, type Rights, unpackRights } from './contrast.js';
import { type MeanEstimate, ofUnknownError, seedMean } from './crossed.js';

/** How a network answered the test images. */
export interface Answers {
  /** The share of images that it got right, in [0, 1]. */
  readonly accuracy: number;
  /** The number of test images. */
  readonly images: number;
  /** Which images it was right on; unknown for older runs, which did not store this. */
  readonly rights?: Rights;
}

/** A network before and after quantization. */
export interface Judged {
  /** Seed of the network. */
  readonly seed: number;
  /** Before quantization. */
  readonly fp32: Answers;
  /** After quantization. */
  readonly quantized: Answers;
}

/** A quantized network as rows of studies have it. */
export interface StoredPoint {
  readonly seed: number;
  readonly images: number;
  readonly accuracy: number;
  readonly fp32: number;
  readonly right?: string;
  readonly fp32Right?: string;
}

/** A row of a study with its answers unpacked. @throws UserError where they are not as many as its images */
export function judgedOf({ seed, images, accuracy, fp32, right, fp32Right }: StoredPoint): Judged {
  const answers = (of: number, bits: string | undefined): Answers => ({
    ...{ accuracy: of, images },
    ...(bits !== undefined && { rights: unpackRights(bits, images) }),
  });
  return { seed, fp32: answers(fp32, fp32Right), quantized: answers(accuracy, right) };
}

/** Networks of the same seed, one from each list. @throws UserError when the seeds are not the same */
export function sameSeeds<T extends readonly (readonly Judged[])[]>(
  ...lists: T
): { [K in keyof T]: Judged }[] {
  return lists[0]!.map(({ seed }) => {
    const row = lists.map((list) => list.find((network) => network.seed === seed));
    check(
      row.every((network) => network !== undefined),
      () => `Seed ${seed} is not among the runs to compare with; run both with the same seeds`,
    );
    return row as { [K in keyof T]: Judged };
  });
}

/** A weight and what it weighs; see `contrast`. */
export type WeightedAnswers = readonly [weight: number, answers: Answers];

/**
 * The mean over seeds and images of Σ weight·accuracy + `constant`; a list of terms for each seed.
 *
 * - Where the runs stored which images they had right: image by image (`contrast`).
 * - Where they did not: the spread over seeds, and in addition the whole sampling error of the accuracies as
 *   if each had been measured on images of its own. Networks agree on most images, so this errs on the wide
 *   side. It is not divided by the number of seeds, which all see the same images.
 * - One seed says nothing about the spread over seeds: the error is unknown, and every verdict undecided.
 *
 * @throws UserError without a seed
 */
export function effectOf(seeds: readonly (readonly WeightedAnswers[])[], constant = 0): MeanEstimate {
  check(seeds.length > 0, 'A claim needs one run at least');
  const means = seeds.map((terms) => terms.reduce((sum, [w, { accuracy }]) => sum + w * accuracy, constant));
  if (seeds.length === 1) return ofUnknownError(means[0]!);
  const paired = seeds.map((terms) =>
    terms.flatMap(([weight, { rights }]) => (rights ? [[weight, rights] as const] : [])),
  );
  if (paired.every((terms, k) => terms.length === seeds[k]!.length)) return contrast(paired, constant);
  const ofSeeds = seedMean(means);
  const ofImages =
    seeds.flat().reduce((sum, [w, { accuracy, images }]) => {
      return sum + (w ** 2 * accuracy * (1 - accuracy)) / images;
    }, 0) / seeds.length;
  return { ...ofSeeds, parts: [...ofSeeds.parts, { variance: ofImages, df: Infinity }] };
}

/**
 * How much more accurate the quantized networks of some rows of a study are than those of others, as a
 * fraction: the mean over seeds and images, compared seed by seed and image by image.
 *
 *     intervalOf(pairedDifference(withOABN, withBN)); // { mean: 0.32, low: 0.14, high: 0.51, level: 0.95 }
 *
 * @param rows one for each seed @param others of the same seeds, on the same test images
 * @throws UserError where a seed has several rows, or is missing among the others
 */
export function pairedDifference(rows: readonly StoredPoint[], others: readonly StoredPoint[]): MeanEstimate {
  for (const of of [rows, others]) {
    const again = of.find(({ seed }, i) => of.findIndex((row) => row.seed === seed) < i);
    check(!again, () => `Seed ${again!.seed} has several rows; compare two that differ in one thing`);
  }
  return effectOf(
    sameSeeds(rows.map(judgedOf), others.map(judgedOf)).map(([a, b]) => [
      [1, a.quantized],
      [-1, b.quantized],
    ]),
  );
}

/** One of several kinds of network, such as a threshold s or a method: its networks, one for each seed. */
export interface Candidate<Name> {
  /** What tells it from the others. */
  readonly name: Name;
  /** In the order of their seeds. */
  readonly networks: readonly Judged[];
}

/**
 * The kind with the best quantized accuracy, cross-fitted: which kind stands for a seed on one half of the
 * images was chosen on the *other* seeds and the *other* half (without stored images, on the other seeds), so
 * that no kind is judged by the answers by which it was chosen, and luck in the choice does not count as an
 * effect. A kind without every seed of the others does not stand: it was not judged on the same networks.
 *
 * @returns a network for each seed, put together from halves, and the kinds chosen, each once
 */
export function bestOf<Name>(candidates: readonly Candidate<Name>[]): {
  readonly networks: Judged[];
  readonly chosen: Name[];
} {
  const seeds = [...new Set(candidates.flatMap(({ networks }) => networks.map(({ seed }) => seed)))];
  check(seeds.length > 0, 'There is nothing to choose the best of');
  const standing = candidates.filter(({ networks }) => networks.length === seeds.length);
  check(standing.length > 0, () => `Of ${names(candidates)} none has all of the seeds ${seeds.join(', ')}`);
  const chosen = new Set<Name>();
  const choose = (seed: number, half: number): Judged => {
    const scores = standing.map(({ networks }) => {
      const others = networks.filter((network) => seeds.length === 1 || network.seed !== seed);
      return others.reduce((sum, { quantized }) => sum + accuracyOnHalf(quantized, 1 - half), 0);
    });
    const best = standing[scores.indexOf(Math.max(...scores))]!;
    chosen.add(best.name);
    return networkOf(best, seed);
  };
  const networks = seeds.map((seed): Judged => {
    const halves = [choose(seed, 0), choose(seed, 1)] as const;
    return {
      seed,
      fp32: splice(halves.map(({ fp32 }) => fp32)),
      quantized: splice(halves.map(({ quantized }) => quantized)),
    };
  });
  return { networks, chosen: [...chosen] };
}

const names = (candidates: readonly Candidate<unknown>[]): string =>
  candidates.map(({ name }) => String(name)).join(', ');

function networkOf<Name>({ name, networks }: Candidate<Name>, seed: number): Judged {
  const found = networks.find((network) => network.seed === seed);
  check(found, () => `${String(name)} has no run with seed ${seed} to compare with`);
  return found;
}

/**
 * The accuracy on every other image, from `half` (0 or 1) on; on all images where it is not known which were
 * right.
 */
function accuracyOnHalf({ rights, accuracy }: Answers, half: number): number {
  if (!rights) return accuracy;
  let right = 0;
  for (let i = half; i < rights.length; i += 2) right += rights[i]!;
  return right / Math.ceil((rights.length - half) / 2);
}

/** The even images' answers of the first and the odd images' of the second. */
function splice([even, odd]: readonly Answers[]): Answers {
  const { rights, images } = even!;
  if (!rights || !odd!.rights) return even!;
  const mixed = rights.map((right, i) => (i % 2 === 0 ? right : odd!.rights![i]!));
  return { rights: mixed, images, accuracy: mixed.reduce((sum, right) => sum + right, 0) / images };
}
