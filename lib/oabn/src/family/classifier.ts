/**
 * The matrix at the end of a network: found by its names, a BN before it folded in, several of them averaged.
 */
import { check, type HostTensor } from 'oabn-base';
import { get, type StateDict } from '../model/index.js';
import type { Classifier } from './layout.js';
import { batchNormAt, hasBn, type Place } from './place.js';

export interface FoundClassifier {
  /** [classes, features] */
  readonly weight: HostTensor<Float32Array>;
  readonly bias: HostTensor<Float32Array>;
  readonly tensors: readonly string[];
}

/**
 * The first of the `possible` classifiers that the file has, below `root` or at the top, for a network that
 * gives it `features` and whose BNs add `epsilon`.
 */
export function classifierOf(
  stateDict: StateDict,
  possible: readonly Classifier[],
  { root, features, epsilon }: { readonly root: string; readonly features: number; readonly epsilon: number },
): FoundClassifier {
  const found = firstOf(stateDict, possible, ['', root]);
  check(found, () => `there is no classifier ${possible.map((one) => JSON.stringify(one)).join(' or ')}`);
  const classifier = folded(stateDict, found, epsilon);
  const { shape } = classifier.weight;
  check(shape[1] === features, `the classifier takes ${shape[1]} features, the network gives ${features}`);
  return classifier;
}

/**
 * The classifier of a family whose own code merges it as well, BN and average into one matrix, and the name of
 * that matrix: the last of the `possible` ones. Undefined for other families, and where it is merged already.
 */
export function mergedClassifier(
  stateDict: StateDict,
  possible: readonly Classifier[],
  { roots, epsilon }: { readonly roots: readonly string[]; readonly epsilon: number },
): (FoundClassifier & { readonly name: string }) | undefined {
  const name = possible.at(-1);
  const found = firstOf(stateDict, possible, roots);
  if (typeof name !== 'string' || !found?.some(({ bn }) => bn !== undefined)) return undefined;
  return { ...folded(stateDict, found, epsilon), name: found[0]!.prefix + name };
}

interface PlacedMatrix {
  readonly linear: string;
  readonly bn?: string;
  /** What their names begin with in this file. */
  readonly prefix: string;
}

function firstOf(
  stateDict: StateDict,
  possible: readonly Classifier[],
  roots: readonly string[],
): readonly PlacedMatrix[] | undefined {
  const candidates = roots.flatMap((prefix) =>
    possible.map((one) =>
      (typeof one === 'string' ? [{ linear: one }] : one).map((matrix) => ({ ...matrix, prefix })),
    ),
  );
  return candidates.find((matrices) =>
    matrices.every(({ linear, prefix }) => stateDict[`${prefix}${linear}.weight`]?.shape.length === 2),
  );
}

/** BNs folded in, several matrices averaged. */
function folded(stateDict: StateDict, found: readonly PlacedMatrix[], epsilon: number): FoundClassifier {
  const each = found.map(({ linear, bn, prefix }) =>
    foldedMatrix({ stateDict, prefix, epsilon }, linear, bn),
  );
  const [{ weight, bias }] = each as [FoundClassifier];
  check(
    each.every((one) => one.weight.data.length === weight.data.length),
    'the classifiers that are averaged have different shapes',
  );
  const mean = (of: (one: FoundClassifier) => Float32Array): Float32Array =>
    of(each[0]!).map((_, i) => each.reduce((sum, one) => sum + of(one)[i]!, 0) / each.length);
  return {
    weight: { shape: weight.shape, data: mean((one) => one.weight.data) },
    bias: { shape: bias.shape, data: mean((one) => one.bias.data) },
    tensors: each.flatMap(({ tensors }) => tensors),
  };
}

/** W·BN(x) + b as one matrix and one bias; a missing bias is zero. */
function foldedMatrix(place: Place, linear: string, bn: string | undefined): FoundClassifier {
  const { stateDict, prefix } = place;
  const name = `${prefix}${linear}`;
  const weight = get(stateDict, `${name}.weight`);
  const [classes, features] = weight.shape as [number, number];
  const given = stateDict[`${name}.bias`];
  const bias = given?.data ?? new Float32Array(classes);
  const tensors = [`${name}.weight`, ...(given ? [`${name}.bias`] : [])];
  if (bn === undefined || !hasBn(place, bn)) {
    return { weight, bias: { shape: [classes], data: bias }, tensors };
  }
  const norm = batchNormAt(place, bn);
  const ratio = norm.ratio();
  const shift = norm.shift(ratio);
  const shifted = bias.map((b, c) => {
    let sum = b;
    for (let i = 0; i < features; i++) sum += weight.data[c * features + i]! * shift[i]!;
    return sum;
  });
  return {
    weight: { shape: weight.shape, data: weight.data.map((w, i) => w * ratio[i % features]!) },
    bias: { shape: [classes], data: shifted },
    tensors: [...tensors, ...norm.tensors],
  };
}
