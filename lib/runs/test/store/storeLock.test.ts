import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from 'oabn-base';
import { type Attempt, liveOwner, newWatch, tryLock } from '../../src/store/lock.js';
import { newOwner, type Owner, stateOf } from '../../src/store/owner.js';

/** The id of a process that has ended. */
async function endedProcess(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid!;
}

const winners = (attempts: Attempt[]): Attempt[] => attempts.filter(({ kind }) => kind === 'locked');
const release = async (attempt: Attempt): Promise<void> => {
  assert.equal(attempt.kind, 'locked');
  if (attempt.kind === 'locked') await attempt.lock.release();
};

describe('a lock of the run store', () => {
  let folder: string;
  let path: string;
  const place = (owner: Partial<Owner>, like: Owner): Promise<void> =>
    writeFile(path, JSON.stringify({ ...like, nonce: 'aaaa', ...owner }));

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'oabn-lock-'));
    path = join(folder, 'lock');
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('has one owner until it is released, and leaves nothing behind', async () => {
    const first = await tryLock(path);
    const second = await tryLock(path);
    assert.equal(first.kind, 'locked');
    assert.equal(second.kind === 'held' && second.owner.pid, process.pid);
    assert.equal((await liveOwner(path))?.pid, process.pid);
    await release(first);
    assert.equal(await liveOwner(path), undefined);
    await release(await tryLock(path));
    assert.deepEqual(await readdir(folder), []);
  });

  it('goes to exactly one of many who ask at once', async () => {
    const attempts = await Promise.all(Array.from({ length: 30 }, () => tryLock(path)));
    const [winner, ...others] = winners(attempts);
    assert.equal(others.length, 0);
    await release(winner!);
    assert.deepEqual(await readdir(folder), []);
  });

  it('is taken over at once from a process that ended, by exactly one of many', async () => {
    const pid = await endedProcess();
    for (let round = 0; round < 20; round++) {
      await place({ pid, nonce: `stale${round}` }, await newOwner());
      assert.equal(await liveOwner(path), undefined);
      const attempts = await Promise.all(Array.from({ length: 20 }, () => tryLock(path)));
      assert.equal(winners(attempts).length, 1);
      await release(winners(attempts)[0]!);
      assert.deepEqual(await readdir(folder), []);
    }
  });

  it('is taken over from an earlier process that had the same id', async () => {
    await place({ processStart: 'long ago' }, await newOwner());
    await release(await tryLock(path));
  });

  it('is taken over although a process died while taking it over', async () => {
    const owner = await newOwner();
    const pid = await endedProcess();
    await place({ pid }, owner);
    await writeFile(`${path}.aaaa`, JSON.stringify({ ...owner, pid, nonce: 'bbbb' }));
    await writeFile(`${path}.aaaa.bbbb`, JSON.stringify({ ...owner, pid, nonce: 'cccc' }));
    const attempts = await Promise.all(Array.from({ length: 10 }, () => tryLock(path)));
    assert.equal(winners(attempts).length, 1);
    await release(winners(attempts)[0]!);
  });

  it('is left to a living process that is taking it over', async () => {
    const owner = await newOwner();
    await place({ pid: await endedProcess() }, owner);
    await writeFile(`${path}.aaaa`, JSON.stringify({ ...owner, nonce: 'bbbb' }));
    assert.equal((await tryLock(path)).kind, 'held');
  });

  it('stays with who took it over between our look and our turn', async () => {
    const owner = await newOwner();
    await place({ host: 'elsewhere' }, owner);
    const watch = {
      secondsStill(nonce: string): number {
        assert.equal(nonce, 'aaaa');
        writeFileSync(path, JSON.stringify({ ...owner, nonce: 'heir' }));
        return 1e6;
      },
    };
    const attempt = await tryLock(path, watch);
    assert.equal(attempt.kind === 'held' && attempt.owner.nonce, 'heir');
    assert.deepEqual(await readdir(folder), ['lock']);
  });

  it('of another host is stale when its heartbeat stood still for two minutes of ours', async () => {
    await place({ host: 'elsewhere', pid: 1 }, await newOwner());
    let now = 0;
    const watch = newWatch(() => now);
    const beat = (seconds: number): Promise<void> => utimes(path, seconds, seconds);
    const attempt = async (at: number): Promise<Attempt['kind']> => {
      now = at;
      return (await tryLock(path, watch)).kind;
    };
    await beat(1000);
    assert.equal(await attempt(0), 'held');
    assert.equal(await attempt(100), 'held');
    await beat(1005);
    assert.equal(await attempt(119), 'held');
    assert.equal(await attempt(230), 'held');
    assert.equal(await attempt(240), 'locked');
  });

  it('that a power cut left empty is stale by the same rule', async () => {
    await writeFile(path, '');
    let now = 0;
    const watch = newWatch(() => now);
    assert.equal((await tryLock(path, watch)).kind, 'held');
    now = 121;
    assert.equal((await tryLock(path, watch)).kind, 'locked');
  });

  it('tells its owner when it is lost, and is not released by who lost it', async () => {
    const attempt = await tryLock(path);
    assert.ok(attempt.kind === 'locked');
    await attempt.lock.assertHeld();
    await place({ host: 'elsewhere' }, await newOwner());
    await assert.rejects(attempt.lock.assertHeld(), (error: Error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, /another process took it for dead and took over/);
      return true;
    });
    assert.ok(attempt.lock.lost.aborted);
    await attempt.lock.release();
    assert.match(await readFile(path, 'utf8'), /elsewhere/);
  });
});

describe('the owner of a lock', () => {
  it('is alive as long as its process, and then gone', async () => {
    const owner = await newOwner();
    assert.equal(await stateOf(owner), 'alive');
    assert.equal(await stateOf({ ...owner, pid: await endedProcess() }), 'gone');
    assert.equal(await stateOf({ ...owner, processStart: 'another' }), 'gone');
    assert.equal(await stateOf({ ...owner, host: 'elsewhere' }), 'unknown');
  });

  it('is gone when killed, even before its parent takes notice', async function () {
    if (process.platform !== 'linux') this.skip();
    // The child of the shell ends and stays a zombie: exec has replaced the shell, which would have waited
    // for it.
    const child = spawn('bash', ['-c', 'sleep 0.2 & echo $!; exec sleep 600'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      const pid = Number(line.toString());
      const owner = await newOwner();
      const stat = (): Promise<string> => readFile(`/proc/${pid}/stat`, 'utf8');
      while (!/\) Z /.test(await stat())) await sleep(20);
      assert.equal(await stateOf({ ...owner, pid }), 'gone');
    } finally {
      child.kill();
    }
  });
});
