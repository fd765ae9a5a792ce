import assert from 'node:assert/strict';
import { sayNotice } from '../src/index.js';

describe('base/notice', () => {
  it('is a quiet line below the cell of a notebook', () => {
    const key = Symbol.for('Jupyter.kernel');
    const globals = globalThis as { [key: symbol]: unknown };
    const shown: unknown[] = [];
    globals[key] = { currentCell: () => ({ publish: (data: unknown) => shown.push(data) }) };
    try {
      sayNotice('no <GPU> & so on');
    } finally {
      Reflect.deleteProperty(globals, key);
    }
    assert.deepEqual(shown, [
      {
        'text/html': '<small style="opacity: 0.65">no &lt;GPU&gt; &amp; so on</small>',
        'text/plain': 'no <GPU> & so on',
      },
    ]);
  });

  it('goes to stderr elsewhere', () => {
    const { write } = process.stderr;
    const lines: string[] = [];
    process.stderr.write = ((text: string) => lines.push(text) > 0) as typeof write;
    try {
      sayNotice('no GPU');
    } finally {
      process.stderr.write = write;
    }
    assert.deepEqual(lines, ['no GPU\n']);
  });
});
