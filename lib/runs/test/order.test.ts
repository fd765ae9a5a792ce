import assert from 'node:assert/strict';
import { UserError } from 'oabn-base';
import { checkOrder, type OrderedJob } from '../src/order.js';

describe('the order of a plan', () => {
  const job = (hash: string, ...needs: string[]): OrderedJob => ({ hash, needs });
  const refuses = (jobs: readonly OrderedJob[], message: RegExp): void =>
    assert.throws(
      () => checkOrder(jobs),
      (error: Error) => {
        assert.ok(error instanceof UserError);
        assert.match(error.message, message);
        return true;
      },
    );

  it('is there for jobs in whatever order, of which some need what is not among them', () => {
    checkOrder([]);
    checkOrder([{ hash: 'a' }]);
    checkOrder([job('d', 'b', 'c'), job('b', 'a', 'a'), job('c', 'a'), job('a', 'elsewhere')]);
  });

  it('is not there for jobs that wait for each other, for themselves, or for such jobs', () => {
    refuses([job('a', 'b'), job('b', 'a'), job('c')], /^2 of the jobs wait for each other \(«a», «b»\): /);
    refuses([{ ...job('a', 'a'), title: 'the first' }], /^1 of the jobs waits for itself \(«the first»\): /);
    const circle = [job('a', 'd'), job('b', 'a'), job('c', 'b'), job('d', 'c'), job('e', 'd')];
    refuses(circle, /^5 of the jobs wait for each other \(«a», «b», «c», …\): /);
  });

  it('is found in no time for many jobs that need one', () => {
    const many = Array.from({ length: 100_000 }, (_, i) => job(`${i}`, 'first', `${i - 1}`));
    checkOrder([...many.reverse(), job('first')]);
  });
});
