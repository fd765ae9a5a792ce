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
});
