/**
 * How long a list of runs will take here, before they start: a few steps of each kind are taken as a run
 * takes them, with its data and its compiled step, and multiplied. What the store holds already costs
 * nothing.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalJson, random, silent, sizeOf } from 'oabn-base';
import type { RunContext, RunEntry, Store } from 'provable-runs';
import { mergedOf } from '../merge/index.js';
import { type Architecture, initialize, parameterShapes, type StateDict } from '../model/index.js';
import type { Job } from './job.js';
import { secondsOf } from './kinds/cost.js';
import { hashOf, kindOf, normalizeConfig, type RunConfig } from './kinds/index.js';
import { measureAccuracy } from './measure.js';

/** Runs of one kind on one dataset. */
export interface TimeEstimate {
  /** Such as «train, cifar10» or «ClusterQAT, cifar10». */
  readonly label: string;
  /** How many runs there are, done or not. */
  readonly runs: number;
  /** How many of these are in the store. */
  readonly done: number;
  /** Training steps that are left; 0 where nothing is trained. */
  readonly steps: number;
  /** Seconds of a training step; 0 where nothing is trained. */
  readonly secondsPerStep: number;
  /** Seconds of a run apart from its steps: calibration, evaluation, and its share of compilation. */
  readonly secondsBeside: number;
  /** Seconds that the runs which are not done will take. */
  readonly secondsLeft: number;
}

/** Images of an evaluation that is timed: two batches. */
const evaluated = 400;

/**
 * The estimate by kind of run, in the order of `plan`. Takes seconds to minutes; writes nothing into the
 * store.
 */
