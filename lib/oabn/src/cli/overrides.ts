/**
 * `--set key=value`: any member of a run's configuration from the command line. (`-o` is every command's
 * output file.)
 *
 * A key is a path, or enough of it to identify it: `epochs`, `training.epochs` and
 * `training.schedule.epochs` are the same. A value is JSON where it reads as such, else text; a list,
 * `1,2,4`, makes one run for each, and several lists all their combinations.
 */
import { Option } from 'commander';
import { check } from 'oabn-base';
import { trainedParameters } from '../experiment/index.js';
import { blockKinds } from '../model/index.js';
import {
  activationRangeKinds,
  centroidUpdates,
  granularities,
  kmeansInits,
  uniformSteps,
} from '../quantize/index.js';
import { annealings, decayPolicies, mergeStatistics, optimizers } from '../train/index.js';

export const setOption = new Option(
  '--set <key=value>',
  'override a member of the configuration, such as training.momentum=0.8; a list (epochs=1,2,4) makes one run for each value',
)
  .default([] as string[], 'none')
  .argParser((text: string, before: string[]) => [...before, text]);

type Json = null | boolean | number | string | readonly Json[] | { readonly [member: string]: Json };

/**
 * Members that a configuration leaves out where they have their default, and what they may be: a list of
 * words, or a value of the same type. The configuration itself checks the rest.
 */
const optional: Readonly<Record<string, Json>> = {
  'arch.oabn.threshold': 1,
  'arch.oabn.gradient': ['clip', 'straightThrough'],
  'arch.oabn.learned': true,
  'arch.block': blockKinds,
  'data.heldOut': 1,
  'training.decay': decayPolicies,
  'training.ema.decay': 0.5,
  'training.optimizer': optimizers,
  'training.maxGradientNorm': 1,
  'training.schedule.annealing': annealings,
  'training.augment.flip': ['random', 'alternating'],
  'training.augment.translate': 1,
  'training.augment.padding': ['black', 'reflect'],
  'scheme.granularity': granularities,
  'scheme.activationBits': 1,
  through: trainedParameters,
  statistics: mergeStatistics,
  'cluster.init': kmeansInits,
  'cluster.update': centroidUpdates,
  'cluster.updateEvery': 1,
  'cluster.rate': 0.5,
  'uniform.step': uniformSteps,
  'uniform.rate': 0.5,
  'activations.range': activationRangeKinds,
  'activations.momentum': 0.5,
};

/** Members that pretraining alone has. */
const ofPretraining = ['training.decay', 'training.ema.decay', 'training.optimizer'];

/** Members that annealing alone has. */
const ofAnnealing = ['training.maxGradientNorm'];

/** Members that have no effect on what is computed, or that say what kind of run it is. */
const fixed = ['kind', 'data.name', 'data.checksum', 'source.kind', 'source.sha256'];

/** One of the configurations that settings make of another one. */
export interface Variant<C> {
  /** The configuration. */
  readonly config: C;
  /** Path → value of the members that were set. */
  readonly set: Readonly<Record<string, unknown>>;
  /** «epochs=2, momentum=0.8»: what tells it from the other variants, in the user's words; else empty. */
  readonly label: string;
}

/**
 * The configurations that `settings` make of one; without settings, that one itself. @throws UserError naming
 * what is wrong and what is close to it
 */
export function variantsOf<C extends object>(config: C, settings: readonly string[]): Variant<C>[] {
  let variants: Variant<C>[] = [{ config, set: {}, label: '' }];
  for (const setting of settings) {
    const at = setting.indexOf('=');
    check(at > 0, `--set needs key=value, got ${setting}`);
    const key = setting.slice(0, at);
    const path = findPath(config, key);
    const texts = splitList(setting.slice(at + 1));
    const values = texts.map((text) => [text, valueOf(config, path, text)] as const);
    variants = variants.flatMap(({ config: one, set, label }) =>
      values.map(([text, value]) => ({
        config: setAt(one, path.split('.'), value),
        set: { ...set, [path]: value },
        label: values.length === 1 ? label : [...(label === '' ? [] : [label]), `${key}=${text}`].join(', '),
      })),
    );
  }
  return variants;
}

