/**
 * A bucket as a place for objects: five requests of S3's REST interface, signed by `aws4fetch`, which is
 * small, has no dependencies, and is installed only by those who want it. Credentials come from the usual
 * variables (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN), the region from AWS_REGION, and a
 * server that is not Amazon's from AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL; they are never written anywhere.
 */
import { randomBytes } from 'node:crypto';
import { createWriteStream, openAsBlob } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { check, errorMessage, sweepTemporaries, temporaryName, UserError } from 'oabn-base';
import pLimit from 'p-limit';
import { diskError, onDisk } from '../store/durable.js';
import { optional } from './optional.js';
import type { Objects } from './objects.js';
import { PassingError } from './patience.js';
import { fetchUnlessSilent } from './unlessSilent.js';

interface Wanted {
  readonly method: 'GET' | 'PUT' | 'HEAD' | 'DELETE';
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | Blob;
}

/**
 * @param silentMilliseconds a request has failed when nothing of it moves for this long, in either direction
 * @throws UserError when there are no credentials, or the bucket cannot be listed with them
 */
export async function s3Objects(
  address: string,
  environment = process.env,
  silentMilliseconds = 60_000,
): Promise<Objects> {
  const [, bucket, path = ''] = /^s3:\/\/([^/?#]+)(?:\/([^?#]*))?$/i.exec(address) ?? [];
  check(bucket, `A bucket is named s3://bucket/prefix, got ${address}`);
  const root = path.replace(/\/+$/, '') && `${path.replace(/\/+$/, '')}/`;
  const { AwsClient } = await optional('aws4fetch', 'stores in buckets');
  const {
    AWS_ACCESS_KEY_ID: accessKeyId = '',
    AWS_SECRET_ACCESS_KEY: secretAccessKey = '',
    AWS_SESSION_TOKEN: sessionToken,
    AWS_REGION: region = environment.AWS_DEFAULT_REGION ?? 'us-east-1',
  } = environment;
  check(
    accessKeyId && secretAccessKey,
    `${address} needs credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_ENDPOINT_URL for servers other than Amazon’s)`,
  );
  const endpoint = (
    environment.AWS_ENDPOINT_URL_S3 ||
    environment.AWS_ENDPOINT_URL ||
    `https://s3.${region}.amazonaws.com`
  ).replace(/\/+$/, '');
  const client = new AwsClient({
    accessKeyId,
    secretAccessKey,
    service: 's3',
    region,
    ...(sessionToken && { sessionToken }),
  });

  const send = async ({ method, key, query = {}, headers = {}, body }: Wanted): Promise<Response> => {
    const url = new URL(`${endpoint}/${bucket}${key === undefined ? '' : `/${encode(root + key)}`}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    // The body is not part of the signature (UNSIGNED-PAYLOAD), so it can be a file that need not be read
    // first.
    const signed = await client.sign(url.href, { method, headers });
    const request = { method, headers: Object.fromEntries(signed.headers.entries()), ...(body && { body }) };
    return await fetchUnlessSilent(url, request, silentMilliseconds).catch((error: unknown) => {
      const { cause } = error as { cause?: unknown };
      throw new PassingError(
        `${method} ${endpoint}: ${cause === undefined ? errorMessage(error) : describe(cause)}`,
      );
    });
  };
  /**
   * The answer if its status is one of `expected`. A refusal may pass: keys are renewed, limits are lifted.
   */
  const ask = async (wanted: Wanted, expected: readonly number[]): Promise<Response> => {
    const response = await send(wanted);
    if (expected.includes(response.status)) return response;
    const text = await response.text().catch(() => '');
    const code = /<Code>([^<]*)<\/Code>/.exec(text)?.[1] ?? response.statusText;
    throw new PassingError(`${wanted.method} ${address}: ${response.status} ${code}`);
  };
  const bytesOf = async (response: Response): Promise<Uint8Array> => {
    try {
      return new Uint8Array(await response.arrayBuffer());
    } catch (error) {
      throw new PassingError(`${address}: the answer broke off (${errorMessage(error)})`);
    }
  };
  const found = async (key: string): Promise<boolean> =>
    (await ask({ method: 'HEAD', key }, [200, 404])).status === 200;

  const page = async (prefix: string, continuation: string | undefined, most: number) => {
    const query = {
      'list-type': '2',
      prefix: root + prefix,
      'max-keys': String(most),
      ...(continuation !== undefined && { 'continuation-token': continuation }),
    };
    const text = new TextDecoder().decode(await bytesOf(await ask({ method: 'GET', query }, [200])));
    return {
      keys: [...text.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => unescape(key!).slice(root.length)),
      next: /<NextContinuationToken>([^<]*)</.exec(text)?.[1],
    };
  };

  /** Puts `body` where nothing is yet, if the server knows that condition. */
  const putNew = async (key: string, body: Uint8Array): Promise<boolean> => {
    const { status } = await ask(
      { method: 'PUT', key, body, headers: { 'if-none-match': '*' } },
      [200, 409, 412],
    );
    if (status === 409) throw new PassingError(`${address}: another request is writing the same object`);
    return status === 200;
  };
  /**
   * Whether the server refuses to overwrite an object. Tried once, because some servers ignore the condition.
   */
  const knowsCondition = async (): Promise<boolean> => {
    const key = `.condition-${randomBytes(8).toString('hex')}`;
    const something = new Uint8Array([1]);
    await putNew(key, something);
    const refused = !(await putNew(key, something));
    await ask({ method: 'DELETE', key }, [200, 204, 404]);
    return refused;
  };
  let conditional: Promise<boolean> | undefined;

  // Wrong credentials and a wrong name are reported at once, without waiting.
  await page('', undefined, 1).catch((error: unknown) => {
    if (!/: (400|401|403|404) /.test(errorMessage(error))) return;
    throw new UserError(
      `${address} cannot be used: ${errorMessage(error)}. Make sure that the bucket exists and that the credentials in AWS_… belong to it.`,
    );
  });

  return {
    address: `s3://${bucket}/${root}`.replace(/\/$/, ''),
    async get(key) {
      const response = await ask({ method: 'GET', key }, [200, 404]);
      if (response.status === 200) return await bytesOf(response);
      await response.body?.cancel();
      return undefined;
    },
    async put(key, body, { ifAbsent = false } = {}) {
      if (!ifAbsent) return (await ask({ method: 'PUT', key, body }, [200])).status === 200;
      conditional ??= knowsCondition();
      conditional.catch(() => (conditional = undefined));
      if (await conditional) return await putNew(key, body);
      // Then all that can be done is to check before and after.
      if (await found(key)) return false;
      await putNew(key, body);
      const there = await bytesOf(await ask({ method: 'GET', key }, [200]));
      return Buffer.from(there).equals(body);
    },
    async getFile(key, path) {
      const response = await ask({ method: 'GET', key }, [200, 404]);
      if (response.status === 404) {
        await response.body?.cancel();
        return false;
      }
      await onDisk(path, async () => {
        await mkdir(dirname(path), { recursive: true });
        await sweepTemporaries(path);
      });
      const temporary = temporaryName(path);
      try {
        await pipeline(Readable.fromWeb(response.body! as never), createWriteStream(temporary));
        await rename(temporary, path);
        return true;
      } catch (error) {
        // A full disk here is not the bucket's fault.
        if ((error as NodeJS.ErrnoException).syscall !== undefined) throw diskError(path, error);
        throw new PassingError(`${address}: the answer broke off (${errorMessage(error)})`);
      } finally {
        await rm(temporary, { force: true });
      }
    },
    async putFile(key, path) {
      await ask({ method: 'PUT', key, body: await openAsBlob(path) }, [200]);
    },
    async list(prefix) {
      const keys: string[] = [];
      let next: string | undefined;
      do {
        const one = await page(prefix, next, 1000);
        keys.push(...one.keys);
        next = one.next;
      } while (next !== undefined);
      // SeaweedFS repeats a key where a page ends between two folders.
      return [...new Set(keys)].sort();
    },
    async remove(keys) {
      const inTurn = pLimit(8);
      await Promise.all(keys.map((key) => inTurn(() => ask({ method: 'DELETE', key }, [200, 204, 404]))));
    },
  };
}

const encode = (key: string): string => key.split('/').map(encodeURIComponent).join('/');

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

const unescape = (text: string): string =>
  text.replace(/&(?:#(\d+)|(\w+));/g, (whole, code?: string, name?: string) =>
    code === undefined ? (entities[name!] ?? whole) : String.fromCodePoint(Number(code)),
  );

/** Where a name has several addresses, Node combines their errors without a message. */
const describe = (cause: unknown): string =>
  errorMessage(cause) || ((cause as NodeJS.ErrnoException).code ?? 'no answer');
