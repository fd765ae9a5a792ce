/**
 * The store's promise, put to the test: processes that work on a run are killed with SIGKILL, at random
 * moments from outside and at chosen file operations from inside; what is in the store must always be whole,
 * and the run must end with the bytes of an uninterrupted one. OABN_STORE_KILLS makes it longer (default 10
 * random moments).
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { configHash, random } from 'oabn-base';
import { openStore } from '../../src/store/index.js';
import type { ChildOptions } from './storeChild.js';
import { buildToyProgram } from './toyProgram.js';
import { type ToyConfig, type ToyResult, toyRun } from './storeToy.js';

const kills = Number(process.env.OABN_STORE_KILLS ?? 10);
/** Shown when a test fails, so that it can be repeated. */
const seed = Number(process.env.OABN_STORE_SEED ?? 2402);

interface Answer {
  readonly from?: string;
  readonly result?: ToyResult;
  readonly operations?: string[];
  readonly notices?: string[];
  readonly error?: string;
}

interface Child {
  readonly process: ChildProcess;
  /** Resolves when the child says so, or has ended. */
  readonly ready: Promise<void>;
  readonly executing: Promise<void>;
  /** What it answered; undefined if it was killed. */
  readonly answer: Promise<Answer | undefined>;
}

let program: string;

/** The step of the last checkpoint that these file operations put in place. */
function savedStep(operations: string[]): number {
  const steps = operations.map((operation) => Number(/^rename \.checkpoint-(\d+)/.exec(operation)?.[1] ?? 0));
  return Math.max(0, ...steps);
}

