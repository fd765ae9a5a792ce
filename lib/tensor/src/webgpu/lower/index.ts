/**
 * A graph of tfjs kernels as a list of dispatches over named buffers.
 * `leaves` chooses which values are stored, `schedule` which kernels share a dispatch, and the groups write
 * their WGSL.
 */
import {
  type ConstantData,
  elementsOf,
  type Graph,
  type KernelNode,
  type TensorType,
  type ValueId,
} from '../../ops/index.js';
import type { GpuDispatch, GpuFeatures, GpuProgram } from '../program.js';
import type { Scene } from './dispatch.js';
import { kernelProgram } from './kernelGroup.js';
import { chooseStored, type Leaves } from './leaves.js';
import { mapDispatch } from './mapGroup.js';
import { prepare } from './prepare.js';
import { reduceProgram } from './reduce/index.js';
import { reductionsOf } from './reductions.js';
import { type Group, inputsOf, isSmall, resultsOf, schedule, type SmallStep } from './schedule/index.js';
import { smallDispatch } from './smallGroup.js';
import type { Location } from './storage.js';
import { type Values, valuesFor } from './values.js';

export interface LoweredProgram extends GpuProgram {
  /** Buffers of the arguments and the results, in their order. */
  readonly inputs: readonly NamedTensor[];
  readonly results: readonly NamedTensor[];
  readonly constants: readonly { readonly name: string; readonly data: ConstantData }[];
}

export interface NamedTensor extends TensorType {
  readonly name: string;
}

export interface LoweringOptions {
  /** Precision of products and convolutions; default float32. */
  readonly precision?: 'float32' | 'float16';
  /** Products and convolutions in the direct way, for emulated GPUs. */
  readonly direct?: boolean;
}

/** @param mostBuffers storage buffers that a shader can bind */
export function lowerToGpu(
  given: Graph,
  features: GpuFeatures,
  mostBuffers: number,
  { precision = 'float32', direct = false }: LoweringOptions = {},
): LoweredProgram {
  const graph = prepare(given, mostBuffers);
  const values = valuesFor(graph);
  const leaves = chooseStored(values, graph.results, mostBuffers);
  const resultIds = graph.results.map(values.base);
  const limits = { buffers: mostBuffers, accumulators: 8 };
  const groups = schedule(values, leaves, reductionsOf(values), new Set(resultIds), limits);
  const { locations, scratch } = locate(values, leaves, groups, resultIds);
  const scene: Scene = {
    values,
    mostBuffers,
    features,
    precision,
    direct,
    workgroupStorage: features.maxWorkgroupStorage,
    storage: {
      isStored: leaves.isStored,
      isNeeded: (id) => locations.has(id),
      location: (id) => {
        const found = locations.get(id);
        if (!found) throw new Error(`%${id} has no place in memory`);
        return found;
      },
    },
  };
  const dispatches: GpuDispatch[] = [];
  const bytes: Record<string, number> = { ...scratch };
  groups.forEach((group, i) => {
    const program = programOf(scene, group, `partials${i}`);
    dispatches.push(...program.dispatches);
    Object.assign(bytes, program.scratch);
  });
  const inputs: NamedTensor[] = [];
  const constants: { name: string; data: ConstantData }[] = [];
  for (const node of graph.nodes) {
    if (node.kind === 'kernel') continue;
    const { id, dtype, shape } = node.outputs[0];
    const name = nameOf(id);
    if (node.kind === 'input') inputs.push({ name, dtype, shape });
    else if (values.filling(id) === undefined && values.size(id) > 0) {
      constants.push({ name, data: elementsOf(node.data, shape) });
    }
  }
  const results = graph.results.map((id, i) => {
    const { dtype, shape } = values.type(id);
    return { name: nameOf(resultIds[i]!), dtype, shape };
  });
  return { dispatches, scratch: bytes, inputs, results, constants };
}

function programOf(scene: Scene, group: Group, name: string): GpuProgram {
  switch (group.kind) {
    case 'map':
      return { dispatches: [mapDispatch(scene, group.outputs)], scratch: {} };
    case 'reduce':
      return reduceProgram(scene, group, name);
    case 'kernel':
      return kernelProgram(scene, group.node);
    case 'small':
      return { dispatches: [smallDispatch(scene, group.levels)], scratch: {} };
    default:
      return group satisfies never;
  }
}

