/** `showClaims`: what a cell calls to show the claims board below itself. */
import { currentCell } from 'tslab-kernel/display';
import type { Claim } from '../claims/index.js';
import { claimsBoardHtml, claimsMarkdown, claimsText } from './claims.js';

/** Shows claims as a board, a card for each, with buttons that choose a verdict; outside a notebook as text. */
export async function showClaims(claims: readonly Claim[]): Promise<void> {
  const publish = currentCell();
  if (!publish) {
    console.log(claimsText(claims));
    return;
  }
  publish({
    'text/html': claimsBoardHtml(claims),
    'text/markdown': claimsMarkdown(claims),
    'text/plain': claimsText(claims),
  });
}
