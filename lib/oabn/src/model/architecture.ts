/**
 * What a network looks like, as plain JSON: it is part of a run's configuration and of a checkpoint's
 * metadata.
 *
 * RepVGG (Ding et al., arXiv 2101.03697) is a stem block `stage0` and four stages of blocks. A training-time
 * block sums up to three branches, `ReLU(BN(conv3×3(x)) + BN(conv1×1(x)) + BN(x))`; the identity branch
 * exists where the stride is 1 and the channels stay the same. With `branches: ['3x3']` the same description
 * is an ordinary VGG with batch normalization.
 *
 * QARepVGG (Chu et al., arXiv 2212.01593, section 4) has the same branches and different normalizations,
 * `ReLU(BN(BN(conv3×3(x)) + conv1×1(x) + x))`: none on the 1×1 and identity branches, one after the sum.
 */
import { check, schema } from 'oabn-base';
import type { tf } from 'tfjs-native';
import { type Custom, normalizeCustom } from '../custom/index.js';
import { featuresOf, type Operation, operationsRule, placedConvolutions } from './operations.js';

/** The branches of a RepVGG block at training time. */
export const branchNames = ['3x3', '1x1', 'identity'] as const;
/** The name of a branch. */
export type Branch = (typeof branchNames)[number];

/** Where a training-time block normalizes: in each branch, or in the 3×3 branch and after the sum. */
export const blockKinds = ['repvgg', 'qarepvgg'] as const;
/** The name of a kind of block. */
export type BlockKind = (typeof blockKinds)[number];

/** How a learned s decays, which keeps it from growing until nothing is limited. */
export interface ThresholdDecay {
  /**
   * λ·s²/2 (`l2`, default, as PACT does it: arXiv 1805.06085, section 3.2) or λ·|s| (`l1`) in the loss of
   * each s.
   */
  readonly regularizer?: 'l2' | 'l1';
  /** λ ≥ 0; default 5e-3. */
  readonly coefficient?: number;
}

/**
 * The default λ of a learned s: ten times the usual weight decay, because a single s faces the loss of a
 * whole layer.
 */
export const thresholdDecay = { regularizer: 'l2', coefficient: 5e-3 } as const satisfies ThresholdDecay;

/**
 * The ratio that normalizes, out of γ/σ: both [C]. A function for a learned s takes `s: number | tf.Scalar`, because it
 * gets the tensor.
 */
export type LimitFunction = (engine: typeof tf, ratio: tf.Tensor, s: number) => tf.Tensor;

/** OABN (paper, algorithm 1): limits γ/σ of the named branches to [−threshold, threshold] during training. */
export interface Oabn {
  /** The paper's s, > 0. `Infinity` is plain BN. */
  readonly threshold: number;
  /**
   * What the gradient does where the ratio is clipped: `clip` (default) is zero there, `straightThrough`
   * passes.
   */
  readonly gradient?: 'clip' | 'straightThrough';
  /**
   * A limit of your own instead of the clip: r̂ [C] from r = γ/√(σ²+ε) [C] and s. Its gradient is the one
   * that tfjs derives, including that to σ² of the batch. Merging applies the same limit.
   */
  readonly limit?: Custom<LimitFunction>;
  /** The branches with OABN; default the identity alone, as in the paper. */
  readonly branches?: readonly Branch[];
  /**
   * Each limited BN learns its own s, a parameter `….threshold` that begins at `threshold`; default false:
   * one fixed s for all. An ablation of ours, with the gradient of PACT.
   */
  readonly learned?: boolean | ThresholdDecay;
}

/**
 * A network of five stages, described in plain data that JSON can hold: widths, depths, strides, classes, and
 * OABN.
 */
export interface Architecture {
  /** Output channels of stage0 … stage4. */
  readonly widths: readonly number[];
  /** Blocks in each stage; the first is 1, the stem. */
  readonly depths: readonly number[];
  /** Stride of the first block of each stage. */
  readonly strides: readonly number[];
  /** The number of classes, ≥ 2. */
  readonly classes: number;
  /** Default `repvgg`. */
  readonly block?: BlockKind;
  /** The branches of a training-time block; default all three. */
  readonly branches?: readonly Branch[];
  /** Absent: plain BN everywhere. */
  readonly oabn?: Oabn;
  /**
   * A merged network of another family: what it consists of, in place of RepVGG's chain of blocks. Its
   * `widths`, `depths` and `strides` hold only the channels that enter the classifier: [features], [1], [1].
   */
  readonly operations?: readonly Operation[];
}

const { anything, either, flag, listOf, object, oneOf, whole } = schema;
const someBranches = listOf(oneOf(...branchNames), 1);

/** The members of an architecture; `normalizeArchitecture` checks which combinations make sense. */
export const architectureRule = object(
  {
    widths: listOf(whole(1, 2 ** 16), 1, 100),
    depths: listOf(whole(1, 10_000), 1, 100),
    strides: listOf(whole(1, 1024), 1, 100),
    classes: whole(2, 2 ** 24),
  },
  {
    block: oneOf(...blockKinds),
    branches: someBranches,
    oabn: object(
      { threshold: anything },
      {
        gradient: oneOf('clip', 'straightThrough'),
        limit: anything,
        branches: someBranches,
        learned: either((value) =>
          typeof value === 'boolean'
            ? flag
            : object({}, { regularizer: oneOf('l2', 'l1'), coefficient: anything }),
        ),
      },
    ),
    operations: operationsRule,
  },
);

