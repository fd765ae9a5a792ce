/**
 * BullMQ's ready-made dashboard, which can pause queues and delete jobs: so it is served only on this machine
 * and only to its own page, which loads nothing from elsewhere. It is installed by those who want it; nothing
 * else needs it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { UserError } from 'oabn-base';
import type { QueueConnection } from './connection.js';
import { describeClass } from './status.js';

/** The queue's page, served on this machine. */
export interface Dashboard {
  /** The address of the page. */
  readonly url: string;
  /** Ends the server. */
  close(): Promise<void>;
}

/**
 * The few functions of these packages that are used; their types are not installed where the packages are
 * not.
 */
interface BoardPackages {
  readonly api: { createBullBoard(options: object): unknown };
  readonly adapter: { readonly BullMQAdapter: new (queue: unknown, options: object) => unknown };
  readonly express: {
    readonly ExpressAdapter: new () => { setBasePath(path: string): void; getRouter(): unknown };
  };
  readonly server: { default(): { use(router: unknown): void } & Parameters<typeof createServer>[1] };
}

/** What Express adds to an answer. */
type Answer = ServerResponse & { send(body: unknown): unknown };

const headers = {
  'Content-Security-Policy': [
    "default-src 'self'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self' data:",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "object-src 'none'",
  ].join('; '),
  'Referrer-Policy': 'no-referrer',
  // Browsers look up the hosts of links ahead of clicks.
  'X-DNS-Prefetch-Control': 'off',
  'X-Content-Type-Options': 'nosniff',
};

/**
 * Whether a request comes from a page of this server, and not from another site or one whose name was made to
 * point here.
 */
function isOwn({ headers: { host = '', origin } }: IncomingMessage): boolean {
  return (
    /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(host) &&
    (origin ?? `http://${host}`) === `http://${host}`
  );
}

/** The original page links to a font on another machine, and looks fine without it. */
const withoutForeignLinks = (html: string): string =>
  html.replace(/<link\b[^>]*\bhref="https?:[^>]*>\s*/g, '');

function keepToThisMachine(request: IncomingMessage, response: Answer, next: () => void): void {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (!isOwn(request))
    return void response.writeHead(403).end('This page is served to its own machine alone.');
  const { send } = response;
  response.send = (body) => send.call(response, typeof body === 'string' ? withoutForeignLinks(body) : body);
  next();
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
  application.use(keepToThisMachine);
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
  // Under variable names, so that no compiler looks for them.
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
