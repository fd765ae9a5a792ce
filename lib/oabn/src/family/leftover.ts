/**
 * What of a file belongs to no block, by kind: attention, linear layers, convolutions without branches.
 * Merging leaves all of it as it is; whoever reads the report wants to know what it is, not its names alone.
 * A state dict tells no module's class, so shapes decide, and names where shapes do not.
 */
import type { StateDict } from '../model/index.js';
import { naturally } from './recognize.js';

/** Kinds of modules that are no re-parameterized block, the most particular first. */
export const leftoverKinds = [
  'self-attention',
  'squeeze-and-excitation',
  'transposed convolution',
  'convolution without branches or BN',
  'batch normalization alone',
  'linear layer',
  'normalization without running statistics',
  'scale',
  'other',
] as const;
/** One of them. */
export type LeftoverKind = (typeof leftoverKinds)[number];

/** Modules of one kind. */
export interface Leftover {
  readonly kind: LeftoverKind;
  readonly modules: readonly string[];
  /** The number of tensors. */
  readonly tensors: number;
}

/** Projections to queries, keys and values, as the common codebases call them. */
const attentionPart =
  /^(qkv|kqv|q|k|v|query|key|value|(q|k|v|qkv)_proj|to_(q|k|v|qkv)|in_proj_(weight|bias))$/;
const squeezePart = /^(se|se_?module|se_?layer|squeeze_?excite|squeeze_?excitation)$/i;
const scalePart = /^(gamma(_\d+)?|alpha|scale|layer_scale(_\d+)?|ls\d*)$/;

/** `rest` of a file by kinds, those that are there, each with its modules in natural order. */
export function leftoversOf(stateDict: StateDict, rest: readonly string[]): Leftover[] {
  const attention = attentionModules(rest);
  const found = new Map<LeftoverKind, Map<string, number>>();
  for (const name of rest) {
    const [kind, module] = placeOf(stateDict, name, attention);
    const modules = found.get(kind) ?? new Map<string, number>();
    found.set(kind, modules.set(module, (modules.get(module) ?? 0) + 1));
  }
  return leftoverKinds.flatMap((kind) => {
    const modules = found.get(kind);
    if (!modules) return [];
    const tensors = [...modules.values()].reduce((sum, count) => sum + count, 0);
    return [{ kind, modules: [...modules.keys()].sort(naturally), tensors }];
  });
}

/** The modules that have queries, keys and values below them. */
function attentionModules(rest: readonly string[]): string[] {
  const parents = rest.flatMap((name) => {
    const parts = name.split('.');
    const at = parts.findIndex((part) => attentionPart.test(part));
    return at < 1 ? [] : [parts.slice(0, at).join('.')];
  });
  return [...new Set(parents)];
}

/** The kind of the module that a tensor belongs to, and its name. */
function placeOf(stateDict: StateDict, name: string, attention: readonly string[]): [LeftoverKind, string] {
  const owner = attention.find((module) => name.startsWith(`${module}.`));
  if (owner !== undefined) return ['self-attention', owner];
  const parts = name.split('.');
  const squeeze = parts.findIndex((part) => squeezePart.test(part));
  if (squeeze >= 0 && squeeze < parts.length - 1)
    return ['squeeze-and-excitation', parts.slice(0, squeeze + 1).join('.')];
  const last = parts.at(-1)!;
  const module = parts.slice(0, -1).join('.');
  if (scalePart.test(last)) return ['scale', name];
  return last === 'weight' || last === 'bias' || /(mean|var|variance)$/.test(last)
    ? [kindOfModule(stateDict, module), module]
    : ['other', name];
}

function kindOfModule(stateDict: StateDict, module: string): LeftoverKind {
  const has = (member: string): boolean => `${module}.${member}` in stateDict;
  if (has('running_var') || has('_variance')) return 'batch normalization alone';
  const sides = stateDict[`${module}.weight`]?.shape.length;
  if (sides === 4)
    return /transpose|deconv/i.test(module) ? 'transposed convolution' : 'convolution without branches or BN';
  if (sides === 2) return 'linear layer';
  return sides === 1 ? 'normalization without running statistics' : 'other';
}

/** Names for readers: those that differ in their numbers alone as one, with `*` and how many they are. */
export function namePatterns(names: readonly string[]): string[] {
  const patterns = new Map<string, string[]>();
  for (const name of names) {
    const pattern = name.replace(/(?<=^|\.)\d+(?=\.|$)/g, '*');
    patterns.set(pattern, [...(patterns.get(pattern) ?? []), name]);
  }
  return [...patterns].map(([pattern, own]) => (own.length === 1 ? own[0]! : `${pattern} (${own.length})`));
}
