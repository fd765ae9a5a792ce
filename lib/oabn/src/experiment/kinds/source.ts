/**
 * The source of the network that a quantization run starts from: a pretraining run, or a file from elsewhere.
 */
import { schema } from 'oabn-base';
import { type Architecture, architectureRule, normalizeArchitecture } from '../../model/index.js';
import { type DataConfig, dataRule, normalizeData } from '../settings.js';
import { describeNetwork } from './network.js';
import { describePretrained, pretrain, type PretrainConfig } from './pretrain.js';

/** A network that comes from a file: a checkpoint from PyTorch, say. The file's bytes are its identity. */
export interface CheckpointSource {
  /** What kind of source it is. */
  readonly kind: 'checkpoint';
  /** SHA-256 of the file's bytes, in hexadecimal. */
  readonly sha256: string;
  /** The images that it is measured on. */
  readonly data: DataConfig;
  /** Its description. */
  readonly arch: Architecture;
}

/** Where a run's network comes from: a pretraining run, or a checkpoint file. */
export type NetworkSource = PretrainConfig | CheckpointSource;

/** @throws UserError naming what is out of range */
export function normalizeSource(source: NetworkSource): NetworkSource {
  if ((source as Partial<NetworkSource> | null)?.kind === 'pretrain') {
    return pretrain.normalize(source as PretrainConfig);
  }
  checkpointRule(source, 'source');
  return { ...source, data: normalizeData(source.data), arch: normalizeArchitecture(source.arch) };
}

const { object, oneOf, text } = schema;
const checkpointRule = object({
  kind: oneOf('checkpoint'),
  sha256: text,
  data: dataRule,
  arch: architectureRule,
});

/** Such as «OABN s=2 seed 1» or «BN file 0123abcd». */
export function describeSource(source: NetworkSource): string {
  return source.kind === 'pretrain'
    ? describePretrained(source)
    : `${describeNetwork(source.arch)} file ${source.sha256.slice(0, 8)}`;
}

/** The seed of the network's training; 0 for a file, whose seed is not known. */
export function sourceSeed(source: NetworkSource): number {
  return source.kind === 'pretrain' ? source.training.seed : 0;
}
