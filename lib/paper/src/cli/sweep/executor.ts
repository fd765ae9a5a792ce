/**
 * The module that a worker's processes load: it computes runs in labs that are opened once and kept for the
 * runs that follow.
 */
import { canonicalJson, check, type Progress, silent } from 'oabn-base';
import { kindOf, type Lab, openLab, readConfig, run } from 'oabn/experiment';
import type { CreateExecutor } from 'provable-runs/queue';
import type { LabSetting } from './jobs.js';

export const createExecutor: CreateExecutor = ({ runs, notice }) => {
  const labs = new Map<string, Lab>();
  let progress: Progress = silent;
  let stopping = new AbortController();

  const labFor = async (setting: LabSetting, data: string | undefined): Promise<Lab> => {
    const key = canonicalJson({ setting, data: data ?? null });
    const known = labs.get(key);
    if (known) return known;
    const opened = await openLab({
      ...setting,
      runs,
      notice,
      progress: (event) => progress(event),
      signal: stopping.signal,
      ...(data !== undefined && { data }),
    });
    labs.set(key, opened);
    return opened;
  };

  return async (job, context) => {
    const config = readConfig(job.config);
    progress = context.progress;
    const stop = (): void => {
      stopping.abort(context.signal.reason);
      // A lab whose signal has fired starts nothing any more.
      labs.clear();
      stopping = new AbortController();
    };
    if (context.signal.aborted) stop();
    else context.signal.addEventListener('abort', stop);
    try {
      context.signal.throwIfAborted();
      const lab = await labFor(job.setting as LabSetting, context.data);
      context.signal.throwIfAborted();
      const { checksum } = kindOf(config).network(config).data;
      check(
        lab.data.checksum === checksum,
        () =>
          `The images here (${lab.data.name}, ${lab.data.checksum}) are not those of the run (${checksum})`,
      );
      await run(lab, config, { files: true });
    } finally {
      context.signal.removeEventListener('abort', stop);
    }
  };
};
