/** Descriptions in words of the networks that runs make and start from. */
import { type Architecture, blocksOf, type Branch } from '../../model/index.js';

/** s as the paper writes it; ∞ is plain BN. */
export function thresholdOf(arch: Architecture): number {
  return arch.oabn?.threshold ?? Infinity;
}

/**
 * What kind of network it is: «OABN s=2», «BN» or «QARepVGG», and what departs from the paper's: «BN, 3×3 alone»,
 * «OABN s=2, straight through».
 */
export function describeNetwork(arch: Architecture): string {
  if (arch.operations) return `merged network of ${blocksOf(arch).length} convolutions`;
  const { block, branches, oabn } = arch;
  const s = thresholdOf(arch);
  const limited = s !== Infinity;
  return [
    limited ? `${oabn?.limit?.name ?? 'OABN'} s=${s}` : block === 'qarepvgg' ? 'QARepVGG' : 'BN',
    ...(limited && oabn?.gradient === 'straightThrough' ? ['straight through'] : []),
    ...(limited && oabn?.learned ? ['learned'] : []),
    ...(limited && oabn?.branches ? [`on ${inWords(oabn.branches)}`] : []),
    ...(branches ? [branches.length === 1 ? `${inWords(branches)} alone` : inWords(branches)] : []),
  ].join(', ');
}

const inWords = (branches: readonly Branch[]): string =>
  branches.map((branch) => branch.replace('x', '×')).join(' and ');
