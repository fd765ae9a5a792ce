/**
 * One folder for all that a run of the tests writes for the time being: mocha requires this file first
 * (`.mocharc.json`), so that `tmpdir()` here and in every process that a test starts is a folder of its own,
 * which goes when mocha ends. Of what a killed kernel, a server or a failed test would leave in /tmp, nothing
 * is left.
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Mocha's worker processes, where tests run in parallel, share the folder of the run that began them. */
const isWorker = process.env.OABN_TESTS_KEPT !== undefined;
if (!isWorker) ownFolder(tmpdir());

function ownFolder(outer: string): void {
  const folder = mkdtempSync(join(outer, 'oabn-tests-'));
  // tsx keeps what it has compiled in a folder of that name: the processes of all runs share it, and start
  // twice as fast.
  const compiled = `tsx-${process.getuid?.() ?? 'all'}`;
  mkdirSync(join(outer, compiled), { recursive: true });
  symlinkSync(join(outer, compiled), join(folder, compiled), 'junction');
  for (const name of ['TMPDIR', 'TEMP', 'TMP']) process.env[name] = folder;
  // For what is to stay: the folder of a play that failed.
  process.env.OABN_TESTS_KEPT = outer;

  process.on('exit', () => {
    try {
      // A server that a test began may still be writing its last words.
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    } catch (error) {
      process.stderr.write(`Left ${folder}: ${(error as Error).message}\n`);
    }
  });
}
