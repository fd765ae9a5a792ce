/**
 * BullMQ's ready-made dashboard, which can pause queues and delete jobs: so it is served on this machine
 * alone. Whoever wants it installs it; nothing else needs it.
 */
import { createServer } from 'node:http';
import { once } from 'node:events';
import { UserError } from 'oabn-base';
import type { QueueConnection } from './connection.js';
import { describeClass } from './status.js';

/** The queue's page, served on this machine. */
export interface Dashboard {
  readonly url: string;
  /** Ends the server. */
  close(): Promise<void>;
}

/** The few functions of these packages that are used: their types are not installed where they are not. */
interface BoardPackages {
  readonly api: { createBullBoard(options: object): unknown };
  readonly adapter: { readonly BullMQAdapter: new (queue: unknown, options: object) => unknown };
  readonly express: {
    readonly ExpressAdapter: new () => { setBasePath(path: string): void; getRouter(): unknown };
  };
  readonly server: { default(): { use(router: unknown): void } & Parameters<typeof createServer>[1] };
}

/** Serves the dashboard at 127.0.0.1. @throws UserError when it is not installed */
export async function openDashboard(connection: QueueConnection, port = 3000): Promise<Dashboard> {
  const { api, adapter, express, server } = await boardPackages();
  const board = new express.ExpressAdapter();
  board.setBasePath('');
  const queues = [...(await connection.classes())].map(
    ([id, jobClass]) =>
      new adapter.BullMQAdapter(connection.queue(id), { description: describeClass(jobClass) }),
  );
  api.createBullBoard({ queues, serverAdapter: board });
  const application = server.default();
  application.use(board.getRouter());
  const listening = createServer(application).listen(port, '127.0.0.1');
  await once(listening, 'listening');
  const { port: chosen } = listening.address() as { port: number };
  return {
    url: `http://127.0.0.1:${chosen}`,
    async close() {
      listening.closeAllConnections();
      listening.close();
      await once(listening, 'close');
    },
  };
}

async function boardPackages(): Promise<BoardPackages> {
  // By variable names, so that no compiler looks for them.
  const load = async (name: string): Promise<unknown> => await import(name);
  try {
    const [api, adapter, express, server] = await Promise.all(
      ['@bull-board/api', '@bull-board/api/bullMQAdapter', '@bull-board/express', 'express'].map(load),
    );
    return { api, adapter, express, server } as BoardPackages;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new UserError(
      'The dashboard is not installed; install it: npm install @bull-board/api @bull-board/express express',
      { cause: error },
    );
  }
}
