import assert from 'node:assert/strict';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { random, UserError } from 'oabn-base';
import { mutateParquet } from '../../../base/test/mutate.js';
import { openParquet } from '../../src/data/parquet.js';
import { fixtures } from './helpers.js';

const names = [
  'cifar10/plain_text/test-00000-of-00001.parquet',
  'small/train-00000-of-00001.parquet',
  'photographs/data/validation-00000-of-00001.parquet',
];
/**
 * Files of which some once ended the process: a rejection out of the reader that nobody handled, a little
 * later.
 */
const corpus = [586, 611, 856, 2324, 3348, 3565, 3576, 3724, 3851, 4286, 4951].flatMap((last) => [
  last - 2,
  last - 1,
  last,
]);

describe('a damaged Parquet file', () => {
  it('is read, or refused by its name; nothing is rejected behind our back', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection').on('unhandledRejection', note);
    const path = join(await mkdtemp(join(tmpdir(), 'oabn-parquet-')), 'damaged.parquet');
    const origins = await Promise.all(names.map((name) => readFile(join(fixtures, name))));
    const counts = { read: 0, refused: 0 };
    try {
      for (const index of [...corpus, ...Array(300).keys()]) {
        const stream = random(1, 'pq', index);
        await writeFile(path, mutateParquet(origins[stream.integer(3)]!, stream));
        try {
          const images = await openParquet([path]);
          for (let row = 0; row < images.size; row += Math.ceil(images.size / 5)) await images.read(row);
          counts.read++;
        } catch (error) {
          assert.ok(error instanceof UserError, `file ${index}: ${(error as Error).stack}`);
          assert.match(error.message, /damaged\.parquet/);
          counts.refused++;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    } finally {
      process.removeAllListeners('unhandledRejection');
      for (const listener of others) process.on('unhandledRejection', listener);
    }
    assert.deepEqual(unhandled, []);
    assert.ok(counts.read > 40 && counts.refused > 120, JSON.stringify(counts));
  });
});
