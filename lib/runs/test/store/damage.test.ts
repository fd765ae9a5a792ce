/** Files of the store that changed behind its back: the same bits as an undisturbed run, or a clear error. */
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalJson, configHash, random, sha256, UserError } from 'oabn-base';
import { openStore, type RunContext, type Store } from '../../src/store/index.js';
import { newWatch, tryLock } from '../../src/store/lock.js';
import { type ToyConfig, toyRun } from './storeToy.js';

const config: ToyConfig = { toy: 'a', steps: 10, size: 50, every: 2 };
const hash = configHash(config);

interface Result {
  readonly digest: string;
  readonly rows: readonly unknown[];
  readonly network: string;
}

/** A run that ends with a file, as training does, and whose result says what its metrics were. */
async function withNetwork(context: RunContext<ToyConfig>): Promise<Result> {
  const rows: unknown[] = [...(context.resumed?.metrics ?? [])];
  const logMetrics: typeof context.logMetrics = (row) => {
    rows.push(row);
    return context.logMetrics(row);
  };
  const { digest } = await toyRun({ ...context, logMetrics });
  await writeFile(join(context.folder, 'network.bin'), digest.repeat(20));
  return { digest, rows, network: 'network.bin' };
}

const needs = ({ network }: Result): readonly string[] => [network];

