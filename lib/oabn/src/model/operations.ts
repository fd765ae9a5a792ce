/**
 * A merged network that is not a plain chain of 3×3 blocks, as the list of operations that it consists of:
 * MobileOne's depthwise and pointwise convolutions, a grouped RepVGG, FastViT's residual blocks,
 * squeeze-and-excitation. It is plain JSON like the rest of an architecture, and says enough to run,
 * quantize, fine-tune and export the network. `family/layout.ts` turns what the families' own tables say into
 * this.
 *
 * The classifier is not among them: every network ends in the mean over the image and a matrix.
 */
import { check, schema } from 'oabn-base';

/** The activation functions that a merged network may have. */
export const activations = ['relu', 'relu6', 'gelu', 'silu', 'hardSwish'] as const;
/** The name of an activation function. */
export type Activation = (typeof activations)[number];

/** What turns the output of squeeze-and-excitation into factors in [0, 1]. */
export const gates = ['sigmoid', 'hardSigmoid'] as const;
/** The function that squeeze-and-excitation gates its channels with. */
export type Gate = (typeof gates)[number];

/** A convolution with bias. */
export interface ConvolutionOperation {
  readonly op: 'convolution';
  /** The module that its tensors are named after: `….rbr_reparam.weight` and `.bias`. */
  readonly name: string;
  /** [out, in per group, height, width]; padded with (side − 1)/2 zeros. */
  readonly kernel: readonly number[];
  /** Default 1. */
  readonly stride?: number;
  /** Default 1; as many as there are channels make it depthwise. */
  readonly groups?: number;
}

/** An operation of a merged network, on images [N,H,W,C]. */
export type Operation =
  | ConvolutionOperation
  | { readonly op: 'activation'; readonly of: Activation }
  /** x + body(x) */
  | { readonly op: 'residual'; readonly body: readonly Operation[] }
  /** Squeeze-and-excitation (arXiv 1709.01507): x·gate(expand(relu(reduce(mean of x over the image)))). */
  | {
      readonly op: 'squeeze';
      readonly reduce: ConvolutionOperation;
      readonly expand: ConvolutionOperation;
      readonly gate: Gate;
    }
  /** The mean over the image, [N,H,W,C] → [N,1,1,C]. */
  | { readonly op: 'average' };

const { listOf, object, oneOf, text, whole } = schema;

/** How deep residual blocks may be nested; networks have one or two levels. */
const deepest = 16;

const convolutionRule = object(
  { op: oneOf('convolution'), name: text, kernel: listOf(whole(1, 2 ** 20), 4, 4) },
  { stride: whole(1, 64), groups: whole(1, 2 ** 20) },
);

/** The members of an operation; whether one fits the next is checked by `placedConvolutions`. */
const rulesOf = (depth: number): Record<Operation['op'], schema.Rule> => ({
  convolution: convolutionRule,
  activation: object({ op: oneOf('activation'), of: oneOf(...activations) }),
  residual: object({ op: oneOf('residual'), body: operationsWithin(depth - 1) }),
  squeeze: object({
    op: oneOf('squeeze'),
    reduce: convolutionRule,
    expand: convolutionRule,
    gate: oneOf(...gates),
  }),
  average: object({ op: oneOf('average') }),
});

function operationsWithin(depth: number): schema.Rule {
  return listOf(
    (value, name) => {
      check(depth > 0, `${name} is nested more than ${deepest} times`);
      const rules = rulesOf(depth);
      const op = String((value as Partial<Operation> | null)?.op);
      (Object.hasOwn(rules, op) ? rules[op as Operation['op']] : convolutionRule)(value, name);
    },
    1,
    10_000,
  );
}

/** What a list of operations in JSON may look like. */
export const operationsRule: schema.Rule = operationsWithin(deepest);

/** A convolution in its place. */
export interface PlacedConvolution extends ConvolutionOperation {
  readonly inChannels: number;
  /** Whether all that enters it is ≥ 0, as behind a ReLU. */
  readonly nonNegative: boolean;
  /** Whether it belongs to squeeze-and-excitation: tiny, run on one pixel, and left in FP32. */
  readonly inSqueeze: boolean;
}

/** What goes from one operation to the next. */
interface Flow {
  readonly channels: number;
  readonly nonNegative: boolean;
}

/**
 * All convolutions in the order in which they run. @throws UserError where one does not fit what comes before
 * it
 */
export function placedConvolutions(operations: readonly Operation[], channels = 3): PlacedConvolution[] {
  const placed: PlacedConvolution[] = [];
  follow(operations, { channels, nonNegative: false }, placed, false);
  return placed;
}

/** The channels that enter the classifier. */
export function featuresOf(operations: readonly Operation[], channels = 3): number {
  return follow(operations, { channels, nonNegative: false }, [], false).channels;
}

function follow(
  operations: readonly Operation[],
  start: Flow,
  placed: PlacedConvolution[],
  inSqueeze: boolean,
): Flow {
  return operations.reduce((flow: Flow, operation): Flow => {
    switch (operation.op) {
      case 'convolution':
        return place(operation, flow, placed, inSqueeze);
      case 'activation':
        return { ...flow, nonNegative: operation.of === 'relu' || operation.of === 'relu6' };
      case 'residual': {
        const after = follow(operation.body, flow, placed, inSqueeze);
        check(
          after.channels === flow.channels,
          `A residual block takes ${flow.channels} channels and returns ${after.channels}; the numbers must be equal`,
        );
        return { ...flow, nonNegative: flow.nonNegative && after.nonNegative };
      }
      case 'squeeze': {
        const reduced = place(operation.reduce, flow, placed, true);
        const { channels } = place(operation.expand, { ...reduced, nonNegative: true }, placed, true);
        check(
          channels === flow.channels,
          `${operation.expand.name} gives ${channels} factors for ${flow.channels} channels`,
        );
        return flow;
      }
      case 'average':
        return flow;
      default:
        return operation satisfies never;
    }
  }, start);
}

function place(
  operation: ConvolutionOperation,
  { channels, nonNegative }: Flow,
  placed: PlacedConvolution[],
  inSqueeze: boolean,
): Flow {
  const { name, kernel, groups = 1 } = operation;
  const [out, inPerGroup] = kernel as [number, number];
  check(
    inPerGroup * groups === channels && out % groups === 0,
    `${name} is [${kernel.join(', ')}] in ${groups} groups, which takes ${inPerGroup * groups} channels; ${channels} enter it`,
  );
  check(
    !placed.some((other) => other.name === name),
    `Two convolutions of the network have the name ${name}`,
  );
  placed.push({ ...operation, inChannels: channels, nonNegative, inSqueeze });
  return { channels: out, nonNegative: false };
}

/** Each convolution with the sides of its output, for images of `size`×`size`. */
export function outputSides(operations: readonly Operation[], size: number): Map<string, number> {
  const sides = new Map<string, number>();
  sidesOf(operations, size, sides);
  return sides;
}

function sidesOf(operations: readonly Operation[], start: number, sides: Map<string, number>): number {
  return operations.reduce((side, operation) => {
    switch (operation.op) {
      case 'convolution': {
        const { name, stride = 1 } = operation;
        const after = Math.ceil(side / stride);
        sides.set(name, after);
        return after;
      }
      case 'residual':
        return sidesOf(operation.body, side, sides);
      case 'squeeze':
        sides.set(operation.reduce.name, 1).set(operation.expand.name, 1);
        return side;
      case 'average':
        return 1;
      case 'activation':
        return side;
      default:
        return operation satisfies never;
    }
  }, start);
}
