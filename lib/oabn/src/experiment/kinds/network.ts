/** Descriptions in words of the networks that runs make and start from. */
import { type Architecture, blocksOf } from '../../model/index.js';

/** s as the paper writes it; ∞ is plain BN. */
export function thresholdOf(arch: Architecture): number {
  return arch.oabn?.threshold ?? Infinity;
}

/** What kind of network it is: «OABN s=2», «BN» or «QARepVGG». */
export function describeNetwork(arch: Architecture): string {
  if (arch.operations) return `merged network of ${blocksOf(arch).length} convolutions`;
  const s = thresholdOf(arch);
  if (s !== Infinity) return `${arch.oabn?.limit?.name ?? 'OABN'} s=${s}`;
  return arch.block === 'qarepvgg' ? 'QARepVGG' : 'BN';
}
