/**
 * The claims board for readers: a card for each claim of the paper with its verdict in words, symbol and colour, and the
 * numbers that it rests on. A claim judged at several bits has its entries on one card, the article's own first.
 */
import type { Claim, Verdict } from '../claims/index.js';
import { sha256 } from 'oabn-base';
import { escapeHtml } from 'tslab-kernel/display';
import type { PageAdditions } from 'tslab-kernel/html';

/** Blue and orange rather than green and red, which many readers cannot tell apart. */
const verdicts: Readonly<Record<Verdict, { symbol: string; paper: string; ink: string }>> = {
  held: { symbol: '✓', paper: '#d6eaf8', ink: '#003c66' },
  'not held': { symbol: '✗', paper: '#fde2d0', ink: '#7a2e00' },
  undecided: { symbol: '?', paper: '#e4e6ea', ink: '#33383f' },
};

/** The entries of one claim in their order. */
export interface ClaimGroup {
  readonly id: string;
  readonly entries: readonly Claim[];
}

/** Claims by their ids, C1 before C2 before C10. */
export function groupClaims(claims: readonly Claim[]): ClaimGroup[] {
  const ids = [...new Set(claims.map(({ id }) => id))];
  ids.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  return ids.map((id) => ({ id, entries: claims.filter((claim) => claim.id === id) }));
}

/** «✓ held», for text. */
export const verdictText = (verdict: Verdict): string => `${verdicts[verdict].symbol} ${verdict}`;

let boards = 0;

/**
 * The board as HTML; its buttons choose a verdict where scripts run.
 * @param alone whether it brings its style and script, as an output must; a page may have `claimsAdditions` for all
 */
export function claimsBoardHtml(claims: readonly Claim[], alone = true): string {
  const cards = groupClaims(claims).map(cardHtml).join('\n');
  // The same for the same notebook, so that running it again changes nothing in the file.
  const id = `oabn-claims-${++boards}-${sha256(cards).slice(0, 8)}`;
  const count = (verdict: Verdict): number => claims.filter((claim) => claim.verdict === verdict).length;
  const buttons = (Object.keys(verdicts) as Verdict[]).map(
    (verdict) =>
      `<button type="button" data-show="${verdict}" aria-pressed="false">${verdictText(verdict)} (${count(verdict)})</button>`,
  );
  return `<div id="${id}" class="oabn-claims">${alone ? `<style>${style}</style>` : ''}
<div class="oabn-filter" role="group" aria-label="Show claims by verdict" hidden>
<button type="button" data-show="" aria-pressed="true">all (${claims.length})</button>
${buttons.join('\n')}
</div>
<p class="oabn-shown" role="status" hidden></p>
<ul>
${cards}
</ul></div>${alone ? `\n<script>(${filterByVerdict})(document.getElementById('${id}'))</script>` : ''}`;
}

const cardHtml = ({ id, entries }: ClaimGroup): string =>
  `<li class="oabn-claim"><span class="oabn-id">${escapeHtml(id)}</span><div>
${entries.map(entryHtml).join('\n')}
</div></li>`;

const entryHtml = ({ verdict, statement, evidence }: Claim): string =>
  `<div class="oabn-entry" data-verdict="${verdict}"><p class="oabn-statement"><strong class="oabn-verdict oabn-${verdict.replace(' ', '-')}">${verdictText(verdict)}</strong> ${escapeHtml(statement)}</p>
<p class="oabn-evidence">${escapeHtml(evidence)}</p></div>`;

/** Half-transparent greys show on light and dark alike; the badges bring their own paper. */
const style = `
.oabn-claims ul { list-style: none; margin: 0.6em 0; padding: 0; }
.oabn-claim { display: grid; grid-template-columns: 2.6em minmax(0, 1fr); gap: 0.4em; border: 1px solid rgba(128, 128, 128, 0.4); border-radius: 8px; padding: 0.6em 0.9em; margin: 0.6em 0; }
.oabn-id { font-weight: 700; }
.oabn-claims p { margin: 0; }
.oabn-claims [hidden] { display: none; }
.oabn-entry + .oabn-entry { border-top: 1px solid rgba(128, 128, 128, 0.3); margin-top: 0.6em; padding-top: 0.6em; }
.oabn-claims .oabn-evidence { font-size: 0.92em; margin-top: 0.25em; }
.oabn-verdict { display: inline-block; border-radius: 4px; padding: 0 0.5em; margin-right: 0.3em; white-space: nowrap; }
${(Object.keys(verdicts) as Verdict[])
  .map((verdict) => {
    const { paper, ink } = verdicts[verdict];
    return `.oabn-${verdict.replace(' ', '-')} { background: ${paper}; color: ${ink}; }`;
  })
  .join('\n')}
.oabn-filter { display: flex; flex-wrap: wrap; gap: 0.5em; margin: 0.6em 0; }
.oabn-filter button { font: inherit; color: inherit; background: transparent; border: 1px solid rgba(128, 128, 128, 0.7); border-radius: 6px; padding: 0.25em 0.8em; cursor: pointer; }
.oabn-filter button[aria-pressed=true] { box-shadow: inset 0 0 0 2px currentColor; font-weight: 700; }
`;

/** Runs in the page. */
const filterByVerdict = `(board) => {
  const buttons = [...board.querySelectorAll('[data-show]')];
  const entries = [...board.querySelectorAll('.oabn-entry')];
  const status = board.querySelector('.oabn-shown');
  const show = (verdict) => {
    for (const button of buttons) button.setAttribute('aria-pressed', String(button.dataset.show === verdict));
    for (const entry of entries) entry.hidden = verdict !== '' && entry.dataset.verdict !== verdict;
    for (const card of board.querySelectorAll('.oabn-claim')) card.hidden = !card.querySelector('.oabn-entry:not([hidden])');
    status.hidden = verdict === '';
    status.textContent = entries.filter((entry) => !entry.hidden).length + ' of ' + entries.length + ' verdicts shown';
  };
  for (const button of buttons) button.addEventListener('click', () => show(button.dataset.show));
  board.querySelector('.oabn-filter').hidden = false;
}`;

/** What a page needs for the boards on it, whose own style and scripts it does not let through. */
export const claimsAdditions: PageAdditions = {
  style,
  script: `for (const board of document.querySelectorAll('.oabn-claims')) (${filterByVerdict})(board);`,
};

/** The board as a Markdown table, for a README. */
export function claimsMarkdown(claims: readonly Claim[]): string {
  const cell = (text: string): string => text.replace(/[\\|<>*_`]/g, '\\$&').replaceAll('\n', ' ');
  const rows = groupClaims(claims).flatMap(({ id, entries }) =>
    entries.map(({ verdict, statement, evidence }) => [id, verdictText(verdict), statement, evidence]),
  );
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(['claim', 'verdict', 'statement', 'evidence']), '| --- | --- | --- | --- |', ...rows.map(line)]
    .join('\n')
    .concat('\n');
}

/** The board for a terminal. */
export function claimsText(claims: readonly Claim[]): string {
  return groupClaims(claims)
    .flatMap(({ entries }) => entries)
    .map(
      ({ id, statement, verdict, evidence }) =>
        `${id} ${verdict.toUpperCase()} · ${statement}\n    ${evidence}`,
    )
    .join('\n');
}