/** The one path that a key means. */
function findPath(config: object, key: string): string {
  const paths = pathsOf(config as Json);
  const known = [...new Set([...paths, ...allowedOptional(config)])].filter((path) => !fixed.includes(path));
  if (known.includes(key)) return key;
  const matching = known.filter((path) => isPartOf(key.split('.'), path.split('.')));
  // A member of the run itself takes precedence over the same member of the run that it starts from, and one
  // that the configuration has over one that it leaves out.
  const own = preferred(matching, (path) => !path.startsWith('source.'));
  const [found, ...others] = preferred(own, (path) => paths.includes(path));
  const near = known
    .map((path) => [distance(lastOf(key), lastOf(path)), path] as const)
    .sort((a, b) => a[0] - b[0])
    .slice(0, 4)
    .map(([, path]) => path);
  check(found, () => `--set: the configuration has no ${key}; did you mean ${near.join(' or ')}?`);
  check(others.length === 0, () => `--set: ${key} can be ${[found, ...others].join(' or ')}; say which`);
  return found;
}

/** Those of `paths` that `holds` is true of, if there are any; else all of them. */
function preferred(paths: readonly string[], holds: (path: string) => boolean): readonly string[] {
  const better = paths.filter(holds);
  return better.length > 0 ? better : paths;
}

/**
 * Optional members whose part of the configuration exists: a pretraining run has no `scheme.…`, for example,
 * and fine-tuning has the quantizer of its kind of weights.
 */
function allowedOptional(config: object): string[] {
  const { kind, scheme } = config as {
    readonly kind?: unknown;
    readonly scheme?: { readonly weights?: unknown };
  };
  return Object.keys(optional).filter((path) => {
    // Of pretraining, fine-tuning and annealing, only the first describes its network itself.
    if (ofPretraining.includes(path)) return 'arch' in config && 'training' in config;
    if (ofAnnealing.includes(path)) return kind === 'anneal';
    const part = path.split('.')[0]!;
    if (['arch', 'data', 'training'].includes(part)) return part in config;
    return part === 'cluster' || part === 'uniform' ? scheme?.weights === part : scheme !== undefined;
  });
}

function pathsOf(value: Json, prefix = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [prefix];
  return Object.entries(value).flatMap(([member, inner]) =>
    pathsOf(inner, prefix === '' ? member : `${prefix}.${member}`),
  );
}

/** Whether the parts of a key occur in a path in this order, the last at its end. */
function isPartOf(parts: readonly string[], path: readonly string[]): boolean {
  if (parts.at(-1) !== path.at(-1)) return false;
  let next = 0;
  for (const part of path) if (part === parts[next]) next++;
  return next === parts.length;
}

function valueOf(config: object, path: string, text: string): Json {
  const value = parse(text);
  const example = getAt(config as Json, path.split('.')) ?? optional[path] ?? null;
  const words = optional[path];
  if (Array.isArray(words)) {
    check(words.includes(value), `--set ${path} must be one of ${words.join(', ')}, got ${text}`);
    return value;
  }
  if (path === 'arch.oabn.learned') {
    check(
      typeof value === 'boolean' || typeof value === 'object',
      `--set ${path} must be true, false or an object, got ${text}`,
    );
    return value;
  }
  // null stands for «all» or «the default»: a number may replace it, and it may replace a number.
  if (example === null) return value;
  const [wanted, got] = [kindOf(example), kindOf(value)];
  const good = wanted === got || value === null || (wanted === 'a switch' && got === 'an object');
  check(good, `--set ${path} must be ${wanted}, such as ${JSON.stringify(example)}, got ${text}`);
  return value;
}

function kindOf(value: Json): string {
  if (Array.isArray(value)) return 'a list in brackets';
  const names: Record<string, string> = { number: 'a number', boolean: 'a switch', string: 'a word' };
  return names[typeof value] ?? 'an object';
}

function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/** The parts between commas that are outside brackets and quotation marks. */
function splitList(text: string): string[] {
  const parts = [''];
  let [depth, quoted] = [0, false];
  for (const c of text) {
    if (c === '"') quoted = !quoted;
    if (!quoted && '[{'.includes(c)) depth++;
    if (!quoted && ']}'.includes(c)) depth--;
    if (c === ',' && depth === 0 && !quoted) parts.push('');
    else parts[parts.length - 1] += c;
  }
  return parts;
}

function getAt(value: Json | undefined, [member, ...rest]: readonly string[]): Json | undefined {
  if (member === undefined) return value;
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? getAt((value as Record<string, Json>)[member], rest) : undefined;
}

function setAt<C>(value: C, [member, ...rest]: readonly string[], set: Json): C {
  if (member === undefined) return set as C;
  const object = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  return { ...object, [member]: setAt(object[member], rest, set) } as C;
}

const lastOf = (path: string): string => path.slice(path.lastIndexOf('.') + 1);

/** Levenshtein's distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
