/**
 * What the queue costs, on a real Redis, with runs that sleep instead of compute.
 *
 *     node --conditions=oabn-source --import tsx lib/runs/bench/queue.ts [--runs 10000] [--seconds 2]
 *
 * - overhead: seconds of one worker per run that does nothing, beside the same runs in the local store of one process;
 * - efficiency at 1, 2, 4, 8 workers: the time that the sleeping takes by itself ÷ the time that it took;
 * - many tiny runs from end to end, with this process's memory at a tenth of the way and at the end.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { configHash, tableText } from 'oabn-base';
import { computeInQueue, connectQueue, type QueueJob, runWorker } from '../src/queue/index.js';
import { openObjects, sharedRuns } from '../src/remote/index.js';
import { openStore } from '../src/store/index.js';
import { redisProgram, startRedis } from '../test/queue/servers.js';

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '10000' }, seconds: { type: 'string', default: '2' } },
});
const plan = { version: 'bench', holdsCode: () => false };

function sleeping(name: string, count: number, milliseconds: number): QueueJob[] {
  return Array.from({ length: count }, (_, i) => {
    const config = { kind: 'sleep', name, i, milliseconds };
    return {
      hash: configHash(config),
      title: `${name} ${i}`,
      config,
      needs: [],
      requirements: {},
      affinity: [],
    };
  });
}

/** Seconds that the queue takes for `jobs` with so many workers, which are there already and have done one run each. */
async function secondsInQueue(
  jobs: readonly QueueJob[],
  workers: number,
  onDone?: (done: number) => void,
): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'runs-bench-'));
  const queue = `${redis.url}?name=bench${Date.now()}`;
  const connection = await connectQueue(queue);
  const shared = sharedRuns(await openObjects(join(folder, 'store')));
  const stop = new AbortController();
  const executor = new URL('sleepExecutor.ts', import.meta.url);
  const common = { queue, store: join(folder, 'store'), executor, version: plan.version, stop: stop.signal };
  const running = Array.from({ length: workers }, (_, i) =>
    runWorker({ ...common, cache: join(folder, `cache${i}`), notice: () => undefined }),
  );
  try {
    await computeInQueue(connection, shared, sleeping('warm-up', 3 * workers, 1500), plan);
    const began = performance.now();
    await computeInQueue(connection, shared, jobs, plan, {
      ...(onDone && { onDone: (_, done) => onDone(done) }),
    });
    return (performance.now() - began) / 1000;
  } finally {
    stop.abort();
    await Promise.all(running);
    await connection.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function secondsInLocalStore(jobs: readonly QueueJob[]): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'runs-bench-'));
  const store = openStore(folder);
  const began = performance.now();
  for (const { config } of jobs) await store.request(config, async () => null);
  const seconds = (performance.now() - began) / 1000;
  await rm(folder, { recursive: true, force: true });
  return seconds;
}

if (!redisProgram) throw new Error('Redis is not installed (Debian: redis-server)');
const redis = await startRedis();
try {
  const tiny = sleeping('tiny', 200, 0);
  const [queue, local] = [await secondsInQueue(tiny, 1), await secondsInLocalStore(tiny)];
  const perRun = (seconds: number): string => `${((1000 * seconds) / tiny.length).toFixed(1)} ms`;
  process.stdout.write(
    `a run that does nothing: ${perRun(queue)} in the queue, ${perRun(local)} in the local store, overhead ${perRun(queue - local)}\n\n`,
  );

  const rows = [];
  for (const workers of [1, 2, 4, 8]) {
    const each = 8;
    const ideal = each * Number(values.seconds);
    const seconds = await secondsInQueue(
      sleeping(`at ${workers}`, each * workers, 1000 * Number(values.seconds)),
      workers,
    );
    rows.push({
      workers,
      runs: each * workers,
      ideal,
      seconds,
      efficiency: `${((100 * ideal) / seconds).toFixed(1)}%`,
    });
  }
  process.stdout.write(`${tableText(rows)}\n\n`);

  const many = Number(values.runs);
  const memory: number[] = [];
  const mebibytes = (): number => Math.round(process.memoryUsage().rss / 2 ** 20);
  const seconds = await secondsInQueue(sleeping('many', many, 0), 4, (done) => {
    if (done === Math.ceil(many / 10) || done === many) memory.push(mebibytes());
  });
  process.stdout.write(
    `${many} runs that do nothing, 4 workers: ${seconds.toFixed(1)} s, ${((1000 * seconds) / many).toFixed(1)} ms a run; ` +
      `planner and workers, in one process, ${memory.join(' → ')} MiB\n`,
  );
} finally {
  await redis.stop();
}
