/**
 * Optional packages, installed only by those who use what needs them: a single machine needs neither a queue
 * nor a bucket.
 */
import { errorMessage, UserError } from 'oabn-base';

interface Packages {
  readonly aws4fetch: typeof import('aws4fetch');
  readonly bullmq: typeof import('bullmq');
  readonly ioredis: typeof import('ioredis');
}

/**
 * The module `name`, loaded when it is first needed. @throws UserError saying what to install when it is
 * missing
 */
export async function optional<Name extends keyof Packages>(
  name: Name,
  purpose: string,
): Promise<Packages[Name]> {
  try {
    return (await import(name)) as Packages[Name];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new UserError(
      `The package ${name} is needed for ${purpose}; install it: npm install ${name} (${errorMessage(error)})`,
      { cause: error },
    );
  }
}
