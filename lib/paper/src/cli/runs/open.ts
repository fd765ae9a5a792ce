/**
 * The runs that a command is about, in the local store or a shared one: all of them, or those that meet
 * conditions.
 */
import { resolve } from 'node:path';
import { Option } from 'commander';
import { check, errorMessage } from 'oabn-base';
import { type CommonOptions, runsOption } from 'oabn/cli';
import { describeConfig, readConfig, runsFolder } from 'oabn/experiment';
import { openStore, type RunEntry } from 'provable-runs';
import {
  fieldsOf,
  openObjects,
  parseCondition,
  type RunsReader,
  sharedReader,
  sharedRuns,
} from 'provable-runs/remote';
import { storeOption } from '../sweep/options.js';

export interface RunsOptions extends Pick<CommonOptions, 'runs' | 'json'> {
  readonly store?: string;
  readonly where?: readonly string[];
}

export const placeOptions = [runsOption, storeOption()];
export const whereOption = new Option(
  '--where <condition...>',
  'only runs that meet these conditions: kind=ptq, training.seed=1, oabn.threshold<1, title~QAT, status=done',
);

/** @throws UserError when both places are named, or the place cannot be used */
export async function openReader({ runs, store }: RunsOptions): Promise<RunsReader> {
  check(runs === undefined || store === undefined, 'Name either --runs or --store, not both');
  return store === undefined
    ? openStore(resolve(runs ?? runsFolder()))
    : sharedReader(sharedRuns(await openObjects(store)));
}

/** What is known about a run, flat: its name, its state, its configuration and its result. */
export function factsOf({
  hash,
  status,
  config,
  result,
  provenance,
  error,
}: RunEntry): Readonly<Record<string, unknown>> {
  const numbers = Object.entries(fieldsOf(result)).filter(([, value]) => typeof value === 'number');
  return {
    hash,
    title: titleOf(config),
    status,
    ...(error !== undefined && { error }),
    ...fieldsOf(inOurWords(config)),
    ...Object.fromEntries(numbers.map(([name, value]) => [`result.${name}`, value])),
    ...(provenance?.backend !== undefined && { backend: provenance.backend }),
    ...(provenance?.wallSeconds !== undefined && { wallSeconds: provenance.wallSeconds }),
  };
}

/** A configuration in the library's present terms; another program's as it is. */
function inOurWords(config: unknown): unknown {
  try {
    return readConfig(config);
  } catch {
    return config;
  }
}

/** A run in a few words; for another program's, its kind. */
export function titleOf(config: unknown): string {
  try {
    return describeConfig(readConfig(config));
  } catch (error) {
    return String((config as { kind?: unknown } | null)?.kind ?? errorMessage(error));
  }
}

/** The runs of a place that meet the conditions. */
export async function runsWhere(reader: RunsReader, where: readonly string[] = []): Promise<RunEntry[]> {
  const conditions = where.map(parseCondition);
  return (await reader.list()).filter((entry) => {
    const facts = factsOf(entry);
    return conditions.every(({ holds }) => holds(facts));
  });
}

/**
 * The runs that are named by the first digits of their hashes, or, without hashes, those that meet the conditions.
 * @throws UserError where both say which runs are meant: neither is to be overlooked
 */
export async function chosenRuns(
  reader: RunsReader,
  hashes: readonly string[],
  where?: readonly string[],
): Promise<RunEntry[]> {
  if (hashes.length === 0) return await runsWhere(reader, where);
  check(where === undefined, 'Name the runs either by their hashes or by --where, not both');
  return await Promise.all(hashes.map((hash) => reader.find(hash)));
}
