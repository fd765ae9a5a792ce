/** Which runs `oabn runs` is about. */
import assert from 'node:assert/strict';
import type { RunEntry } from 'provable-runs';
import { chosenRuns } from '../../src/cli/runs/open.js';

describe('cli runs', () => {
  const entryOf = (hash: string, status: RunEntry['status']): RunEntry => ({
    hash,
    status,
    folder: hash,
    from: 'store',
    config: { toy: hash },
  });
  const all = [entryOf('aa', 'done'), entryOf('bb', 'failed')];
  const unused = (): never => assert.fail('only looked at');
  const reader = {
    list: () => Promise.resolve(all),
    find: (prefix: string) => Promise.resolve(all.find(({ hash }) => hash.startsWith(prefix))!),
    ...{ metrics: unused, remove: unused, export: unused },
  };

  it('are named by their hashes or by conditions', async () => {
    assert.deepEqual(await chosenRuns(reader, ['b']), [all[1]]);
    assert.deepEqual(await chosenRuns(reader, [], ['status=failed']), [all[1]]);
    assert.deepEqual(await chosenRuns(reader, []), all);
  });

  it('are not named by both, of which one would be overlooked', async () => {
    await assert.rejects(
      chosenRuns(reader, ['aa'], ['status=failed']),
      /either by their hashes or by --where/,
    );
  });
});
