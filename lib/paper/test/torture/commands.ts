/**
 * Scenarios of whole commands: killed at their writes and at any moment, several at once, on damaged stores
 * and small disks.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { canonicalJson, type Random } from 'oabn-base';
import { mutateBytes } from '../../../base/test/mutate.js';
import { binary } from '../../../oabn/test/cli/run.js';
import { buildPreload } from '../../../runs/test/store/toyProgram.js';
import { needsMounts, onOwnDisk } from './disk.js';
import { allEnded, nothingLeft, type Outcome, pick, type Scenario, temporaryIn } from './scenario.js';
import { only } from './toy.js';

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const preload = only(async () =>
  pathToFileURL(
    await buildPreload('lib/paper/test/torture/dieAt.ts', await mkdtemp(join(tmpdir(), 'torture-preload-'))),
  ).toString(),
);

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Starts the command with `folder` for what is temporary. */
async function start(args: readonly string[], folder: string, env: NodeJS.ProcessEnv = {}): Promise<Started> {
  await mkdir(temporaryIn(folder), { recursive: true });
  const child = spawn(process.execPath, [binary, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      OABN_BACKEND: 'wasm',
      OABN_THREADS: '1',
      OABN_DATA_DIR: '',
      JUPYTER_KERNEL_HISTORY: '0',
      TMPDIR: temporaryIn(folder),
      ...env,
    },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const ended = new Promise<Ended>((end) =>
    child.on('close', (code, signal) => end({ code, signal, stdout, stderr })),
  );
  return { child, ended };
}

/** 0, or 2 with a message for the user. */
function outcomeOf({ code, signal, stderr }: Ended): Outcome {
  if (code === 0) return 'same';
  assert.equal(code, 2, `${signal}: ${stderr}`);
  assert.match(stderr, /^oabn: .+/m);
  assert.doesNotMatch(stderr, /^\s+at .+:\d+:\d+/m, 'a stack trace');
  return 'refused';
}

async function endsWell(args: readonly string[], folder: string): Promise<void> {
  const ended = await (await start(args, folder)).ended;
  assert.equal(ended.code, 0, ended.stderr);
  await allEnded(temporaryIn(folder));
  assert.deepEqual(await readdir(temporaryIn(folder)), [], 'temporary files');
}

/** What a store holds, but for when and how long: hash → result, and the bytes of networks. */
async function contents(runs: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const hash of (await readdir(runs)).filter((name) => /^[0-9a-f]{16}$/.test(name)).sort()) {
    const { result } = JSON.parse(await readFile(join(runs, hash, 'result.json'), 'utf8')) as {
      result: object;
    };
    found.set(hash, canonicalJson(withoutTimes(result)));
    for (const name of (await readdir(join(runs, hash))).filter((each) => each === 'network.safetensors'))
      found.set(`${hash}/${name}`, await readFile(join(runs, hash, name), 'base64'));
  }
  return found;
}

/** Times are measured, and never the same. */
function withoutTimes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutTimes);
  if (value === null || typeof value !== 'object') return value;
  const members = Object.entries(value).filter(([name]) => !/seconds|milliseconds/i.test(name));
  return Object.fromEntries(members.map(([name, member]) => [name, withoutTimes(member)]));
}

async function sameStore(runs: string, expected: ReadonlyMap<string, string>): Promise<void> {
  const found = await contents(runs);
  assert.deepEqual([...found.keys()], [...expected.keys()]);
  for (const [name, value] of expected) assert.ok(found.get(name) === value, `${name} differs`);
  await nothingLeft(runs);
}

/** A command whose runs are stored in `runs`. */
interface Stored {
  readonly name: string;
  readonly args: (runs: string) => Promise<string[]>;
  /**
   * What an undisturbed one leaves, how many changes to files it makes, and the milliseconds that it takes.
   */
  readonly undisturbed: () => Promise<{
    readonly contents: ReadonlyMap<string, string>;
    readonly changes: number;
    readonly milliseconds: number;
  }>;
}

const made = ['--profile', 'smoke', '--data', 'made', '--json'];

