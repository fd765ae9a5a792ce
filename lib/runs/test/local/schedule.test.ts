import assert from 'node:assert/strict';
import { schedule } from '../../src/local/index.js';

describe('local: what comes next', () => {
  /** Two networks of one key; of each a job without a key in common, and one of a key that both have. */
  const jobs = [
    { hash: 'a', key: 'train' },
    { hash: 'b', key: 'train' },
    { hash: 'a8', key: 'ptq', needs: ['a'] },
    { hash: 'a4', key: 'tune', needs: ['a'] },
    { hash: 'b8', key: 'ptq', needs: ['b'] },
    { hash: 'b4', key: 'tune', needs: ['b', 'not in the plan'] },
  ];

  it('hands out no job whose sources are not made, and keeps keys where they are', () => {
    const plan = schedule(jobs);
    assert.deepEqual([plan.next(1), plan.next(2), plan.next(1)], [0, 1, undefined]);
    plan.done(0);
    assert.equal(plan.next(1), 2);
    // A key that no other worker has, before one that another has.
    assert.equal(plan.next(2), 3);
    plan.done(1);
    assert.deepEqual([plan.next(2), plan.next(1), plan.next(1)], [5, 4, undefined]);
    assert.equal(plan.left, 0);
  });

  it('drops what needs a failed job, directly or through others', () => {
    const plan = schedule([...jobs, { hash: 'a8x', key: 'more', needs: ['a8'] }]);
    assert.deepEqual([plan.next(1), plan.next(1)], [0, 1]);
    assert.equal(plan.failed(0), 3);
    assert.equal(plan.next(1), undefined);
    plan.done(1);
    assert.deepEqual([plan.next(1), plan.next(1), plan.next(1), plan.left], [4, 5, undefined, 0]);
  });

  it('hands out what has the smallest priority of what can be computed', () => {
    const plan = schedule([
      { hash: 'a', key: 'train', priority: 0 },
      { hash: 'b', key: 'train', priority: 1 },
      { hash: 'a8', key: 'ptq', needs: ['a'], priority: 0 },
    ]);
    assert.deepEqual([plan.next(1), plan.next(2)], [0, 1]);
    plan.done(0);
    assert.equal(plan.next(1), 2);
    const alone = schedule([
      { hash: 'b', key: 'train', priority: 1 },
      { hash: 'a', key: 'other', priority: 0 },
      { hash: 'c', key: 'train', priority: 1 },
    ]);
    assert.deepEqual([alone.next(1), alone.next(1), alone.next(1)], [1, 0, 2]);
  });
});
