/** A sweep of this project over workers of a queue, and the commands that look at it, with a real Redis. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { createProgram } from 'oabn/cli';
import {
  finetuneConfig,
  type Job,
  type Lab,
  openLab,
  pretrainConfig,
  ptqConfig,
  run,
  type RunConfig,
} from 'oabn/experiment';
import { custom } from 'oabn/custom';
import type { LimitFunction } from 'oabn/model';
import { openObjects, sharedRuns } from 'provable-runs/remote';
import { connectQueue, enqueue, runWorker, type WorkerOptions, type WorkerReport } from 'provable-runs/queue';
import { needs, redisProgram, type Server, startRedis } from '../../../runs/test/queue/servers.js';
import { until } from '../../../runs/test/queue/toySite.js';
import { openPaperLab } from '../../src/profiles/index.js';
import { commands } from '../../src/cli/index.js';
import { computeOnWorkers } from '../../src/cli/sweep/compute.js';
import { holdsFunctions, plan, programVersion, queueJobs } from '../../src/cli/sweep/jobs.js';

/** Writes an ImageNet of two classes in two colours. */
async function drawImages(folder: string): Promise<void> {
  for (const [split, count] of [['train', 16] as const, ['val', 2] as const]) {
    for (const [name, background] of Object.entries({ n01440764: 'red', n01443537: 'green' })) {
      await mkdir(join(folder, split, name), { recursive: true });
      for (let i = 0; i < count; i++) {
        const image = sharp({ create: { width: 40 + i, height: 40, channels: 3, background } });
        await writeFile(join(folder, split, name, `${i}.JPEG`), await image.jpeg().toBuffer());
      }
    }
  }
}

