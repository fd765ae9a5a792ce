/**
 * Table 3: published PTQ methods on RepVGG, RepVGG with OABN at several s, and QARepVGG: accuracy and state
 * size.
 */
import { pretrainConfig } from 'oabn/experiment';
import {
  type Granularity,
  learningMethods,
  type PtqMethod,
  type PtqMethodName,
  ptqMethods,
} from 'oabn/quantize';
import type { NetworkKind, PtqPoint } from '../claims/index.js';
import { measured } from './measured.js';
import { networksOf, type Study } from './study.js';
import { rounded } from './table.js';

/** A method of quantization after training at some bits on one network. */
export interface PtqCell {
  /** The kind of network. */
  readonly network: NetworkKind;
  /** The paper's s; Infinity is plain BN. */
  readonly threshold: number;
  /** Seed of the network. */
  readonly seed: number;
  /** The method. */
  readonly method: PtqMethodName;
  /** What shares a weight quantizer. */
  readonly granularity: Granularity;
  /** b of weights and activations. */
  readonly bits: number;
  /** Steps for each unit, of a method that learns. */
  readonly iterations?: number;
}

/** Which methods, networks and bits. */
export interface PtqGrid {
  /** Default all, each with the granularities that it has. */
  readonly methods?: readonly PtqMethodName[];
  /** The values of s of RepVGG with OABN; default the profile's, like those below. */
  readonly thresholds?: readonly number[];
  /** Default the profile's. */
  readonly seeds?: readonly number[];
  /** Default the profile's. */
  readonly bits?: readonly number[];
}

/** Table 3: methods of quantization after training on RepVGG, RepVGG with OABN, and QARepVGG. */
export function ptqStudy({
  methods = Object.keys(ptqMethods) as PtqMethodName[],
  ...grid
}: PtqGrid = {}): Study<PtqCell, PtqPoint> {
  return {
    name: 'PTQ methods',
    cells({ tableThresholds, tableSeeds, tableBits, tableIterations }) {
      const { thresholds = tableThresholds, seeds = tableSeeds, bits = tableBits } = grid;
      const networks = [
        ...networksOf(seeds, thresholds).map((cell) => ({ network: 'RepVGG' as const, ...cell })),
        ...seeds.map((seed) => ({ network: 'QARepVGG' as const, threshold: Infinity, seed })),
      ];
      const lines = methods.flatMap((method) =>
        (ptqMethods[method] as PtqMethod).granularities.map((granularity) => ({
          ...{ method, granularity },
          ...(learningMethods.has(method) && { iterations: tableIterations }),
        })),
      );
      return bits.flatMap((b) =>
        lines.flatMap((line) => networks.map((network) => ({ ...network, ...line, bits: b }))),
      );
    },
    config({ network, threshold, seed, method, granularity, bits }, lab) {
      const { arch, calibrationImages } = lab.defaults;
      const source = pretrainConfig(lab, {
        threshold,
        seed,
        ...(network === 'QARepVGG' && { arch: { ...arch, block: 'qarepvgg' } }),
      });
      return {
        ...{ kind: 'ptq', source, method, calibrationImages, iterations: lab.profile.tableIterations },
        scheme: { bits, weights: 'uniform', granularity },
      };
    },
    row: (cell, result, network) => ({
      ...cell,
      method: ptqMethods[cell.method].title,
      source: ptqMethods[cell.method].source,
      ...measured(result, network),
    }),
    entries(point) {
      const { method, granularity, iterations, source, seed, accuracy, stateSize } = point;
      const line = {
        ...{ method, 'one quantizer per': granularity === 'perChannel' ? 'channel' : 'layer' },
        ...{ 'steps a unit': iterations ?? '–', source: source ?? '–' },
      };
      const network = networkName(point);
      return [
        { line, column: network, sample: seed, value: accuracy },
        {
          // Over all networks together, because they differ little.
          ...{ line, column: 'state size', last: true, format: rounded },
          ...{ sample: `${network}, seed ${seed}`, value: stateSize },
        },
      ];
    },
  };
}

function networkName({ network, threshold }: PtqPoint): string {
  if (network === 'QARepVGG') return network;
  return threshold === Infinity ? 'RepVGG' : `OABN s = ${threshold}`;
}
