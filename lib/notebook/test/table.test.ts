import assert from 'node:assert/strict';
import vm from 'node:vm';
import { type Row, tableText } from 'oabn-base';
import { tableHtml } from '../src/display/index.js';
import { tableBundle } from '../src/display/summary.js';

const rows: Row[] = [
  { s: '0.5', 'top-1': '76.0% ± 0.4%', size: 12, layer: 'stage1.0' },
  { s: '∞ (BN)', 'top-1': '–', size: 0.123456, layer: '<b>3x3</b> & "more"' },
];

/**
 * The sorting script of a table, run over stand-ins for its rows; returns the texts of a column after
 * `clicks`.
 */
function sortedBy(
  html: string,
  cells: readonly (readonly string[])[],
  column: number,
  clicks: number,
): string[] {
  const heads = cells[0]!.map(() => {
    const attributes = new Map<string, string>();
    return {
      style: {},
      click: () => undefined,
      getAttribute: (name: string) => attributes.get(name) ?? null,
      setAttribute: (name: string, value: string) => attributes.set(name, value),
      removeAttribute: (name: string) => attributes.delete(name),
      addEventListener(type: string, listener: () => undefined) {
        if (type === 'click') this.click = listener;
      },
    };
  });
  let order = cells.map((row) => ({ cells: row.map((textContent) => ({ textContent })) }));
  const body = { rows: order, append: (...sorted: typeof order) => (order = body.rows = sorted) };
  const document = { getElementById: () => ({ querySelectorAll: () => heads, tBodies: [body] }) };
  vm.runInNewContext(/<script>([^]*)<\/script>/.exec(html)![1]!, { document });
  for (let i = 0; i < clicks; i++) heads[column]!.click();
  return order.map((row) => row.cells[column]!.textContent);
}

describe('report/table', () => {
  it('writes HTML with escaped texts, numbers at the right and texts at the left', () => {
    const html = tableHtml(rows);
    assert.ok(html.includes('&lt;b&gt;3x3&lt;/b&gt; &amp; &quot;more&quot;'));
    assert.ok(!html.includes('<b>'));
    const alignments = [...html.matchAll(/<th [^>]*text-align: (\w+)/g)].map((match) => match[1]);
    assert.deepEqual(alignments, ['right', 'right', 'right', 'left']);
    assert.equal(html.split('<tr>').length - 1, 3);
    assert.ok(html.includes('>12.00</td>'));
    assert.ok(html.includes('>0.12</td>'));
  });

  it('sorts by value on a click, back on the next, ∞ above all numbers and texts last', () => {
    const cells = [
      ['∞ (BN)', 'b'],
      ['10', 'c'],
      ['–', 'd'],
      ['2.5 ± 1', 'a'],
      ['−3', 'e'],
    ];
    const html = tableHtml(rows);
    assert.deepEqual(sortedBy(html, cells, 0, 1), ['−3', '2.5 ± 1', '10', '∞ (BN)', '–']);
    assert.deepEqual(sortedBy(html, cells, 0, 2), ['–', '∞ (BN)', '10', '2.5 ± 1', '−3']);
    assert.deepEqual(sortedBy(html, cells, 1, 1), ['a', 'b', 'c', 'd', 'e']);
  });

  it('pads text to columns, and has words for what is missing', () => {
    const text = tableText([{ name: 'a', value: 10 }, { name: 'long', value: Number.NaN }, { name: 'x' }]);
    assert.equal(text, ['name  value', '────  ─────', 'a        10', 'long      –', 'x'].join('\n'));
    assert.equal(tableText([]), '');
  });

  it('gives the numbers of a column as many decimals, unless that hides a small one', () => {
    const cells = (...values: unknown[]): string[] =>
      tableText(values.map((value) => ({ value })))
        .split('\n')
        .slice(2)
        .map((line) => line.trim());
    assert.deepEqual(cells(62.13, 60, 9.802), ['62.13', '60.00', '9.80']);
    assert.deepEqual(cells(62.1, -9, 0, Infinity, null), ['62.1', '-9.0', '0.0', '∞', '']);
    assert.deepEqual(cells(0.9197, 1.014), ['0.920', '1.014']);
    assert.deepEqual(cells(0.0008, 0.1), ['0.0008', '0.1000']);
    assert.deepEqual(cells(12_345.6, 2), ['12346', '2']);
    assert.deepEqual(cells(1234, 0.00012), ['1234', '0.00012']);
    assert.deepEqual(cells(3, 12, '4'), ['3', '12', '4']);
  });

  it('has the labels of a DataFrame that are names, as describe gives them', () => {
    const frame = { columns: ['a'], values: [[2], [1.5]] };
    assert.equal(
      tableText({ ...frame, index: ['count', 'mean'] }),
      ['         a', '─────  ───', 'count  2.0', 'mean   1.5'].join('\n'),
    );
    assert.equal(tableText({ ...frame, index: [1, 0] }), tableText(frame));
    assert.match(String(tableBundle({ ...frame, index: ['count', 'mean'] })['text/html']), /count<\/td>/);
  });
});
