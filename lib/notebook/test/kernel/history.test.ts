/** What was executed, on disk: one file for each session, which the next sessions read. */
import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHistory } from '../../src/kernel/server/history.js';

describe('kernel: history', () => {
  let folder: string;
  before(async () => {
    folder = join(await mkdtemp(join(tmpdir(), 'kernel-history-')), 'history');
    const first = createHistory(folder);
    for (const [i, code] of ['1 + 1', 'const two = 2', '1 + 1'].entries())
      first.store(i + 1, code, code === '1 + 1' ? '2' : null);
  });
  after(() => rm(join(folder, '..'), { recursive: true }));

  it('of this session: ranges, and the last ones with what came out', () => {
    const own = createHistory(undefined);
    own.store(1, 'a', null);
    own.store(2, 'b', "'b'");
    assert.deepEqual(own.answer({ hist_access_type: 'range', session: 0, start: 1, stop: 2 }), [[1, 1, 'a']]);
    assert.deepEqual(own.answer({ hist_access_type: 'tail', n: 1, output: true }), [[1, 2, ['b', "'b'"]]]);
  });

  it('of earlier sessions, by their distance, and by a pattern', async () => {
    const next = createHistory(folder);
    next.store(1, '"next"', null);
    assert.deepEqual(await readdir(folder), ['000001.jsonl', '000002.jsonl']);
    const before = next.answer({ hist_access_type: 'range', session: -1, start: 1 });
    assert.deepEqual(before, [
      [1, 1, '1 + 1'],
      [1, 2, 'const two = 2'],
      [1, 3, '1 + 1'],
    ]);
    const search = (more: object) => next.answer({ hist_access_type: 'search', pattern: '1 +*', ...more });
    assert.equal(search({}).length, 2);
    assert.deepEqual(search({ unique: true }), [[1, 3, '1 + 1']]);
    assert.deepEqual(next.answer({ hist_access_type: 'tail', n: 2 }), [
      [1, 3, '1 + 1'],
      [2, 1, '"next"'],
    ]);
  });

  it('survives a kernel that was killed while it wrote', async () => {
    await appendFile(join(folder, '000002.jsonl'), '[2,"half');
    const third = createHistory(folder);
    third.store(1, 'c', null);
    assert.equal(third.answer({ hist_access_type: 'range', session: -1, start: 1 }).length, 1);
  });
});
