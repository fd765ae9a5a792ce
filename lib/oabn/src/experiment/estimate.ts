/**
 * How long a list of runs will take here, before they start: a few steps of each kind are taken as a run takes them,
 * with its data and its compiled step, and multiplied. What the store holds already costs nothing.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalJson, configHash, silent } from 'oabn-base';
import { mergeNetwork } from '../merge/index.js';
import { type Architecture, initialize } from '../model/index.js';
import { normalizeConfig, type RunConfig, type TrainingConfig, trainingImages } from './config.js';
import type { Lab } from './lab.js';
import { measureAccuracy } from './measure.js';
import { executePretrain } from './pretrain.js';
import { executeFinetune, executePtq } from './quantization.js';
import type { RunContext } from 'provable-runs';
import type { Job } from './job.js';
import { compiledKey } from './training.js';

/** Runs of one kind on one dataset. */
export interface TimeEstimate {
  /** Such as «train, cifar10» or «ClusterQAT, cifar10». */
  readonly label: string;
  readonly runs: number;
  /** Of these, in the store. */
  readonly done: number;
  /** Training steps that are left; 0 where nothing is trained. */
  readonly steps: number;
  readonly secondsPerStep: number;
  /** Of a run beside its steps: calibration, evaluation, and its share of compiling. */
  readonly secondsBeside: number;
  readonly secondsLeft: number;
}

/** Steps that are timed, after those that compile and fill the pipeline. */
const [warmUp, timed] = [3, 8];
/** Iterations, for each unit, of PTQ methods that learn: their difference is what one costs beside compiling. */
const timedIterations = [10, 60] as const;
/** Images of an evaluation that is timed: two batches. */
const evaluated = 400;