function stored(name: string, args: (runs: string) => Promise<string[]>): Stored {
  return {
    name,
    args,
    undisturbed: only(async () => {
      const folder = await mkdtemp(join(tmpdir(), 'torture-undisturbed-'));
      const [runs, count] = [join(folder, 'runs'), join(folder, 'count')];
      const env = {
        NODE_OPTIONS: `--import=${await preload()}`,
        TORTURE_FOLDER: folder,
        TORTURE_COUNT: count,
      };
      const began = performance.now();
      const ended = await (await start(await args(runs), folder, env)).ended;
      assert.equal(ended.code, 0, ended.stderr);
      const milliseconds = performance.now() - began;
      const changes = Number(await readFile(count, 'utf8'));
      return { contents: await contents(runs), changes, milliseconds };
    }),
  };
}

const train = stored('train', (runs) => Promise.resolve(['train', ...made, '--epochs', '6', '--runs', runs]));

/** A merged network of the smoke profile. */
const merged = only(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'torture-merged-'));
  const [network, path] = [join(folder, 'network.safetensors'), join(folder, 'merged.safetensors')];
  await endsWell(['train', ...made, '--runs', join(folder, 'runs'), '-o', network], folder);
  await endsWell(['merge', network, '-o', path], folder);
  return path;
});

const finetune = stored('finetune', async (runs) => {
  const scheme = ['--bits', '4', '--method', 'cluster', '--epochs', '4'];
  return ['finetune', await merged(), ...made, ...scheme, '--runs', runs];
});

const reproduce = stored('reproduce', (runs) => {
  const report = join(runs, '..', 'report');
  const args = ['--profile', 'smoke', '--data', 'made', '--no-notebooks', '--jobs', '2', '--json'];
  return Promise.resolve(['reproduce', ...args, '--runs', runs, '--report', report]);
});

/** Kills a process or one of those that it started. */
async function killOneOf({ child }: Started, folder: string, stream: Random): Promise<void> {
  const ids = (await readdir('/proc')).filter((id) => /^\d+$/.test(id));
  const own: number[] = [];
  for (const id of ids) {
    const [environment, line] = await Promise.all(
      ['environ', 'cmdline'].map((name) => readFile(`/proc/${id}/${name}`, 'utf8').catch(() => '')),
    );
    if (environment!.includes(`TMPDIR=${temporaryIn(folder)}`) && line !== '') own.push(Number(id));
  }
  const victim =
    own.length === 0 || stream.uniform() < 0.5
      ? child.pid!
      : pick(
          stream,
          own.sort((a, b) => a - b),
        );
  try {
    process.kill(victim, pick(stream, ['SIGKILL', 'SIGKILL', 'SIGKILL', 'SIGTERM', 'SIGHUP', 'SIGINT']));
  } catch {
    // It ended in this moment.
  }
}

const killed = (command: Stored): Scenario => ({
  name: `oabn ${command.name} dies at a write, or is killed at any moment by any signal, up to three times`,
  heavy: true,
  prepare: command.undisturbed,
  async run(stream, folder) {
    const { contents: expected, changes, milliseconds } = await command.undisturbed();
    const runs = join(folder, 'runs');
    const args = await command.args(runs);
    for (let deaths = 1 + stream.integer(3); deaths > 0; deaths--) {
      if (stream.uniform() < 0.5) {
        const death = String(1 + stream.integer(changes));
        const env = {
          NODE_OPTIONS: `--import=${await preload()}`,
          TORTURE_FOLDER: folder,
          TORTURE_DEATH: death,
        };
        await (
          await start(args, folder, env)
        ).ended;
      } else {
        const started = await start(args, folder);
        await Promise.race([started.ended, sleep(stream.uniform() * milliseconds)]);
        if (started.child.exitCode === null) await killOneOf(started, folder, stream);
        await started.ended;
      }
      // Nobody outlives the one that was killed.
      await allEnded(temporaryIn(folder));
    }
    await endsWell(args, folder);
    await sameStore(runs, expected);
    return 'same';
  },
});

