/** BullMQ's dashboard over this queue, where @bull-board is installed. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectQueue, enqueue, openDashboard } from '../../src/queue/index.js';
import { openObjects, sharedRuns } from '../../src/remote/index.js';
import { needs, redisProgram, startRedis } from './servers.js';
import { toySweep } from './support.js';

const installed = await import('@bull-board/express').then(
  () => true,
  () => false,
);

describe('the dashboard', () => {
  it('shows the queues of all classes, on this machine alone', async function () {
    needs(this, 'Redis is not installed (Debian: redis-server)', redisProgram);
    needs(this, '@bull-board is not installed (npm install @bull-board/api @bull-board/express)', installed);
    const redis = await startRedis();
    const folder = await mkdtemp(join(tmpdir(), 'runs-dashboard-'));
    const connection = await connectQueue(redis.url);
    try {
      const shared = sharedRuns(await openObjects(folder));
      await enqueue(connection, shared, toySweep(2, 1), { version: '1', holdsCode: () => false });
      const dashboard = await openDashboard(connection, 0);
      const page = await fetch(dashboard.url);
      assert.equal(page.status, 200);
      assert.match(await page.text(), /<div id="root">/);
      const { queues } = (await (await fetch(`${dashboard.url}/api/queues`)).json()) as {
        queues: { description: string; counts: Record<string, number> }[];
      };
      assert.deepEqual(
        queues.map(({ description, counts: { waiting, delayed } }) => [description, waiting, delayed]),
        [['of version 1', 2, 2]],
      );
      const { port } = new URL(dashboard.url);
      const outside = Object.values(networkInterfaces())
        .flat()
        .filter((each) => each && !each.internal && each.family === 'IPv4');
      for (const each of outside)
        await assert.rejects(fetch(`http://${each!.address}:${port}`), /fetch failed/);
      await dashboard.close();
    } finally {
      await connection.close();
      await redis.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
