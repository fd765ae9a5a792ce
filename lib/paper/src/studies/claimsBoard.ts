/**
 * The claims board: every claim of the paper on the runs of both labs. A claim is judged at the bits that the
 * paper names and, where a small network shows the same effect only at fewer bits, at those as well, in this
 * order.
 */
import {
  type Claim,
  claimC1,
  claimC10,
  claimC11,
  claimC12,
  claimC2,
  claimC3,
  claimC4,
  claimC5,
  claimC6,
  claimC7,
  claimC8,
  claimC9,
  replicated,
  type ThresholdPoint,
  thresholdsOf,
} from '../claims/index.js';
import { check, UserError } from 'oabn-base';
import type { RunConfig } from 'oabn/experiment';
import type { Labs, PaperLab } from '../profiles/index.js';
import { learningRateStudy } from './learningRates.js';
import { lowBitStudy } from './lowBit.js';
import { plainNetworkStudy } from './plainNetworks.js';
import { ptqStudy } from './ptq.js';
import { runStudy, type Study, type StudyResult } from './study.js';
import { thresholdStudy } from './threshold.js';
import { costPointOf, measureTrainingCost } from './trainingCost.js';

/** Where the rows of a study come from: `runStudy`, or what ships. */
export type RowsOf = <Cell, Row, Config extends RunConfig>(
  lab: PaperLab,
  study: Study<Cell, Row, Config>,
) => Promise<Pick<StudyResult<Row>, 'rows'>>;

/**
 * All claims, except C5 to C8 where the profile only tells the story: C1 to C11 by computing what the stores
 * do not have, C12 by measuring a few training steps here and now.
 */
export async function claimsBoard(labs: Labs): Promise<Claim[]> {
  const judgements = await judgementsOn(labs, runStudy);
  return [...judgements.map((judge) => judge()), await measureC12(labs.cifar)];
}

/**
 * Those of C1 to C11 that the rows so far allow, for a profile that is not finished: claims that would
 * compare what is not there yet are left out.
 */
export async function claimsSoFar(labs: Labs, rowsOf: RowsOf): Promise<Claim[]> {
  return possible(await judgementsOn(labs, rowsOf));
}

/** Returns a claim, or throws a UserError where rows that it compares are missing. */
type Judge = () => Claim;

function possible(judgements: readonly Judge[]): Claim[] {
  return judgements.flatMap((judge) => {
    try {
      return [judge()];
    } catch (error) {
      if (error instanceof UserError) return [];
      throw error;
    }
  });
}

async function judgementsOn({ cifar, imagenet }: Labs, rowsOf: RowsOf): Promise<Judge[]> {
  const reports = (await rowsOf(cifar, plainNetworkStudy)).rows.map(({ outliers }) => outliers);
  const { rows: sweep } = await rowsOf(cifar, thresholdStudy());
  const { rows: cells } = await rowsOf(cifar, lowBitStudy());
  const { ptqBits, bits, story } = cifar.profile;
  const low = lowBits(bits).filter((b) => cells.some((cell) => cell.bits === b && cell.method !== 'ptq'));
  // A profile that only tells the story has neither the ImageNet side nor the search.
  const search = story ? [] : (await rowsOf(cifar, learningRateStudy)).rows;
  const networks = (): typeof reports => {
    check(reports.length > 0, 'No network with plain BN is there yet');
    return reports;
  };
  const curve = (): readonly ThresholdPoint[] => wholeCurve(cifar, sweep);
  return [
    () => claimC1(networks()),
    () => claimC2(networks()),
    () => claimC3(curve(), ptqBits),
    () => claimC4(curve(), ptqBits),
    ...(imagenet ? await judgementsOnBoth(sweep, imagenet, rowsOf) : []),
    () =>
      claimC9(
        cells,
        low,
        search.filter(({ weights }) => weights === 'cluster'),
      ),
    () => claimC10(cells, low),
    () => claimC11(cells, low),
  ];
}

/** The points over s, with the smallest among those that claims compare. @throws UserError where it is not yet */
function wholeCurve({ profile }: PaperLab, sweep: readonly ThresholdPoint[]): readonly ThresholdPoint[] {
  const least = Math.min(...profile.thresholds);
  const compared = thresholdsOf(replicated(sweep));
  check(compared.includes(least), `s = ${least} does not have the seeds of plain BN yet`);
  return sweep;
}

/** C5 to C8, which rest on the ImageNet side too. */
async function judgementsOnBoth(
  sweep: readonly ThresholdPoint[],
  imagenet: PaperLab,
  rowsOf: RowsOf,
): Promise<Judge[]> {
  const { rows: imagenetSweep } = await rowsOf(imagenet, thresholdStudy());
  const { rows: table } = await rowsOf(imagenet, ptqStudy());
  const { tableBits, ptqBits } = imagenet.profile;
  const shared = ptqBits.filter((b) => sweep.some(({ bits }) => bits === b));
  return [
    () => claimC5(sweep, imagenetSweep, shared),
    () => claimC6(table, tableBits),
    () => claimC7(table, tableBits),
    () => claimC8(table, tableBits),
  ];
}

/** The claims that each side decides by its own runs, as its figure 7 and its table of low bits do. */
export const claimsOfEachSide: readonly string[] = ['C3', 'C4', 'C9', 'C10', 'C11'];

/** The claims of each side on the ImageNet side, if there is one. */
export async function imagenetClaims(labs: Pick<Labs, 'imagenet'>): Promise<Claim[]> {
  return (await judgementsOnImagenet(labs, runStudy)).map((judge) => judge());
}

/** Those of `imagenetClaims` that the rows so far allow. */
export async function imagenetClaimsSoFar(labs: Pick<Labs, 'imagenet'>, rowsOf: RowsOf): Promise<Claim[]> {
  return possible(await judgementsOnImagenet(labs, rowsOf));
}

async function judgementsOnImagenet({ imagenet }: Pick<Labs, 'imagenet'>, rowsOf: RowsOf): Promise<Judge[]> {
  if (!imagenet) return [];
  const { rows: sweep } = await rowsOf(imagenet, thresholdStudy());
  const { rows: cells } = await rowsOf(imagenet, lowBitStudy());
  const { ptqBits, bits } = imagenet.profile;
  const low = lowBits(bits);
  return [
    () => claimC3(wholeCurve(imagenet, sweep), ptqBits),
    () => claimC4(wholeCurve(imagenet, sweep), ptqBits),
    () => claimC9(cells, low),
    () => claimC10(cells, low),
    () => claimC11(cells, low),
  ];
}

/** The bits at which fine-tuning is judged. */
export const lowBits = (bits: readonly number[]): number[] => bits.filter((b) => b <= 4);

/** C12, measured on this machine, here and now. */
export async function measureC12(lab: PaperLab): Promise<Claim> {
  const { rows } = await measureTrainingCost(lab);
  const rowOf = (network: string) => costPointOf(rows.find((row) => row.network === network)!);
  return claimC12(rowOf('RepVGG + OABN'), rowOf('QARepVGG'));
}
