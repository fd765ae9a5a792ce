import assert from 'node:assert/strict';
import { canonicalJson, configHash } from '../src/index.js';

describe('base/hash', () => {
  it('does not depend on the order of keys or on undefined members', () => {
    assert.equal(canonicalJson({ b: [1, { d: 2, c: null }], a: 'x' }), '{"a":"x","b":[1,{"c":null,"d":2}]}');
    assert.equal(configHash({ a: 1, b: undefined, c: 3 }), configHash({ c: 3, a: 1 }));
    assert.notEqual(configHash({ a: 1 }), configHash({ a: 2 }));
  });

  it('names the member that JSON cannot hold', () => {
    assert.throws(
      () => canonicalJson({ oabn: { threshold: Infinity } }),
      /\$\.oabn\.threshold must be a finite number, got Infinity/,
    );
  });

  it('refuses what JSON would show as {}, and tells dates apart', () => {
    class Hidden {
      readonly #rate = 0.1;
      rate(): number {
        return this.#rate;
      }
    }
    for (const value of [new Map([['rate', 0.1]]), new Set([1]), /a/, new Error('a'), new Hidden()]) {
      const name = value.constructor.name;
      assert.throws(() => configHash({ x: value }), new RegExp(`\\$\\.x must be JSON, got a ${name}`));
    }
    const at = new Date(0);
    assert.equal(configHash({ at }), configHash(JSON.parse(JSON.stringify({ at }))));
    assert.notEqual(configHash({ at }), configHash({ at: new Date(1) }));
    assert.equal(canonicalJson([Object.create(null), {}, new Float32Array(0)]), '[{},{},{}]');
  });
});
