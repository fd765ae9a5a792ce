/**
 * Runs of this project as jobs of the queue: what each needs, and what distinguishes one version of the
 * program from another.
 */
import { canonicalJson, check, sha256 } from 'oabn-base';
import { type DatasetName } from 'oabn/data';
import {
  describeConfig,
  gibibytesOfRun,
  type Job,
  poolJobs,
  softwareVersions,
  storedConfig,
} from 'oabn/experiment';
import type { Precision } from 'tfjs-native';
import type { Plan, QueueJob } from 'provable-runs/queue';

/** How a worker opens the lab that a job belongs in, besides its data. */
export interface LabSetting {
  readonly dataset: DatasetName;
  readonly eager?: boolean;
  readonly precision?: Precision;
}

export interface JobOptions {
  /** The engine that the runs are to be computed on; default any, as the same results answer everywhere. */
  readonly backend?: string;
}

/**
 * The version that a worker and whoever planned the runs must share, for a run to be what its configuration
 * says.
 */
export function programVersion(): string {
  const { oabn, tfjs } = softwareVersions();
  return `oabn ${oabn} (tfjs ${tfjs})`;
}

export const plan = (): Plan => ({ version: programVersion(), holdsCode: holdsFunctions });

/** Whether a configuration contains a function of its author's (a name and a source) at any depth. */
export function holdsFunctions(config: unknown): boolean {
  if (typeof config !== 'object' || config === null) return false;
  return (
    typeof (config as { source?: unknown }).source === 'string' || Object.values(config).some(holdsFunctions)
  );
}

/** The name of a dataset in a store, which depends on its images. */
export const dataName = ({ name, checksum }: { readonly name: string; readonly checksum: string }): string =>
  `${name}-${sha256(checksum).slice(0, 16)}`;

/** @throws UserError for a run that starts from a file, which other machines do not have */
export function queueJobs(jobs: readonly Job[], { backend }: JobOptions = {}): QueueJob[] {
  return poolJobs(jobs).map(({ lab, config, hash, needs = [], key }): QueueJob => {
    const stored = storedConfig(config);
    check(
      !canonicalJson(stored).includes('"kind":"checkpoint"'),
      () =>
        `«${describeConfig(config)}» starts from a file on this machine; compute it here, without --queue`,
    );
    const { eager, precision, dataset = lab.defaults.data.name } = lab.opening;
    const setting: LabSetting = {
      dataset: lab.train.made ? 'made' : dataset,
      ...(eager !== undefined && { eager }),
      ...(precision !== undefined && { precision }),
    };
    return {
      hash,
      title: describeConfig(config),
      config: stored,
      setting,
      needs,
      requirements: {
        memoryGiB: gibibytesOfRun,
        ...(backend !== undefined && { backend }),
        ...(!lab.train.made && { data: dataName(lab.data) }),
      },
      // Compiling costs more than fetching.
      affinity: [sha256(key).slice(0, 16), ...needs],
    };
  });
}
