/** Options of the commands that compute on many machines. */
import { Option } from 'commander';

export interface SweepOptions {
  readonly queue?: string;
  readonly store?: string;
}

/** A new option for each command, because some require it and others do not. */
export const queueOption = (): Option =>
  new Option(
    '--queue <address>',
    'redis://host:port, or rediss:// for TLS; REDIS_PASSWORD is its password, ?name=… distinguishes sweeps on one server',
  );
export const storeOption = (): Option =>
  new Option(
    '--store <place>',
    'what all machines can reach: a shared folder, or s3://bucket/prefix with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL',
  );
