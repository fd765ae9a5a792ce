/**
 * Training states as files: downloaded with the prefixes `params.`, `buffers.`,
 * `momentum.` and, where weights are averaged, `average.`, and uploaded again.
 */
import type { tf } from 'tfjs-native';
import type { HostTensor } from 'oabn-base';
import { type StateDict, type Tensors, toStateDict, toTensor } from '../model/index.js';
import type { TrainState } from './step.js';

const groups = ['params', 'buffers', 'momentum', 'average'] as const;

/** A state in host memory; exact, for every tensor is float32. */
export async function downloadState(state: TrainState): Promise<StateDict> {
  const all: Record<string, HostTensor<Float32Array>> = {};
  for (const group of groups) {
    for (const [name, tensor] of Object.entries(await toStateDict(state[group] ?? {})))
      all[`${group}.${name}`] = tensor;
  }
  return all;
}

/** The state that `downloadState` wrote: new tensors. */
export function uploadState(stateDict: StateDict): TrainState {
  const upload = (group: string): Tensors => {
    const names = Object.keys(stateDict).filter((name) => name.startsWith(`${group}.`));
    return Object.fromEntries(
      names.map((name) => [name.slice(group.length + 1), toTensor(stateDict[name]!)]),
    );
  };
  const average = upload('average');
  return {
    ...{ params: upload('params'), buffers: upload('buffers'), momentum: upload('momentum') },
    ...(Object.keys(average).length > 0 && { average }),
  };
}

/** Frees the tensors of `state` that `keep` does not share. */
export function disposeState(state: TrainState, keep?: TrainState): void {
  const kept = new Set(keep ? tensorsOf(keep) : []);
  for (const tensor of tensorsOf(state)) if (!kept.has(tensor)) tensor.dispose();
}

function tensorsOf(state: TrainState): tf.Tensor[] {
  return groups.flatMap((group) => Object.values(state[group] ?? {}));
}