/** The estimate by kind of run, in the order of `plan`. Takes seconds to minutes; writes nothing into the store. */
export async function estimateRuns(plan: readonly Job[]): Promise<TimeEstimate[]> {
  const groups = new Map<string, Job[]>();
  for (const { lab, config } of plan) {
    const run = { lab, config: normalizeConfig(config) };
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

/** How many of `plan` are done, begun and not there. */
export async function progressOf(
  plan: readonly Job[],
): Promise<{ done: number; begun: number; left: number }> {
  const states = await Promise.all(plan.map(stateOf));
  const done = states.filter((state) => state.done).length;
  const begun = states.filter((state) => !state.done && state.step > 0).length;
  return { done, begun, left: plan.length - done - begun };
}

/** What the time of a run depends on. */
function costKey(config: RunConfig): object {
  const { arch, data } = config.kind === 'pretrain' ? config : config.source;
  const base = {
    kind: config.kind,
    data: data.name,
    testImages: data.testImages,
    heldOut: data.heldOut,
    arch: withoutThreshold(arch),
  };
  if (config.kind === 'ptq') return { ...base, method: config.method ?? 'minMax' };
  const { images, batchSize, augment, schedule } = config.training;
  const training = { images, batchSize, augment, epochs: schedule.epochs };
  return { ...base, training, ...(config.kind === 'finetune' && { weights: config.scheme.weights }) };
}

/** The threshold changes numbers, not their cost. */
const withoutThreshold = (arch: Architecture): object => ({ ...arch, oabn: undefined });

function labelOf(config: RunConfig): string {
  const { data } = config.kind === 'pretrain' ? config : config.source;
  switch (config.kind) {
    case 'pretrain':
      return `train, ${data.name}`;
    case 'ptq':
      return `PTQ ${config.method ?? 'minMax'}, ${data.name}`;
    case 'finetune':
      return `${config.scheme.weights === 'kmeans' ? 'ClusterQAT' : 'uniform QAT'}, ${data.name}`;
    default:
      return config satisfies never;
  }
}

async function estimateGroup(runs: readonly Job[]): Promise<TimeEstimate> {
  const { lab, config } = runs[0]!;
  const states = await Promise.all(runs.map(stateOf));
  const done = states.filter((state) => state.done).length;
  const label = labelOf(config);
  const total = stepsOf(config, lab);
  if (done === runs.length) {
    return { label, runs: runs.length, done, steps: 0, secondsPerStep: 0, secondsBeside: 0, secondsLeft: 0 };
  }
  const { perStep, setUp, evaluation } = await probe(runs[0]!);
  const steps = states.reduce(
    (sum, state) => sum + (state.done ? 0 : total - Math.min(total, state.step)),
    0,
  );
  const left = runs.length - done;
  // Runs that share a step compile it once.
  const functions = new Set(runs.filter((_, i) => !states[i]!.done).map((run) => compiledKey(run.config)))
    .size;
  const beside = evaluation + (setUp * functions) / left;
  return {
    ...{ label, runs: runs.length, done, steps, secondsPerStep: perStep, secondsBeside: beside },
    secondsLeft: steps * perStep + left * beside,
  };
}

function stepsOf(config: RunConfig, lab: Lab): number {
  if (config.kind === 'ptq') return 0;
  const { batchSize, schedule }: TrainingConfig = config.training;
  return Math.floor(trainingImages(config, lab.train.size) / batchSize) * schedule.epochs;
}

async function stateOf({ lab, config }: Job): Promise<{ done: boolean; step: number }> {
  const hash = configHash(normalizeConfig(config));
  const entry = (await lab.store.list()).find((candidate) => candidate.hash === hash);
  return { done: entry?.status === 'done', step: entry?.step ?? 0 };
}

interface Probe {
  /** Seconds of a training step. */
  readonly perStep: number;
  /** Seconds before the first step is done: reading, calibrating, compiling. */
  readonly setUp: number;
  /** Seconds of what follows the steps, or of the whole run where there are none. */
  readonly evaluation: number;
}

async function probe({ lab, config }: Job): Promise<Probe> {
  const source = config.kind === 'pretrain' ? config : config.source;
  const stateDict = initialize(source.arch, 1);
  const merged = mergeNetwork(source.arch, stateDict);
  const images = source.data.heldOut ?? source.data.testImages ?? lab.test.size;
  const network = { arch: source.arch, stateDict: merged };
  // Any images take the same time.
  const { heldOut: _, ...onTest } = source.data;
  const few = { ...onTest, testImages: Math.min(evaluated, lab.test.size) };
  await measureAccuracy(lab, network, few);
  const perImage = (await secondsOf(() => measureAccuracy(lab, network, few))) / few.testImages;

  const folder = await mkdtemp(join(tmpdir(), 'oabn-estimate-'));
  try {
    if (config.kind === 'ptq') {
      const short = { ...config, source: { ...config.source, data: few } };
      const seconds = await secondsOfIterations(config.iterations, (iterations) => {
        const of = { ...short, ...(iterations !== undefined && { iterations }) };
        return executePtq(of, merged, lab, contextOf(of, folder));
      });
      return { perStep: 0, setUp: 0, evaluation: seconds + perImage * (images - few.testImages) };
    }
    const { marks, stop } = stopwatch();
    const context = { ...contextOf(config, folder), progress: stop.tick, signal: stop.signal };
    const began = performance.now();
    try {
      await (config.kind === 'pretrain'
        ? executePretrain(config, lab, context)
        : executeFinetune(
            config,
            { arch: source.arch, stateDict, form: 'training', metadata: {} },
            lab,
            context,
          ));
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    }
    // A run of fewer steps than are timed is over before it is stopped.
    const first = marks.length > warmUp ? warmUp - 1 : 0;
    const perStep = (marks.at(-1)! - marks[first]!) / Math.max(1, marks.length - 1 - first) / 1000;
    return { perStep, setUp: (marks[0]! - began) / 1000, evaluation: perImage * images };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Notes when each step ends, and stops the run after the last that is timed. */
function stopwatch() {
  const marks: number[] = [];
  const controller = new AbortController();
  const tick = (): void => {
    marks.push(performance.now());
    if (marks.length === warmUp + timed) controller.abort();
  };
  return { marks, stop: { tick, signal: controller.signal } };
}

/** A context outside the store: nothing is kept. */
function contextOf(config: RunConfig, folder: string): RunContext {
  const nothing = (): Promise<void> => Promise.resolve();
  return {
    ...{ config, folder, progress: silent, signal: new AbortController().signal },
    ...{ saveCheckpoint: nothing, logMetrics: nothing, addProvenance: () => undefined },
  };
}

/** Of a PTQ method that learns: from two runs of few iterations, if it has many more; of others, all of one run. */
async function secondsOfIterations(
  iterations: number | undefined,
  work: (iterations: number | undefined) => Promise<unknown>,
): Promise<number> {
  const [few, more] = timedIterations;
  if (iterations === undefined || iterations <= more) return await secondsOf(() => work(iterations));
  const begin = await secondsOf(() => work(few));
  const both = await secondsOf(() => work(more));
  return begin + (Math.max(0, both - begin) / (more - few)) * (iterations - few);
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}
