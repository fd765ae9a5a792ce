/** A sweep of this project over workers of a queue, and the commands that look at it, with a real Redis. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProgram } from 'oabn/cli';
import {
  finetuneConfig,
  type Job,
  type Lab,
  pretrainConfig,
  ptqConfig,
  run,
  type RunConfig,
} from 'oabn/experiment';
import { runWorker } from 'provable-runs/queue';
import { needs, redisProgram, type Server, startRedis } from '../../../runs/test/queue/servers.js';
import { openPaperLab } from '../../src/profiles/index.js';
import { commands } from '../../src/cli/index.js';
import { computeOnWorkers } from '../../src/cli/sweep/compute.js';
import { holdsFunctions, programVersion, queueJobs } from '../../src/cli/sweep/jobs.js';

describe('a sweep on workers', function () {
  this.timeout(300_000);
  let redis: Server;
  let folder: string;
  let lab: Lab;
  let jobs: Job[];

  before(async function () {
    needs(this, 'Redis is not installed (Debian: redis-server)', redisProgram);
    redis = await startRedis();
    folder = await mkdtemp(join(tmpdir(), 'oabn-sweep-'));
    lab = await openPaperLab({
      profile: 'smoke',
      runs: join(folder, 'runs'),
      shipped: false,
      notice: () => undefined,
    });
    const network = pretrainConfig(lab, { threshold: 0.5, seed: 1 });
    const configs: RunConfig[] = [
      network,
      ptqConfig(lab, { source: network, bits: 4 }),
      finetuneConfig(lab, { source: network, bits: 4, weights: 'uniform' }),
      pretrainConfig(lab, { threshold: Infinity, seed: 1 }),
    ];
    jobs = configs.map((config) => ({ lab, config }));
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

  it('computes what one machine computes, byte for byte', async () => {
    const stop = new AbortController();
    const store = join(folder, 'store');
    const worker = runWorker({
      queue: redis.url,
      store,
      executor: new URL('../../src/cli/sweep/executor.ts', import.meta.url),
      cache: join(folder, 'cache'),
      version: programVersion(),
      holdsCode: holdsFunctions,
      environment: { OABN_BACKEND: lab.backend },
      stop: stop.signal,
      notice: () => undefined,
    });
    const lines: string[] = [];
    await computeOnWorkers(jobs, { queue: redis.url, store, say: (line) => lines.push(line) });
    stop.abort();
    assert.equal((await worker).computed, jobs.length);
    assert.match(lines.join('\n'), /\[4\/4\] .* so far\n4 runs were computed on the workers of redis:\/\//);
    // All of it is here now; what this machine computes by itself is the same.
    const alone = await openPaperLab({
      profile: 'smoke',
      runs: join(folder, 'alone'),
      shipped: false,
      notice: () => undefined,
    });
    for (const { config } of jobs) {
      const [there, here] = [await run(lab, config), await run(alone, config)];
      assert.deepEqual([there.from, here.from], ['store', 'computed']);
      assert.deepEqual(there.result, here.result);
      const names = (await readdir(here.folder)).filter((name) =>
        /^(network.*|metrics\.jsonl|config\.json)$/.test(name),
      );
      assert.ok(names.includes('config.json'));
      for (const name of names) {
        const [one, other] = [
          await readFile(join(there.folder, name)),
          await readFile(join(here.folder, name)),
        ];
        assert.ok(one.equals(other), name);
      }
    }
  });

  it('lists, shows, compares, exports and deletes runs, here and in the store', async () => {
    const store = join(folder, 'store');
    for (const place of [
      ['--runs', join(folder, 'runs')],
      ['--store', store],
    ]) {
      const list = await said('runs', 'list', ...place, '--where', 'kind=pretrain', 'oabn.threshold<1');
      assert.match(list, /train OABN s=0\.5 seed 1 +done/);
      assert.equal(list.trim().split('\n').length, 3);
      const csv = await said('runs', 'list', ...place, '--csv');
      assert.match(csv, /^hash,title,status,.*result\.accuracy/);
      assert.equal(csv.trim().split('\r\n').length, 5);
      const all = JSON.parse(await said('runs', 'list', ...place, '--json')) as {
        hash: string;
        kind: string;
      }[];
      const [first, second] = all.filter(({ kind }) => kind === 'pretrain');
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
      assert.equal(JSON.parse(await said('runs', 'list', ...place, '--json')).length, 3);
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
    const [network] = queueJobs(jobs);
    assert.equal(holdsFunctions(network!.config), false);
    assert.equal(
      holdsFunctions({ ...(network!.config as object), regularizer: { name: 'mine', source: '() => 0' } }),
      true,
    );
    assert.equal(network!.requirements.data, undefined); // The made set is drawn anywhere.
  });
});
