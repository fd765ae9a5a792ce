/** From an address to a place for objects. */
import { isAbsolute, resolve } from 'node:path';
import { check, UserError } from 'oabn-base';
import { folderObjects } from './folder.js';
import type { Objects } from './objects.js';
import { patient, type Patience } from './patience.js';
import { s3Objects } from './s3.js';

/**
 * Opens `s3://bucket/prefix`, or a folder. Requests that fail for a reason that may pass are repeated for as
 * long as `patience` says.
 * @throws UserError when the place cannot be used: no credentials, no such bucket, a folder that cannot be
 * made
 */
export async function openObjects(address: string, patience: Patience = {}): Promise<Objects> {
  check(address !== '', 'The store’s address is empty; name a folder or s3://bucket/prefix');
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(address)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== 's3') {
    throw new UserError(`A store is a folder or s3://bucket/prefix, got ${address}`);
  }
  const plain = scheme === 's3' ? await s3Objects(address) : await folderObjects(absolute(address));
  return patient(plain, patience);
}

const absolute = (folder: string): string => (isAbsolute(folder) ? folder : resolve(folder));
