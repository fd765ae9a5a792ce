/**
 * What the other packages share, by itself: an error for users, a whole file, equal hashes of equal values.
 */
import { canonicalJson, random, sha256, UserError } from 'oabn-base';

const [one, other] = [
  { a: 1, b: 2 },
  { b: 2, a: 1 },
].map((value) => sha256(canonicalJson(value)));
if (one !== other) throw new UserError('Equal values have different hashes');
const [first, again] = [1, 1].map((seed) => random(seed, 'use').uniform());
if (first !== again) throw new UserError('Equal seeds give different numbers');
