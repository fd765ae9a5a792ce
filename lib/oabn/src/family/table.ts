/**
 * A family of networks as a table: which branches its blocks have and what their tensors are called. A JSON
 * value, so that a network that is unknown here is described in a file, not in code:
 *
 *     { "name": "mine", "blocks": [{ "keys": ["dense.conv.weight"], "merged": "merged", "terms": [
 *       { "conv": "dense.conv", "bn": "dense.bn" },
 *       { "conv": "point.conv", "bn": "point.bn" },
 *       { "identity": "named", "bn": "skip" } ] }] }
 *
 * A block computes BN(Σ terms), then whatever follows (an activation, squeeze-and-excitation), which merging
 * leaves alone. Names are relative to the block's own prefix. A term whose tensors are not in the file is not
 * in the block.
 */
import { check, UserError } from 'oabn-base';
import { type Layout, layoutRule } from './layout.js';

/**
 * One summand of a block: one of `conv`, `identity`, `averagePool`, `chain`, `sum`, then `bn`,
 * `scale`, `subtract`.
 */
export interface Term {
  /**
   * The module of a convolution: `….weight` [out, in/groups, kh, kw] and, where it is there, `….bias`. With a
   * `*` for a number (`rbr_conv.*.conv`), in `bn` too, the sum of all that the file has.
   */
  readonly conv?: string;
  /** The convolution's kernel is its tensor plus the identity (Diverse Branch Block). */
  readonly plusIdentity?: boolean;
  /**
   * `named`: present if its BN, or else its scale, is in the file. `always`: always present. `sameShape`: no
   * tensor shows it; assumed to be present where there are as many input as output channels, which is wrong
   * only for a block that keeps them and has a stride.
   */
  readonly identity?: 'named' | 'always' | 'sameShape';
  /**
   * The mean of k×k pixels; `kernel`: as large as the block's largest kernel. Present if its BN is, if it has
   * one.
   */
  readonly averagePool?: number | 'kernel';
  /**
   * There only where input and output channels are as many, for branches of which no tensor tells: an average
   * pool without BN.
   */
  readonly sameShape?: boolean;
  /** One after the other: 1×1 convolutions and a last one of any size, no activation between. */
  readonly chain?: readonly Term[];
  /** The sum of several terms. */
  readonly sum?: readonly Term[];
  /** The module of the batch normalization that follows. */
  readonly bn?: string;
  /** A tensor [out], or of that many elements, which multiplies the result; 1 where the file has none. */
  readonly scale?: string;
  /** Whether the term is subtracted instead of added. */
  readonly subtract?: boolean;
  /** Absent where the file has this tensor. */
  readonly unless?: string;
}

/**
 * A kind of block: the tensors by which it is found, its branches, and the name of what it is merged into.
 */
export interface BlockTable {
  /** Its name in reports; default `block`. */
  readonly title?: string;
  /** There is a block wherever one of these tensors is. */
  readonly keys: readonly string[];
  /** There is none where this tensor is. */
  readonly unless?: string;
  /** The summands. */
  readonly terms: readonly Term[];
  /** The BN after the sum. */
  readonly bn?: string;
  /** Found in networks of any kind, so it does not identify the family. */
  readonly ordinary?: boolean;
  /** What is taken for granted about blocks of this kind, because no tensor shows it; for reports. */
  readonly assumption?: string;
  /** The module of the merged convolution below the block; empty: the block itself. */
  readonly merged: string;
}

/** A family of networks, as `--family` reads it from JSON. */
export interface Family {
  /** Its name, as `--family` takes it. */
  readonly name: string;
  /** Its name for people. */
  readonly title?: string;
  /** The paper, or the code whose names these are. */
  readonly source?: string;
  /** Added to the variance by its BNs; default 1e-5. */
  readonly epsilon?: number;
  /**
   * A regular expression that some tensor's name must match, where names alone do not tell families apart.
   */
  readonly recognisedBy?: string;
  /** The blocks that its networks consist of. */
  readonly blocks: readonly BlockTable[];
  /**
   * What stands between the blocks, so that the network can be computed; without it they are merged and
   * analysed only.
   */
  readonly layout?: Layout;
  /** For reports: why no layout describes it. */
  readonly notComputed?: string;
}

/** What PyTorch's BatchNorm adds to the variance. */
export const defaultEpsilon = 1e-5;

