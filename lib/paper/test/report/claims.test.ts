import assert from 'node:assert/strict';
import {
  claimsBoardHtml,
  claimsMarkdown,
  claimsText,
  environmentsHtml,
  groupClaims,
  runsHtml,
} from '../../src/report/index.js';
import { claims, runs } from './reportFixture.js';

describe('report/claims', () => {
  it('groups the entries of a claim, the first one first, by the claims’ numbers', () => {
    const groups = groupClaims(claims);
    assert.deepEqual(
      groups.map(({ id }) => id),
      ['C1', 'C3', 'C5', 'C10'],
    );
    assert.deepEqual(
      groups[1]!.entries.map(({ verdict }) => verdict),
      ['undecided', 'held'],
    );
  });

  it('says each verdict in words and counts them, whether or not scripts run', () => {
    const html = claimsBoardHtml(claims);
    const badges = [...html.matchAll(/<strong [^>]*>([^<]*)</g)].map((match) => match[1]);
    assert.deepEqual(badges, ['✓ held', '? undecided', '✓ held', '✗ not held', '✓ held']);
    assert.match(html, />✓ held \(3\)</);
    assert.match(html, /&lt;both&gt; sets/);
    assert.match(html, /role="group" aria-label="Show claims by verdict" hidden>/);
  });

  it('is a table of four columns in Markdown, whatever is in the texts', () => {
    const lines = claimsMarkdown(claims).trimEnd().split('\n');
    assert.equal(lines.length, 2 + 5);
    for (const line of lines) assert.equal(line.match(/(?<!\\)\|/g)!.length, 5, line);
    assert.match(lines[5]!, /^\| C5 \| ✗ not held \| .*\\<both\\> sets\. \| It is 0\.5 on one \\\| and/);
  });

  it('is text for a terminal', () => {
    assert.match(claimsText(claims), /^C1 HELD · Merging[^]*\nC5 NOT HELD · [^\n]*\n {4}It is 0\.5/);
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
      '4-bit uniform PTQ (min–max), BN seed 2',
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
