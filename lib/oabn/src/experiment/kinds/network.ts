/** The networks that runs make and start from, in words. */
import type { Architecture } from '../../model/index.js';

/** s as the paper writes it; ∞ is plain BN. */
export function thresholdOf(arch: Architecture): number {
  return arch.oabn?.threshold ?? Infinity;
}

/** Such as «OABN s=2 seed 1» or «BN file 0123abcd», by where it comes from. */
export function describeNetwork(arch: Architecture, origin: string): string {
  const s = thresholdOf(arch);
  const plain = arch.block === 'qarepvgg' ? 'QARepVGG' : 'BN';
  const limited = arch.oabn?.limit?.name ?? 'OABN';
  return `${s === Infinity ? plain : `${limited} s=${s}`} ${origin}`;
}
