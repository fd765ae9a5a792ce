/** Names of modules: how they are joined, found by a pattern, and known to be squeeze-and-excitation. */
import { check } from 'oabn-base';
import type { Layout } from './layout.js';
import { naturally } from './recognize.js';

/**
 * The two convolutions of squeeze-and-excitation by the names of timm, of the official codes and of
 * mmpretrain.
 */
export const squeezeNames = [
  ['fc1', 'fc2'],
  ['reduce', 'expand'],
  ['conv_reduce', 'conv_expand'],
  ['down', 'up'],
  ['conv1.conv', 'conv2.conv'],
] as const;

/** What the modules around them are called. */
const squeezeModules = ['se', 'attn', 'se_module', 'se_layer'];

/** Whether a tensor's name is that of a convolution of squeeze-and-excitation. */
export function isSqueeze(name: string): boolean {
  return squeezeNames
    .flat()
    .some((last) => squeezeModules.some((module) => `.${name}`.includes(`.${module}.${last}.`)));
}

/** `prefix` ends in a dot or is empty; a name that is empty is the module of the prefix. */
export function join(prefix: string, name: string): string {
  return name === '' ? prefix.replace(/\.$/, '') : prefix + name;
}

/** The modules below `prefix` that a pattern finds, with the first of their numbers. */
export function modulesOf(
  names: readonly string[],
  prefix: string,
  pattern: string,
): { readonly module: string; readonly first: string }[] {
  const escaped = (prefix + pattern).replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  const fixed = prefix.split('*').length - 1;
  check(fixed === 0, `${prefix} has a *`);
  const expression = new RegExp(`^${escaped.replaceAll('*', '(\\d+)')}(?=\\.)`);
  const found = new Map<string, string>();
  for (const name of names) {
    const match = expression.exec(name);
    if (match) found.set(match[0], match[1] ?? '');
  }
  return [...found]
    .map(([module, first]) => ({ module, first }))
    .sort((a, b) => naturally(a.module, b.module));
}

/** What the names of the network in a file of these names may begin with. */
export function rootsOf({ roots }: Pick<Layout, 'roots'>, names: readonly string[]): readonly string[] {
  return roots ?? ['', 'backbone.', commonModule(names)];
}

/**
 * The module, with its final dot, that all tensors are below, such as the `model.` of whatever trained the
 * network; empty where there is none.
 */
function commonModule(names: readonly string[]): string {
  const [first = [], ...others] = names.map((name) => name.split('.').slice(0, -1));
  let length = 0;
  while (length < first.length && others.every((parts) => parts[length] === first[length])) length++;
  return first
    .slice(0, length)
    .map((part) => `${part}.`)
    .join('');
}
