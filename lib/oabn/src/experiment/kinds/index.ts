/**
 * The kinds of run, in a table. A run is its configuration: plain JSON that says everything the result
 * depends on. The hash of its canonical form is the run's name, and a configuration that builds on another
 * run holds that run's configuration whole.
 */
import { check, configHash } from 'oabn-base';
import { anneal, type AnnealConfig, type AnnealResult } from './anneal.js';
import { finetune, type FinetuneConfig } from './finetune.js';
import type { Kind } from './kind.js';
import { pretrain, type PretrainConfig, type PretrainResult } from './pretrain.js';
import { ptq, type PtqConfig } from './ptq.js';
import type { QuantizedResult } from './quantized.js';
import type { NetworkSource } from './source.js';

export { annealedThresholds } from './anneal.js';
export type { AnnealConfig, AnnealResult, AnnealTraining } from './anneal.js';
export type { CostProbe, RunCost } from './cost.js';
export { type FinetuneConfig, type FinetuneQuantizers, trainedParameters } from './finetune.js';
export type { Kind, Work } from './kind.js';
export { describeNetwork, thresholdOf } from './network.js';
export type { PretrainConfig, PretrainResult } from './pretrain.js';
export type { PtqConfig } from './ptq.js';
export type { QuantizedResult } from './quantized.js';
export type { CheckpointSource, NetworkSource } from './source.js';

/** The kinds of run by name, each with its canonical form, how it executes, and what it costs. */
export const kinds = { pretrain, anneal, ptq, finetune } as const;

/** The configuration of a run of any kind; `kind` tells which. */
export type RunConfig = PretrainConfig | AnnealConfig | PtqConfig | FinetuneConfig;

/** The result that a run with a configuration of type `C` has. */
export type ResultOf<C extends RunConfig> = C extends PretrainConfig
  ? PretrainResult
  : C extends AnnealConfig
    ? AnnealResult
    : QuantizedResult;

/** The kind of a run, which is chosen here and nowhere else. @throws UserError for an unknown one */
export function kindOf<C extends RunConfig>(config: C): Kind<C, ResultOf<C>> {
  const kind = (config as Partial<RunConfig> | null)?.kind as RunConfig['kind'];
  check(
    typeof kind === 'string' && Object.hasOwn(kinds, kind),
    () => `Unknown kind of run: ${JSON.stringify(kind)}; expected one of ${Object.keys(kinds).join(', ')}`,
  );
  // Each entry of the table is the kind of its own configurations, which a type by key cannot say.
  return kinds[kind] as unknown as Kind<C, ResultOf<C>>;
}

/** The configuration in its one canonical form. @throws UserError naming what is out of range */
export function normalizeConfig<C extends RunConfig>(config: C): C {
  return kindOf(config).normalize(config);
}

/** The canonical form as it is stored and hashed. @throws UserError naming what is out of range */
export function storedConfig(config: RunConfig): object {
  const normal = normalizeConfig(config);
  return kindOf(config).store?.(normal) ?? normal;
}

/** A configuration out of a store. @throws UserError for one of an unknown kind */
export function readConfig(stored: unknown): RunConfig {
  const config = stored as RunConfig;
  return kindOf(config).read?.(config) ?? config;
}

/** The name of the run of `config`. @throws UserError naming what is out of range */
export function hashOf(config: RunConfig): string {
  return configHash(storedConfig(config));
}

/** A run in a few words, such as «train OABN s=2 seed 1» or «4-bit ClusterQAT, OABN s=2 seed 1». */
export function describeConfig(config: RunConfig): string {
  return kindOf(config).describe(config);
}

/** The source of the network that the run of `config` starts from; undefined where it starts from none. */
export function sourceOf(config: RunConfig): NetworkSource | undefined {
  return kindOf(config).source(config) as NetworkSource | undefined;
}
