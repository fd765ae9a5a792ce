/**
 * One session of a run: from taking the lock to the result, an error, or a kill. It begins with the last
 * undamaged checkpoint and the metrics up to it, so that a deterministic run ends with the same bytes however
 * often it was killed.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { check, errorMessage, type Progress, type ProgressEvent, temporaryName } from 'oabn-base';
import {
  type Checkpoint,
  checkpointName,
  checkpointSteps,
  encodeCheckpoint,
  lastCheckpoint,
  pruneCheckpoints,
  writeCheckpoint,
} from './checkpoints.js';
import { explainingFrozen } from './configuration.js';
import { readJsonIfWhole, removeLeftovers, writeJsonDurable } from './durable.js';
import type { Lock } from './lock.js';
import { digestFiles, fileNames } from './files.js';
import { keepMetricsUpTo, type MetricsRow, openMetricsLog, readMetrics } from './metrics.js';
import { beginProvenance, command, type Provenance, type RunFacts } from './provenance.js';
import { type ResultFile, writeResultFile } from './resultFile.js';

/** What a run gets to work with. */
export interface RunContext<Config = unknown> {
  /** The configuration of the run as its JSON says it, frozen; to change it, copy it (`structuredClone`). */
  readonly config: Config;
  /** The run's folder; files that the run writes here are kept with it. */
  readonly folder: string;
  /** Where to continue, if the run was begun before. */
  readonly resumed?: Checkpoint & { readonly metrics: readonly MetricsRow[] };
  /**
   * Writes a checkpoint after `step` steps, complete and durable, and keeps the one before. Tensors are
   * copied at the call. Log the metrics of these steps first: a resumed run has the rows up to its
   * checkpoint's step, and no others.
   */
  saveCheckpoint(
    step: number,
    tensors: Checkpoint['tensors'],
    metadata?: Readonly<Record<string, string>>,
  ): Promise<void>;
  /** Appends a row to the run's metrics; it is written when the call returns. */
  logMetrics(row: MetricsRow): Promise<void>;
  /** Adds facts to the provenance that are known only now, such as the device. */
  addProvenance(facts: RunFacts): void;
  /** To be called as the work proceeds. */
  readonly progress: Progress;
  /** Aborts when the caller wants the run to stop, or when another process has taken it over. */
  readonly signal: AbortSignal;
}

export interface SessionOptions<Config, Result> {
  readonly hash: string;
  /** Frozen, so that it is stored as it was hashed. */
  readonly config: Config;
  readonly folder: string;
  readonly lock: Lock;
  readonly execute: (context: RunContext<Config>) => Promise<Result>;
  readonly facts: RunFacts;
  /** Versions of what computes, for the provenance. */
  readonly versions: Readonly<Record<string, string>>;
  readonly progress: Progress;
  readonly notice: (message: string) => void;
  readonly signal?: AbortSignal;
}

/** A run that failed, as described in `error.json`. */
export interface RunError {
  readonly message: string;
  readonly name: string;
  readonly stack?: string;
  readonly at: string;
  readonly command: string;
  /** The nonce of the lock under which it failed. */
  readonly owner: string;
  /** The file to resume from, or null if there is none. */
  readonly lastCheckpoint: string | null;
}

/**
 * Executes a run, whose lock the caller holds, to its result. @throws what `execute` throws, after recording
 * it
 */
