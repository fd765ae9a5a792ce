/** `showClaims`: what a cell calls to show the claims board below itself. */
import { currentCell } from 'tslab-kernel/display';
import type { Claim } from '../claims/index.js';
import { claimsText } from './claims.js';
import { boardBundle } from './display.js';

/**
 * Shows claims as a board, a line for each, with buttons that choose a verdict; outside a notebook as text.
 */
export async function showClaims(claims: readonly Claim[]): Promise<void> {
  const publish = currentCell();
  if (!publish) {
    console.log(claimsText(claims));
    return;
  }
  publish(boardBundle(claims));
}
