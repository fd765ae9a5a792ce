/**
 * A file of a family whose layout is known as a network that the library computes with: its blocks merged,
 * and the operations between them. Nothing may be left over: a tensor that has no place in the layout would
 * mean another network.
 */
import { check, type HostTensor, UserError } from 'oabn-base';
import {
  type Architecture,
  type ConvolutionOperation,
  type Gate,
  get,
  ofOperations,
  type Operation,
  type StateDict,
} from '../model/index.js';
import type { Convolution } from './convolution.js';
import { classifierOf } from './classifier.js';
import { families } from './families.js';
import { type ConvolutionStep, imageChannels, type Layout, type LayoutStep, otherImages } from './layout.js';
import { mergedName, mergeFound, type MergeOptions } from './merge.js';
import { join, modulesOf, rootsOf, squeezeNames } from './moduleNames.js';
import type { FoundBlock, Recognition } from './recognize.js';
import { defaultEpsilon } from './table.js';

/** A network of another family, merged, as this library computes it. */
export interface AsNetwork {
  /** Its operations as a description. */
  readonly arch: Architecture;
  /** Merged, under the names of the operations. */
  readonly stateDict: StateDict;
  /** What the tensors do not say and was taken for granted, in words. */
  readonly assumptions: readonly string[];
}

/** How the network is merged, and what its tensors do not say. */
export interface NetworkOptions extends MergeOptions {
  /** The strides of the stages, instead of the family's usual ones. */
  readonly strides?: readonly number[] | undefined;
}

/** The merged network. @returns the reason if the family's layout does not describe it */
export function asNetwork(
  stateDict: StateDict,
  recognition: Recognition,
  options: NetworkOptions = {},
): AsNetwork | { readonly reason: string } {
  const { layout, name } = recognition.family;
  if (!layout) return { reason: `what stands between the blocks of ${name} is not known (no "layout")` };
  try {
    return new Assembly(stateDict, recognition, layout, options).network();
  } catch (error) {
    // For a file that does not fit, the reason is returned; the caller that needs the network reports it.
    if (error instanceof UserError) return { reason: error.message };
    throw error;
  }
}

/** A convolution of the file: a block that is merged when it is needed, or one that is merged already. */
interface Found {
  readonly tensors: readonly string[];
  readonly hasIdentity: boolean;
  readonly convolution: () => Convolution;
}

class Assembly {
  readonly #used = new Set<string>();
  readonly #tensors: Record<string, HostTensor<Float32Array>> = {};
  readonly #blocks = new Map<string, FoundBlock>();
  readonly #strides: readonly number[];
  /** Whether somebody said what the strides of this very network are. */
  readonly #isTold: boolean;
  /** The stages so far whose stride a step has asked for. */
  #stages = 0;
  /** Whether the stage that `each` is in has had its stride; undefined outside of stages. */
  #stage: { hasStride: boolean } | undefined;
  #channels = imageChannels;

  constructor(
    readonly stateDict: StateDict,
    readonly recognition: Recognition,
    readonly layout: Layout,
    readonly options: NetworkOptions,
  ) {
    this.#strides = options.strides ?? layout.strides ?? [];
    this.#isTold = options.strides !== undefined || !families.includes(recognition.family);
    for (const block of recognition.blocks) this.#blocks.set(block.name, block);
    // The merged name tells blocks apart that share a prefix (`conv_dw`, `conv_pw`), so it comes last and
    // wins.
    for (const block of recognition.blocks) this.#blocks.set(mergedName(block), block);
  }

