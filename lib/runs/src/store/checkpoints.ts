/**
 * Checkpoints of a run: `checkpoint-<step>.safetensors`, whose metadata holds a checksum of everything else
 * in it. A checkpoint that does not match its checksum is set aside, and the one before is used; so the last
 * two are kept, and an older one is deleted only when the newer one is safely on disk.
 */
import { createHash } from 'node:crypto';
import { readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  canonicalJson,
  check,
  decodeSafetensors,
  encodeSafetensors,
  errorMessage,
  ignoreMissing,
  type Safetensors,
  UserError,
} from 'oabn-base';
import { isMachineFault } from '../faults.js';
import { beginsWith, type MetricsRow } from './metrics.js';
import { namesIn, onDisk, writeDurable } from './durable.js';

/** A state to resume from. */
export interface Checkpoint extends Safetensors {
  /** Steps taken when it was made. */
  readonly step: number;
  /** Seconds of work that went into it, over all sessions of the run. */
  readonly wallSeconds: number;
  /** Processor seconds of that work; absent in checkpoints from before they were counted. */
  readonly cpuSeconds?: number;
  /** The digest of the rows up to its step that were logged before it; absent in checkpoints of earlier versions. */
  readonly metricsDigest?: string;
}

/** Metadata of the store itself begins with this. */
const own = 'oabn.';

export const checkpointName = (step: number): string => `checkpoint-${step}.safetensors`;

/** The steps of the checkpoints in `folder`, latest first. */
export async function checkpointSteps(folder: string): Promise<number[]> {
  const steps = (await namesIn(folder)).flatMap((name) => {
    const match = /^checkpoint-(\d+)\.safetensors$/.exec(name);
    return match ? [Number(match[1])] : [];
  });
  return steps.sort((a, b) => b - a);
}

/** The bytes of a checkpoint's file. The tensors are copied, so they may change afterwards. */
export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array {
  const { step, wallSeconds, cpuSeconds, metricsDigest, tensors, metadata } = checkpoint;
  check(
    Number.isInteger(step) && step >= 0,
    () => `A checkpoint's step must be a whole number ≥ 0, got ${step}`,
  );
  const taken = Object.keys(metadata).find((key) => key.startsWith(own));
  check(
    taken === undefined,
    `A checkpoint's metadata must not have keys that begin with ${own}, got ${taken}`,
  );
  const all = {
    ...metadata,
    [`${own}wallSeconds`]: String(wallSeconds),
    ...(cpuSeconds !== undefined && { [`${own}cpuSeconds`]: String(cpuSeconds) }),
    ...(metricsDigest !== undefined && { [`${own}metrics`]: metricsDigest }),
  };
  return encodeSafetensors({
    tensors,
    metadata: { ...all, [`${own}checksum`]: checksum(step, tensors, all) },
  });
}

/** Writes a checkpoint's bytes, complete and durable, then deletes all but the last `keep`. */
export async function writeCheckpoint(
  folder: string,
  step: number,
  file: Uint8Array,
  keep = 2,
): Promise<void> {
  await writeDurable(join(folder, checkpointName(step)), file);
  await pruneCheckpoints(folder, keep);
}

/** Deletes all checkpoints but the last `keep`. */
export async function pruneCheckpoints(folder: string, keep: number): Promise<void> {
  for (const old of (await checkpointSteps(folder)).slice(keep)) {
    await onDisk(folder, () => rm(join(folder, checkpointName(old)), { force: true }));
  }
}

/**
 * Reads a checkpoint and compares it with its checksum.
 * @throws UserError when it is missing, damaged or not a checkpoint of this store
 */
export async function readCheckpoint(folder: string, step: number): Promise<Checkpoint> {
  const path = join(folder, checkpointName(step));
  const file = await onDisk(path, () => readFile(path).catch(ignoreMissing));
  check(file, () => `${path} is not there`);
  const { tensors, metadata } = decodeSafetensors(file, path);
  const { [`${own}checksum`]: expected, ...all } = metadata;
  const found = checksum(step, tensors, all);
  check(found === expected, () => `${path} is damaged: its checksum is ${found}, expected ${expected}`);
  const {
    [`${own}wallSeconds`]: wallSeconds,
    [`${own}cpuSeconds`]: cpuSeconds,
    [`${own}metrics`]: metricsDigest,
    ...rest
  } = all;
  return {
    ...{ step, wallSeconds: Number(wallSeconds), tensors, metadata: rest },
    ...(cpuSeconds !== undefined && { cpuSeconds: Number(cpuSeconds) }),
    ...(metricsDigest !== undefined && { metricsDigest }),
  };
}

/**
 * The last undamaged checkpoint in `folder`, if any, whose metrics are undamaged too. Reports those that are
 * not, and renames them to `….damaged`.
 * @param rows all rows of the run's metrics
 * @throws UserError when the disk refuses to read one, which does not mean that it is damaged
 */
export async function lastCheckpoint(
  folder: string,
  rows: readonly MetricsRow[],
  notice: (message: string) => void,
): Promise<Checkpoint | undefined> {
  for (const step of await checkpointSteps(folder)) {
    try {
      const checkpoint = await readCheckpoint(folder, step);
      const { metricsDigest } = checkpoint;
      const upToIt = rows.filter((row) => row.step <= step);
      check(
        metricsDigest === undefined || beginsWith(upToIt, metricsDigest),
        () => `${join(folder, checkpointName(step))} does not agree with the metrics, which are damaged.`,
      );
      return checkpoint;
    } catch (error) {
      if (!(error instanceof UserError) || isMachineFault(error)) throw error;
      const path = join(folder, checkpointName(step));
      await onDisk(path, () => rename(path, `${path}.damaged`));
      notice(
        `${errorMessage(error)} Set aside as ${checkpointName(step)}.damaged; continuing from the one before.`,
      );
    }
  }
  return undefined;
}

function checksum(step: number, tensors: Checkpoint['tensors'], metadata: Checkpoint['metadata']): string {
  const names = Object.keys(tensors).sort();
  const kinds = names.map((name) => [name, tensors[name]!.data.constructor.name, tensors[name]!.shape]);
  const hash = createHash('sha256').update(canonicalJson({ step, kinds, metadata }));
  for (const name of names) {
    const { data } = tensors[name]!;
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}
