import assert from 'node:assert/strict';
import { computer } from '../../src/queue/computer.js';
import { queueJob } from '../../src/queue/job.js';

describe('queue/computer', () => {
  const { execPath } = process;
  afterEach(() => {
    process.execPath = execPath;
  });

  it('takes a process that cannot be started for the machine’s fault, and waits for no end of it', async () => {
    process.execPath = '/nowhere/node';
    const computing = computer({
      ...{ module: 'unused', runs: 'unused', options: undefined, environment: {} },
      notice: () => undefined,
    });
    const job = queueJob({ title: 'a run', config: { toy: 'x' } });
    const outcome = await computing.run(job, undefined, new AbortController().signal, () => undefined);
    assert.ok(outcome.kind === 'failed' && outcome.machine, JSON.stringify(outcome));
    assert.match(outcome.message, /cannot be started: spawn .*ENOENT/);
    await computing.end();
  });
});
