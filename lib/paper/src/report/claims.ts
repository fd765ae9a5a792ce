/**
 * The claims board for readers: one line for each claim of the paper with its verdict in words, symbol and
 * colour, the effect and its interval; what «held» means, the other numbers of bits and the details unfold
 * below it.
 */
import type { Claim, ClaimPart } from '../claims/index.js';
import type { Verdict } from '../statistics/index.js';
import { markdownTable, sha256 } from 'oabn-base';
import { escapeHtml } from 'tslab-kernel/display';
import type { PageAdditions } from 'tslab-kernel/html';

/** Blue and orange rather than green and red, which many readers cannot tell apart. */
const verdicts: Readonly<Record<Verdict, { symbol: string; paper: string; ink: string }>> = {
  held: { symbol: '✓', paper: '#d6eaf8', ink: '#003c66' },
  'not held': { symbol: '✗', paper: '#fde2d0', ink: '#7a2e00' },
  undecided: { symbol: '?', paper: '#e4e6ea', ink: '#33383f' },
  'precondition not met': { symbol: '–', paper: '#f0ead6', ink: '#4d4322' },
};
const verdictNames = Object.keys(verdicts) as Verdict[];
const classOf = (verdict: Verdict): string => `oabn-${verdict.replaceAll(' ', '-')}`;

/** Claims by their ids, C1 before C2 before C10. */
export function inOrder(claims: readonly Claim[]): Claim[] {
  return [...claims].sort((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }));
}

/** «✓ held», for text. */
export const verdictText = (verdict: Verdict): string => `${verdicts[verdict].symbol} ${verdict}`;

const width = /^(\d+) bits$/;

/**
 * «held at 5, 4; precondition not met at 8, 6 bits»: the verdict at each number of bits, that of the claim
 * first.
 */
export function verdictByBits({ verdict, at, parts }: Claim): string {
  const widths = parts.filter(({ name }) => width.test(name));
  if (widths.length < 2) return verdict;
  const groups = [verdict, ...verdictNames.filter((each) => each !== verdict)].flatMap((each) => {
    const bits = widths.flatMap((part) => (part.verdict === each ? [part.name.replace(width, '$1')] : []));
    return bits.length > 0 ? [`${each} at ${bits.join(', ')}`] : [];
  });
  const text = `${groups.join('; ')} bits`;
  // The verdict of a claim on all bit widths together is not that of a single width.
  return at !== undefined && width.test(at) ? text : `${verdict} overall (${text})`;
}

let boards = 0;

/**
 * The board as HTML; its buttons choose a verdict where scripts run.
 * @param alone whether it brings its own style and script, as an output must; a page can have
 * `claimsAdditions` for all boards
 */
