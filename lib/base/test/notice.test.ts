import assert from 'node:assert/strict';
import { sayNotice } from '../src/index.js';

describe('base/notice', () => {
  it('is quiet text below the cell of a notebook, with its lines', () => {
    const key = Symbol.for('Jupyter.kernel');
    const globals = globalThis as { [key: symbol]: unknown };
    const shown: unknown[] = [];
    globals[key] = { currentCell: () => ({ publish: (data: unknown) => shown.push(data) }) };
    try {
      sayNotice('no <GPU> & so on');
      sayNotice('\n┌─\n│ made\n');
    } finally {
      Reflect.deleteProperty(globals, key);
    }
    assert.deepEqual(shown, [
      {
        'text/html': '<small style="opacity: 0.65">no &lt;GPU&gt; &amp; so on</small>',
        'text/plain': 'no <GPU> & so on',
      },
      {
        'text/html': '<pre style="opacity: 0.65; font-size: 0.85em">┌─\n│ made</pre>',
        'text/plain': '\n┌─\n│ made\n',
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
