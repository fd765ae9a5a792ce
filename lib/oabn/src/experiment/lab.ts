/**
 * A lab is where runs happen: data, the store of runs, the engine, and the functions compiled so far. It is
 * opened once in a notebook or a command and handed to everything that runs.
 */
import { join } from 'node:path';
import { cellSignal, configHash, projectFolder, type Progress, sayNotice, silent } from 'oabn-base';
import { openStore, type RunContext, type RunProvenance, type Store, type StoredRun } from 'provable-runs';
import {
  compileEngine,
  type CompileEngine,
  eagerByDefault,
  type Precision,
  precisionByDefault,
  useBackend,
} from 'tfjs-native';
import { type Dataset, type DatasetName, openDatasets } from '../data/index.js';
import type { Network } from '../model/index.js';
import { compiledCache, type CompiledCache } from './compiledCache.js';
import { type RunDefaults, runDefaults } from './defaults.js';
import { engineName, softwareVersions } from './provenance.js';
import type { DataConfig } from './settings.js';

/** Which data, which defaults, which store, and which engine a lab opens with. */
export interface LabOptions {
  /** What configurations have where they say nothing else; default `runDefaults`. */
  readonly defaults?: RunDefaults;
  /** The dataset's name; default that of `defaults`. */
  readonly dataset?: DatasetName;
  /** The folder with the data; default `OABN_DATA_DIR`. */
  readonly data?: string;
  /** May the made set stand in for data that is not there? Default true. */
  readonly standIn?: boolean;
  /** The folder of the runs; default `runsFolder()`. */
  readonly runs?: string;
  /**
   * A folder of results that answer for runs whose networks are not needed; default none. They are used only
   * for the same configuration and the same images.
   */
  readonly shipped?: string;
  /** Where progress goes; default nowhere. */
  readonly progress?: Progress;
  /** Run operation by operation in tfjs instead of compiling; default: if `OABN_EAGER` is 1. */
  readonly eager?: boolean;
  /**
   * How exact products and convolutions are, on a GPU that has a choice; default `OABN_PRECISION`, or
   * float32.
   *
   * It is part of a run's provenance and not of its configuration, as the backend is. A configuration says
   * what is to be learned, not on what: its hash is the same on every machine, so that a run that was made on
   * another one answers. Precision, like another engine's order of sums, changes how products round and
   * nothing that the experiment is about (products of half precision with sums of single precision: arXiv
   * 1710.03740, section 3.3); the provenance tells the two apart where the difference is the question.
   */
  readonly precision?: Precision;
  /** When aborted, training stops between two steps and keeps its checkpoint. */
  readonly signal?: AbortSignal;
  /**
   * Called with caveats, such as that the made set is used; default `sayNotice`: text below the cell of a
   * notebook, standard error elsewhere.
   */
  readonly notice?: (message: string) => void;
}

/** What runs need: images, defaults, a store, and an engine; opened by `openLab`. */
export interface Lab {
  /** The dataset as configurations name it. */
  readonly data: DataConfig;
  /** The training images. */
  readonly train: Dataset;
  /** The test images. */
  readonly test: Dataset;
  /** What configurations made for this lab begin with; the network has as many classes as the data. */
  readonly defaults: RunDefaults;
  /** Where runs are kept. */
  readonly store: Store;
  /** SHA-256 → what reads the checkpoint again, for checkpoints from elsewhere that were opened here. */
  readonly checkpoints: Map<string, () => Promise<Network>>;
  /**
   * The run of a configuration in its canonical form: from the store, or executed.
   */
  request<R>(
    config: object,
    execute: (context: RunContext) => Promise<R>,
    options?: LabRequest,
  ): Promise<StoredRun<R>>;
  /** Steps and networks compiled so far. */
  readonly compiled: CompiledCache;
  /** The tfjs backend, and what compiled functions run on. */
  readonly backend: string;
  /** How steps are compiled. */
  readonly engine: CompileEngine;
  /** Where the progress of work goes that is no run; default nowhere. */
  readonly progress?: Progress;
  /** How another process opens the same lab. */
  readonly opening: LabOpening;
  /** Ends whatever runs in it, between two steps; in a notebook the stop button does too (`stopSignal`). */
  readonly signal?: AbortSignal;
}

