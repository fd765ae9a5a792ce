/** Which runs `oabn runs` is about. */
import assert from 'node:assert/strict';
import type { RunEntry } from 'provable-runs';
import { differences, differencesText } from '../../src/cli/runs/comparison.js';
import { listText } from '../../src/cli/runs/index.js';
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

  it('are listed with their data, their accuracy, and why they failed', () => {
    const source = { kind: 'pretrain', data: { name: 'cifar10' } };
    const text = listText([
      { ...entryOf('0123456789', 'done'), config: { kind: 'toy', source }, result: { accuracy: 0.752 } },
      { ...entryOf('aa', 'failed'), error: 'The loss is NaN at step 3\nand a stack' },
    ]);
    const [head, , done, failed] = text.split('\n');
    assert.match(head!, /^run +what +data +accuracy +status .*failure$/);
    assert.match(done!, /^01234567 .* cifar10 +75\.20% +done/);
    assert.match(failed!, /failed .*The loss is NaN at step 3$/);
    assert.doesNotMatch(listText([all[0]!]), /failure/);
  });

  it('are compared with a line for each field, and none for each epoch', () => {
    const run = (hash: string, seed: number): RunEntry => ({
      ...entryOf(hash, 'done'),
      config: { kind: 'toy', training: { seed, epochs: 2 } },
      result: { accuracy: seed / 10, epochs: [{ loss: seed }, { loss: seed + 1 }] },
    });
    const text = differencesText(differences([run('aaaa', 1), run('bbbb', 2)]));
    assert.deepEqual(text.replaceAll(/ +/g, ' ').split('\n'), [
      'field aaaa bbbb',
      '─────────────── ──── ────',
      'training.seed 1 2',
      'result.accuracy 0.1 0.2',
      '',
      'Of each epoch or layer, 2 more fields differ: --csv and --json have them.',
    ]);
  });

  it('are not named by both, of which one would be overlooked', async () => {
    await assert.rejects(
      chosenRuns(reader, ['aa'], ['status=failed']),
      /either by their hashes or by --where/,
    );
  });
});
