/** Golden numbers from PyTorch, made by the scripts in this folder. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { type HostTensor, readSafetensors } from 'oabn-base';
import { type Architecture, loadNetwork, type Network } from '../../src/model/index.js';

export const goldenPath = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** The network of `repvgg.py`. */
export const goldenArchitecture: Architecture = {
  widths: [4, 4, 6, 8, 12],
  depths: [1, 2, 2, 1, 1],
  strides: [1, 1, 2, 2, 1],
  classes: 5,
};

/** A network with golden numbers: its script, the prefix of its tensors, and its description. */
export interface GoldenCase {
  readonly file: 'repvgg' | 'qarepvgg';
  readonly key: string;
  readonly title: string;
  readonly arch: Architecture;
}

export const goldenCases: readonly GoldenCase[] = [
  { file: 'repvgg', key: 'bn', title: 'BN', arch: goldenArchitecture },
  { file: 'repvgg', key: 'oabn', title: 'OABN', arch: { ...goldenArchitecture, oabn: { threshold: 0.7 } } },
  { file: 'qarepvgg', key: 'bn', title: 'QARepVGG', arch: { ...goldenArchitecture, block: 'qarepvgg' } },
];

export async function goldenNetwork(
  arch = goldenArchitecture,
  file: GoldenCase['file'] = 'repvgg',
): Promise<Network> {
  return await loadNetwork(goldenPath(`${file}.safetensors`), arch);
}

/** The expected tensors whose names begin with `prefix`, without it. */
export async function goldenTensors(
  prefix: string,
  file: GoldenCase['file'] = 'repvgg',
): Promise<Record<string, HostTensor<Float32Array>>> {
  const { tensors } = await readSafetensors(goldenPath(`${file}-expected.safetensors`));
  const chosen = Object.entries(tensors).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(chosen.map(([name, tensor]) => [name.slice(prefix.length), tensor as HostTensor<Float32Array>]));
}

/** Asserts that |actual − expected| ≤ tolerance · max(1, max|expected|) for all elements. */
export function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number, what = 'values'): void {
  assert.equal(actual.length, expected.length, `${what}: number of elements`);
  let scale = 1;
  for (let i = 0; i < expected.length; i++) scale = Math.max(scale, Math.abs(expected[i]!));
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    assert.ok(difference <= tolerance * scale, `${what}[${i}]: ${actual[i]} instead of ${expected[i]} (tolerance ${tolerance} × ${scale})`);
  }
}
