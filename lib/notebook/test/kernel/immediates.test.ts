/** Immediates as Node has them, in an order of their own making. */
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { installImmediates } from '../../src/kernel/runtime/immediates.js';

describe('kernel: immediates', () => {
  const { setImmediate: nodes, clearImmediate: clearNodes } = globalThis;
  afterEach(() => void Object.assign(globalThis, { setImmediate: nodes, clearImmediate: clearNodes }));

  /** What happens, in its order, with Node's functions or ours. */
  const happening = async (ours: boolean): Promise<unknown[]> => {
    if (ours) installImmediates();
    const seen: unknown[] = [];
    const store = new AsyncLocalStorage<string>();
    store.run('kept', () =>
      setImmediate((...args: unknown[]) => seen.push([...args, store.getStore()]), 1, 2),
    );
    setImmediate(() => {
      seen.push('first');
      void Promise.resolve()
        .then(() => undefined)
        .then(() => {
          seen.push('promise');
          process.nextTick(() => seen.push('tick after the promise'));
        });
      process.nextTick(() => seen.push('tick'));
      setImmediate(() => seen.push('next turn'));
      clearImmediate(late);
    });
    const late = setImmediate(() => seen.push('cleared'));
    setImmediate(() => seen.push('last'));
    const timer = setTimeout(() => seen.push('timer'));
    clearImmediate(undefined);
    seen.push([late.hasRef(), late.unref().hasRef(), late.ref() === late]);
    await sleep(20);
    clearTimeout(timer);
    seen.push(await promisify(setImmediate)('value'));
    try {
      setImmediate(undefined as never);
    } catch (error) {
      seen.push((error as { code: string }).code);
    }
    globalThis.setImmediate = nodes;
    return seen.filter((each) => each !== 'timer');
  };

  it('run in the order of Node’s, with their arguments and what is kept for them', async () => {
    const expected = await happening(false);
    assert.deepEqual(await happening(true), expected);
    assert.deepEqual(expected[1], [1, 2, 'kept']);
    assert.equal(expected.at(-1), 'ERR_INVALID_ARG_TYPE');
  });

  it('let timers and input through between two turns', async () => {
    installImmediates();
    let [turns, ended] = [0, false];
    const spin = (): void => {
      turns++;
      if (!ended) setImmediate(spin);
    };
    spin();
    await sleep(20);
    ended = true;
    assert.ok(turns > 3, `${turns}`);
  });
});
