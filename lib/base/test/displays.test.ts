import assert from 'node:assert/strict';
import { isSummary, registerDisplay, shownBy } from '../src/index.js';

describe('base/displays: how plain data shows itself', () => {
  const isPoint = (value: object): value is { x: number; y: number } => 'x' in value && 'y' in value;
  const isPlace = (value: object): value is { x: number; y: number; name: string } =>
    isPoint(value) && 'name' in value;
  before(() => {
    registerDisplay('test: point', isPoint, ({ x, y }) => ({ title: `(${x}, ${y})` }));
    registerDisplay('test: place', isPlace, ({ name }) => ({ 'text/html': `<b>${name}</b>` }));
  });
  after(() => {
    const registry = (globalThis as { [key: symbol]: unknown })[Symbol.for('Jupyter.displays')];
    for (const name of ['test: point', 'test: place']) (registry as Map<string, unknown>).delete(name);
  });

  it('is asked of whoever told last', () => {
    assert.deepEqual(shownBy({ x: 1, y: 2 }), { title: '(1, 2)' });
    assert.deepEqual(shownBy({ x: 1, y: 2, name: 'here' }), { 'text/html': '<b>here</b>' });
    assert.equal(shownBy({ x: 1 }), undefined);
    assert.equal(shownBy('text'), undefined);
    assert.equal(shownBy(null), undefined);
  });

  it('is told once for a name, however often', () => {
    registerDisplay('test: point', isPoint, ({ x }) => ({ title: `again ${x}` }));
    assert.deepEqual(shownBy({ x: 1, y: 2 }), { title: 'again 1' });
  });

  it('is a summary if it has a title', () => {
    assert.equal(isSummary({ title: 'a' }), true);
    assert.equal(isSummary({ 'text/html': '' }), false);
  });
});
