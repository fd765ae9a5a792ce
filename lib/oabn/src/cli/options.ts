/** Options that several commands share, and how their texts become values. */
import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { check, consoleProgress } from 'oabn-base';
import type { Precision } from 'tfjs-native';
import { type DatasetName, datasetNames } from '../data/index.js';
import {
  type Lab,
  type LabOptions,
  openLab,
  openTestBench,
  type RunDefaults,
  runDefaults,
  type TestBench,
} from '../experiment/index.js';
import type { LoadOptions } from '../family/index.js';
import { type Architecture, parseArchitecture } from '../model/index.js';
import { schemeOfFile } from '../quantize/index.js';
import { familyOf, familyOption } from './familyOptions.js';
import { namedDefaults } from './extensions.js';
import { interruption } from './interruption.js';

/** The values of the options that several commands share, as commander parses them. */
export interface CommonOptions {
  readonly arch?: string;
  readonly data?: string;
  readonly runs?: string;
  readonly profile?: string;
  readonly eager?: boolean;
  readonly precision?: Precision;
  readonly json?: boolean;
  readonly minutes?: string;
  readonly strides?: string;
  readonly family?: string;
  readonly threshold?: string;
}

/** `--arch`: the network's description. */
export const archOption = new Option(
  '--arch <name|json>',
  'the network: A0, A0@0.25, QA-A0 (QARepVGG), or JSON with widths, depths and strides',
);
/** `--strides`: what the files of other families do not contain. */
export const stridesOption = new Option(
  '--strides <list>',
  'strides of the stages’ first blocks, such as 2,2,2,2,2, for files that do not contain them; goes before those of --arch',
);
/** `--threshold`: OABN's s. */
export const thresholdOption = new Option(
  '-s, --threshold <s>',
  'OABN’s s, for a three-branch file that was trained with it and does not record it',
);
/** `--data`: a dataset by name, or the folder that holds one. */
export const dataOption = new Option(
  '--data <name|folder>',
  `a dataset (${datasetNames.join(', ')}) or a folder that contains one; default OABN_DATA_DIR`,
);
/** `--json`: results for programs. */
export const jsonOption = new Option('--json', 'print the result as JSON on standard output');
/** `--eager`: without compiling. */
export const eagerOption = new Option(
  '--eager',
  'run operation by operation in tfjs instead of compiling (like OABN_EAGER=1)',
);
/** `--precision`: that of products and convolutions on a GPU. */
export const precisionOption = new Option(
  '--precision <name>',
  'precision of products and convolutions on a GPU; default OABN_PRECISION or float32. float16 is faster; a run records it in its provenance',
)
  .choices(['float32', 'float16'] satisfies Precision[])
  .conflicts('eager');
/** `--runs`: the folder of the store. */
export const runsOption = new Option(
  '--runs <folder>',
  'the folder of the runs; default OABN_RUNS_DIR or runs',
);
/** `--profile`: settings that an installed package has a name for. */
export const profileOption = new Option(
  '--profile <name>',
  'the settings of a profile of an installed package such as oabn-paper; default OABN_PROFILE or none',
);

/**
 * Adds the options that say how the checkpoint of a network is read: `--arch`, `--family`, `--strides` and
 * `--threshold`.
 */
export function withNetworkOptions(command: Command): Command {
  const options = [archOption, familyOption, stridesOption, thresholdOption];
  return options.reduce((sum, option) => sum.addOption(option), command);
}

/** The architecture that `--arch` describes; undefined where it is not given. */
export function architectureOf({ arch }: CommonOptions): Architecture | undefined {
  return arch === undefined ? undefined : parseArchitecture(arch);
}

/** The options for loading a network: `--arch`, `--strides`, and where assumptions are reported. */
export function loadOptions(options: CommonOptions): LoadOptions {
  const strides = options.strides?.split(',').map((text) => wholeNumber('--strides', text, 1));
  return {
    arch: architectureOf(options),
    family: familyOf(options.family),
    strides,
    threshold: options.threshold === undefined ? undefined : threshold(options.threshold),
    notice: (message) => process.stderr.write(`${message}\n`),
  };
}