describe('damage in the run store', () => {
  let folder: string;
  let store: Store;
  let notices: string[];
  const file = (name: string): string => join(folder, 'runs', hash, name);
  const ask = () => store.request(config, withNetwork, { needs });
  const stopAfter = async (steps: number): Promise<void> => {
    const stopped = store.request(config, async (context) => {
      await withNetwork({ ...context, config: { ...context.config, steps } });
      throw new Error('stopped');
    });
    await assert.rejects(stopped, /stopped/);
  };
  const flipBit = async (path: string, bit: number): Promise<void> => {
    const bytes = await readFile(path);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    await writeFile(path, bytes);
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oabn-damage-'));
    notices = [];
    store = openStore(join(folder, 'runs'), { notice: (message) => notices.push(message) });
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('of a finished run’s network: it is made again from the last checkpoint, to the same bits', async () => {
    const { result } = await ask();
    const bytes = await readFile(file('network.bin'));
    for (const damage of [
      () => rm(file('network.bin')),
      () => flipBit(file('network.bin'), 777),
      () => writeFile(file('network.bin'), ''),
    ]) {
      await damage();
      assert.equal((await store.request(config, withNetwork)).from, 'store', 'the numbers are as they were');
      let begun: number | undefined;
      const again = await store.request(
        config,
        (context) => {
          begun = context.resumed?.step;
          return withNetwork(context);
        },
        { needs },
      );
      assert.deepEqual([again.from, again.result, begun], ['computed', result, 10]);
      assert.deepEqual(await readFile(file('network.bin')), bytes);
      assert.equal((await ask()).from, 'store');
    }
    assert.match(notices.join('\n'), /network\.bin is not there\. It is made[^]*is damaged: its checksum is/);
  });

  it('of a finished run’s metrics: they are not handed out', async () => {
    await ask();
    const text = await readFile(file('metrics.jsonl'), 'utf8');
    await writeFile(file('metrics.jsonl'), text.replace('"step":4,', '"step":5,'));
    await assert.rejects(store.metrics(hash), (error: unknown) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, /metrics\.jsonl is damaged.*Remove the run/);
      return true;
    });
  });

  it('of the metrics that a checkpoint stands on: the one before is used, or none', async () => {
    const { result } = await ask();
    await store.remove(hash);
    await stopAfter(9);
    await cp(join(folder, 'runs'), join(folder, 'begun'), { recursive: true });
    const lines = (await readFile(file('metrics.jsonl'), 'utf8')).split('\n');
    for (const row of [0, 3, 6, 7, 8]) {
      for (const change of [
        (line: string) => line.replace(/\d(?=}$)/, (digit) => String((Number(digit) + 1) % 10)),
        (line: string) => line.replace('"step"', '"stop"'),
        () => '',
      ]) {
        await rm(join(folder, 'runs'), { recursive: true });
        await cp(join(folder, 'begun'), join(folder, 'runs'), { recursive: true });
        await writeFile(
          file('metrics.jsonl'),
          lines.map((line, i) => (i === row ? change(line) : line)).join('\n'),
        );
        let begun: number | undefined;
        const run = await store.request(config, (context) => {
          begun = context.resumed?.step;
          return withNetwork(context);
        });
        // Checkpoints are there after steps 6 and 8, and know of rows 0 … 5 and 0 … 7.
        assert.equal(begun, row < 6 ? undefined : row < 8 ? 6 : 8);
        assert.deepEqual(run.result, result);
      }
    }
  });

  it('of any bit in a checkpoint’s header: the one before is used', async () => {
    const { result } = await ask();
    await store.remove(hash);
    await stopAfter(9);
    await cp(join(folder, 'runs'), join(folder, 'begun'), { recursive: true });
    const header = (await readFile(file('checkpoint-8.safetensors'))).readUInt32LE(0);
    const stream = random(1, 'bits');
    for (let i = 0; i < 60; i++) {
      await rm(join(folder, 'runs'), { recursive: true });
      await cp(join(folder, 'begun'), join(folder, 'runs'), { recursive: true });
      await flipBit(file('checkpoint-8.safetensors'), stream.integer(8 * (8 + header)));
      assert.deepEqual((await ask()).result, result);
    }
    assert.ok(notices.filter((each) => each.includes('Set aside')).length >= 55, 'padding alone may change');
  });

  it('of the lock: a lock that says no owner counts as held for two minutes, then as stale', async () => {
    for (const text of ['null', '0', '[]', '{}', '"x"', '{"pid":"1"}', '{"pid":1,"nonce":"../x"}']) {
      await writeFile(join(folder, 'lock'), text);
      let now = 0;
      const watch = newWatch(() => now);
      assert.equal((await tryLock(join(folder, 'lock'), watch)).kind, 'held', text);
      now = 121;
      const attempt = await tryLock(join(folder, 'lock'), watch);
      assert.ok(attempt.kind === 'locked', text);
      await attempt.lock.release();
    }
  });

  it('of all else: JSON of another kind is as good as none', async () => {
    const { result } = await ask();
    await store.remove(hash);
    for (const text of ['null', '3', '[]', '{}', '"x"', '{"event":{}}', '{"startedAt":7,"sessions":"x"}']) {
      await stopAfter(5);
      for (const name of ['config', 'provenance', 'error', 'progress', 'result']) {
        await writeFile(file(`${name}.json`), text);
      }
      assert.equal((await store.list()).length, 1);
      const run = await ask();
      assert.deepEqual(run.result, result, text);
      assert.ok(
        Number.isInteger(run.provenance.sessions) && !Number.isNaN(Date.parse(run.provenance.startedAt)),
      );
      await store.remove(hash);
    }
  });

  it('of a finished run’s leftovers: what cannot be cleared up does not keep the lock', async () => {
    await ask();
    const attempt = await tryLock(file('lock'));
    assert.ok(attempt.kind === 'locked');
    const { owner, release } = attempt.lock;
    await release();
    // As a killed process leaves it, and a folder where only a file can be deleted.
    await writeFile(file('lock'), JSON.stringify({ ...owner, pid: 2 ** 23 }));
    await mkdir(file('.network.bin.tmp'));
    await assert.rejects(ask(), /\.network\.bin\.tmp/);
    assert.ok(!(await readdir(file('.'))).includes('lock'));
    assert.equal((await ask()).from, 'store');
  });

  it('cannot be seen in runs of earlier versions, which are used as they are', async () => {
    const { result } = await ask();
    const content = JSON.parse(await readFile(file('result.json'), 'utf8')) as Record<string, unknown>;
    const { checksum: _, files, ...old } = content;
    assert.deepEqual(Object.keys(files as object), ['metrics.jsonl', 'network.bin']);
    await writeFile(file('result.json'), JSON.stringify({ ...old, checksum: sha256(canonicalJson(old)) }));
    const run = await ask();
    assert.deepEqual([run.from, run.result], ['store', result]);
    await rm(file('network.bin'));
    assert.deepEqual([(await ask()).from, (await store.metrics(hash)).length], ['computed', 10]);
  });
});