const twoCommands: Scenario = {
  name: 'two commands train the same network at once, and one may be killed',
  heavy: true,
  prepare: train.undisturbed,
  async run(stream, folder) {
    const { contents: expected, milliseconds } = await train.undisturbed();
    const runs = join(folder, 'runs');
    const args = await train.args(runs);
    const both = await Promise.all([start(args, folder), start(args, folder)]);
    if (stream.uniform() < 0.7) {
      await sleep(stream.uniform() * milliseconds);
      pick(stream, both).child.kill('SIGKILL');
    }
    for (const { code, signal, stderr } of await Promise.all(both.map(({ ended }) => ended)))
      assert.ok(code === 0 || signal === 'SIGKILL', stderr);
    await endsWell(args, folder);
    await sameStore(runs, expected);
    return 'same';
  },
};

const damagedStore: Scenario = {
  name: 'a file of a trained network’s run changed: bits, cuts, or gone',
  heavy: true,
  prepare: train.undisturbed,
  async run(stream, folder) {
    const { contents: expected } = await train.undisturbed();
    const runs = join(folder, 'runs');
    const args = await train.args(runs);
    await endsWell(args, folder);
    const [hash] = (await readdir(runs)).filter((name) => /^[0-9a-f]{16}$/.test(name));
    const path = join(runs, hash!, pick(stream, (await readdir(join(runs, hash!))).sort()));
    await writeFile(path, mutateBytes(await readFile(path), stream));
    const output = join(folder, 'network.safetensors');
    const ended = await (await start([...args, '-o', output], folder)).ended;
    const outcome = outcomeOf(ended);
    if (outcome === 'same') {
      await sameStore(runs, expected);
      assert.equal(await readFile(output, 'base64'), expected.get(`${hash!}/network.safetensors`));
    }
    await nothingLeft(folder);
    return outcome;
  },
};

const smallDisk: Scenario = {
  name: 'oabn train on a disk that is too small, and then it is not',
  heavy: true,
  prepare: train.undisturbed,
  leftOut: needsMounts,
  async run(stream, folder) {
    const { contents: expected } = await train.undisturbed();
    return await onOwnDisk(folder, `size=${4096 * (4 + stream.integer(40))}`, async (disk, set) => {
      const runs = join(disk, 'runs');
      const args = await train.args(runs);
      const outcome = outcomeOf(await (await start(args, folder)).ended);
      set('size=64m');
      await endsWell(args, folder);
      await sameStore(runs, expected);
      return outcome;
    });
  },
};

const notebook = resolve('lib/notebook/test/fixtures/tour.ipynb');
const notebookArgs = (folder: string): string[] => [
  'notebook',
  'run',
  join(folder, basename(notebook)),
  '--html',
  join(folder, 'pages'),
];

async function executedIn(folder: string): Promise<string[]> {
  await endsWell(notebookArgs(folder), folder);
  const page = (await readdir(join(folder, 'pages'))).map((name) => join(folder, 'pages', name));
  return await Promise.all([join(folder, basename(notebook)), ...page].map((path) => readFile(path, 'utf8')));
}

const executed = only(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'torture-executed-'));
  await cp(notebook, join(folder, basename(notebook)));
  const began = performance.now();
  return { files: await executedIn(folder), milliseconds: performance.now() - began };
});

const killedNotebook: Scenario = {
  name: 'oabn notebook run or its kernel is killed, up to three times',
  heavy: true,
  prepare: executed,
  async run(stream, folder) {
    const { files, milliseconds } = await executed();
    const path = join(folder, basename(notebook));
    await cp(notebook, path);
    for (let deaths = 1 + stream.integer(3); deaths > 0; deaths--) {
      const started = await start(notebookArgs(folder), folder);
      await Promise.race([started.ended, sleep(stream.uniform() * milliseconds)]);
      if (started.child.exitCode === null) await killOneOf(started, folder, stream);
      await started.ended;
      await allEnded(temporaryIn(folder));
      // The old notebook, or a new one; never a part.
      assert.ok(JSON.parse(await readFile(path, 'utf8')));
    }
    assert.deepEqual(await executedIn(folder), files);
    await nothingLeft(folder);
    return 'same';
  },
};

export const commandScenarios: readonly Scenario[] = [
  killed(train),
  killed(finetune),
  killed(reproduce),
  killedNotebook,
  twoCommands,
  damagedStore,
  smallDisk,
];
