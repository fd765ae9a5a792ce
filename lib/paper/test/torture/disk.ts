/** Scenarios of the disk: it is full, read-only, or forbidden, and later it is not. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmod, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ignoreMissing, type Random } from 'oabn-base';
import { nothingLeft, type Outcome, pick, type Scenario } from './scenario.js';
import { only, startToy, type ToyAnswer, toyDigest } from './toy.js';

const isRoot = process.getuid?.() === 0;
/** Root may use any file, unless it gives that capability up. */
const asAnyone = isRoot
  ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search', '--inh-caps=-all']
  : [];

const mayMount = only(() => {
  const mounts =
    isRoot && spawnSync('unshare', ['--mount', 'sh', '-c', 'mount -t tmpfs tmpfs /mnt']).status === 0;
  return Promise.resolve(mounts);
});

/**
 * Runs `work` in a folder that is a disk of its own; `set` changes its options, such as `size=1m` or `ro`.
 */
export async function onOwnDisk<T>(
  folder: string,
  options: string,
  work: (disk: string, set: (options: string) => boolean) => Promise<T>,
): Promise<T> {
  const disk = join(folder, 'disk');
  await mkdir(disk, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk]);
  try {
    // A disk that a file is being written to does not become read-only.
    const set = (changed: string): boolean =>
      spawnSync('mount', ['-o', `remount,${changed}`, disk], { stdio: 'ignore' }).status === 0;
    return await work(disk, set);
  } finally {
    execFileSync('umount', ['-l', disk]);
  }
}

export const needsMounts = async (): Promise<string | undefined> =>
  (await mayMount()) ? undefined : 'disks of one’s own need root';

const needsRights = (): Promise<string | undefined> => {
  const works = asAnyone.length === 0 || spawnSync(asAnyone[0]!, [...asAnyone.slice(1), 'true']).status === 0;
  return Promise.resolve(works ? undefined : 'root cannot give up its rights without setpriv');
};

/** The digest, or an error that says what the disk refused; `undefined` where it was killed. */
async function outcomeOf(given: ToyAnswer | undefined, refusal: RegExp): Promise<Outcome> {
  assert.ok(given);
  if (given.result) {
    assert.equal(given.result.digest, await toyDigest());
    return 'same';
  }
  assert.equal(given.name, 'UserError', given.error);
  assert.match(given.error!, refusal);
  return 'refused';
}

/** That the run ends well now that the disk does. */
async function endsWell(runs: string): Promise<void> {
  await outcomeOf(await (await startToy({ folder: runs })).answer, /^$/);
  await nothingLeft(runs);
}

const full: Scenario = {
  name: 'the disk is full, and then it is not',
  async run(stream, folder) {
    const size = 4096 * (2 + stream.integer(14));
    return await onOwnDisk(folder, `size=${size}`, async (disk, set) => {
      const runs = join(disk, 'runs');
      const outcome = await outcomeOf(
        await (
          await startToy({ folder: runs })
        ).answer,
        /ENOSPC.*disk is full/,
      );
      set('size=4m');
      await endsWell(runs);
      return outcome;
    });
  },
};

const readOnly: Scenario = {
  name: 'the disk becomes read-only while a run goes, and then it is not',
  async run(stream, folder) {
    return await onOwnDisk(folder, 'size=4m', async (disk, set) => {
      const runs = join(disk, 'runs');
      const child = await startToy({ folder: runs, milliseconds: 10 });
      for (let tries = 0; tries < 50; tries++) {
        await sleep(stream.uniform() * 20);
        if (set('ro')) break;
      }
      const outcome = await outcomeOf(await child.answer, /EROFS.*read-only/);
      set('rw');
      await endsWell(runs);
      return outcome;
    });
  },
};

/** The folder itself, or one of what is in it, as a path. */
async function somethingIn(stream: Random, folder: string): Promise<string> {
  const names = (await readdir(folder, { recursive: true })).sort();
  return join(folder, pick(stream, ['', ...names]));
}

const forbidden: Scenario = {
  name: 'a file or folder of the store is forbidden, and then it is not',
  async run(stream, folder) {
    const runs = join(folder, 'runs');
    await mkdir(runs);
    const begun = await startToy({ folder: runs, crashAt: 20 + stream.integer(150) }, asAnyone);
    await begun.answer;
    const path = await somethingIn(stream, runs);
    await chmod(path, pick(stream, [0o000, 0o444, 0o555]));
    const outcome = await outcomeOf(
      await (
        await startToy({ folder: runs }, asAnyone)
      ).answer,
      /\((EACCES|EPERM)\)/,
    );
    // A temporary file of the dead process is cleared away.
    await chmod(path, 0o755).catch(ignoreMissing);
    await outcomeOf(await (await startToy({ folder: runs }, asAnyone)).answer, /^$/);
    await nothingLeft(runs);
    return outcome;
  },
};

export const diskScenarios: readonly Scenario[] = [
  { ...full, leftOut: needsMounts },
  { ...readOnly, leftOut: needsMounts },
  { ...forbidden, leftOut: needsRights },
];
