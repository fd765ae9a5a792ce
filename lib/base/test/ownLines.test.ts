import assert from 'node:assert/strict';
import { Linter } from 'eslint';
import { ownLines } from '../scripts/ownLines.js';

/** The numbers of lines that the rule finds too many when one is allowed. */
function counted(code: string): string[] {
  const found = new Linter().verify(code, {
    plugins: { own: { rules: { lines: ownLines } } },
    rules: { 'own/lines': ['error', 1] },
  });
  return found.map(({ line, message }) => `${line}: ${/\d+/.exec(message)?.[0] ?? message}`);
}

describe('scripts/ownLines', () => {
  it('counts lines of code, without comments and blank lines', () => {
    assert.deepEqual(counted('const f = () => 1;'), []);
    assert.deepEqual(counted('function f() {\n\n  // why\n  return 1;\n}'), ['1: 3']);
    assert.deepEqual(counted('/** what */\nconst f = () => {\n  /* a\n  b */\n};'), ['2: 2']);
  });

  it('leaves the functions inside to themselves', () => {
    const inner = '  const g = () => {\n    a();\n    b();\n  };\n';
    assert.deepEqual(counted(`function f() {\n${inner}  return g;\n}`), ['1: 4', '2: 4']);
    assert.deepEqual(counted('const f = () => ({\n  a: () => 1,\n  b: () => 2,\n});'), ['1: 4']);
  });
});
