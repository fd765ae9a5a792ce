/**
 * A worker in a process of its own, for the tests: options as JSON, SIGTERM gives back, the last line is its
 * report.
 */
import { runWorker, type WorkerOptions } from '../../src/queue/index.js';

const options = JSON.parse(process.argv[2]!) as Omit<WorkerOptions, 'executor' | 'version'> & {
  version?: string;
  stopAtOnce?: boolean;
};
const stop = new AbortController();
if (options.stopAtOnce) stop.abort();
process.on('SIGTERM', () => stop.abort());
try {
  const report = await runWorker({
    version: '1',
    executor: new URL('toyExecutor.ts', import.meta.url),
    holdsCode: (config) => (config as { source?: string }).source !== undefined,
    ...options,
    stop: stop.signal,
    notice: (message) => process.stdout.write(`${JSON.stringify({ notice: message })}\n`),
  });
  process.stdout.write(`${JSON.stringify({ report })}\n`);
} catch (error) {
  process.stdout.write(
    `${JSON.stringify({ error: (error as Error).message, name: (error as Error).name })}\n`,
  );
  process.exitCode = 1;
}
