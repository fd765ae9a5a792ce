/**
 * The claims board: every claim of the paper on the runs of both labs. A claim is judged at the bits that the article
 * names and, where a small network shows the same effect only at fewer bits, at those as well; the first entry of a
 * claim is the article's.
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
import { lowBitStudy } from './lowBit.js';
import { plainNetworkStudy } from './plainNetworks.js';
import { ptqStudy } from './ptq.js';
import { runStudy } from './study.js';
import { thresholdStudy } from './threshold.js';
import { costPointOf, measureTrainingCost } from './trainingCost.js';

/**
 * All claims, but C5 to C8 where the profile tells the story alone: C1 to C11 by running what the stores do not have, C12 by
 * measuring a few training steps here and now.
 */
export async function claimsBoard({ cifar, imagenet }: Labs): Promise<Claim[]> {
  const reports = (await runStudy(cifar, plainNetworkStudy)).rows.map(({ outliers }) => outliers);
  const { rows: sweep } = await runStudy(cifar, thresholdStudy());
  const { rows: cells } = await runStudy(cifar, lowBitStudy());
  const { ptqBits, bits, story } = cifar.profile;
  const low = bits.filter((b) => b <= 4);
  return [
    claimC1(reports),
    claimC2(reports),
    ...ptqBits.map((b) => claimC3(sweep, b)),
    ...ptqBits.map((b) => claimC4(sweep, b)),
    ...(story ? [] : await imagenetClaims(sweep, imagenet)),
    ...low.map((b) => claimC9(cells, b)),
    claimC10(cells, low),
    ...low.map((b) => claimC11(cells, b)),
    await measureC12(cifar),
  ];
}

/** C5 to C8, which rest on ImageNet's side too. */
async function imagenetClaims(sweep: readonly ThresholdPoint[], imagenet: PaperLab): Promise<Claim[]> {
  const { rows: imagenetSweep } = await runStudy(imagenet, thresholdStudy());
  const { rows: table } = await runStudy(imagenet, ptqStudy());
  const { tableBits, ptqBits } = imagenet.profile;
  return [
    ...ptqBits.map((b) => claimC5(sweep, imagenetSweep, b)),
    ...tableBits.map((b) => claimC6(table, b)),
    claimC7(table, tableBits[0]!),
    ...tableBits.map((b) => claimC8(table, b)),
  ];
}

/** C12, measured on this machine and never stored. */
async function measureC12(lab: PaperLab): Promise<Claim> {
  const { rows } = await measureTrainingCost(lab);
  const rowOf = (network: string) => costPointOf(rows.find((row) => row.network === network)!);
  return claimC12(rowOf('RepVGG + OABN'), rowOf('QARepVGG'));
}
