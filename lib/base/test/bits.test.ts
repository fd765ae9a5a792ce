import assert from 'node:assert/strict';
import fc from 'fast-check';
import { packBits, unpackBits } from '../src/index.js';

describe('base/bits', () => {
  it('puts the first answer into the lowest bit of the first byte', () => {
    assert.equal(packBits([true, false, false, false, false, false, false, false, true]), 'AQE=');
    assert.deepEqual(unpackBits('AQE=', 9), [true, ...Array(7).fill(false), true]);
    assert.equal(packBits([]), '');
  });

  it('gives back what was packed', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean()), (flags) => {
        assert.deepEqual(unpackBits(packBits(flags), flags.length), flags);
      }),
    );
  });

  it('refuses a bitmap of another length', () => {
    assert.throws(() => unpackBits('AQE=', 17), /17 bits must have 3 bytes, this one has 2/);
  });
});
