import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { configHash, type ProgressEvent, UserError } from 'oabn-base';
import { openStore, type RunContext, type Store, type StoredRun } from '../../src/store/index.js';
import { command } from '../../src/store/provenance.js';
import { type ToyConfig, toyRun } from './storeToy.js';

const config: ToyConfig = { toy: 'a', steps: 10, size: 50, every: 2 };
const hash = configHash(config);
const never = (): Promise<never> => Promise.reject(new Error('must not be executed'));

/** Runs the toy until it has taken `steps` steps, then fails. */
const failingAfter =
  (steps: number) =>
  async (context: RunContext<ToyConfig>): Promise<never> => {
    await toyRun({ ...context, config: { ...context.config, steps } });
    throw new Error('the machine caught fire');
  };

async function flipByte(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[at < 0 ? bytes.length + at : at]! ^= 1;
  await writeFile(path, bytes);
}

/** A request that has begun to execute, so that any other has to wait for it. */
async function begun<Result>(
  store: Store,
  execute: (context: RunContext<ToyConfig>) => Promise<Result>,
): Promise<{ done: Promise<StoredRun<Result, ToyConfig>> }> {
  let started = (): void => undefined;
  const executing = new Promise<void>((resolve) => (started = resolve));
  const done = store.request(config, (context) => {
    started();
    return execute(context);
  });
  await executing;
  return { done };
}

