/** Which run a worker is to compute next. */
import { canonicalJson } from 'oabn-base';
import { normalizeConfig, type RunConfig } from '../config.js';
import type { Job } from '../job.js';
import { compiledKey } from '../training.js';

interface Planned {
  readonly index: number;
  /** Of the compiled function. */
  readonly key: string;
  /** The network that it makes, or starts from. */
  readonly makes?: string;
  readonly needs?: string;
}

export interface Schedule {
  /**
   * The index of the next job for `worker`: none that starts from a network that is not made yet, and one whose
   * function the worker has compiled already, if there is one. Undefined: there is none at the moment.
   */
  next(worker: number): number | undefined;
  /** The job is done; what starts from its network can begin. */
  done(index: number): void;
  readonly left: number;
}

export function schedule(jobs: readonly Job[]): Schedule {
  const waiting = jobs.map(({ config }, index) => plan(normalizeConfig(config), index));
  const unmade = new Set(waiting.flatMap(({ makes }) => makes ?? []));
  const planned = [...waiting];
  const lastKeys = new Map<number, string>();
  return {
    next(worker) {
      const ready = waiting.filter(({ needs }) => needs === undefined || !unmade.has(needs));
      const elsewhere = new Set([...lastKeys].flatMap(([other, key]) => (other === worker ? [] : key)));
      const chosen =
        ready.find(({ key }) => key === lastKeys.get(worker)) ??
        ready.find(({ key }) => !elsewhere.has(key)) ??
        ready[0];
      if (!chosen) return undefined;
      waiting.splice(waiting.indexOf(chosen), 1);
      lastKeys.set(worker, chosen.key);
      return chosen.index;
    },
    done(index) {
      const { makes } = planned[index]!;
      if (makes !== undefined) unmade.delete(makes);
    },
    get left() {
      return waiting.length;
    },
  };
}

function plan(config: RunConfig, index: number): Planned {
  const base = { index, key: compiledKey(config) };
  if (config.kind === 'pretrain') return { ...base, makes: canonicalJson(config) };
  return config.source.kind === 'pretrain' ? { ...base, needs: canonicalJson(config.source) } : base;
}
