/**
 * The numbers of a checkpoint from anywhere as a state dict: safetensors (32, 64 and 16 bits, bfloat16, int8 with scales)
 * and PyTorch's own files, told apart by their bytes.
 */
import { readFile } from 'node:fs/promises';
import {
  check,
  decodeSafetensors,
  decodeTorchFile,
  type HostTensor,
  isTorchFile,
  UserError,
} from 'oabn-base';
import type { StateDict } from './stateDict.js';

export interface StateDictFile {
  readonly stateDict: StateDict;
  /** Of a safetensors file; empty for others. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Reads a state dict. A `module.` prefix (DataParallel) and `num_batches_tracked` are dropped; int8 tensors are multiplied
 * by their `….weight_scale`, one for all or one for each output channel.
 * @throws UserError when the file cannot be read, or holds other integers
 */
export async function readStateDict(path: string): Promise<StateDictFile> {
  const file = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`Cannot read ${path}: ${error.code ?? error.message}`);
  });
  const { tensors, metadata } = isTorchFile(file)
    ? { tensors: decodeTorchFile(file, path), metadata: {} }
    : decodeSafetensors(file, path);
  return { stateDict: stateDictOf(tensors, path), metadata };
}

function stateDictOf(tensors: Readonly<Record<string, HostTensor>>, path: string): StateDict {
  const found = new Map<string, HostTensor<Float32Array>>();
  for (const [key, { shape, data }] of Object.entries(tensors)) {
    if (
      key.endsWith('.num_batches_tracked') ||
      (key.endsWith('_scale') && tensors[withoutScale(key)]?.data instanceof Int8Array)
    )
      continue;
    const name = key.replace(/^module\./, '');
    check(!found.has(name), `${path} has both ${name} and module.${name}; delete the one that is not meant`);
    if (data instanceof Int8Array) {
      found.set(name, dequantized(path, key, { shape, data }, tensors[`${key}_scale`]));
      continue;
    }
    if (!(data instanceof Float32Array || data instanceof Float64Array)) {
      throw new UserError(`${path}: ${key} holds ${data.constructor.name}; expected 32-bit or 64-bit floats`);
    }
    found.set(name, { shape, data: data instanceof Float32Array ? data : Float32Array.from(data) });
  }
  return Object.fromEntries(found);
}

const withoutScale = (name: string): string => name.slice(0, -'_scale'.length);

/** q·S, with S [1] or [out, …]. */
function dequantized(
  path: string,
  name: string,
  { shape, data }: HostTensor<Int8Array>,
  scale: HostTensor | undefined,
): HostTensor<Float32Array> {
  const scales = scale?.data;
  check(
    scales instanceof Float32Array || scales instanceof Float64Array,
    `${path}: ${name} is int8 without a floating-point ${name}_scale; store its values as floats or add the scale`,
  );
  check(
    scales.length === 1 || scales.length === shape[0],
    `${path}: ${name}_scale has ${scales.length} elements; expected 1 or ${shape[0]}, one for each output channel`,
  );
  const group = data.length / scales.length;
  return { shape, data: Float32Array.from(data, (q, i) => q * scales[Math.floor(i / group)]!) };
}