export async function estimateRuns(plan: readonly Job[]): Promise<TimeEstimate[]> {
  const groups = new Map<string, KnownJob[]>();
  for (const run of await inTheirStores(plan)) {
    const key = canonicalJson(costKey(run.config));
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  const estimates: TimeEstimate[] = [];
  for (const runs of groups.values()) estimates.push(await estimateGroup(runs));
  const labels = [...new Set(estimates.map(({ label }) => label))];
  return labels.map((label) =>
    together(
      label,
      estimates.filter((each) => each.label === label),
    ),
  );
}

/** Groups of one label, such as networks of other shapes, as one: sums, and means over steps and runs. */
function together(label: string, parts: readonly TimeEstimate[]): TimeEstimate {
  const sum = (of: (part: TimeEstimate) => number): number =>
    parts.reduce((total, part) => total + of(part), 0);
  const [runs, done, steps] = [sum((part) => part.runs), sum((part) => part.done), sum((part) => part.steps)];
  const inSteps = sum((part) => part.steps * part.secondsPerStep);
  const secondsLeft = sum((part) => part.secondsLeft);
  return {
    ...{ label, runs, done, steps, secondsLeft },
    secondsPerStep: steps > 0 ? inSteps / steps : 0,
    secondsBeside: runs > done ? (secondsLeft - inSteps) / (runs - done) : 0,
  };
}

/** How many runs of `plan` are done, begun, and missing. */
export async function progressOf(
  plan: readonly Job[],
): Promise<{ done: number; begun: number; left: number }> {
  const runs = await inTheirStores(plan);
  const done = runs.filter((run) => run.done).length;
  const begun = runs.filter((run) => !run.done && run.step > 0).length;
  return { done, begun, left: plan.length - done - begun };
}

/** What the time of a run depends on; the threshold changes numbers, not their cost. */
function costKey(config: RunConfig): object {
  const kind = kindOf(config);
  const { arch, data } = kind.network(config);
  const { name, testImages, heldOut } = data;
  return {
    ...{ kind: config.kind, data: name, testImages, heldOut },
    ...{ arch: { ...arch, oabn: undefined }, ...kind.cost.key(config) },
  };
}

async function estimateGroup(runs: readonly KnownJob[]): Promise<TimeEstimate> {
  const { lab, config } = runs[0]!;
  const kind = kindOf(config);
  const unfinished = runs.filter((run) => !run.done);
  const done = runs.length - unfinished.length;
  const label = `${kind.label(config)}, ${kind.network(config).data.name}`;
  if (done === runs.length) {
    return { label, runs: runs.length, done, steps: 0, secondsPerStep: 0, secondsBeside: 0, secondsLeft: 0 };
  }
  const { perStep, setUp, evaluation } = await probe(runs[0]!);
  const total = kind.cost.steps(config, lab.train.size);
  const steps = unfinished.reduce((sum, { step }) => sum + total - Math.min(total, step), 0);
  const left = unfinished.length;
  // Runs that share a step compile it once.
  const functions = new Set(unfinished.map((run) => kindOf(run.config).compiledKey(run.config))).size;
  const beside = evaluation + (setUp * functions) / left;
  return {
    ...{ label, runs: runs.length, done, steps, secondsPerStep: perStep, secondsBeside: beside },
    secondsLeft: steps * perStep + left * beside,
  };
}

/** A job with its configuration in canonical form, and what its store has of the run. */
interface KnownJob extends Job {
  readonly done: boolean;
  /** The step of its last checkpoint; 0 where there is none. */
  readonly step: number;
}

/** The jobs as their stores know them. Each store is listed once, because that reads every result in it. */
async function inTheirStores(plan: readonly Job[]): Promise<KnownJob[]> {
  const entries = new Map<Store, ReadonlyMap<string, RunEntry>>();
  for (const store of new Set(plan.map(({ lab }) => lab.store))) {
    entries.set(store, new Map((await store.list()).map((entry) => [entry.hash, entry])));
  }
  return plan.map(({ lab, config }) => {
    const entry = entries.get(lab.store)!.get(hashOf(config));
    return { lab, config: normalizeConfig(config), done: entry?.status === 'done', step: entry?.step ?? 0 };
  });
}

/**
 * Seconds of a step, of what comes before the first one, and of what follows the last, with all of its
 * evaluation.
 */
async function probe({ lab, config }: Job): Promise<{ perStep: number; setUp: number; evaluation: number }> {
  const kind = kindOf(config);
  const { arch, data } = kind.network(config);
  const form = arch.operations ? 'merged' : 'training';
  const stateDict = form === 'merged' ? anyMerged(arch) : initialize(arch, 1);
  const images = data.heldOut ?? data.testImages ?? lab.test.size;
  const network = { arch, stateDict: mergedOf({ arch, stateDict, form }) };
  // Any images take the same time.
  const { heldOut: _, ...onTest } = data;
  const few = { ...onTest, testImages: Math.min(evaluated, lab.test.size) };
  await measureAccuracy(lab, { network, ...few });
  const perImage = (await secondsOf(() => measureAccuracy(lab, { network, ...few }))) / few.testImages;

  const folder = await mkdtemp(join(tmpdir(), 'oabn-estimate-'));
  try {
    const start = () => Promise.resolve({ arch, stateDict, form, metadata: {} } as const);
    const found = await kind.cost.probe({ config, lab, context: contextOf(config, folder), start }, few);
    const { perStep, setUp, rest } = found;
    return { perStep, setUp, evaluation: rest + perImage * (images - found.evaluated) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Some weights of a merged network of another family, which cannot be initialized. */
function anyMerged(arch: Architecture): StateDict {
  const tensors = Object.entries(parameterShapes(arch, 'merged')).map(([name, shape]) => {
    const stream = random(1, 'estimate', name);
    const data = Float32Array.from({ length: sizeOf(shape) }, () => 0.1 * (stream.uniform() - 0.5));
    return [name, { shape, data }] as const;
  });
  return Object.fromEntries(tensors);
}

/** A context outside the store: nothing is kept. */
function contextOf(config: RunConfig, folder: string): RunContext {
  const nothing = (): Promise<void> => Promise.resolve();
  return {
    ...{ config, folder, progress: silent, signal: new AbortController().signal },
    ...{ saveCheckpoint: nothing, logMetrics: nothing, addProvenance: () => undefined },
  };
}
