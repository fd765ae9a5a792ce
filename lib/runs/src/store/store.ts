/**
 * The store of runs. A run is its configuration: the hash of the configuration's canonical JSON names the
 * folder that holds all of it,
 *
 *     runs/<hash>/config.json               what was asked for
 *                 metrics.jsonl             a row per logged step
 *                 checkpoint-<step>.safetensors   the last two; one when done
 *                 provenance.json           where and how it runs or ran
 *                 result.json               only when done: configuration, result, provenance
 *                 error.json                only when it failed: why, and what it can resume from
 *                 lock, progress.json       only while a process works on it
 *
 * Asking for a run returns it if it is done, waits for it if another process is computing it, resumes it if
 * it was begun, and otherwise starts it. A kill at any moment loses the work since the last checkpoint and
 * nothing else.
 */
import type { Progress } from 'oabn-base';
import type { Checkpoint } from './checkpoints.js';
import type { MetricsRow } from './metrics.js';
import type { Provenance, RunFacts } from './provenance.js';
import type { RunContext } from './session.js';

/** What a store knows besides its folder. */
export interface StoreOptions {
  /**
   * A folder of results that ship with the project, `<hash>.json` each, looked up when a run is not in the
   * store.
   */
  readonly shipped?: string;
  /**
   * Versions of what computes, by name, as each provenance lists them besides node's; see `packageVersions`.
   */
  readonly versions?: Readonly<Record<string, string>>;
  /** Called with what a person should know, such as that a checkpoint is damaged; default: standard error. */
  readonly notice?: (message: string) => void;
}

/** What is requested of a run besides its configuration. */
export interface RequestOptions<Result = unknown> {
  /** Throw a `UserError` if another process is computing the run, instead of waiting for it. */
  readonly noWait?: boolean;
  /**
   * The names of the files (networks) of a run with this result that the caller needs; default none. With it
   * a shipped result will not do, and a run whose file is missing or damaged is computed again from its last
   * checkpoint.
   */
  readonly needs?: (result: Result) => readonly string[];
  /**
   * The configuration of the run whose files this one starts from, if any. Where the store has another result of
   * that run than the one that ships, because it was made again, a shipped result of this run is of other files,
   * and is not used.
   */
  readonly startsFrom?: unknown;
  /** Seed, dataset, backend and device, for the provenance. The seed defaults to the configuration's. */
  readonly provenance?: RunFacts;
  /** Called as the work proceeds; default: no progress is reported. */
  readonly progress?: Progress;
  /** When aborted, the request ends with the reason; the run can be resumed. */
  readonly signal?: AbortSignal;
}

/** A finished run: its configuration, its result, and where that came from. */
export interface StoredRun<Result = unknown, Config = unknown> {
  /** The hash of `config`, which names the run. */
  readonly hash: string;
  /** The run's folder; a shipped run has nothing there. */
  readonly folder: string;
  /** Its configuration. */
  readonly config: Config;
  /** What it returned. */
  readonly result: Result;
  /** Where, when and with what it was computed. */
  readonly provenance: Provenance;
  /** Computed (or resumed) just now, found in the store, or shipped with the project. */
  readonly from: 'computed' | 'store' | 'shipped';
}

/** What the store knows about a run, done or not. */
export interface RunEntry {
  /** The hash of `config`, which names the run. */
  readonly hash: string;
  /** The folder with its files. */
  readonly folder: string;
  /** Its configuration. */
  readonly config: unknown;
  /** How far it is; `interrupted` runs can be resumed. */
  readonly status: 'done' | 'running' | 'failed' | 'interrupted';
  /** Whether it is in the store itself or among the shipped results. */
  readonly from: 'store' | 'shipped';
  /** The step of the last checkpoint. */
  readonly step?: number;
  /** What it returned, if it is done. */
  readonly result?: unknown;
  /** Where, when and with what it was computed, as far as known. */
  readonly provenance?: Partial<Provenance>;
  /** Why it failed. */
  readonly error?: string;
}

/** A folder of runs, safe against kills and against several processes at once. */
export interface Store {
  /** The folder that holds the runs, absolute. */
  readonly folder: string;
  /**
   * The run of `config`: from the store, shipped, awaited, resumed or computed by `execute`, whose value is
   * JSON. The configuration is copied at the call, so that its object may change afterwards.
   * @throws UserError when the configuration is not JSON, with the path; what `execute` throws
   */
  request<Result, Config = unknown>(
    config: Config,
    execute: (context: RunContext<Config>) => Promise<Result>,
    options?: RequestOptions<Result>,
  ): Promise<StoredRun<Result, Config>>;
  /** All runs in the store, in the order in which they were started, then those shipped. */
  list(): Promise<RunEntry[]>;
  /** The one run whose hash begins with `prefix`. @throws UserError when there is none or more than one */
  find(prefix: string): Promise<RunEntry>;
  /**
   * The metrics of a run in the store, in the order of logging; none if it logged nothing.
   * @throws UserError when those of a finished run are damaged
   */
  metrics(hash: string): Promise<MetricsRow[]>;
  /** The last checkpoint of a run in the store. @throws UserError when it is damaged */
  checkpoint(hash: string): Promise<Checkpoint | undefined>;
  /** Deletes a run. @throws UserError when it is not there or a process works on it */
  remove(hash: string): Promise<void>;
  /** Writes the result and provenance of a finished run to `<folder>/<hash>.json` and returns that path. */
  export(hash: string, folder: string): Promise<string>;
}
