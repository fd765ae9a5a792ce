/**
 * What the queue knows about a run: its hash, which is the job's name, its configuration, the runs that must
 * be done before, and what a machine needs to compute it. No tensors: those are in the store.
 */
import { canonicalJson, check, configHash, sha256 } from 'oabn-base';
import { frozenConfig } from '../store/configuration.js';

/** A run in the queue. */
export interface QueueJob<Config = unknown> {
  /** `configHash(config)`. */
  readonly hash: string;
  /** The run in a few words, for people. */
  readonly title: string;
  /** Its configuration. */
  readonly config: Config;
  /** What the executor needs besides the configuration, as JSON. */
  readonly setting?: unknown;
  /** Hashes of the runs that this one starts from. */
  readonly needs: readonly string[];
  /** What a machine must have to compute it. */
  readonly requirements: Requirements;
  /**
   * Names of what is worth keeping from one run to the next, such as a compiled function, the most expensive
   * first.
   */
  readonly affinity: readonly string[];
}

/**
 * The job of a configuration, which is copied; it needs nothing except what is given.
 * @throws UserError when the configuration is not JSON, with the path
 */
export function queueJob<Config>(
  job: Pick<QueueJob<Config>, 'title' | 'config'> & Partial<Omit<QueueJob<Config>, 'hash'>>,
): QueueJob<Config> {
  const config = frozenConfig(job.config);
  return { needs: [], requirements: {}, affinity: [], ...job, config, hash: configHash(config) };
}

/** What a machine must have; a missing member means no requirement. */
export interface Requirements {
  /** The name of an engine. */
  readonly backend?: string;
  /** Memory for one run, in GiB. */
  readonly memoryGiB?: number;
  /** The name of a data set, usually its checksum. */
  readonly data?: string;
}

/** What a worker has. */
export interface Capabilities {
  readonly backends: readonly string[];
  /** Memory for each of the runs that it computes at the same time. */
  readonly memoryGiB: number;
  /** Whether the data set is here, or can be fetched. */
  readonly hasData: (name: string) => Promise<boolean>;
}

/**
 * Jobs of one class can be done by the same workers; each class has a queue of its own, so that no worker
 * ever takes a job that it has to put back.
 */
export interface JobClass {
  /**
   * The version of the program that planned the jobs: a worker of another version might compute something
   * else.
   */
  readonly version: string;
  /**
   * Whether the configurations contain functions, which run only where somebody has declared trust in them.
   */
  readonly trust: boolean;
  /** What a machine must have to compute its jobs. */
  readonly requirements: Requirements;
}

/** What is common to the jobs that are put into the queue together. */
export interface Plan {
  /** The version of the program that plans. */
  readonly version: string;
  /** Whether a configuration contains source code. */
  readonly holdsCode: (config: unknown) => boolean;
}

export const classOf = ({ requirements, config }: QueueJob, { version, holdsCode }: Plan): JobClass => ({
  version,
  trust: holdsCode(config),
  requirements: JSON.parse(canonicalJson(requirements)) as Requirements,
});

/** The name of a class's queue. */
export const classId = (each: JobClass): string => sha256(canonicalJson(each)).slice(0, 12);

/** What BullMQ calls the job. Never just digits, which a hash may be and BullMQ does not accept. */
export const jobId = (hash: string): string => `run-${hash}`;

/** Why a worker does not take jobs of `each`; undefined if it does. */
export async function obstacle(
  { version, trust, requirements }: JobClass,
  worker: Capabilities & { readonly version: string; readonly trust: boolean },
): Promise<string | undefined> {
  const { backend, memoryGiB = 0, data } = requirements;
  if (version !== worker.version) return `of version ${version}, and this worker has ${worker.version}`;
  if (trust && !worker.trust) return 'with functions of their own, which run only with --trust';
  if (backend !== undefined && !worker.backends.includes(backend)) return `for the backend ${backend}`;
  if (memoryGiB > worker.memoryGiB) {
    return `of ${memoryGiB} GiB each, and this worker has ${worker.memoryGiB.toFixed(1)} for one`;
  }
  if (data !== undefined && !(await worker.hasData(data)))
    return `on data that is neither here nor in the store (${data})`;
  return undefined;
}

/**
 * Checks a job from the queue, where anybody could have put it.
 * @throws UserError when its name is not that of its configuration, or it is not of the class it came in
 */
export function checkJob(job: QueueJob, { trust }: JobClass, holdsCode: (config: unknown) => boolean): void {
  const hash = configHash(job.config);
  check(
    hash === job.hash,
    `Job ${job.hash} has the configuration of run ${hash}; it was not planned by this program`,
  );
  check(
    trust || !holdsCode(job.config),
    `Job ${job.hash} contains functions without declaring them; it was not planned by this program`,
  );
}
