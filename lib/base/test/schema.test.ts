import assert from 'node:assert/strict';
import { schema, UserError } from '../src/index.js';

const {
  anything,
  below,
  either,
  flag,
  listOf,
  nullable,
  object,
  oneOf,
  positive,
  record,
  shape,
  text,
  whole,
} = schema;

const rule = object(
  { bits: whole(2, 8), kind: oneOf('a', 'b'), sizes: listOf(whole(1), 1, 3) },
  { rate: positive, share: below(1), last: nullable(whole(0)), by: record(flag), own: anything },
);
const good = { bits: 4, kind: 'a', sizes: [1] };

describe('base/schema', () => {
  it('lets pass what its rule describes, optional members or not', () => {
    rule(good, 'x');
    rule({ ...good, rate: 0.1, share: 0, last: null, by: { c: true }, own: undefined }, 'x');
    shape({ bits: whole(1) })({ bits: 3, others: 'are fine' }, 'x');
    either((value) => (typeof value === 'string' ? text : flag))(true, 'x');
  });

  for (const [value, message] of [
    [null, /^x must be an object, got null$/],
    [[], /^x must be an object, got \[\]$/],
    [{ ...good, bits: 9 }, /^x\.bits must be a whole number from 2 to 8, got 9$/],
    [{ ...good, bits: '4' }, /^x\.bits must be .*, got "4"$/],
    [{ ...good, bits: 4.5 }, /^x\.bits must be/],
    [{ kind: 'a', sizes: [1] }, /^x\.bits must be .*, got undefined$/],
    [{ ...good, kind: 'c' }, /^x\.kind must be one of "a", "b", got "c"$/],
    [{ ...good, sizes: [] }, /^x\.sizes must be a list of 1 to 3 items/],
    [{ ...good, sizes: [1, , 2] }, /^x\.sizes\[1\] must be a whole number > 0, got undefined$/],
    [{ ...good, rate: Infinity }, /^x\.rate must be > 0, got Infinity$/],
    [{ ...good, rate: NaN }, /^x\.rate must be > 0, got NaN$/],
    [{ ...good, share: 1 }, /^x\.share must be in \[0, 1\), got 1$/],
    [{ ...good, by: { c: 1 } }, /^x\.by\.c must be true or false, got 1$/],
    [{ ...good, bit: 4 }, /^x has no member "bit"; expected one of bits, kind/],
    [JSON.parse('{"bits":4,"kind":"a","sizes":[1],"__proto__":{"rate":1}}'), /no member "__proto__"/],
    [Object.create(good), /^x\.bits must be/],
  ] as const) {
    it(`refuses: ${message.source}`, () => {
      assert.throws(
        () => rule(value, 'x'),
        (error: unknown) => error instanceof UserError && message.test(error.message),
      );
    });
  }
});