export async function runSession<Config, Result>(
  options: SessionOptions<Config, Result>,
): Promise<ResultFile> {
  const { hash, config, folder, lock, execute, notice } = options;
  const file = (name: keyof typeof fileNames): string => join(folder, fileNames[name]);
  await removeLeftovers(folder);
  await writeJsonDurable(file('config'), config);
  const checkpoint = await lastCheckpoint(folder, await readMetrics(file('metrics')), notice);
  const metrics = await keepMetricsUpTo(file('metrics'), checkpoint?.step ?? -1);
  const earlier = (await readJsonIfWhole(file('provenance'))) as Partial<Provenance> | undefined;
  let provenance = await beginProvenance(options.facts, options.versions, earlier);
  await writeJsonDurable(file('provenance'), provenance);
  await rm(file('error'), { force: true });

  const began = performance.now();
  const cpuBegan = process.cpuUsage();
  const wallSeconds = (): number =>
    (checkpoint?.wallSeconds ?? 0) + Math.round(performance.now() - began) / 1000;
  const cpuSeconds = (): number => {
    const { user, system } = process.cpuUsage(cpuBegan);
    return (checkpoint?.cpuSeconds ?? 0) + Math.round((user + system) / 1000) / 1000;
  };
  const log = openMetricsLog(file('metrics'), metrics);
  const shown = publishedProgress(file('progress'), lock.owner.nonce, options.progress);
  let saving = Promise.resolve();
  let over = false;
  const save = async (step: number, bytes: Uint8Array): Promise<void> => {
    await lock.assertHeld();
    log.sync();
    await writeCheckpoint(folder, step, bytes);
  };
  const context: RunContext<Config> = {
    config,
    folder,
    ...(checkpoint && { resumed: { ...checkpoint, metrics } }),
    saveCheckpoint(step, tensors, metadata = {}) {
      check(!over, () => `The run is over: the checkpoint of step ${step} comes too late for ${folder}`);
      const spent = { wallSeconds: wallSeconds(), cpuSeconds: cpuSeconds() };
      const about = { step, ...spent, metricsDigest: log.digestUpTo(step) };
      const bytes = encodeCheckpoint({ ...about, tensors, metadata });
      // One after the other, whether or not the caller waits.
      const saved = saving.then(() => save(step, bytes));
      saving = saved.catch(() => undefined);
      return saved;
    },
    async logMetrics(row) {
      log.append(row);
    },
    addProvenance(facts) {
      provenance = { ...provenance, ...facts };
    },
    progress: shown.progress,
    signal: options.signal ? AbortSignal.any([options.signal, lock.lost]) : lock.lost,
  };
  try {
    const result = await explainingFrozen(async () => await execute(context));
    await saving;
    await lock.assertHeld();
    log.sync();
    provenance = {
      ...provenance,
      finishedAt: new Date().toISOString(),
      wallSeconds: wallSeconds(),
      cpuSeconds: cpuSeconds(),
    };
    await writeJsonDurable(file('provenance'), provenance);
    const files = await digestFiles(folder);
    const content: ResultFile = { format: 'oabn-result-1', hash, config, result, provenance, files };
    const written = await writeResultFile(file('result'), content);
    await pruneCheckpoints(folder, 1);
    return written;
  } catch (error) {
    await saving;
    if (!context.signal.aborted) await writeError(file('error'), error, lock, folder).catch(() => undefined);
    throw error;
  } finally {
    over = true;
    log.close();
    shown.end();
  }
}

async function writeError(path: string, error: unknown, lock: Lock, folder: string): Promise<void> {
  const [step] = await checkpointSteps(folder);
  const content: RunError = {
    message: errorMessage(error),
    name: error instanceof Error ? error.name : typeof error,
    ...(error instanceof Error && error.stack !== undefined && { stack: error.stack }),
    at: new Date().toISOString(),
    command: command(),
    owner: lock.owner.nonce,
    lastCheckpoint: step === undefined ? null : checkpointName(step),
  };
  await writeJsonDurable(path, content);
}

/** What a run in another process is doing: its last progress event. */
export interface PublishedProgress {
  readonly owner: string;
  readonly event: ProgressEvent;
}

/**
 * A progress that also writes its events to a file, about one per second, for processes that wait for the
 * run.
 */
function publishedProgress(
  path: string,
  owner: string,
  progress: Progress,
): { progress: Progress; end(): void } {
  let writtenAt = -Infinity;
  return {
    progress(event) {
      progress(event);
      if (performance.now() - writtenAt < 1000) return;
      writtenAt = performance.now();
      const temporary = temporaryName(path);
      try {
        writeFileSync(temporary, JSON.stringify({ owner, event } satisfies PublishedProgress));
        renameSync(temporary, path);
      } catch {
        // Only for show: a full disk will be noticed at the next checkpoint.
        rmSync(temporary, { force: true });
      }
    },
    end: () => rmSync(path, { force: true }),
  };
}

/** The last event that the run's owner published, if any. */
export function readPublishedProgress(folder: string): PublishedProgress | undefined {
  try {
    const read = JSON.parse(
      readFileSync(join(folder, fileNames.progress), 'utf8'),
    ) as PublishedProgress | null;
    const { task, done, total } = read?.event ?? {};
    const isWhole = typeof task === 'string' && typeof done === 'number' && typeof total === 'number';
    return isWhole ? read! : undefined;
  } catch {
    return undefined;
  }
}
