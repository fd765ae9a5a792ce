/**
 * How a family's blocks make a network: what follows what, with which stride and activation. Tables of blocks
 * and names suffice to merge; to compute logits one must know what stands between the blocks, and no tensor
 * says that. It is JSON as the rest of a family is, so a description of your own can have it, too:
 *
 *     "layout": { "strides": [1, 2, 2], "classifier": ["fc"], "steps": [
 *       { "conv": "stem", "stride": "stage", "activation": "relu" },
 *       { "each": "stage*.*", "steps": [{ "conv": "", "stride": "stage", "squeeze": "se", "activation": "relu" }] } ] }
 *
 * Names are those of blocks, or of plain convolutions, below the module that `each` has found; empty is that
 * module itself.
 */
import { schema } from 'oabn-base';
import { activations, type Activation, type Gate, gates } from '../model/index.js';

/** A convolution of a layout, with what follows it. */
export interface ConvolutionStep {
  /** The name of the convolution or block. */
  readonly conv: string;
  /**
   * Default 1. `stage`: that of the stage, in its first block; 1 in the others. A convolution outside of
   * `each` is a stage of its own.
   */
  readonly stride?: number | 'stage';
  /** The whole step is left out where the file has no such convolution. */
  readonly optional?: boolean;
  /** A tensor that multiplies the output channels (layer scale), if the file has it. */
  readonly scale?: string;
  /** The module of squeeze-and-excitation between it and its activation, if the file has it. */
  readonly squeeze?: string;
  /** The gate of the squeeze-and-excitation; default `sigmoid`. */
  readonly gate?: Gate;
  /** The activation that follows; default none. */
  readonly activation?: Activation;
}

/** A step of a layout, from one image to the next. */
export type LayoutStep =
  | ConvolutionStep
  /** x + steps(x); with `sameShape` only where steps(x) has the shape of x, and steps(x) elsewhere. */
  | { readonly residual: readonly LayoutStep[]; readonly sameShape?: boolean }
  /** Squeeze-and-excitation by itself, if the file has it, for where it follows the activation. */
  | { readonly squeeze: string; readonly gate?: Gate }
  /** The mean over the image. */
  | { readonly average: true }
  /**
   * The steps for each module of a pattern, whose `*` are numbers, in their order. Each first number of the
   * outermost pattern is a stage.
   */
  | { readonly each: string; readonly steps: readonly LayoutStep[] };

/** One matrix, or several whose logits are averaged, each perhaps behind a BN. */
export type Classifier = string | readonly { readonly linear: string; readonly bn?: string }[];

/** How the blocks of a family follow one another, as JSON. */
export interface Layout {
  /** What follows what, from the image to the classifier. */
  readonly steps: readonly LayoutStep[];
  /**
   * The possible ones; the first that the file has is taken. Where the family's own code merges BNs into it, the
   * last is the name that it then has.
   */
  readonly classifier: readonly Classifier[];
  /** The usual strides of the stages, for steps that say `stage`; `--strides` takes their place. */
  readonly strides?: readonly number[];
  /** Where the network may be in a larger file; default at the top, below `backbone.`, or where all of the file is. */
  readonly roots?: readonly string[];
}

/** The channels of the images that networks are computed on. */
export const imageChannels = 3;

/** Why a network is not computed whose first convolution, `name`, takes images of `channels` channels. */
export const otherImages = (name: string, channels: number): string =>
  `${name} takes images of ${channels} ${channels === 1 ? 'channel' : 'channels'}, and those read here have ${imageChannels}`;

const { listOf, object, oneOf, text, flag, whole } = schema;

const convolutionRule = object(
  { conv: text },
  {
    stride: (value, name) => (value === 'stage' ? undefined : whole(1, 64)(value, name)),
    optional: flag,
    scale: text,
    squeeze: text,
    gate: oneOf(...gates),
    activation: oneOf(...activations),
  },
);

/** Steps within steps: of stages, blocks and residuals. */
const deepest = 8;

function stepsWithin(depth: number): schema.Rule {
  return listOf(
    (value, name) => {
      const has = (member: string): boolean =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, member);
      const inner = (): schema.Rule => stepsWithin(depth - 1);
      if (depth > 0 && has('each')) object({ each: text, steps: inner() })(value, name);
      else if (depth > 0 && has('residual')) object({ residual: inner() }, { sameShape: flag })(value, name);
      else if (has('squeeze') && !has('conv'))
        object({ squeeze: text }, { gate: oneOf(...gates) })(value, name);
      else if (has('average')) object({ average: oneOf(true) })(value, name);
      else convolutionRule(value, name);
    },
    1,
    1000,
  );
}

const matrices = listOf(object({ linear: text }, { bn: text }), 1, 16);

/**
 * What a layout in JSON may look like.
 * @throws UserError naming the member of a layout, its value and what it must be
 */
export const layoutRule: schema.Rule = object(
  {
    steps: stepsWithin(deepest),
    classifier: listOf(
      (value, name) => (typeof value === 'string' ? undefined : matrices(value, name)),
      1,
      16,
    ),
  },
  { strides: listOf(whole(1, 64), 1, 100), roots: listOf(text, 1, 16) },
);
