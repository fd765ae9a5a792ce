import assert from 'node:assert/strict';
import {
  claimsBoardHtml,
  claimsMarkdown,
  claimsText,
  environmentsHtml,
  inOrder,
  runsHtml,
} from '../../src/report/index.js';
import { claims, runs } from './reportFixture.js';

describe('report/claims', () => {
  it('has a line for each claim, by the claims’ numbers, with the verdict of its first testable part', () => {
    assert.deepEqual(
      inOrder(claims).map(({ id }) => id),
      ['C1', 'C3', 'C5', 'C10'],
    );
    const html = claimsBoardHtml(claims);
    const lines = [...html.matchAll(/<summary>[^]*?<\/summary>/g)].map(([line]) => line);
    assert.equal(lines.length, 4);
    assert.match(
      lines[1]!,
      /C3[^]*\? undecided[^]*OABN saves few bits\.[^]*\+0\.4 points \[−0\.5, 1\.3\][^]*\(5 bits\)/,
    );
  });

  it('says each verdict in words and counts them, whether or not scripts run', () => {
    const html = claimsBoardHtml(claims);
    const badges = [...html.matchAll(/<strong class="oabn-verdict[^>]*>([^<]*)</g)].map((match) => match[1]);
    assert.deepEqual(badges, [
      ...['✓ held', '✓ held'],
      ...['? undecided', '– precondition not met', '? undecided', '✓ held'],
      ...['✗ not held', '✗ not held', '✓ held', '✓ held'],
    ]);
    assert.match(html, />✓ held \(2\)</);
    assert.match(html, /&lt;both&gt; sets/);
    assert.match(html, /role="group" aria-label="Show claims by verdict" hidden>/);
  });

  it('shows the verdicts at all bits on the line where they differ', () => {
    const line = (id: string): string =>
      new RegExp(`>${id}<[^]*?</summary>`).exec(claimsBoardHtml(claims))![0];
    assert.match(line('C3'), />undecided at 5; held at 4; precondition not met at 8 bits</);
    assert.doesNotMatch(line('C5'), / at 8/);
  });

  it('is a table of four columns in Markdown, whatever is in the texts', () => {
    const lines = claimsMarkdown(claims).trimEnd().split('\n');
    assert.equal(lines.length, 2 + 4);
    for (const line of lines) assert.equal(line.match(/(?<!\\)\|/g)!.length, 5, line);
    assert.match(lines[3]!, /^\| C3 +\| undecided at 5; held at 4; precondition not met at 8 bits \| \+0\.4/);
    assert.match(lines[4]!, /^\| C5 +\| not held +\| slope .* \| .*\\<both\\> sets\. +\|$/);
  });

  it('is text for a terminal', () => {
    assert.match(
      claimsText(claims),
      /^C1 HELD · Merging[^]*\nC5 NOT HELD · [^\n]*\n {4}8 bits: not held, slope/,
    );
  });
});

describe('report/runs', () => {
  it('has a row for each run with its hash, result and whole configuration', () => {
    const html = runsHtml(runs);
    const rows = [...html.matchAll(/<tr>(<td[^]*?)<\/tr>/g)].map((match) =>
      [...match[1]!.matchAll(/<td[^>]*>([^]*?)<\/td>/g)].map((cell) => cell[1]!),
    );
    assert.equal(rows.length, runs.length);
    const last = rows.at(-1)!;
    assert.deepEqual(last.slice(1, 7), [
      '4-bit uniform PTQ (min–max), BN with decay of the kernels seed 2',
      '35.00%',
      '111',
      '',
      '38.4',
      '2026-01-01 10:21',
    ]);
    const json = /<pre>(.*)<\/pre>/.exec(last[9]!)![1]!.replaceAll('&quot;', '"');
    assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify(runs.at(-1)!.config)));
  });

  it('lists each environment once, with what was computed in it', () => {
    const other = { ...runs[0]!, provenance: { ...runs[0]!.provenance, device: 'GPU <1>' } };
    const html = environmentsHtml([...runs, other]);
    assert.equal(html.match(/<dl/g)!.length, 2);
    assert.match(html, /<dd>12 runs, 4\.2 minutes of work<\/dd>/);
    assert.match(html, /<dd>GPU &lt;1&gt;<\/dd>[^]*<dd>1 run, 0\.1 minutes of work<\/dd>/);
  });
});
