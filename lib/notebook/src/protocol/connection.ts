/**
 * The connection file: on which ports a kernel listens, and the key that signs its messages. Ports are
 * requested from the system and released before the kernel binds them, so another program may take one in
 * between; whoever starts a kernel then tries again.
 */
import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onDisk } from 'oabn-base';

/** A connection file of Jupyter: addresses of the sockets, and the key that signs messages. */
export interface Connection {
  readonly transport: 'tcp' | 'ipc';
  readonly ip: string;
  readonly shell_port: number;
  readonly iopub_port: number;
  readonly stdin_port: number;
  readonly control_port: number;
  readonly hb_port: number;
  readonly key: string;
  readonly signature_scheme: 'hmac-sha256';
  readonly kernel_name: string;
}

function listen(ip: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, ip, () => resolve(server));
  });
}

/** `count` different ports that are free at this moment. */
async function freePorts(count: number, ip: string): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen(ip)));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** A connection on free ports of this machine, with a new key. */
export async function createConnection(kernelName: string): Promise<Connection> {
  const ip = '127.0.0.1';
  const [shell, iopub, stdin, control, heartbeat] = await freePorts(5, ip);
  return {
    transport: 'tcp',
    ip,
    shell_port: shell!,
    iopub_port: iopub!,
    stdin_port: stdin!,
    control_port: control!,
    hb_port: heartbeat!,
    key: randomUUID(),
    signature_scheme: 'hmac-sha256',
    kernel_name: kernelName,
  };
}

/** A connection file. */
export interface WrittenConnection {
  readonly path: string;
  /** Removes the file. */
  remove(): Promise<void>;
}

/**
 * Writes `connection` where only this user can read it. Resolves to the file and a function that removes it.
 * @throws UserError when the disk refuses
 */
export async function writeConnectionFile(connection: Connection): Promise<WrittenConnection> {
  const path = join(tmpdir(), `oabn-kernel-${randomUUID()}.json`);
  await onDisk(
    path,
    () => writeFile(path, JSON.stringify(connection), { mode: 0o600 }),
    'TMPDIR names the folder',
  );
  return { path, remove: () => rm(path, { force: true }) };
}