describe('a sweep on workers', function () {
  this.timeout(300_000);
  let redis: Server;
  let folder: string;
  let lab: Lab;
  let jobs: Job[];
  let images: string;

  before(async function () {
    needs(this, 'Redis is not installed (Debian: redis-server)', redisProgram);
    redis = await startRedis();
    folder = await mkdtemp(join(tmpdir(), 'oabn-sweep-'));
    const opening = { profile: 'smoke', runs: join(folder, 'runs'), shipped: false, notice: () => undefined };
    lab = await openPaperLab(opening);
    const network = pretrainConfig(lab, { threshold: 0.5, seed: 1 });
    // A function of somebody's own: its source travels in the configuration.
    const limit = custom<LimitFunction>('soft', (engine, ratio, s) =>
      engine.mul(engine.tanh(engine.div(ratio, s)), s),
    );
    const configs: RunConfig[] = [
      pretrainConfig(lab, { threshold: 0.5, seed: 1, oabn: { limit } }),
      network,
      ptqConfig(lab, { source: network, bits: 4 }),
      finetuneConfig(lab, { source: network, bits: 4, weights: 'uniform' }),
      pretrainConfig(lab, { threshold: Infinity, seed: 1 }),
    ];
    // On images that the workers do not have.
    images = join(folder, 'images');
    await drawImages(images);
    const photographs = await openPaperLab({ ...opening, dataset: 'imagenet', data: images });
    const onImages = pretrainConfig(photographs, { threshold: 0.5, seed: 1, training: { images: 32 } });
    jobs = [...configs.map((config) => ({ lab, config })), { lab: photographs, config: onImages }];
  });
  after(async () => {
    await redis?.stop();
    if (folder) await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });

  /** What a command prints on standard output. */
  const said = async (...args: string[]): Promise<string> => {
    const { write } = process.stdout;
    let text = '';
    process.stdout.write = (chunk: string | Uint8Array) => Boolean((text += String(chunk)));
    try {
      await createProgram(commands).parseAsync(args, { from: 'user' });
      return text;
    } finally {
      process.stdout.write = write;
    }
  };

  const worker = (more: Partial<WorkerOptions>): Promise<WorkerReport> =>
    runWorker({
      queue: redis.url,
      store: join(folder, 'store'),
      executor: new URL('../../src/cli/sweep/executor.ts', import.meta.url),
      cache: join(folder, 'cache'),
      version: programVersion(),
      holdsCode: holdsFunctions,
      environment: { OABN_BACKEND: lab.backend },
      notice: () => undefined,
      ...more,
    });

  it('computes what one machine computes, byte for byte', async () => {
    const stop = new AbortController();
    const [lines, notices]: [string[], string[]] = [[], []];
    const computed = computeOnWorkers(jobs, {
      queue: redis.url,
      store: join(folder, 'store'),
      say: (line) => lines.push(line),
    });
    // Who does not trust functions of others leaves that run to who does.
    const careful = worker({ stop: stop.signal, notice: (text) => notices.push(text) });
    await until('all others are done', async () => lines.some((line) => /^\[5\/6\]/.test(line)));
    await until('it leaves a run to others', async () => notices.some((each) => /^Left to other/.test(each)));
    assert.match(notices.join('\n'), /1 run with functions of their own, which run only with --trust/);
    stop.abort();
    const trusting = { trust: true, environment: { OABN_BACKEND: lab.backend, OABN_TRUST: '1' } };
    const [first, second] = await Promise.all([careful, worker({ ...trusting, untilEmpty: true }), computed]);
    assert.deepEqual([first.computed, second.computed], [jobs.length - 1, 1]);
    assert.match(lines.join('\n'), /\[6\/6\] .* so far\n6 runs were computed on the workers of redis:\/\//);
    // All of it is here now; what this machine computes by itself is the same.
    const alone = new Map<Lab, Lab>();
    for (const { lab: there, config } of jobs) {
      const here =
        alone.get(there) ??
        (await openLab({ ...there.opening, runs: join(folder, 'alone'), notice: () => undefined }));
      alone.set(there, here);
      const [theirs, ours] = [await run(there, config), await run(here, config)];
      assert.deepEqual([theirs.from, ours.from], ['store', 'computed']);
      assert.deepEqual(theirs.result, ours.result);
      const names = (await readdir(ours.folder)).filter((name) =>
        /^(network.*|metrics\.jsonl|config\.json)$/.test(name),
      );
      assert.ok(names.includes('config.json'));
      for (const name of names) {
        const [one, other] = [
          await readFile(join(theirs.folder, name)),
          await readFile(join(ours.folder, name)),
        ];
        assert.ok(one.equals(other), name);
      }
    }
  });

  it('fetches a dataset that the worker does not have from the store, all files of it, once', async () => {
    const [name] = (await readdir(join(folder, 'store', 'data'))).filter((each) => !/json$/.test(each));
    assert.match(name!, /^imagenet-[0-9a-f]{16}$/);
    const files = async (place: string): Promise<string[]> =>
      (await readdir(place, { recursive: true })).filter((each) => each.endsWith('.JPEG')).sort();
    const fetched = join(folder, 'cache', 'data', name!);
    const original = await files(images);
    assert.equal(original.length, 36);
    assert.deepEqual(await files(fetched), original);
    for (const each of original) {
      assert.ok((await readFile(join(fetched, each))).equals(await readFile(join(images, each))), each);
    }
  });

  it('ends with exit code 75 when its minutes are over and runs are left, and with 0 when none are', async () => {
    const queue = `${redis.url}?name=minutes`;
    const store = join(folder, 'other-store');
    const minutes = [
      'worker',
      '--queue',
      queue,
      '--store',
      store,
      '--cache',
      join(folder, 'cache'),
      '--minutes',
      '0.001',
    ];
    const codes: unknown[] = [];
    const connection = await connectQueue(queue);
    for (const planned of [[], queueJobs(jobs).slice(1, 2)]) {
      await enqueue(connection, sharedRuns(await openObjects(store)), planned, plan());
      await said(...minutes);
      codes.push(process.exitCode);
      process.exitCode = undefined;
    }
    await connection.close();
    assert.deepEqual(codes, [undefined, 75]);
    await assert.rejects(
      said(...minutes.slice(0, -1), '50000'),
      /--minutes must be a number above 0 and below 35000/,
    );
  });

  it('is queued again by its Slurm script, whose log says why, when its minutes are over and runs are left', async () => {
    const queue = `${redis.url}?name=slurm`;
    const store = join(folder, 'slurm-store');
    const connection = await connectQueue(queue);
    await enqueue(connection, sharedRuns(await openObjects(store)), queueJobs(jobs).slice(1, 2), plan());
    await connection.close();
    const tools = join(folder, 'slurm-tools');
    await mkdir(tools);
    await writeFile(join(tools, 'scontrol'), `#!/bin/sh\necho "$@" >>${tools}/said\n`, { mode: 0o755 });
    const env = {
      ...process.env,
      PATH: `${tools}:${process.env.PATH}`,
      STORE: store,
      QUEUE: queue,
      SLURM_ARRAY_JOB_ID: '17',
      SLURM_ARRAY_TASK_ID: '3',
      OABN_CACHE_DIR: join(folder, 'cache'),
    };
    const script = fileURLToPath(new URL('../../../runs/scripts/slurm/sweep.sbatch', import.meta.url));
    const task = async (more: NodeJS.ProcessEnv): Promise<{ code: number | null; log: string }> => {
      const child = spawn('bash', [script], { env: { ...env, ...more }, stdio: ['ignore', 'pipe', 'pipe'] });
      let log = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (log += text));
      const [code] = (await once(child, 'close')) as [number | null];
      return { code, log };
    };
    const command = fileURLToPath(new URL('../../../oabn/bin/oabn.js', import.meta.url));
    const worker = `${process.execPath} ${command} worker`;
    const unfinished = await task({ WORKER: worker, MINUTES: '0.0001' });
    assert.equal(unfinished.code, 75, unfinished.log);
    assert.match(unfinished.log, /0 runs computed, 0 failed, 0 given back, 1 left in the queue/);
    assert.match(unfinished.log, /exit code 75: runs are left, so this task is queued again/);
    assert.equal(await readFile(join(tools, 'said'), 'utf8'), 'requeue 17_3\n');
    for (const [command, code] of [
      ['true', 0],
      ['false', 1],
    ] as const) {
      const ended = await task({ WORKER: command });
      assert.deepEqual([ended.code, ended.log], [code, `The worker ended with exit code ${code}\n`]);
    }
    assert.equal(await readFile(join(tools, 'said'), 'utf8'), 'requeue 17_3\n', 'not queued again');
    // A task that comes back when the first one, whose Redis it used, is through.
    await writeFile(join(store, 'queue-address'), queue);
    await writeFile(join(store, 'queue-finished'), '17\n');
    const late = await task({ QUEUE: '', WORKER: 'false' });
    assert.deepEqual([late.code, late.log], [0, 'All runs of this sweep are computed\n']);
  });

  it('lists, shows, compares, exports and deletes runs, here and in the store', async () => {
    const store = join(folder, 'store');
    for (const place of [
      ['--runs', join(folder, 'runs')],
      ['--store', store],
    ]) {
      const list = await said('runs', 'list', ...place, '--where', 'kind=pretrain', 'oabn.threshold<1');
      assert.match(list, /train OABN s=0\.5 with decay of the kernels seed 1 +made +\d+\.\d\d% +done/);
      assert.equal(list.trim().split('\n').length, 5); // Two lines of heading, three runs.
      const csv = await said('runs', 'list', ...place, '--csv');
      assert.match(csv, /^hash,title,status,.*result\.accuracy/);
      assert.equal(csv.trim().split('\r\n').length, 1 + jobs.length);
      const [, first, , , second] = queueJobs(jobs);
      const shown = JSON.parse(await said('runs', 'show', first!.hash.slice(0, 8), ...place, '--json'));
      assert.equal(shown.status, 'done');
      assert.ok(shown.metrics.length > 0);
      const html = join(folder, 'curves.html');
      const compared = await said('runs', 'compare', first!.hash, second!.hash, ...place, '--html', html);
      assert.match(compared, /arch\.oabn\.threshold/);
      assert.doesNotMatch(compared, /training\.seed/);
      assert.match(await readFile(html, 'utf8'), /trainLoss/);
      const exported = join(folder, `exported${place[0]}`);
      await said('runs', 'export', exported, ...place, '--where', 'kind=ptq');
      assert.equal((await readdir(exported)).length, 1);
      await said('runs', 'rm', ...place, '--where', 'kind=ptq');
      assert.equal(JSON.parse(await said('runs', 'list', ...place, '--json')).length, jobs.length - 1);
    }
  });

  it('says what is in the queue', async () => {
    const text = await said('queue', 'status', '--queue', redis.url);
    assert.equal(text, 'The queue is empty.\n\nNo worker is there.\n');
  });

  it('asks for both places, and shows no password', async () => {
    await assert.rejects(
      said('reproduce', '--profile', 'smoke', '--queue', redis.url),
      /--queue needs --store/,
    );
    await assert.rejects(
      said('worker', '--queue', 'redis://:secret@127.0.0.1:1', '--store', folder),
      (error: Error) => {
        assert.match(error.message, /The queue redis:\/\/127\.0\.0\.1:1 cannot be used/);
        return !/secret/.test(error.message);
      },
    );
  });

  it('knows a configuration that holds a function', () => {
    const [own, network] = queueJobs(jobs);
    assert.equal(holdsFunctions(own!.config), true);
    assert.equal(holdsFunctions(network!.config), false);
    assert.equal(
      holdsFunctions({ ...(network!.config as object), regularizer: { name: 'mine', source: '() => 0' } }),
      true,
    );
    assert.equal(network!.requirements.data, undefined); // The made set is drawn anywhere.
  });
});