/**
 * The canonical form of an architecture: defaults left out, s = ∞ as plain BN, so that equal networks have
 * equal JSON.
 * @throws UserError that names the member, its value and what it must be.
 */
export function normalizeArchitecture(arch: Architecture): Architecture {
  architectureRule(arch, 'arch');
  const { widths, depths, strides, classes, block, branches, oabn } = arch;
  if (arch.operations) return ofOperations(arch.operations, classes);
  const sameStages = (name: string, values: readonly number[]): void =>
    check(
      values.length === widths.length,
      `${name} must have ${widths.length} stages like widths, got ${values.length}`,
    );
  sameStages('depths', depths);
  sameStages('strides', strides);
  check(depths[0] === 1, `depths[0] must be 1 (the stem is one block), got ${depths[0]}`);
  const plain = { widths: [...widths], depths: [...depths], strides: [...strides], classes };
  return {
    ...plain,
    ...normalizeBlock(block),
    ...normalizeBranches(branches),
    ...normalizeOabn(oabn, block),
  };
}

/**
 * A merged network of another family, with the features that its operations give.
 * @throws UserError where a convolution does not fit what comes before it
 */
export function ofOperations(operations: readonly Operation[], classes: number): Architecture {
  placedConvolutions(operations);
  return { widths: [featuresOf(operations)], depths: [1], strides: [1], classes, operations };
}

function normalizeBlock(block: Architecture['block'] = 'repvgg'): Pick<Architecture, 'block'> {
  check(
    blockKinds.includes(block),
    `block must be one of ${JSON.stringify(blockKinds)}, got ${JSON.stringify(block)}`,
  );
  return block === 'repvgg' ? {} : { block };
}

function normalizeBranches(branches: Architecture['branches']): Pick<Architecture, 'branches'> {
  if (branches === undefined) return {};
  checkBranches('branches', branches);
  check(branches.includes('3x3'), `branches must include "3x3", got ${JSON.stringify(branches)}`);
  const ordered = branchNames.filter((branch) => branches.includes(branch));
  return ordered.length === branchNames.length ? {} : { branches: ordered };
}

function normalizeOabn(oabn: Oabn | undefined, block: Architecture['block']): Pick<Architecture, 'oabn'> {
  if (oabn === undefined) return {};
  const { threshold, gradient = 'clip', limit, branches = ['identity'], learned = false } = oabn;
  check(
    typeof threshold === 'number' && threshold > 0,
    `s (oabn.threshold) must be > 0 or Infinity, got ${threshold}`,
  );
  check(
    gradient === 'clip' || gradient === 'straightThrough',
    `oabn.gradient must be "clip" or "straightThrough", got ${JSON.stringify(gradient)}`,
  );
  check(
    limit === undefined || gradient === 'clip',
    'oabn.gradient says what the clip does; a limit of your own has the gradient of its operations, so leave it out',
  );
  checkBranches('oabn.branches', branches);
  if (threshold === Infinity) return {};
  check(
    block !== 'qarepvgg',
    `OABN limits the BN of the identity branch, and a QARepVGG block has none there: leave out s = ${threshold}, or take RepVGG's blocks`,
  );
  const ordered = branchNames.filter((branch) => branches.includes(branch));
  const paper = ordered.length === 1 && ordered[0] === 'identity';
  return {
    oabn: {
      threshold,
      ...(gradient !== 'clip' && { gradient }),
      ...(limit && { limit: normalizeCustom(limit, 'oabn.limit') }),
      ...(!paper && { branches: ordered }),
      ...normalizeLearned(learned),
    },
  };
}

function normalizeLearned(learned: NonNullable<Oabn['learned']>): Pick<Oabn, 'learned'> {
  if (learned === false) return {};
  const { regularizer, coefficient } = thresholdDecayOf(learned);
  check(
    regularizer === 'l2' || regularizer === 'l1',
    `oabn.learned.regularizer must be "l2" or "l1", got ${JSON.stringify(regularizer)}`,
  );
  check(
    typeof coefficient === 'number' && coefficient >= 0 && coefficient < Infinity,
    `oabn.learned.coefficient must be ≥ 0, got ${coefficient}`,
  );
  const changes = {
    ...(regularizer !== thresholdDecay.regularizer && { regularizer }),
    ...(coefficient !== thresholdDecay.coefficient && { coefficient }),
  };
  return { learned: Object.keys(changes).length > 0 ? changes : true };
}

/** The decay of a learned s with its defaults. */
export function thresholdDecayOf(learned: NonNullable<Oabn['learned']>): Required<ThresholdDecay> {
  return { ...thresholdDecay, ...(typeof learned === 'object' && learned) };
}

function checkBranches(name: string, branches: readonly Branch[]): void {
  const good =
    Array.isArray(branches) &&
    branches.length > 0 &&
    branches.every((branch) => branchNames.includes(branch));
  check(good, `${name} must be some of ${JSON.stringify(branchNames)}, got ${JSON.stringify(branches)}`);
}