describe('the run store', () => {
  let folder: string;
  let store: Store;
  let notices: string[];
  const notice = (message: string): void => void notices.push(message);
  const file = (name: string): string => join(folder, hash, name);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oabn-store-'));
    notices = [];
    store = openStore(folder, { notice, versions: { abacus: '1.2.3' } });
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  describe('request', () => {
    it('computes a run once and then answers from the store, whatever the order of the keys', async () => {
      const first = await store.request(config, (context) => toyRun(context));
      assert.equal(first.from, 'computed');
      assert.equal(first.hash, hash);
      const { toy, ...rest } = config;
      const again = await store.request({ ...rest, toy }, never);
      assert.deepEqual(again, { ...first, from: 'store' });
    });

    it('keeps configuration, metrics, the last checkpoint, result and provenance, and nothing else', async () => {
      await store.request(config, (context) => toyRun(context));
      assert.deepEqual((await readdir(join(folder, hash))).sort(), [
        'checkpoint-10.safetensors',
        'config.json',
        'metrics.jsonl',
        'provenance.json',
        'result.json',
      ]);
      assert.deepEqual(
        (await store.metrics(hash)).map(({ step }) => step),
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
      );
      const checkpoint = await store.checkpoint(hash);
      assert.equal(checkpoint?.step, 10);
      assert.equal(checkpoint?.metadata.note, 'after 10');
    });

    it('says where the result comes from', async () => {
      const { provenance } = await store.request(
        { ...config, seed: 7 },
        async (context) => {
          context.addProvenance({ device: 'abacus' });
          return toyRun(context);
        },
        { provenance: { dataset: { name: 'beads', checksum: 'abc' }, backend: 'hands' } },
      );
      assert.equal(provenance.seed, 7);
      assert.deepEqual(provenance.dataset, { name: 'beads', checksum: 'abc' });
      assert.equal(provenance.backend, 'hands');
      assert.equal(provenance.device, 'abacus');
      assert.equal(provenance.versions.node, process.versions.node);
      assert.equal(provenance.versions.abacus, '1.2.3');
      assert.ok(provenance.machine.cores >= 1);
      assert.equal(provenance.sessions, 1);
      assert.ok(provenance.wallSeconds! >= 0);
      assert.ok(provenance.cpuSeconds! > 0);
      assert.ok(provenance.finishedAt! >= provenance.startedAt);
    });

    it('resumes a run that failed from its last checkpoint, to the same result and metrics', async () => {
      await assert.rejects(store.request(config, failingAfter(7)), /caught fire/);
      const error = JSON.parse(await readFile(file('error.json'), 'utf8')) as Record<string, unknown>;
      assert.equal(error.message, 'the machine caught fire');
      assert.equal(error.lastCheckpoint, 'checkpoint-6.safetensors');
      assert.equal((await store.find(hash)).status, 'failed');

      let resumed: RunContext['resumed'];
      const { result, provenance } = await store.request(config, (context) => {
        ({ resumed } = context);
        return toyRun(context);
      });
      assert.equal(resumed?.step, 6);
      assert.deepEqual(resumed?.metadata, { note: 'after 6' });
      assert.deepEqual(
        resumed?.metrics.map(({ step }) => step),
        [1, 2, 3, 4, 5, 6],
      );
      assert.equal(provenance.sessions, 2);
      const other = openStore(join(folder, 'other'), { notice });
      const uninterrupted = await other.request(config, (context) => toyRun(context));
      assert.deepEqual(result, uninterrupted.result);
      assert.deepEqual(await store.metrics(hash), await other.metrics(hash));
      assert.ok(!(await readdir(join(folder, hash))).includes('error.json'));
    });

    it('keeps the last two checkpoints while the run goes on', async () => {
      await assert.rejects(store.request(config, failingAfter(9)));
      const names = (await readdir(join(folder, hash))).filter((name) => name.startsWith('checkpoint'));
      assert.deepEqual(names.sort(), ['checkpoint-6.safetensors', 'checkpoint-8.safetensors']);
    });

    it('saves tensors as they were at the call, and one checkpoint after the other', async () => {
      const data = Float32Array.of(1);
      await store.request(config, async (context) => {
        const first = context.saveCheckpoint(1, { x: { shape: [1], data } });
        data[0] = 2;
        const second = context.saveCheckpoint(2, { x: { shape: [1], data } });
        data[0] = 3;
        await Promise.all([first, second]);
        const saved = await store.checkpoint(hash);
        assert.deepEqual([saved?.step, saved?.tensors.x?.data[0]], [2, 2]);
        return null;
      });
    });

    it('stops at the signal without calling it a failure, and goes on when asked again', async () => {
      const stop = new AbortController();
      const work = store.request(
        config,
        async (context) => {
          await toyRun({ ...context, config: { ...context.config, steps: 4 } });
          stop.abort(new Error('enough for today'));
          return toyRun(context);
        },
        { signal: stop.signal },
      );
      await assert.rejects(work, /enough for today/);
      const entry = await store.find(hash);
      assert.deepEqual([entry.status, entry.step], ['interrupted', 4]);
      assert.equal((await store.request(config, (context) => toyRun(context))).from, 'computed');
    });

    it('refuses a result that JSON cannot hold, naming the place', async () => {
      await assert.rejects(
        store.request(config, () => Promise.resolve({ accuracy: Number.NaN })),
        /result\.accuracy must be a finite number, got NaN/,
      );
      assert.equal((await store.find(hash)).status, 'failed');
    });

    it('returns a fresh result as the store will return it', async () => {
      const { result } = await store.request(config, () =>
        Promise.resolve({ at: new Date(0), gap: undefined }),
      );
      assert.deepEqual(result, { at: '1970-01-01T00:00:00.000Z' });
      assert.deepEqual((await store.request(config, never)).result, result);
    });

    it('logs numbers that JSON lacks as words, and refuses rows without a step', async () => {
      await store.request(config, async (context) => {
        await context.logMetrics({ step: 1, loss: Number.NaN, best: -Infinity });
        await assert.rejects(
          context.logMetrics({ step: 1.5 }),
          /needs its step, a whole number ≥ 0, got 1.5/,
        );
        return null;
      });
      assert.deepEqual(await store.metrics(hash), [{ step: 1, loss: 'NaN', best: '-Infinity' }]);
    });

    it('waits for the same run in the same process, and shows its progress', async () => {
      const events: ProgressEvent[] = [];
      const { done } = await begun(store, (context) =>
        toyRun(context, () => (events.some(({ total }) => total === 10) ? 0 : 300)),
      );
      const second = await store.request(config, never, { progress: (event) => events.push(event) });
      assert.deepEqual(second, { ...(await done), from: 'store' });
      assert.ok(
        events.some(({ task, total }) => task === `toy (in process ${process.pid})` && total === 10),
        JSON.stringify(events),
      );
      assert.match(notices.join(), /waiting for its result/);
    });

    it('shows the metrics of a run that reports no progress', async () => {
      const events: ProgressEvent[] = [];
      const { done } = await begun(store, async (context) => {
        await toyRun({ ...context, progress: () => undefined }, () =>
          events.at(-1)?.fields?.first === undefined ? 300 : 0,
        );
      });
      await store.request(config, never, { progress: (event) => events.push(event) });
      await done;
      assert.ok(events.every(({ task }) => task === `waiting for process ${process.pid}`));
      assert.equal(typeof events.at(-1)?.fields?.first, 'number');
    });

    it('with noWait says who computes the run', async () => {
      let asked = false;
      const { done } = await begun(store, (context) => toyRun(context, () => (asked ? 0 : 300)));
      await assert.rejects(store.request(config, never, { noWait: true }), (error: Error) => {
        assert.ok(error instanceof UserError);
        assert.match(error.message, new RegExp(`process ${process.pid} on .* since \\d{4}-`));
        return true;
      });
      assert.equal((await store.list())[0]?.status, 'running');
      await assert.rejects(store.remove(hash), /being computed by process/);
      asked = true;
      await done;
    });

    it('stops waiting at the signal', async () => {
      const stop = new AbortController();
      const { done } = await begun(store, (context) =>
        toyRun(context, () => (stop.signal.aborted ? 0 : 300)),
      );
      const progress = (): void => stop.abort(new Error('no patience'));
      await assert.rejects(store.request(config, never, { signal: stop.signal, progress }), /no patience/);
      await done;
    });

    it('passes a failure on to those who waited, instead of failing once more in each', async () => {
      const { done } = await begun(store, async (context) => {
        await toyRun(context, () => (notices.length < 2 ? 300 : 0));
        throw new Error('the machine caught fire');
      });
      const outcomes = await Promise.allSettled([
        done,
        store.request(config, never),
        store.request(config, never),
      ]);
      const [first, ...waiters] = outcomes.map(
        (outcome) => ((outcome as PromiseRejectedResult).reason as Error).message,
      );
      assert.equal(first, 'the machine caught fire');
      for (const message of waiters)
        assert.match(message, /failed in process \d+ on .*: the machine caught fire/);
    });
  });

  describe('what a run writes', () => {
    const state = { x: { data: Float32Array.of(1), shape: [1] } };
    const stepOfResumed = async (): Promise<number | undefined> => {
      const { result } = await store.request(config, async ({ resumed }) => resumed?.step ?? null);
      return result ?? undefined;
    };

    it('may be the same object for each row of metrics', async () => {
      const row = { step: 0, loss: 0 };
      const failed = store.request(config, async ({ logMetrics, saveCheckpoint }) => {
        for (row.step = 1; row.step <= 4; row.step++) {
          row.loss = 1 / row.step;
          await logMetrics(row);
          await saveCheckpoint(row.step, state);
        }
        throw new Error('the machine caught fire');
      });
      await assert.rejects(failed, /caught fire/);
      assert.equal(await stepOfResumed(), 4);
      assert.deepEqual(notices, []);
    });

    it('may be a row of metrics after the checkpoint of its step', async () => {
      const failed = store.request(config, async ({ logMetrics, saveCheckpoint }) => {
        for (const step of [1, 2, 3]) {
          await logMetrics({ step, loss: 1 / step });
          await saveCheckpoint(step, state);
          await logMetrics({ step, accuracy: step / 4 });
        }
        throw new Error('the machine caught fire');
      });
      await assert.rejects(failed, /caught fire/);
      assert.equal(await stepOfResumed(), 3);
      assert.equal((await store.metrics(hash)).length, 6);
      assert.deepEqual(notices, []);
    });

    it('is refused when the run is over', async () => {
      let late: RunContext | undefined;
      await store.request(config, async (context) => {
        late = context;
        return 1;
      });
      // A file that is opened now gets the number that the metrics had.
      const other = await open(join(folder, 'other'), 'w');
      try {
        await assert.rejects(late!.logMetrics({ step: 5 }), /over: a row of step 5 comes too late/);
        assert.throws(() => late!.saveCheckpoint(5, state), /over: the checkpoint of step 5 comes too late/);
        assert.equal((await other.stat()).size, 0);
      } finally {
        await other.close();
      }
    });
  });

  describe('with damaged files', () => {
    it('goes back to the checkpoint before a damaged one, and says so', async () => {
      const { result } = await openStore(join(folder, 'other')).request(config, (context) => toyRun(context));
      for (const [steps, at] of [
        [9, -1],
        [9, 40],
      ] as const) {
        await assert.rejects(store.request(config, failingAfter(steps)));
        await flipByte(file('checkpoint-8.safetensors'), at);
        let step: number | undefined;
        const run = await store.request(config, (context) => {
          step = context.resumed?.step;
          assert.equal(context.resumed?.metrics.length, 6);
          return toyRun(context);
        });
        assert.equal(step, 6);
        assert.deepEqual(run.result, result);
        assert.match(
          notices.at(-1)!,
          /checkpoint-8\.safetensors is .*Set aside as checkpoint-8\.safetensors\.damaged/,
        );
        await store.remove(hash);
      }
    });

    it('keeps a checkpoint that the disk does not read for the moment', async function () {
      if (process.platform !== 'linux') this.skip();
      await assert.rejects(store.request(config, failingAfter(9)));
      await rename(file('checkpoint-8.safetensors'), join(folder, 'kept'));
      await symlink('/proc/self/mem', file('checkpoint-8.safetensors')); // reading it is an EIO
      await assert.rejects(
        store.request(config, never),
        (error) => error instanceof UserError && /checkpoint-8\.safetensors \(EIO\)/.test(error.message),
      );
      await rename(join(folder, 'kept'), file('checkpoint-8.safetensors'));
      let resumed: RunContext['resumed'];
      await store.request(config, (context) => {
        ({ resumed } = context);
        return toyRun(context);
      });
      assert.deepEqual([resumed?.step, resumed?.metrics.length], [8, 8]);
    });

    it('starts again when no checkpoint is whole', async () => {
      await assert.rejects(store.request(config, failingAfter(5)));
      await flipByte(file('checkpoint-2.safetensors'), -1);
      await writeFile(file('checkpoint-4.safetensors'), 'short');
      const { result } = await store.request(config, (context) => {
        assert.equal(context.resumed, undefined);
        return toyRun(context);
      });
      assert.equal(result.digest.length, 64);
      assert.equal((await store.metrics(hash)).length, 10);
      assert.equal(notices.length, 2);
    });

    it('drops a metrics line that was cut short, and lines that are no rows', async () => {
      await assert.rejects(store.request(config, failingAfter(7)));
      await appendFile(file('metrics.jsonl'), '\u0000\u0000\n{"step":6,"fir');
      const { result } = await store.request(config, (context) => {
        assert.equal(context.resumed?.metrics.length, 6);
        return toyRun(context);
      });
      assert.ok(result);
      const lines = (await readFile(file('metrics.jsonl'), 'utf8')).split('\n');
      assert.deepEqual(
        lines.slice(0, -1).map((line) => (JSON.parse(line) as { step: number }).step),
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
      );
    });

    it('counts a damaged result as unfinished, and makes it again from the last checkpoint', async () => {
      const { result } = await store.request(config, (context) => toyRun(context));
      for (const damage of [
        async () =>
          writeFile(
            file('result.json'),
            (await readFile(file('result.json'), 'utf8')).replace('digest', 'digits'),
          ),
        () => writeFile(file('result.json'), '{"format":'),
      ]) {
        await damage();
        assert.equal((await store.find(hash)).status, 'interrupted');
        const again = await store.request(config, (context) => {
          assert.equal(context.resumed?.step, 10);
          return toyRun(context);
        });
        assert.deepEqual([again.from, again.result], ['computed', result]);
      }
      assert.match(notices.join('\n'), /does not agree with its checksum.*unfinished[^]*is not JSON/);
    });

    it('refuses to hand out a damaged checkpoint of a finished run', async () => {
      await store.request(config, (context) => toyRun(context));
      await flipByte(file('checkpoint-10.safetensors'), -1);
      await assert.rejects(store.checkpoint(hash), /is damaged: its checksum is/);
    });
  });

  describe('when the disk refuses', () => {
    it('names the path when a part of it is a file', async () => {
      await writeFile(join(folder, 'file'), '');
      const work = openStore(join(folder, 'file', 'runs')).request(config, never);
      await assert.rejects(work, (error: Error) => {
        assert.ok(error instanceof UserError);
        assert.match(error.message, /Cannot use .*file.*\(ENOTDIR\).*OABN_RUNS_DIR/);
        return true;
      });
    });

    const child = (name: string, ...command: string[]) =>
      spawnSync(
        command[0]!,
        [
          ...command.slice(1),
          process.execPath,
          '--conditions=oabn-source',
          '--import',
          'tsx',
          script,
          options(name),
        ],
        {
          encoding: 'utf8',
        },
      );
    const script = resolve('lib/runs/test/store/storeChild.ts');
    const options = (name: string): string =>
      JSON.stringify({ folder: join(folder, name), config: { ...config, size: 50_000 } });

    it('says that a folder is read-only, and still answers from it', async function () {
      if (process.platform === 'win32') this.skip();
      // Root may write anywhere, unless it gives that capability up.
      const asAnyone =
        process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-dac_override', '--inh-caps=-all'] : ['env'];
      if (spawnSync(asAnyone[0]!, [...asAnyone.slice(1), 'true']).status !== 0) this.skip();
      await mkdir(join(folder, 'closed'));
      const done = await openStore(join(folder, 'closed')).request({ ...config, size: 50_000 }, (c) =>
        toyRun(c),
      );
      await chmod(join(folder, 'closed', done.hash), 0o555);
      assert.match(child('closed', ...asAnyone).stdout, /"from":"store"/);
      await chmod(join(folder, 'closed', done.hash), 0o755);
      await rm(join(folder, 'closed', done.hash), { recursive: true });
      await chmod(join(folder, 'closed'), 0o555);
      const { stdout } = child('closed', ...asAnyone);
      assert.match(stdout, /Cannot use .*closed.*\(EACCES\): it is not allowed.*"name":"UserError"/);
      await chmod(join(folder, 'closed'), 0o755);
    });

    it('keeps the last whole checkpoint when a file may not grow further', async function () {
      if (process.platform === 'win32') this.skip();
      // The toy's checkpoint has 200 kB; the limit is 100 kB, in blocks of 1024 bytes.
      const { stdout } = child('small', 'bash', '-c', 'ulimit -f 100; exec "$@"', 'bash');
      assert.match(stdout, /Cannot use .*checkpoint-2\.safetensors \(EFBIG\).*"name":"UserError"/);
      const [entry] = await openStore(join(folder, 'small')).list();
      assert.deepEqual([entry?.status, entry?.step], ['failed', undefined]);
      const { result } = await openStore(join(folder, 'small')).request({ ...config, size: 50_000 }, (c) =>
        toyRun(c),
      );
      assert.equal(result.digest.length, 64);
      assert.deepEqual(
        (await readdir(entry!.folder)).filter((name) => name.endsWith('.tmp')),
        [],
      );
    });
  });

  describe('as a list', () => {
    it('lists runs in the order of their start and finds them by the begin of their hash', async () => {
      assert.deepEqual(await store.list(), []);
      const configs = ['x', 'y', 'z'].map((toy) => ({ ...config, toy, steps: 2 }));
      for (const each of configs) await store.request(each, (context) => toyRun(context));
      const runs = await store.list();
      assert.deepEqual(
        runs.map((run) => run.config),
        configs,
      );
      assert.ok(runs.every(({ status, from }) => status === 'done' && from === 'store'));
      const one = runs[1]!;
      assert.deepEqual(await store.find(one.hash.slice(0, 10)), one);
      await assert.rejects(store.find('no'), /No run in .* begins with no/);
      await assert.rejects(store.find(''), /3 runs begin with .*give more digits/);
    });

    it('lists more runs than files may be open', async function () {
      if (process.platform === 'win32') this.skip();
      this.timeout(60_000);
      for (let i = 0; i < 1000; i++) {
        const run = join(folder, i.toString(16).padStart(16, '0'));
        await mkdir(run);
        for (const name of ['config.json', 'result.json']) await writeFile(join(run, name), '{}');
      }
      const list = `
        const { openStore } = await import(${JSON.stringify(new URL('../../src/store/index.ts', import.meta.url).href)});
        const runs = await openStore(${JSON.stringify(folder)}, { notice: () => undefined }).list();
        process.stdout.write(String(runs.length));`;
      const node = [process.execPath, '--conditions=oabn-source', '--import', 'tsx', '--input-type=module'];
      const few = ['-c', 'ulimit -n 256; exec "$@"', 'bash'];
      const { stdout, stderr } = spawnSync('bash', [...few, ...node, '--eval', list], { encoding: 'utf8' });
      assert.equal(stdout, '1000', stderr);
    });

    it('removes a run', async () => {
      await store.request(config, (context) => toyRun(context));
      await store.remove(hash);
      assert.deepEqual(await readdir(folder), []);
      await assert.rejects(store.remove(hash), /There is no run/);
    });
  });

  describe('with shipped results', () => {
    it('exports a result, and answers from it where the run is not in the store', async () => {
      const shipped = join(folder, 'shipped');
      const made = await store.request(config, (context) => toyRun(context));
      assert.equal(await store.export(hash, shipped), join(shipped, `${hash}.json`));

      const reader = openStore(join(folder, 'reader'), { shipped, notice });
      const found = await reader.request(config, never);
      assert.equal(found.from, 'shipped');
      assert.deepEqual([found.result, found.provenance], [made.result, made.provenance]);
      assert.deepEqual(
        (await reader.list()).map(({ from, status }) => [from, status]),
        [['shipped', 'done']],
      );
      assert.equal((await reader.find(hash.slice(0, 6))).from, 'shipped');
      await assert.rejects(stat(reader.folder), /ENOENT/);

      const computed = await reader.request(config, (context) => toyRun(context), { needs: () => [] });
      assert.deepEqual([computed.from, computed.result], ['computed', made.result]);
      assert.equal((await reader.request(config, never)).from, 'store');
      assert.equal((await reader.list()).length, 1);
    });

    it('does not use one of a run whose start was made again and came out differently', async () => {
      const shipped = join(folder, 'shipped');
      const [network, quantized] = [
        { kind: 'toy', network: 1 },
        { kind: 'toy', quantized: 1 },
      ];
      for (const each of [network, quantized]) {
        await store.request(each, () => Promise.resolve({ accuracy: 0.6 }));
        await store.export(configHash(each), shipped);
      }
      const reader = openStore(join(folder, 'reader'), { shipped, notice });
      const requested = async (from: unknown): Promise<unknown> =>
        (await reader.request(quantized, never, { startsFrom: from })).from;
      assert.equal(await requested(network), 'shipped');
      const remade = async (accuracy: number): Promise<void> => {
        await reader.request(network, () => Promise.resolve({ accuracy }), { needs: () => [] });
      };
      await remade(0.6);
      assert.equal(await requested(network), 'shipped');
      await reader.remove(configHash(network));
      await remade(0.5);
      assert.equal(await requested(undefined), 'shipped');
      const computed = await reader.request(quantized, () => Promise.resolve({ accuracy: 0.4 }), {
        startsFrom: network,
      });
      assert.deepEqual([computed.from, computed.result], ['computed', { accuracy: 0.4 }]);
    });

    it('does not use a shipped result that was changed, and says so', async () => {
      const shipped = join(folder, 'shipped');
      await store.request(config, (context) => toyRun(context));
      const path = await store.export(hash, shipped);
      await writeFile(path, (await readFile(path, 'utf8')).replace('"last": 0', '"last": 1'));
      const reader = openStore(join(folder, 'reader'), { shipped, notice });
      assert.equal((await reader.request(config, (context) => toyRun(context))).from, 'computed');
      assert.match(
        notices.join(),
        /is damaged: its content does not agree with its checksum\. It is not used/,
      );
    });

    it('exports finished runs only', async () => {
      await assert.rejects(store.request(config, failingAfter(3)));
      await assert.rejects(store.export(hash, folder), /is not finished/);
    });
  });
});

describe('the command in the provenance', () => {
  it('shows paths relative to the working directory', () => {
    const argv = [
      '/usr/bin/node',
      '/opt/bin/oabn',
      'train',
      '--data',
      resolve('data/x'),
      `--out=${resolve('y z')}`,
    ];
    assert.equal(command(argv), 'oabn train --data data/x --out="y z"');
    const secret = [
      'node',
      'oabn',
      '--queue',
      'rediss://me:secret@host:1/2',
      '--queue=redis://:secret@host',
      's3://b/a@b',
    ];
    assert.equal(command(secret), 'oabn --queue rediss://host:1/2 --queue=redis://host s3://b/a@b');
  });
});