/** What a lab is told of a run besides its configuration. */
export interface LabRequest {
  /** Whether its files are needed, so that a shipped result will not do; default false. */
  readonly files?: boolean;
  /** For the provenance; default that of the configuration. */
  readonly seed?: number;
  /** The configuration of the run whose network it starts from: see `RequestOptions` of `provable-runs`. */
  readonly startsFrom?: object;
}

/**
 * What ends the work that begins now in a lab: the lab's own signal, and in a notebook the stop button of
 * this cell.
 */
export function stopSignal({ signal }: Pick<Lab, 'signal'>): AbortSignal | undefined {
  const cell = cellSignal();
  return signal && cell ? AbortSignal.any([signal, cell]) : (signal ?? cell);
}

/** How a lab was opened, without what belongs to one process. */
export type LabOpening = Omit<LabOptions, 'progress' | 'signal' | 'notice'>;

/**
 * Opens the data and the store. @throws UserError when the data is broken; reports a fallback to made
 * data.
 */
export async function openLab(options: LabOptions = {}): Promise<Lab> {
  const { progress = silent, signal, notice = sayNotice, ...opening } = options;
  const { defaults = runDefaults, eager = eagerByDefault(), precision = precisionByDefault() } = options;
  const backend = await useBackend(undefined, notice);
  const { train, test } = await openDatasets({
    name: options.dataset ?? defaults.data.name,
    progress,
    warn: notice,
    standIn: options.standIn ?? true,
    ...(options.data !== undefined && { data: options.data }),
  });
  const store = openStore(options.runs ?? runsFolder(), {
    notice,
    versions: softwareVersions(),
    ...(options.shipped !== undefined && { shipped: options.shipped }),
  });
  const engine: CompileEngine = eager
    ? { kind: 'eager', reason: 'as asked' }
    : await compileEngine(precision);
  const provenance = {
    dataset: train.provenance,
    backend: engineName(backend.name, engine),
    device: backend.device,
  };
  let saidShipped = false;
  return {
    data: { name: train.name, checksum: train.provenance.checksum, testImages: defaults.data.testImages },
    train,
    test,
    defaults: { ...defaults, arch: { ...defaults.arch, classes: train.classes.length } },
    store,
    checkpoints: new Map(),
    async request<R>(
      config: object,
      execute: (context: RunContext) => Promise<R>,
      { files = false, seed, startsFrom }: LabRequest = {},
    ) {
      const cell = cellSignal();
      const stop = stopSignal({ ...(signal && { signal }) });
      const answer = await store
        .request(config, execute, {
          ...(files && { needs: networkOf }),
          ...(startsFrom !== undefined && { startsFrom }),
          progress,
          provenance: { ...provenance, ...(seed !== undefined && { seed }) },
          ...(stop && { signal: stop }),
        })
        .catch(async (error: unknown) => {
          if (cell?.aborted) notice(await keptNotice(store, config));
          throw error;
        });
      if (answer.from === 'shipped' && !saidShipped) {
        saidShipped = true;
        notice(shippedNotice(answer.provenance));
      }
      return answer;
    },
    compiled: compiledCache({ eager, precision, warn: notice }),
    backend: backend.name,
    engine,
    progress,
    opening,
    ...(signal && { signal }),
  };
}

/**
 * `OABN_RUNS_DIR`, or `runs` in the project's folder: the same for a command and for a notebook in a folder
 * below.
 */
export function runsFolder(): string {
  return process.env.OABN_RUNS_DIR || join(projectFolder(), 'runs');
}

/** The message when the stop button ended a run: what of it is kept. */
async function keptNotice(store: Store, config: object): Promise<string> {
  const kept = await store.checkpoint(configHash(config));
  return kept
    ? `Stopped after step ${kept.step}, which is kept: run the cell again to continue from there.`
    : 'Stopped before the first checkpoint: this run starts over when the cell runs again.';
}

/** Said once: that numbers come from the project's own runs, and how to have them computed. */
const shippedNotice = ({ finishedAt, backend, machine }: RunProvenance): string =>
  `Shipped results are used wherever the trained network itself is not needed (${finishedAt?.slice(0, 10) ?? ''}, ${backend ?? ''} on ` +
  `${machine.cores} cores of ${machine.cpu}); OABN_SHIPPED=0 computes everything here.`;

/** The file that the runs of every kind leave next to their result. */
function networkOf(result: unknown): readonly string[] {
  const { network } = result as { network?: unknown };
  return typeof network === 'string' ? [network] : [];
}
