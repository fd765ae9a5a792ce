/** The order in which the jobs of a plan can be carried out. */
import { check } from 'oabn-base';

/** A job, as far as the order depends on it. */
export interface OrderedJob {
  readonly hash: string;
  /** What it is called in messages; default its hash. */
  readonly title?: string;
  /** Hashes of what must be done before; what is not among the jobs counts as done. */
  readonly needs?: readonly string[];
}

/** Jobs that a message names. */
const mostNamed = 3;

/** @throws UserError when some of `jobs` can never begin, because they wait for each other or for themselves */
export function checkOrder(jobs: readonly OrderedJob[]): void {
  const stuck = stuckJobs(jobs);
  const names = stuck.slice(0, mostNamed).map(({ hash, title }) => `«${title ?? hash}»`);
  if (stuck.length > mostNamed) names.push('…');
  const wait = stuck.length === 1 ? 'waits for itself' : 'wait for each other';
  check(
    stuck.length === 0,
    () =>
      `${stuck.length} of the jobs ${wait} (${names.join(', ')}): what is needed is made only by jobs that ` +
      `need it. Take away one of these needs.`,
  );
}

/** What is left when all that can be carried out is done. */
function stuckJobs(jobs: readonly OrderedJob[]): OrderedJob[] {
  const unmade = new Set(jobs.map(({ hash }) => hash));
  const dependants = new Map<string, string[]>();
  const waitsFor = new Map<string, Set<string>>();
  for (const { hash, needs = [] } of jobs) {
    const open = new Set(needs.filter((need) => unmade.has(need)));
    waitsFor.set(hash, open);
    for (const need of open) {
      if (dependants.get(need)?.push(hash) === undefined) dependants.set(need, [hash]);
    }
  }
  const ready = [...unmade].filter((hash) => waitsFor.get(hash)!.size === 0);
  for (let hash = ready.pop(); hash !== undefined; hash = ready.pop()) {
    unmade.delete(hash);
    for (const each of dependants.get(hash) ?? []) {
      const open = waitsFor.get(each)!;
      if (open.delete(hash) && open.size === 0) ready.push(each);
    }
  }
  return jobs.filter(({ hash }) => unmade.has(hash));
}
