/**
 * Verdicts, stored once: `oabn reproduce` judges the claims, and the README's board, the notebooks and the
 * report show what it stored. They are next to the runs that they rest on (`<runs>/verdicts/<profile>.json`)
 * and, for profiles whose results ship, in `data/results/<profile>/claims.json`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { check, projectFolder, sha256, writeJsonAtomic } from 'oabn-base';
import { hashOf, runsFolder } from 'oabn/experiment';
import type { Claim } from '../claims/index.js';
import { describeLab, type Labs, type PaperLab, sidesOf } from '../profiles/index.js';
import { claimsOfEachSide } from './claimsBoard.js';
import { learningRateStudy } from './learningRates.js';
import { lowBitStudy } from './lowBit.js';
import { ptqStudy } from './ptq.js';
import { type AnyStudy, studyJobs } from './study.js';
import { thresholdStudy } from './threshold.js';

/** The verdicts on the runs of a profile. */
export interface StoredVerdicts {
  readonly profile: string;
  /** Profile, data and scale of each side. */
  readonly scales: readonly string[];
  /** Profile of a side → a digest of the runs that its claims rest on; other runs have other verdicts. */
  readonly basis: Readonly<Record<string, string>>;
  /** For a profile that is not finished: how many rows of figure 7a and table 5 there are, out of all. */
  readonly rows?: { readonly there: number; readonly of: number };
  /** The board: each claim, on the data for which the paper makes it. */
  readonly claims: readonly Claim[];
  /** The claims that the ImageNet side decides by itself. */
  readonly onImagenet: readonly Claim[];
}

/** The file of the verdicts of a profile that ship with the project. */
export const shippedVerdicts = (profile: string): string =>
  join(projectFolder(), 'data', 'results', profile, 'claims.json');

const localVerdicts = (lab: Pick<PaperLab, 'opening'>, profile: string): string =>
  join(lab.opening.runs ?? runsFolder(), 'verdicts', `${profile}.json`);

/** The studies whose rows the claims on either side rest on. */
const judgedStudies: readonly AnyStudy[] = [thresholdStudy(), lowBitStudy(), ptqStudy(), learningRateStudy];

/** A digest of the configurations behind a lab's claims: the same for the same runs on the same data. */
function basisOf(lab: PaperLab): string {
  const hashes = studyJobs(lab, judgedStudies).map(({ config }) => hashOf(config));
  return sha256(hashes.sort().join(' ')).slice(0, 16);
}

/** Stores the verdicts on the runs of the labs, next to these runs. */
export async function storeVerdicts(
  labs: Labs,
  { claims, onImagenet }: Pick<StoredVerdicts, 'claims' | 'onImagenet'>,
): Promise<void> {
  const sides = sidesOf(labs);
  const verdicts: StoredVerdicts = {
    profile: labs.cifar.profile.name,
    scales: sides.map(describeLab),
    basis: Object.fromEntries(sides.map((lab) => [lab.profile.name, basisOf(lab)])),
    claims,
    onImagenet,
  };
  await writeJsonAtomic(localVerdicts(labs.cifar, verdicts.profile), verdicts);
}

/** Stores the verdicts on a profile's results so far among the shipped files; no lab uses them as its own. */
export async function shipVerdictsSoFar(
  labs: Labs,
  { claims, onImagenet, rows }: Required<Pick<StoredVerdicts, 'claims' | 'onImagenet' | 'rows'>>,
): Promise<void> {
  const profile = labs.cifar.profile.name;
  const scales = sidesOf(labs).map(describeLab);
  const verdicts: StoredVerdicts = { profile, scales, basis: {}, rows, claims, onImagenet };
  await writeJsonAtomic(shippedVerdicts(profile), verdicts);
}

/** The file of verdicts that `storeVerdicts` wrote. */
export const verdictsFile = ({ cifar }: Labs): string => localVerdicts(cifar, cifar.profile.name);

/**
 * The stored verdicts on a lab's runs, of the claims named by `ids` (default all); undefined where one of them
 * is not stored, or they rest on other runs. Of the claims that each side decides by itself, the ImageNet side has its
 * own or none: those of CIFAR-10 say nothing about its runs.
 */
export function storedClaims(lab: PaperLab, ids?: readonly string[]): Claim[] | undefined {
  const profile = lab.profile.name.replace(/-imagenet$/, '');
  const places = [
    localVerdicts(lab, profile),
    ...(lab.opening.shipped === undefined ? [] : [shippedVerdicts(profile)]),
  ];
  for (const path of places) {
    const stored = existsSync(path) ? readVerdicts(path) : undefined;
    if (stored?.basis[lab.profile.name] !== basisOf(lab)) continue;
    const isImagenet = lab.profile.name !== profile;
    const claims = stored.claims
      .filter(({ id }) => ids === undefined || ids.includes(id))
      .map((claim) =>
        isImagenet && claimsOfEachSide.includes(claim.id)
          ? stored.onImagenet.find(({ id }) => id === claim.id)
          : claim,
      );
    const isWhole = ids === undefined || claims.length === ids.length;
    if (isWhole && !claims.includes(undefined)) return claims as Claim[];
  }
  return undefined;
}

/**
 * The board of stored verdicts: each claim, and on ImageNet's classes those that this side decides by itself.
 */
export function boardOf({ claims, onImagenet }: Pick<StoredVerdicts, 'claims' | 'onImagenet'>): Claim[] {
  const there = onImagenet.map((claim) => ({
    ...claim,
    statement: `On ImageNet’s classes: «${claim.statement}»`,
  }));
  return [...claims, ...there];
}

/** Which shipped verdicts. */
export interface ShippedClaimsOptions {
  /** Default all. */
  readonly ids?: readonly string[];
  /** Default desk. */
  readonly profile?: string;
  /** Default both, each claim that both decide twice. */
  readonly side?: 'cifar' | 'imagenet';
}

/**
 * The verdicts that ship with the project, as the README's board has them.
 * @throws UserError where none of the profile ship
 */
export function shippedClaims({ ids, profile = 'desk', side }: ShippedClaimsOptions = {}): Claim[] {
  const path = shippedVerdicts(profile);
  check(existsSync(path), () => `No verdicts of profile ${profile} ship with the project (${path})`);
  const stored = readVerdicts(path);
  const claims =
    side === 'imagenet' ? stored.claims.filter(({ id }) => !claimsOfEachSide.includes(id)) : stored.claims;
  const board = boardOf({ ...stored, claims, ...(side === 'cifar' && { onImagenet: [] }) });
  return board.filter(({ id }) => ids === undefined || ids.includes(id));
}

/** A file of verdicts. */
export function readVerdicts(path: string): StoredVerdicts {
  return JSON.parse(readFileSync(path, 'utf8')) as StoredVerdicts;
}
