import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configHash, UserError } from 'oabn-base';
import { queueJob } from '../../src/queue/job.js';
import { openStore, type RunContext, type Store } from '../../src/store/index.js';

describe('the configuration of a run', () => {
  let folder: string;
  let store: Store;
  const never = (): Promise<never> => Promise.reject(new Error('must not be executed'));

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oabn-config-'));
    store = openStore(folder, { notice: () => undefined });
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('is what it was at the request, whatever becomes of the object', async () => {
    const config = { rate: 0, nested: { list: [0] } };
    const asked = [1, 2, 3].map((rate) => {
      config.rate = rate;
      config.nested.list[0] = rate;
      return store.request(
        config,
        async (context) => 10 * context.config.rate + context.config.nested.list[0]!,
      );
    });
    const computed = await Promise.all(asked);
    assert.deepEqual(
      computed.map(({ result }) => result),
      [11, 22, 33],
    );
    for (const [i, { hash }] of computed.entries()) {
      const wanted = { rate: i + 1, nested: { list: [i + 1] } };
      assert.equal(hash, configHash(wanted));
      assert.deepEqual(JSON.parse(await readFile(join(folder, hash, 'config.json'), 'utf8')), wanted);
      const again = await store.request(wanted, never);
      assert.deepEqual([again.from, again.config], ['store', wanted]);
    }
  });

  it('cannot be changed by what it configures, at any depth, and the error says what to do', async () => {
    const config = { sizes: [3, 1, 2], nested: { rate: 1 } as { rate: number; more?: number } };
    const writes: ((given: typeof config) => unknown)[] = [
      ({ sizes }) => sizes.sort(),
      ({ sizes }) => sizes.push(4),
      ({ nested }) => (nested.rate = 2),
      ({ nested }) => (nested.more = 2),
      (given) => delete (given as Partial<typeof config>).sizes,
    ];
    for (const write of writes) {
      const work = store.request(config, (context) => Promise.resolve(write(context.config)));
      await assert.rejects(work, (error: Error) => {
        assert.ok(error instanceof TypeError && error.cause instanceof TypeError);
        assert.match(error.message, /frozen, because it names the run; change a copy \(structuredClone/);
        // Where it was written to.
        assert.match(error.stack!, /frozen, because[^]*configuration\.test\.ts/);
        return true;
      });
    }
    const { result } = await store.request(config, async (context) => {
      const own = structuredClone(context.config);
      return own.sizes.sort();
    });
    assert.deepEqual(result, [1, 2, 3]);
    // What the caller has stays the caller's to change.
    config.nested.rate = 5;
    assert.equal(config.nested.rate, 5);
  });

  it('leaves other errors of types as they are', async () => {
    const own = new TypeError('abacus.slide is not a function');
    await assert.rejects(
      store.request({ a: 1 }, () => Promise.reject(own)),
      (error) => error === own,
    );
    await assert.rejects(
      store.request({ a: 2 }, () => {
        throw own;
      }),
      (error) => error === own,
    );
  });

  it('is given and stored as it is hashed: 0 for -0, a text for a date, nothing for undefined', async () => {
    const config = { zero: -0, at: new Date(0), nothing: undefined, name: 'x' };
    let given: unknown;
    const { hash } = await store.request(
      config,
      async (context: RunContext<unknown>) => void (given = context.config),
    );
    assert.equal(hash, configHash(config));
    const plain = { zero: 0, at: '1970-01-01T00:00:00.000Z', name: 'x' };
    assert.deepEqual(given, plain);
    const again = await store.request(config, never);
    assert.deepEqual([again.from, again.config], ['store', plain]);
  });

  it('has no holes and no boxed values, which JSON shows otherwise than they are hashed', async () => {
    const holes: unknown[] = [1];
    holes[2] = 3;
    for (const [config, message] of [
      [
        { a: { list: holes } },
        /^\$\.a\.list\[1\] must be JSON, got a hole of an array; give it a value \(null, say\)$/,
      ],
      [{ list: new Array(1) }, /^\$\.list\[0\] must be JSON, got a hole/],
      [{ list: [{ toJSON: () => holes }] }, /^\$\.list\[0\]\[1\] must be JSON, got a hole/],
      [{ name: new String('ab') }, /^\$\.name must be JSON, got a String; give a plain string$/],
      [{ size: new Number(1) }, /^\$\.size must be JSON, got a Number/],
    ] as const) {
      for (const asked of [
        async () => await store.request<unknown>(config, never),
        async () => queueJob({ title: 'a run', config }),
      ]) {
        await assert.rejects(asked(), (error: Error) => {
          assert.ok(error instanceof UserError, error.stack);
          assert.match(error.message, message);
          return true;
        });
      }
    }
    assert.deepEqual(await store.list(), []);
  });

  it('is that of a job in the queue from the start', () => {
    const config = { rate: 1, nested: { rate: 1 } };
    const job = queueJob({ title: 'a run', config });
    config.nested.rate = 2;
    assert.deepEqual(job.config, { rate: 1, nested: { rate: 1 } });
    assert.equal(job.hash, configHash(job.config));
  });

  it('is compared with that of the run it starts from as it was at the request', async () => {
    const shipped = join(folder, 'shipped');
    const source = { kind: 'network', rate: 1 };
    const tuned = { kind: 'tuned' };
    const elsewhere = openStore(join(folder, 'elsewhere'), { notice: () => undefined });
    for (const [config, result] of [
      [source, 'first'],
      [tuned, 'of first'],
    ] as const) {
      await elsewhere.request(config, async () => result);
      await elsewhere.export(configHash(config), shipped);
    }
    const here = openStore(join(folder, 'here'), { shipped, notice: () => undefined });
    await here.request(source, async () => 'another', { needs: () => [] });
    const startsFrom = { ...source };
    const asked = here.request(tuned, async () => 'of another', { startsFrom });
    startsFrom.rate = 2;
    assert.equal((await asked).result, 'of another');
  });
});