const kinds = ['conv', 'identity', 'averagePool', 'chain', 'sum'] as const satisfies readonly (keyof Term)[];
const termMembers = [...kinds, 'plusIdentity', 'sameShape', 'bn', 'scale', 'subtract', 'unless'];
const blockMembers = ['title', 'keys', 'unless', 'terms', 'bn', 'ordinary', 'assumption', 'merged'];
const familyMembers = [
  'name',
  'title',
  'source',
  'epsilon',
  'recognisedBy',
  'blocks',
  'layout',
  'notComputed',
];

/** What a term is. */
export function termKind(term: Term): (typeof kinds)[number] {
  return kinds.find((kind) => term[kind] !== undefined)!;
}

/** A family from a file's text. @throws UserError that names the member, its value and what it must be */
export function parseFamily(text: string, source: string): Family {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UserError(`${source} is not JSON (${(error as Error).message})`);
  }
  const family = checkMembers<Family>(source, value, familyMembers);
  check(typeof family.name === 'string', `${source}: "name" must be a string, got ${show(family.name)}`);
  const { epsilon, recognisedBy } = family;
  check(
    epsilon === undefined || (typeof epsilon === 'number' && epsilon > 0),
    `${source}: "epsilon" must be a number > 0, got ${show(epsilon)}`,
  );
  checkExpression(source, recognisedBy);
  if (family.layout !== undefined) layoutRule(family.layout, `${source}: layout`);
  checkList(`${source}: "blocks"`, family.blocks).forEach((block, i) =>
    checkBlock(`${source}: blocks[${i}]`, block),
  );
  return family;
}

function checkBlock(where: string, value: unknown): void {
  const block = checkMembers<BlockTable>(where, value, blockMembers);
  checkList(`${where}.keys`, block.keys).forEach((key) =>
    check(typeof key === 'string' && key !== '', `${where}.keys must be names of tensors, got ${show(key)}`),
  );
  check(
    typeof block.merged === 'string',
    `${where}.merged must name the merged convolution, got ${show(block.merged)}`,
  );
  checkNames(where, block, ['unless', 'bn', 'title', 'assumption']);
  checkList(`${where}.terms`, block.terms).forEach((term, i) => checkTerm(`${where}.terms[${i}]`, term));
}

function checkTerm(where: string, value: unknown): void {
  const term = checkMembers<Term>(where, value, termMembers);
  const given = kinds.filter((kind) => term[kind] !== undefined);
  check(
    given.length === 1,
    `${where} must have one of ${kinds.join(', ')}, got ${given.join(' and ') || 'none'}`,
  );
  checkNames(where, term, ['conv', 'bn', 'scale', 'unless']);
  const { identity, averagePool, chain, sum } = term;
  check(
    identity === undefined || ['named', 'always', 'sameShape'].includes(identity),
    `${where}.identity must be named, always or sameShape, got ${show(identity)}`,
  );
  check(
    identity !== 'named' || term.bn !== undefined || term.scale !== undefined,
    `${where}: a named identity needs "bn" or "scale"`,
  );
  check(
    averagePool === undefined ||
      averagePool === 'kernel' ||
      (Number.isInteger(averagePool) && averagePool > 0 && averagePool < 128),
    `${where}.averagePool must be a size or "kernel", got ${show(averagePool)}`,
  );
  for (const [name, terms] of Object.entries({ chain, sum })) {
    if (terms !== undefined) {
      checkList(`${where}.${name}`, terms).forEach((inner, i) => checkTerm(`${where}.${name}[${i}]`, inner));
    }
  }
}

function checkMembers<T>(where: string, value: unknown, known: readonly string[]): T {
  check(
    typeof value === 'object' && value !== null && !Array.isArray(value),
    `${where} must be an object, got ${show(value)}`,
  );
  const unknown = Object.keys(value).find((member) => !known.includes(member));
  check(
    unknown === undefined,
    `${where} has the unknown member "${unknown}"; expected one of ${known.join(', ')}`,
  );
  return value as T;
}

function checkList(where: string, value: unknown): readonly unknown[] {
  check(
    Array.isArray(value) && value.length > 0,
    `${where} must be a list that is not empty, got ${show(value)}`,
  );
  return value;
}

function checkNames<T extends object>(where: string, value: T, members: readonly (keyof T & string)[]): void {
  for (const member of members) {
    const given = value[member];
    const good = given === undefined || typeof given === 'string';
    check(good, `${where}.${member} must be a name, got ${show(given)}`);
  }
}

function checkExpression(source: string, expression: unknown): void {
  if (expression === undefined) return;
  try {
    new RegExp(expression as string);
  } catch (error) {
    throw new UserError(`${source}: "recognisedBy" is not a regular expression: ${(error as Error).message}`);
  }
}

const show = (value: unknown): string => JSON.stringify(value) ?? 'nothing';