/**
 * The lab that the options describe. `--data` is a dataset's name, looked for in `OABN_DATA_DIR`, or a
 * folder. The made set stands in for CIFAR-10 only where the command allows it and nobody named CIFAR-10: a
 * number from images other than those that were asked for is worse than none.
 */
export async function labOf(options: CommonOptions, { standIn = false } = {}): Promise<Lab> {
  const { data } = options;
  const name = profileName(options);
  const defaults = name === undefined ? runDefaults : await namedDefaults(name);
  return openLab({
    ...dataIn(data, defaults),
    ...labOptions(options),
    defaults,
    standIn: standIn && data === undefined,
  });
}

/** The test images that the options name; the made set never stands in. */
export async function testBenchOf({ data, eager, precision }: CommonOptions): Promise<TestBench> {
  const name = profileName({});
  const defaults = name === undefined ? runDefaults : await namedDefaults(name);
  return openTestBench({
    ...dataIn(data, defaults),
    defaults,
    standIn: false,
    ...(eager !== undefined && { eager }),
    ...(precision !== undefined && { precision }),
    progress: consoleProgress(),
  });
}

/** The profile that `--profile` names, or `OABN_PROFILE`; undefined where neither does. */
export function profileName({ profile }: CommonOptions): string | undefined {
  return profile ?? (process.env.OABN_PROFILE || undefined);
}

/** The part of a lab that the options specify, besides its data and its defaults. */
export function labOptions({ runs, minutes, precision, eager }: CommonOptions): LabOptions {
  return {
    ...(runs !== undefined && { runs }),
    ...(precision !== undefined && { precision }),
    ...(eager !== undefined && { eager }),
    progress: consoleProgress(),
    signal: interruption(minutes),
  };
}

/** What `--data` means: the name of a dataset, or a folder. */
export function dataLocation(data: string | undefined): { dataset?: DatasetName; data?: string } {
  if (data === undefined) return {};
  const name = datasetNames.find((known) => known === data);
  if (name) return { dataset: name };
  check(
    existsSync(data),
    `--data ${data} is neither a dataset (${datasetNames.join(', ')}) nor an existing folder`,
  );
  return { data };
}

/**
 * What `--data` means to a command that reads images: a folder is asked for CIFAR-10 by usual settings, but
 * whoever names one with other images means those.
 */
function dataIn(data: string | undefined, defaults: RunDefaults): ReturnType<typeof dataLocation> {
  const location = dataLocation(data);
  const isOpen = location.data !== undefined && defaults.data.name === 'cifar10';
  return isOpen ? { ...location, dataset: 'auto' } : location;
}

/** A whole number of at least `least` from an option's text. @throws UserError naming the option. */
export function wholeNumber(option: string, text: string, least = 0): number {
  const value = text.trim() === '' ? NaN : Number(text);
  check(
    Number.isSafeInteger(value) && value >= least,
    `${option} must be a whole number${least > 0 ? ` of at least ${least}` : ' and not negative'}, got ${text || 'nothing'}`,
  );
  return value;
}

/** To be called where reading the data would come first. @throws UserError where there is no such file */
export function checkThere(path: string): void {
  check(existsSync(path), `Cannot read ${path}: no such file`);
}

/**
 * Tells on standard error that a file is quantized already, where a command takes its weights for those of an
 * FP32 network. @throws UserError where what the file says of it cannot be right
 */
export function tellQuantized(path: string, metadata: Readonly<Record<string, string>>): void {
  const scheme = schemeOfFile(path, metadata);
  if (!scheme) return;
  process.stderr.write(
    `${path} is already quantized to ${scheme.bits} bits (${scheme.weights}); start from the FP32 file\n`,
  );
}

/** s from an option's text: a number, or `inf` for plain BN. */
export function threshold(text: string): number {
  const value = /^(inf|infinity|∞)$/i.test(text) ? Infinity : Number(text);
  check(value > 0, `s must be > 0 or inf, got ${text}`);
  return value;
}
