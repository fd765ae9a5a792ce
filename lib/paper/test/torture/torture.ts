/**
 * Torture: what can happen to files, disks, clocks and processes happens, drawn from a seed, and one sentence must hold:
 *
 *     the same bits as an undisturbed run, or a clear error; never a wrong number, a hang, a leftover.
 *
 * A scenario answers which of the two it was, and throws where it was neither. Each is a pure function of the random
 * numbers that it is given, but for the moments at which processes are killed.
 */
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { configHash, decodeSafetensors, type Random, random, UserError } from 'oabn-base';
import { normalizeConfig, type RunConfig } from 'oabn/experiment';
import { openStore, type RunContext } from 'provable-runs';
import { exportHtml } from 'tslab-kernel/html';
import { parseNotebook } from 'tslab-kernel/run';
import { mutateBytes, mutateJson } from '../../../base/test/mutate.js';
import { corpusFile } from '../../../base/test/safetensorsCorpus.js';
import { oabn, start } from '../../../oabn/test/cli/run.js';
import { type ToyConfig, toyRun } from '../../../runs/test/store/storeToy.js';

export type Outcome = 'same' | 'refused';

export interface Scenario {
  readonly name: string;
  /** Whether it starts processes, and takes seconds; such come round less often. */
  readonly heavy?: boolean;
  readonly run: (stream: Random, folder: string) => Promise<Outcome>;
}

/** `refused` where `work` throws what a user can act on; anything else is a defect. */
async function orRefused(work: () => unknown): Promise<Outcome> {
  try {
    await work();
    return 'same';
  } catch (error) {
    if (error instanceof UserError) return 'refused';
    throw error;
  }
}

const pick = <T>(stream: Random, items: readonly T[]): T => items[stream.integer(items.length)]!;

const toy: ToyConfig = { toy: 'torture', steps: 12, size: 40, every: 3 };

/** The toy with a file at its end, as training has it. */
async function toyWithFile(context: RunContext<ToyConfig>): Promise<{ digest: string; file: string }> {
  const { digest } = await toyRun(context);
  await writeFile(join(context.folder, 'network.bin'), digest.repeat(4));
  return { digest, file: 'network.bin' };
}

const needs = ({ file }: { file: string }): readonly string[] => [file];

/** A store with the toy begun or done, and what its result must be. */
async function toyStore(folder: string, stopAt?: number) {
  const notices: string[] = [];
  const store = openStore(folder, { notice: (message) => notices.push(message) });
  const request = () => store.request(toy, toyWithFile, { needs });
  if (stopAt === undefined) await request();
  else {
    const stopped = store.request(toy, async (context) => {
      await toyRun({ ...context, config: { ...toy, steps: stopAt } });
      throw new Error('stopped');
    });
    await assert.rejects(stopped, /stopped/);
  }
  return { store, request, notices, run: join(folder, configHash(toy)) };
}

let toyDigest: string | undefined;
async function expectedDigest(folder: string): Promise<string> {
  toyDigest ??= (await (await toyStore(join(folder, 'undisturbed'))).request()).result.digest;
  return toyDigest;
}

async function nothingLeft(folder: string): Promise<void> {
  const left = (await readdir(folder, { recursive: true })).filter((name) => /\.tmp$|(^|\/)lock$/.test(name));
  assert.deepEqual(left, []);
}

const damagedStore: Scenario = {
  name: 'a file of a run changed: bits, cuts, JSON of another kind, or gone',
  async run(stream, folder) {
    const expected = await expectedDigest(folder);
    const stopAt = stream.uniform() < 0.5 ? undefined : 1 + stream.integer(11);
    const { store, request, run } = await toyStore(join(folder, 'runs'), stopAt);
    const name = pick(stream, (await readdir(run)).sort());
    const path = join(run, name);
    const bytes = await readFile(path);
    const way = stream.integer(4);
    if (way === 0) await rm(path);
    else if (way === 1 && name.endsWith('.json')) {
      const changed: unknown = mutateJson(JSON.parse(bytes.toString()), stream);
      await writeFile(path, JSON.stringify(changed) ?? '');
    } else await writeFile(path, mutateBytes(bytes, stream));
    const outcome = await orRefused(async () => {
      await store.list();
      const { result } = await request();
      assert.equal(result.digest, expected);
      assert.equal(await readFile(join(run, result.file), 'utf8'), expected.repeat(4));
    });
    await nothingLeft(join(folder, 'runs'));
    return outcome;
  },
};

const jumpingClock: Scenario = {
  name: 'the clock jumps while a run goes',
  async run(stream, folder) {
    const expected = await expectedDigest(folder);
    const realNow = Date.now;
    const store = openStore(join(folder, 'runs'));
    try {
      const { result } = await store.request(toy, (context) =>
        toyWithFile({
          ...context,
          logMetrics: (row) => {
            const jump = (stream.uniform() - 0.5) * 1e12;
            Date.now = () => realNow() + jump;
            return context.logMetrics(row);
          },
        }),
      );
      assert.equal(result.digest, expected);
    } finally {
      Date.now = realNow;
    }
    await nothingLeft(join(folder, 'runs'));
    return 'same';
  },
};

