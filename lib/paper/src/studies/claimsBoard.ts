/**
 * The claims board: every claim of the paper on the runs of both labs. A claim is judged at the bits that the
 * article names and, where a small network shows the same effect only at fewer bits, at those as well, in
 * this order.
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
  type ThresholdPoint,
} from '../claims/index.js';
import type { Labs, PaperLab } from '../profiles/index.js';
import { learningRateStudy } from './learningRates.js';
import { lowBitStudy } from './lowBit.js';
import { plainNetworkStudy } from './plainNetworks.js';
import { ptqStudy } from './ptq.js';
import { runStudy } from './study.js';
import { thresholdStudy } from './threshold.js';
import { costPointOf, measureTrainingCost } from './trainingCost.js';

/**
 * All claims, but C5 to C8 where the profile tells the story alone: C1 to C11 by running what the stores do
 * not have, C12 by measuring a few training steps here and now.
 */
export async function claimsBoard({ cifar, imagenet }: Labs): Promise<Claim[]> {
  const reports = (await runStudy(cifar, plainNetworkStudy)).rows.map(({ outliers }) => outliers);
  const { rows: sweep } = await runStudy(cifar, thresholdStudy());
  const { rows: cells } = await runStudy(cifar, lowBitStudy());
  const { ptqBits, bits, story } = cifar.profile;
  const low = lowBits(bits);
  // The story alone has neither ImageNet's side nor the search.
  const search = story ? [] : (await runStudy(cifar, learningRateStudy)).rows;
  return [
    claimC1(reports),
    claimC2(reports),
    claimC3(sweep, ptqBits),
    claimC4(sweep, ptqBits),
    ...(story ? [] : await claimsOfBoth(sweep, imagenet)),
    claimC9(
      cells,
      low,
      search.filter(({ weights }) => weights === 'cluster'),
    ),
    claimC10(cells, low),
    claimC11(cells, low),
    await measureC12(cifar),
  ];
}

/** C5 to C8, which rest on ImageNet's side too. */
async function claimsOfBoth(sweep: readonly ThresholdPoint[], imagenet: PaperLab): Promise<Claim[]> {
  const { rows: imagenetSweep } = await runStudy(imagenet, thresholdStudy());
  const { rows: table } = await runStudy(imagenet, ptqStudy());
  const { tableBits, ptqBits } = imagenet.profile;
  const shared = ptqBits.filter((b) => sweep.some(({ bits }) => bits === b));
  return [
    claimC5(sweep, imagenetSweep, shared),
    claimC6(table, tableBits),
    claimC7(table, tableBits),
    claimC8(table, tableBits),
  ];
}

/** Claims that ImageNet's side can judge by itself, as its figure and table do: C3 and C4, C9 to C11. */
export async function imagenetClaims({ imagenet }: Pick<Labs, 'imagenet'>): Promise<Claim[]> {
  if (imagenet.profile.story) return [];
  const { rows: sweep } = await runStudy(imagenet, thresholdStudy());
  const { rows: cells } = await runStudy(imagenet, lowBitStudy());
  const { ptqBits, bits } = imagenet.profile;
  const low = lowBits(bits);
  return [
    claimC3(sweep, ptqBits),
    claimC4(sweep, ptqBits),
    claimC9(cells, low),
    claimC10(cells, low),
    claimC11(cells, low),
  ];
}

/** The bits at which fine-tuning is judged. */
export const lowBits = (bits: readonly number[]): number[] => bits.filter((b) => b <= 4);

/** C12, measured on this machine, here and now. */
async function measureC12(lab: PaperLab): Promise<Claim> {
  const { rows } = await measureTrainingCost(lab);
  const rowOf = (network: string) => costPointOf(rows.find((row) => row.network === network)!);
  return claimC12(rowOf('RepVGG + OABN'), rowOf('QARepVGG'));
}