function start(options: ChildOptions): Child {
  const child = spawn(process.execPath, [program, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  const ended = once(child, 'close');
  const said = (word: string): Promise<void> =>
    new Promise((resolve) => {
      reader.on('line', (line) => line === word && resolve());
      void ended.then(() => resolve());
    });
  reader.on('line', (line) => lines.push(line));
  return {
    process: child,
    ready: said('ready'),
    executing: said('executing'),
    answer: ended.then(() => {
      const last = lines.at(-1);
      return last?.startsWith('{') ? (JSON.parse(last) as Answer) : undefined;
    }),
  };
}

describe(`the run store under kill -9 (OABN_STORE_SEED=${seed})`, function () {
  this.timeout(300_000 + kills * 5000);
  const rng = random(seed);
  let folder: string;
  let programFolder: string;

  before(async () => {
    programFolder = await mkdtemp(join(tmpdir(), 'oabn-kill-program-'));
    program = await buildToyProgram(programFolder);
  });
  after(() => rm(programFolder, { recursive: true, force: true }));
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oabn-kill-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /**
   * What an uninterrupted run leaves: result, metrics and checkpoint, byte for byte, but for the time it
   * took.
   */
  async function remains(root: string, config: ToyConfig): Promise<unknown> {
    const store = openStore(root, { notice: (message) => assert.fail(message) });
    const hash = configHash(config);
    const { result, status } = await store.find(hash);
    const checkpoint = await store.checkpoint(hash);
    const { wallSeconds, cpuSeconds, ...saved } = checkpoint!;
    assert.ok(wallSeconds >= 0);
    assert.ok(cpuSeconds! > 0);
    return {
      status,
      result,
      metrics: await readFile(join(root, hash, 'metrics.jsonl'), 'utf8'),
      checkpoint: saved,
    };
  }

  async function uninterrupted(config: ToyConfig): Promise<unknown> {
    const root = join(folder, 'uninterrupted');
    await openStore(root).request(config, (context) => toyRun(context));
    return remains(root, config);
  }

  /**
   * That nothing in the store is damaged, and nothing that once lasted is lost; returns the last checkpoint's
   * step.
   */
  async function soundStep(root: string, config: ToyConfig, atLeast: number): Promise<number> {
    const store = openStore(root, { notice: (message) => assert.fail(message) });
    const hash = configHash(config);
    const checkpoint = await store.checkpoint(hash);
    const step = checkpoint?.step ?? 0;
    assert.ok(step >= atLeast, `the last checkpoint was of step ${atLeast} and is now of step ${step}`);
    const metrics = await store.metrics(hash);
    assert.deepEqual(
      metrics.slice(0, step).map((row) => row.step),
      Array.from({ length: step }, (_, i) => i + 1),
    );
    return step;
  }

  it('loses nothing when killed at random moments', async () => {
    const config = { toy: 'random moments', steps: 40, size: 100_000, every: 2 };
    const expected = await uninterrupted(config);
    const root = join(folder, 'killed');
    let step = 0;
    let killed = 0;
    for (; killed < kills; killed++) {
      const child = start({ folder: root, config, milliseconds: 1 });
      await child.ready;
      await sleep(rng.uniform() * 100);
      child.process.kill('SIGKILL');
      const answer = await child.answer;
      if (answer) {
        // It was faster than the kill: begin again, to kill the next.
        assert.equal(answer.error, undefined);
        assert.deepEqual(await remains(root, config), expected);
        await rm(root, { recursive: true });
        step = 0;
      } else step = await soundStep(root, config, step);
    }
    const answer = await start({ folder: root, config }).answer;
    assert.deepEqual(answer?.notices, []);
    assert.deepEqual(await remains(root, config), expected);
  });

  it('loses nothing when killed at each kind of change to a file, half-way through writes included', async () => {
    const config = { toy: 'file operations', steps: 12, size: 100, every: 3 };
    const expected = await uninterrupted(config);
    const { operations = [] } = (await start({ folder: join(folder, 'observed'), config }).answer)!;
    const kinds = new Map<string, number[]>();
    operations.forEach((operation, i) => {
      // A kill before reading, opening or synchronising leaves what a kill after the change before it does.
      if (/^(read|stat|open|sync|fsync|close)/.test(operation)) return;
      const kind = operation.replace(/[0-9a-f]{8,}|\d+/g, '#');
      kinds.set(kind, [...(kinds.get(kind) ?? []), i + 1]);
    });
    for (const kind of [
      'writeFile .checkpoint-#.safetensors.#.#.tmp',
      'rename .result.json.#.#.tmp',
      'writeSync metrics.jsonl',
    ]) {
      assert.ok(kinds.has(kind), `${kind} is not among ${[...kinds.keys()].join(', ')}`);
    }
    for (const [kind, moments] of kinds) {
      const root = await mkdtemp(join(folder, 'killed-'));
      const crashAt = moments[rng.integer(moments.length)]!;
      const context = `killed at ${kind}, operation ${crashAt}`;
      assert.equal(await start({ folder: root, config, crashAt }).answer, undefined, context);
      // The second life is killed too, early in its resumption.
      const before = await soundStep(root, config, savedStep(operations.slice(0, crashAt - 1)));
      const second = await start({ folder: root, config, crashAt: 1 + rng.integer(60) }).answer;
      if (!second) await soundStep(root, config, before);
      const notices: string[] = [];
      await openStore(root, { notice: (message) => notices.push(message) }).request(config, (c) => toyRun(c));
      assert.deepEqual(notices, [], context);
      assert.deepEqual(await remains(root, config), expected, context);
      const left = (await readdir(root, { recursive: true })).filter((name) => /\.tmp$|lock/.test(name));
      assert.deepEqual(left, [], context);
    }
  });

  it('executes a run once when four processes ask for it', async () => {
    const config = { toy: 'four', steps: 20, size: 1000, every: 5 };
    await mkdir(join(folder, 'four'));
    const options = {
      folder: join(folder, 'four'),
      config,
      milliseconds: 10,
      busyFile: join(folder, 'busy'),
    };
    const answers = await Promise.all([1, 2, 3, 4].map(() => start(options).answer));
    assert.deepEqual(answers.map((answer) => answer?.from).sort(), ['computed', 'store', 'store', 'store']);
    assert.equal(new Set(answers.map((answer) => answer?.result?.digest)).size, 1);
    const executions = await readFile(join(folder, 'four', 'executions'), 'utf8');
    assert.equal(executions.trim().split('\n').length, 1);
  });

  it('goes on in one of the waiting processes when the one at work is killed', async () => {
    const config = { toy: 'heirs', steps: 300, size: 1000, every: 5 };
    const expected = await uninterrupted(config);
    const root = join(folder, 'heirs');
    await mkdir(root);
    const busyFile = join(folder, 'busy');
    // At this pace a life lasts a quarter of a minute, so none ends before its death.
    const hurry = join(folder, 'hurry');
    const options = { folder: root, config, milliseconds: 50, busyFile, hurry };
    const children = [1, 2, 3, 4].map(() => start(options));
    await Promise.all(children.map(({ ready }) => ready));
    for (let deaths = 0; deaths < 2; deaths++) {
      // The busy file names who is at work; made exclusively, it makes a second at work fail.
      let pid: number | undefined;
      while (!pid) {
        await sleep(5);
        pid = Number(await readFile(busyFile, 'utf8').catch(() => '')) || undefined;
      }
      await sleep(200 + rng.uniform() * 400);
      const atWork = children.find((child) => child.process.pid === pid)!;
      await rm(busyFile);
      atWork.process.kill('SIGKILL');
      assert.equal(await atWork.answer, undefined);
    }
    await writeFile(hurry, '');
    const answers = (await Promise.all(children.map(({ answer }) => answer))).filter(Boolean);
    assert.deepEqual(answers.map((answer) => answer?.error ?? answer?.from).sort(), ['computed', 'store']);
    assert.equal((await readFile(join(root, 'executions'), 'utf8')).trim().split('\n').length, 3);
    assert.deepEqual(await remains(root, config), expected);
  });
});
