/** BullMQ's dashboard over this queue, where @bull-board is installed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { connectQueue, enqueue, openDashboard } from '../../src/queue/index.js';
import { openObjects, sharedRuns } from '../../src/remote/index.js';
import { needs, redisProgram, startRedis } from './servers.js';
import { toySweep } from './support.js';

const installed = await import('@bull-board/express').then(
  () => true,
  () => false,
);

/** How it answers to those who call it by these names. */
async function statuses(port: string, names: readonly string[]): Promise<number[]> {
  return await Promise.all(
    names.map(async (host) => {
      const [answer] = (await once(get({ port, host: '127.0.0.1', headers: { host } }), 'response')) as [
        IncomingMessage,
      ];
      answer.resume();
      return answer.statusCode!;
    }),
  );
}

const browserPath = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Opens a page in a browser; what it asked for, what went wrong, and its text once `wanted` is in it. */
async function opened(url: string, wanted: string) {
  const browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage();
    const [asked, troubles]: [string[], string[]] = [[], []];
    page.on('request', (request) => asked.push(request.url()));
    page.on('console', (message) => void (message.type() === 'error' && troubles.push(message.text())));
    page.on('pageerror', (error) => troubles.push(error.message));
    await page.goto(url);
    await page.getByText(wanted).first().waitFor({ timeout: 90_000 });
    await page.waitForLoadState('networkidle');
    return { asked, troubles };
  } finally {
    await browser.close();
  }
}

describe('the dashboard', () => {
  it('shows the queues of all classes, on this machine alone', async function () {
    this.timeout(120_000);
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
      const html = await page.text();
      assert.match(html, /<div id="root">/);
      assert.deepEqual(html.match(/(src|href)="(https?:)?\/\/[^"]*/g), null);
      assert.match(page.headers.get('content-security-policy') ?? '', /^default-src 'self';/);
      const { queues } = (await (await fetch(`${dashboard.url}/api/queues`)).json()) as {
        queues: { description: string; counts: Record<string, number> }[];
      };
      assert.deepEqual(
        queues.map(({ description, counts: { waiting, delayed } }) => [description, waiting, delayed]),
        [['of version 1', 2, 2]],
      );
      const { port } = new URL(dashboard.url);
      assert.deepEqual(await statuses(port, ['localhost', `elsewhere.example:${port}`]), [200, 403]);
      const foreign = { method: 'PUT', headers: { origin: 'http://elsewhere.example' } };
      assert.equal((await fetch(`${dashboard.url}/api/queues/pause`, foreign)).status, 403);
      const outside = Object.values(networkInterfaces())
        .flat()
        .filter((each) => each && !each.internal && each.family === 'IPv4');
      for (const each of outside)
        await assert.rejects(fetch(`http://${each!.address}:${port}`), /fetch failed/);
      if (existsSync(browserPath)) {
        const { asked, troubles } = await opened(dashboard.url, '4 Jobs');
        assert.deepEqual(troubles, []);
        assert.ok(asked.some((each) => each.startsWith(`${dashboard.url}/api/queues`)));
        assert.deepEqual(
          asked.filter((each) => !each.startsWith(`${dashboard.url}/`) && !each.startsWith('data:')),
          [],
        );
      }
      await dashboard.close();
    } finally {
      await connection.close();
      await redis.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