export function claimsBoardHtml(claims: readonly Claim[], alone = true): string {
  const lines = inOrder(claims).map(lineHtml).join('\n');
  // The same for the same notebook, so that running it again changes nothing in the file.
  const id = `oabn-claims-${++boards}-${sha256(lines).slice(0, 8)}`;
  const count = (verdict: Verdict): number => claims.filter((claim) => claim.verdict === verdict).length;
  const buttons = verdictNames.map(
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
${lines}
</ul></div>${alone ? `\n<script>(${filterByVerdict})(document.getElementById('${id}'))</script>` : ''}`;
}

const badge = (verdict: Verdict): string =>
  `<strong class="oabn-verdict ${classOf(verdict)}">${verdictText(verdict)}</strong>`;

function lineHtml(claim: Claim): string {
  const { id, verdict, statement, effect, at, rule, parts } = claim;
  return `<li class="oabn-claim" data-verdict="${verdict}"><details><summary><span class="oabn-id">${escapeHtml(id)}</span> ${badge(verdict)}
<span class="oabn-statement">${escapeHtml(statement)}</span> <span class="oabn-effect">${escapeHtml(effect)}${at === undefined ? '' : ` <span class="oabn-at">(${escapeHtml(at)})</span>`}${elsewhere(claim)}</span></summary>
<p class="oabn-rule">${escapeHtml(rule)}</p>
<ul class="oabn-parts">
${parts.map(partHtml).join('\n')}
</ul></details></li>`;
}

/** The verdicts at all numbers of bits, where they are not all that of the claim. */
function elsewhere(claim: Claim): string {
  const differ = claim.parts.some(({ name, verdict }) => width.test(name) && verdict !== claim.verdict);
  return differ
    ? `<span class="oabn-between"> · </span><span class="oabn-elsewhere">${escapeHtml(verdictByBits(claim))}</span>`
    : '';
}

const partHtml = ({ name, verdict, effect, evidence }: ClaimPart): string =>
  `<li>${badge(verdict)} <strong>${escapeHtml(name)}</strong>: ${escapeHtml(effect)}. ${escapeHtml(evidence)}</li>`;

/** Half-transparent greys show on light and dark alike; the badges have their own background. */
const style = `
.oabn-claims ul { list-style: none; margin: 0.6em 0; padding: 0; }
.oabn-claim { border-bottom: 1px solid rgba(128, 128, 128, 0.35); }
.oabn-claims [hidden] { display: none; }
.oabn-claims summary { cursor: pointer; padding: 0.35em 0; line-height: 1.4; display: grid; grid-template-columns: 3.2em 8.2em minmax(0, 1fr) minmax(0, 16em); gap: 0.1em 0.6em; align-items: baseline; }
.oabn-claims summary::before { content: none; }
.oabn-id { font-weight: 700; white-space: nowrap; }
.oabn-id::after { content: ' ▸'; font-weight: 400; } details[open] > summary > .oabn-id::after { content: ' ▾'; }
.oabn-effect { font-variant-numeric: tabular-nums; font-size: 0.92em; }
.oabn-elsewhere { display: block; font-size: 0.92em; }
.oabn-between { display: none; } /* for pages that drop the style */
.oabn-claims p { margin: 0.2em 0; }
.oabn-rule { font-style: italic; }
.oabn-claims details > :not(summary) { font-size: 0.92em; margin-left: 3em; }
.oabn-claims .oabn-parts li { margin: 0.5em 0; }
.oabn-verdict { display: inline-block; border-radius: 4px; padding: 0 0.5em; justify-self: start; line-height: 1.35; }
${verdictNames
  .map((verdict) => {
    const { paper, ink } = verdicts[verdict];
    return `.${classOf(verdict)} { background: ${paper}; color: ${ink}; }`;
  })
  .join('\n')}
.oabn-filter { display: flex; flex-wrap: wrap; gap: 0.5em; margin: 0.6em 0; }
.oabn-filter button { font: inherit; font-size: 0.9em; color: inherit; background: transparent; border: 1px solid rgba(128, 128, 128, 0.7); border-radius: 6px; padding: 0.15em 0.7em; cursor: pointer; }
.oabn-filter button[aria-pressed=true] { box-shadow: inset 0 0 0 2px currentColor; font-weight: 700; }
@media (max-width: 45rem) { .oabn-claims summary { grid-template-columns: 3.2em minmax(0, 1fr); } .oabn-claims summary > .oabn-statement, .oabn-claims summary > .oabn-effect { grid-column: 2; } .oabn-claims details > :not(summary) { margin-left: 0.6em; } }
`;

/** Runs in the page. */
const filterByVerdict = `(board) => {
  const buttons = [...board.querySelectorAll('[data-show]')];
  const lines = [...board.querySelectorAll('.oabn-claim')];
  const status = board.querySelector('.oabn-shown');
  const show = (verdict) => {
    for (const button of buttons) button.setAttribute('aria-pressed', String(button.dataset.show === verdict));
    for (const line of lines) line.hidden = verdict !== '' && line.dataset.verdict !== verdict;
    status.hidden = verdict === '';
    status.textContent = lines.filter((line) => !line.hidden).length + ' of ' + lines.length + ' claims shown';
  };
  for (const button of buttons) button.addEventListener('click', () => show(button.dataset.show));
  board.querySelector('.oabn-filter').hidden = false;
}`;

/** What a page needs for the boards on it, because it does not let their own style and scripts through. */
export const claimsAdditions: PageAdditions = {
  style,
  script: `for (const board of document.querySelectorAll('.oabn-claims')) (${filterByVerdict})(board);`,
};

/** The board as a Markdown table, for a README: a line for each claim, with its parts in the verdict. */
export function claimsMarkdown(claims: readonly Claim[]): string {
  const rows = inOrder(claims).map((claim) => [
    ...[claim.id, verdictByBits(claim), claim.effect, claim.statement],
  ]);
  return markdownTable([['claim', 'verdict', 'effect [95% interval]', 'statement'], ...rows]);
}

/** The board for a terminal. */
export function claimsText(claims: readonly Claim[]): string {
  return inOrder(claims)
    .map(({ id, statement, verdict, effect, at, parts }) =>
      [
        `${id} ${verdict.toUpperCase()} · ${statement} · ${effect}${at === undefined ? '' : ` (${at})`}`,
        ...parts.map((part) => `    ${part.name}: ${part.verdict}, ${part.effect}. ${part.evidence}`),
      ].join('\n'),
    )
    .join('\n');
}