const nameOf = (id: ValueId): string => `v${id}`;

/**
 * Every stored value that is read outside of its dispatch has a buffer, or a part of one that its dispatch
 * fills.
 */
function locate(
  values: Values,
  leaves: Leaves,
  groups: readonly Group[],
  results: readonly ValueId[],
): { locations: Map<ValueId, Location>; scratch: Record<string, number> } {
  const needed = new Set<ValueId>(results);
  const byKernels = new Set<ValueId>();
  for (const group of groups) {
    // The threads of a workgroup see each other's values in memory only.
    const own = new Set(group.kind === 'small' ? [] : madeBy(group));
    for (const id of readBy(values, leaves, group)) if (!own.has(id)) needed.add(id);
    for (const node of largeKernels(group)) {
      node.inputs.forEach((id) => byKernels.add(values.base(id)));
      node.outputs.forEach(({ id }) => needed.add(id));
    }
  }
  const locations = new Map<ValueId, Location>();
  const scratch: Record<string, number> = {};
  for (const node of values.graph.nodes) {
    if (node.kind === 'kernel') continue;
    locations.set(node.outputs[0].id, { buffer: nameOf(node.outputs[0].id), offset: 0 });
  }
  groups.forEach((group, i) => {
    const made = madeBy(group).filter((id) => needed.has(id));
    const packed = made.filter(
      (id) => group.kind !== 'kernel' && isSmall(values, id) && !byKernels.has(id) && !results.includes(id),
    );
    const filled = new Map<string, number>();
    for (const id of made) {
      if (packed.length > 1 && packed.includes(id)) {
        const buffer = `${values.type(id).dtype === 'float32' ? 'small' : 'whole'}${i}`;
        const offset = filled.get(buffer) ?? 0;
        locations.set(id, { buffer, offset });
        filled.set(buffer, offset + Math.ceil(values.size(id) / 4) * 4);
        continue;
      }
      locations.set(id, { buffer: nameOf(id), offset: 0 });
      if (!results.includes(id)) scratch[nameOf(id)] = Math.max(16, values.size(id) * 4);
    }
    for (const [buffer, size] of filled) scratch[buffer] = size * 4;
  });
  return { locations, scratch };
}

function madeBy(group: Group): ValueId[] {
  switch (group.kind) {
    case 'map':
      return [...group.outputs];
    case 'reduce':
      return [...group.reductions.flatMap(resultsOf), ...group.after];
    case 'kernel':
      return group.node.outputs.map(({ id }) => id);
    case 'small':
      return group.levels.flat().flatMap((step) => madeBy(groupOf(step)));
    default:
      return group satisfies never;
  }
}

function readBy(values: Values, leaves: Leaves, group: Group): ValueId[] {
  switch (group.kind) {
    case 'map':
      return group.outputs.flatMap((id) => [...leaves.of(id).keys()]);
    case 'reduce': {
      const inputs = group.reductions.flatMap(inputsOf).flatMap((id) => [...leaves.read(id).keys()]);
      return [...inputs, ...group.after.flatMap((id) => [...leaves.of(id).keys()])];
    }
    case 'kernel':
      return group.node.inputs.map(values.base);
    case 'small':
      return group.levels.flat().flatMap((step) => readBy(values, leaves, groupOf(step)));
    default:
      return group satisfies never;
  }
}

/** A step of a group of small ones as a group of its own. */
function groupOf(step: SmallStep): Group {
  switch (step.kind) {
    case 'map':
      return { kind: 'map', outputs: [step.id] };
    case 'reduce':
      return { kind: 'reduce', space: step.reduction.space, reductions: [step.reduction], after: [] };
    case 'kernel':
      return step;
    default:
      return step satisfies never;
  }
}

/** Kernels whose values must begin where their buffers begin. */
function largeKernels(group: Group): KernelNode[] {
  return group.kind === 'kernel' ? [group.node] : [];
}
