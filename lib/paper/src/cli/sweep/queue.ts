/** `oabn queue`: what is in the queue and who is working on it. */
import type { Command } from 'commander';
import { formatDuration, tableText } from 'oabn-base';
import { jsonOption, print, wholeNumber } from 'oabn/cli';
import {
  connectQueue,
  describeClass,
  openDashboard,
  type QueueStatus,
  queueStatus,
} from 'provable-runs/queue';
import { queueOption, type SweepOptions } from './options.js';

interface StatusOptions extends SweepOptions {
  readonly json?: boolean;
  readonly dashboard?: string | true;
}

export function addQueue(program: Command): void {
  program
    .command('queue')
    .description('the queue of a sweep over many machines')
    .command('status')
    .description('show runs that are ready, waiting, in progress or failed, and the workers')
    .addOption(queueOption().makeOptionMandatory())
    .option(
      '--dashboard [port]',
      'serve BullMQ’s dashboard on this machine (127.0.0.1 only), default port 3000, until Ctrl-C',
    )
    .addOption(jsonOption)
    .addHelpText('after', '\nExample:\n  $ oabn queue status --queue redis://head:6379')
    .action(async ({ queue, json, dashboard }: StatusOptions) => {
      const connection = await connectQueue(queue!);
      try {
        const status = await queueStatus(connection);
        print(status, statusText(status), json);
        if (dashboard === undefined) return;
        const port = dashboard === true ? 3000 : wholeNumber('--dashboard', dashboard);
        const served = await openDashboard(connection, port);
        process.stderr.write(`The dashboard: ${served.url} (Ctrl-C ends it)\n`);
        await new Promise((resolve) => process.once('SIGINT', resolve));
        await served.close();
      } finally {
        await connection.close();
      }
    });
}

function statusText({ classes, workers, failures, unserved }: QueueStatus): string {
  const parts = [
    classes.length === 0
      ? 'The queue is empty.'
      : tableText(
          classes.map(({ jobClass, ready, held, running, failed, workers: serving }) => ({
            runs: describeClass(jobClass),
            ready,
            'waiting for others': held,
            running,
            failed,
            workers: serving,
          })),
        ),
    workers.length === 0
      ? 'No worker is there.'
      : tableText(
          workers.flatMap(({ host, pid, slots, runs }) =>
            (runs.length > 0 ? runs : [undefined]).map((run) => ({
              worker: `${host} ${pid}`,
              'at a time': slots,
              run: run?.title ?? 'waiting',
              done: run ? `${Math.round(100 * run.share)}%` : '',
              says: run?.text ?? '',
            })),
          ),
        ),
    ...(failures.length === 0
      ? []
      : [
          tableText(
            failures.map(({ title, host, at, message }) => ({
              failed: title,
              on: host,
              ago: formatDuration((Date.now() - Date.parse(at)) / 1000),
              why: message,
            })),
          ),
        ]),
    ...(unserved.length === 0 ? [] : [`No worker can serve: ${unserved.join('; ')}`]),
  ];
  return parts.join('\n\n');
}
