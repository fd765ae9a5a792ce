import assert from 'node:assert/strict';
import { UserError } from 'oabn-base';
import { type Cell, type Parameters, parseParameter, withParameters } from '../src/run/index.js';

describe('notebook/parameters', () => {
  it('sets parameters of the types that are written, and numbers that JSON lacks', () => {
    const source = [
      "let mode: 'plain' | 'fast' = 'plain';",
      'const $limits: (number | null)[] = [1];',
      'let f: (x: number) => number = Math.abs;',
      '// let s: string = "";',
    ].join('\n');
    const metadata = { tags: ['parameters'] };
    const cells: Cell[] = [
      { cell_type: 'code', id: 'a', metadata, source, execution_count: null, outputs: [] },
    ];
    const set = (parameters: Parameters): string =>
      withParameters({ cells, metadata: {} }, parameters).cells[1]!.source.replace('// Parameters\n', '');
    assert.equal(set({ mode: 'fast' }), `let mode: 'plain' | 'fast' = "fast";`);
    assert.equal(
      set({ $limits: [Infinity, -0, null] }),
      'let $limits: (number | null)[] = [Infinity,-0,null];',
    );
    assert.equal(set({ f: null, s: NaN }), 'let f = null;\nlet s = NaN;');
    assert.equal(
      set({ o: { 'a b': [-Infinity, 'x'], gone: undefined, at: new Date(0) } }),
      'let o = {"a b":[-Infinity,"x"],"at":"1970-01-01T00:00:00.000Z"};',
    );
    assert.deepEqual(['s=-Infinity', 's=NaN', 's=Infinite'].map(parseParameter), [
      ['s', -Infinity],
      ['s', NaN],
      ['s', 'Infinite'],
    ]);
    for (const value of [1n, undefined, () => 1])
      assert.throws(() => set({ value }), (error) => error instanceof UserError); // prettier-ignore
  });
});
