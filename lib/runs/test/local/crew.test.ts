import assert from 'node:assert/strict';
import { withWorkers } from '../../src/local/index.js';

describe('local/crew', () => {
  const { execPath } = process;
  afterEach(() => {
    process.execPath = execPath;
  });

  it('ends with the reason where its processes cannot be started', async () => {
    process.execPath = '/nowhere/node';
    const module = new URL('worker.ts', import.meta.url);
    await assert.rejects(
      withWorkers({ module, setup: {} }, { workers: 2 }, () => false),
      /spawn .*ENOENT/,
    );
  });
});