  network(): AsNetwork {
    const roots = rootsOf(this.layout, Object.keys(this.stateDict));
    const isThere = (root: string): boolean => {
      const [first] = this.layout.steps;
      return first !== undefined && 'conv' in first && this.#find(join(root, first.conv)) !== undefined;
    };
    const root = roots.find(isThere) ?? '';
    const operations = this.#steps(this.layout.steps, root);
    const { epsilon = defaultEpsilon } = this.recognition.family;
    const { weight, bias, tensors } = classifierOf(this.stateDict, this.layout.classifier, {
      root,
      features: this.#channels,
      epsilon,
    });
    tensors.forEach((name) => this.#used.add(name));
    const left = Object.keys(this.stateDict).find((name) => !this.#used.has(name));
    check(left === undefined, `${left} has no place in the layout of ${this.recognition.family.name}`);
    check(
      !this.#isTold || this.#stages === 0 || this.#stages === this.#strides.length,
      `the network has ${this.#stages} stages, but ${this.#strides.length} strides were given (${this.#strides.join(', ')})`,
    );
    const arch = ofOperations(operations, weight.shape[0]!);
    const stateDict = { ...this.#tensors, 'linear.weight': weight, 'linear.bias': bias };
    const assumption = `strides ${this.#strides.join(', ')} of the stages: a checkpoint does not say them; --strides names others`;
    return { arch, stateDict, assumptions: this.#isTold || this.#stages === 0 ? [] : [assumption] };
  }

  #steps(steps: readonly LayoutStep[], prefix: string): Operation[] {
    return steps.flatMap((step): Operation[] => {
      if ('residual' in step) return this.#residual(step, prefix);
      if ('average' in step) return [{ op: 'average' }];
      if ('each' in step) return this.#each(step, prefix);
      if ('conv' in step) return this.#convolution(step, prefix);
      return this.#squeeze(join(prefix, step.squeeze), step.gate);
    });
  }

  #each({ each, steps }: Extract<LayoutStep, { readonly each: string }>, prefix: string): Operation[] {
    const modules = modulesOf(Object.keys(this.stateDict), prefix, each);
    // Only the outermost numbers are stages: patterns within a stage (`blocks.*`) do not begin one.
    const areStages = this.#stage === undefined && each.includes('*');
    let stage: string | undefined;
    const operations = modules.flatMap(({ module, first }) => {
      if (areStages && first !== stage) this.#stage = { hasStride: false };
      stage = first;
      return this.#steps(steps, `${module}.`);
    });
    if (areStages) this.#stage = undefined;
    return operations;
  }

  #residual(
    { residual, sameShape = false }: Extract<LayoutStep, { readonly residual: unknown }>,
    prefix: string,
  ): Operation[] {
    const before = this.#channels;
    const body = this.#steps(residual, prefix);
    const keeps = this.#channels === before && !body.some((operation) => 'stride' in operation);
    check(
      keeps || sameShape,
      `a residual below ${prefix || 'the network'} turns ${before} channels into ${this.#channels} or has a stride, so its ` +
        'input cannot be added; with "sameShape": true it is added only where it can',
    );
    return keeps ? [{ op: 'residual', body }] : body;
  }

  #convolution(step: ConvolutionStep, prefix: string): Operation[] {
    const name = join(prefix, step.conv);
    const found = this.#find(name);
    if (!found && step.optional) return [];
    const broken = this.recognition.incomplete[name];
    check(found, `there is no convolution ${name}${broken === undefined ? '' : `: ${broken}`}`);
    const { shape, kernel, bias } = this.#scaled(found.convolution(), step.scale && join(prefix, step.scale));
    found.tensors.forEach((tensor) => this.#used.add(tensor));
    const stride = this.#strideOf(step, name, found.hasIdentity);
    const operation = this.#operation(name, shape, stride);
    this.#store(name, { shape, kernel, bias });
    const { squeeze, gate, activation } = step;
    return [
      operation,
      ...(squeeze === undefined ? [] : this.#squeeze(join(prefix, squeeze), gate)),
      ...(activation ? [{ op: 'activation' as const, of: activation }] : []),
    ];
  }

  #strideOf({ stride = 1 }: ConvolutionStep, name: string, hasIdentity: boolean): number {
    const said = stride === 'stage' ? this.#nextOfStages() : stride;
    // Once merged, the identity is no longer seen, so what was said must be right without it.
    check(
      !hasIdentity || said === 1 || (stride === 'stage' && !this.#isTold),
      `${name} has an identity branch, so its stride is 1, but the layout or --strides says ${said}`,
    );
    return hasIdentity ? 1 : said;
  }

  #nextOfStages(): number {
    if (this.#stage?.hasStride) return 1;
    if (this.#stage) this.#stage.hasStride = true;
    const found = this.#strides[this.#stages++];
    check(
      found !== undefined,
      `the network has more stages than strides were given (${this.#strides.join(', ') || 'none'}); name them with --strides`,
    );
    return found;
  }

  /** The convolution with this kernel of what enters it, in as many groups as that takes. */
  #operation(name: string, kernel: readonly number[], stride: number): ConvolutionOperation {
    const [out, inPerGroup] = kernel as [number, number];
    // One channel for each of three groups would fit RGB, too, but it is what networks for grey images have.
    const isFirst = Object.keys(this.#tensors).length === 0;
    check(!isFirst || inPerGroup === imageChannels, () => otherImages(name, inPerGroup));
    const even = kernel.slice(2).find((side) => side % 2 === 0);
    check(
      even === undefined,
      () => `${name} has a kernel of ${kernel.slice(2).join('×')}, whose sides must be odd`,
    );
    const groups = this.#channels / inPerGroup;
    check(
      Number.isInteger(groups) && groups > 0,
      `${name} takes ${inPerGroup} channels per group, and ${this.#channels} come in`,
    );
    this.#channels = out;
    return {
      ...{ op: 'convolution' as const, name, kernel: [...kernel] },
      ...(stride !== 1 && { stride }),
      ...(groups !== 1 && { groups }),
    };
  }

  #squeeze(module: string, gate: Gate = 'sigmoid'): Operation[] {
    const names = squeezeNames.map((pair) => pair.map((last) => `${module}.${last}`));
    const pair = names.find(([reduce]) => this.#find(reduce!) !== undefined);
    if (!pair) return [];
    const channels = this.#channels;
    const [reduce, expand] = pair.map((name) => {
      const found = this.#find(name);
      check(found, `squeeze-and-excitation at ${module} has no ${name}`);
      const convolution = found.convolution();
      found.tensors.forEach((tensor) => this.#used.add(tensor));
      this.#store(name, convolution);
      return this.#operation(name, convolution.shape, 1);
    });
    this.#channels = channels;
    return [{ op: 'squeeze', reduce: reduce!, expand: expand!, gate }];
  }

  #scaled(convolution: Convolution, scale: string | undefined): Convolution {
    const tensor = scale === undefined ? undefined : this.stateDict[scale];
    if (!tensor) return convolution;
    this.#used.add(scale!);
    const { shape, kernel, bias } = convolution;
    check(
      tensor.data.length === shape[0],
      () => `${scale} has ${tensor.data.length} elements for ${shape[0]} channels`,
    );
    const perChannel = kernel.length / shape[0];
    return {
      shape,
      kernel: kernel.map((w, i) => w * tensor.data[Math.floor(i / perChannel)]!),
      bias: bias.map((b, i) => b * tensor.data[i]!),
    };
  }

  #store(name: string, { shape, kernel, bias }: Convolution): void {
    this.#tensors[`${name}.rbr_reparam.weight`] = { shape: [...shape], data: Float32Array.from(kernel) };
    this.#tensors[`${name}.rbr_reparam.bias`] = { shape: [shape[0]], data: Float32Array.from(bias) };
  }

  /** The block or the plain convolution of this name, merged or not. */
  #find(name: string): Found | undefined {
    const block = this.#blocks.get(name);
    if (block) {
      return {
        tensors: block.tensors,
        hasIdentity: block.branches.some(({ label }) => label === 'identity'),
        convolution: () => mergeFound(block, this.options),
      };
    }
    const endings = this.recognition.family.blocks.map(({ merged }) => merged).filter((last) => last !== '');
    const module = ['', ...endings]
      .map((last) => join(`${name}.`, last))
      .find((candidate) => this.stateDict[`${candidate}.weight`]?.shape.length === 4);
    return module === undefined ? undefined : this.#plain(module);
  }

  #plain(module: string): Found {
    const [weight, bias] = [get(this.stateDict, `${module}.weight`), this.stateDict[`${module}.bias`]];
    const shape = weight.shape as unknown as Convolution['shape'];
    const keys = this.recognition.family.blocks.flatMap((table) => table.keys);
    const isHalf = !bias && keys.some((key) => `${module}.weight`.endsWith(key));
    check(!isHalf, `${module} has neither its BN nor the bias that merging leaves`);
    return {
      tensors: [`${module}.weight`, ...(bias ? [`${module}.bias`] : [])],
      hasIdentity: false,
      convolution: () => ({
        shape,
        kernel: Float64Array.from(weight.data),
        bias: bias ? Float64Array.from(bias.data) : new Float64Array(shape[0]),
      }),
    };
  }
}
