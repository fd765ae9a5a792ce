/** Runs that sleep instead of compute: what is left of the time is the queue's own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { storeExecutor } from '../src/queue/index.js';

export const createExecutor = storeExecutor(async ({ config }) => {
  await sleep((config as { milliseconds: number }).milliseconds);
  return null;
});