const manyAtOnce: Scenario = {
  name: 'several ask for one run at once',
  async run(stream, folder) {
    const expected = await expectedDigest(folder);
    let executed = 0;
    const answers = await Promise.all(
      Array.from({ length: 2 + stream.integer(3) }, () =>
        openStore(join(folder, 'runs'), { notice: () => undefined }).request(toy, (context) => {
          executed++;
          return toyWithFile(context);
        }),
      ),
    );
    assert.equal(executed, 1);
    for (const { result } of answers) assert.equal(result.digest, expected);
    await nothingLeft(join(folder, 'runs'));
    return 'same';
  },
};

const readers: Scenario = {
  name: 'changed inputs of every reader: safetensors, notebooks and their pages, configurations',
  async run(stream) {
    switch (stream.integer(3)) {
      case 0:
        return await orRefused(() => decodeSafetensors(corpusFile(stream.integer(2 ** 31))));
      case 1: {
        const origin: unknown = JSON.parse(await readFile('lib/notebook/test/fixtures/tour.ipynb', 'utf8'));
        const text = JSON.stringify(mutateJson(origin, stream)) ?? '';
        return await orRefused(() => exportHtml(parseNotebook(text)));
      }
      default: {
        const names = (await readdir('data/results/runs')).filter((name) => name.endsWith('.json'));
        const file = await readFile(join('data/results/runs', pick(stream, names)), 'utf8');
        const { config } = JSON.parse(file) as { config: unknown };
        return await orRefused(() => configHash(normalizeConfig(mutateJson(config, stream) as RunConfig)));
      }
    }
  },
};

const training = ['train', '--profile', 'smoke', '--data', 'made', '--epochs', '6', '--json'];
const trainIn = (runs: string): string[] => [...training, '--runs', runs];

let undisturbed: Buffer | undefined;
async function networkOf(runs: string): Promise<Buffer> {
  const [hash] = (await readdir(runs)).filter((name) => /^[0-9a-f]{16}$/.test(name));
  return await readFile(join(runs, hash!, 'network.safetensors'));
}

const killedTraining: Scenario = {
  name: 'training killed at random moments, by random signals',
  heavy: true,
  async run(stream, folder) {
    if (!undisturbed) {
      const { code, stderr } = await oabn(trainIn(join(folder, 'undisturbed')));
      assert.equal(code, 0, stderr);
      undisturbed = await networkOf(join(folder, 'undisturbed'));
    }
    const runs = join(folder, 'runs');
    for (let kills = 1 + stream.integer(3); kills > 0; kills--) {
      const child = start(trainIn(runs));
      const ended = new Promise((resolve) => child.once('close', resolve));
      await Promise.race([ended, sleep(500 + stream.integer(8000))]);
      child.kill(pick(stream, ['SIGKILL', 'SIGKILL', 'SIGTERM', 'SIGHUP']));
      await ended;
    }
    const { code, stderr } = await oabn(trainIn(runs));
    assert.equal(code, 0, stderr);
    assert.ok((await networkOf(runs)).equals(undisturbed), 'the network differs');
    await nothingLeft(runs);
    return 'same';
  },
};

export const scenarios: readonly Scenario[] = [
  damagedStore,
  readers,
  jumpingClock,
  manyAtOnce,
  killedTraining,
];

export interface Counts {
  readonly [scenario: string]: { same: number; refused: number };
}

export interface TortureOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly say?: (line: string) => void;
}

/** Scenarios until the time is over. @throws at the first that breaks the sentence, with its seed and number */
export async function torture({ seed, seconds, say = () => undefined }: TortureOptions): Promise<Counts> {
  const began = performance.now();
  const counts: Record<string, { same: number; refused: number }> = {};
  const spent = (): number => (performance.now() - began) / 1000;
  for (let index = 0; spent() < seconds; index++) {
    const stream = random(seed, 'torture', index);
    // Of a minute, no part is left for what takes as long; of an hour, half.
    const chosen = scenarios.filter(
      ({ heavy }) => heavy === (seconds > 300 && index % 200 === 199 ? true : undefined),
    );
    const { name, run } = pick(stream, chosen);
    const folder = await mkdtemp(join(tmpdir(), 'torture-'));
    try {
      await mkdir(folder, { recursive: true });
      // Two minutes without an end are a hang.
      const outcome = await Promise.race([
        run(stream, folder),
        sleep(240_000, undefined, { ref: false }).then(() => assert.fail('it hangs')),
      ]);
      (counts[name] ??= { same: 0, refused: 0 })[outcome]++;
    } catch (error) {
      await cp(folder, `${folder}-kept`, { recursive: true });
      throw new Error(`seed ${seed}, number ${index} («${name}»), kept in ${folder}-kept`, { cause: error });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    if (index % 500 === 499) say(`${index + 1} scenarios in ${spent().toFixed(0)} s`);
  }
  return counts;
}
