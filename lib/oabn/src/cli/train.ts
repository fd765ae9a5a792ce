/**
 * `oabn train`, `oabn finetune` and `oabn anneal`: runs of the store from the command line, resumable by
 * running the same command again.
 */
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { check, copyFileAtomic } from 'oabn-base';
import {
  annealConfig,
  type AnnealOf,
  eventsOf,
  finetuneConfig,
  openCheckpoint,
  pretrainConfig,
  run,
  runDefaults,
  type TrainingConfig,
  writeEvents,
} from '../experiment/index.js';
import { checkChain, readStateDict } from '../model/index.js';
import { checkScheme, type WeightMethod, weightMethods } from '../quantize/index.js';
import { checkClasses } from './evaluate.js';
import { familyOption } from './familyOptions.js';
import {
  architectureOf,
  archOption,
  type CommonOptions,
  dataOption,
  eagerOption,
  jsonOption,
  labOf,
  loadOptions,
  precisionOption,
  profileOption,
  runsOption,
  stridesOption,
  tellQuantized,
  threshold,
  thresholdOption,
  wholeNumber,
} from './options.js';
import { accuracyText, checkOutput, print, stateSizeHelp } from './output.js';
import { setOption, type Variant, variantsOf } from './overrides.js';
import {
  annealingStrengths,
  type EpochMetrics,
  mergedPenalty,
  type PenaltyName,
  penaltyStrengths,
  type Regularizer,
} from '../train/index.js';

interface PenaltyOptions {
  readonly penalty?: PenaltyName;
  readonly strength?: string;
}

const penaltyOption = new Option(
  '--penalty <name>',
  'in the loss, on the merged kernels: their kurtosis (KURE), or the largest weight (R²)',
).choices(Object.keys(penaltyStrengths));

type Strengths = Readonly<Record<PenaltyName, number>>;

const strengthOption = (usual: Strengths): [flags: string, description: string] => [
  '--strength <λ>',
  `what the penalty is multiplied by; default ${Object.entries(usual)
    .map(([name, strength]) => `${strength} for ${name}`)
    .join(', ')}`,
];

interface TrainOptions extends CommonOptions, PenaltyOptions {
  readonly threshold: string;
  readonly seed: string;
  readonly epochs?: string;
  readonly lr?: string;
  readonly batch?: string;
  readonly images?: string;
  readonly output?: string;
  readonly set: readonly string[];
  readonly tensorboard?: string;
}

interface FinetuneOptions extends Omit<TrainOptions, 'threshold'> {
  /** The s of the network in the file. */
  readonly threshold?: string;
  readonly bits: string;
  readonly method: string;
}

export function addTrain(program: Command): void {
  withTraining(program.command('train').description('train a RepVGG with BN or OABN from scratch'))
    .option('-s, --threshold <s>', "OABN's limit on γ/σ of the identity branch; inf is plain BN", 'inf')
    .addOption(penaltyOption)
    .option(...strengthOption(penaltyStrengths))
    .addHelpText(
      'after',
      `
A run is stored under its configuration: requested again, it is answered at once, and a killed run continues where it was.

Examples:
  $ oabn train --threshold 0.5 --data cifar10 -o oabn.safetensors
  $ oabn train --penalty kure --data cifar10 -o kure.safetensors
  $ oabn train --arch A0 --epochs 30 --profile paper -s inf --seed 2
  $ oabn train --set training.seed=1,2,3 --set training.weightDecay=1e-4 --tensorboard logs`,
    )
    .action(async (options: TrainOptions) => {
      if (options.output) await checkOutput(options.output, { format: 'safetensors' });
      const s = threshold(options.threshold);
      const regularizer = penaltyOf(options, penaltyStrengths);
      const arch = architectureOf(options);
      const lab = await labOf(options, { standIn: true });
      const config = pretrainConfig(lab, {
        threshold: s,
        seed: wholeNumber('--seed', options.seed),
        training: { ...trainingOf(lab.defaults.pretraining, options), ...(regularizer && { regularizer }) },
        ...(arch && { arch: { ...arch, classes: lab.train.classes.length } }),
      });
      await runEach(variantsOf(config, options.set), options, async (one) => {
        const stored = await run(lab, one, { files: true });
        const { accuracy, images, epochs } = stored.result;
        await logCurves(options, stored.hash, epochs, accuracy);
        const network = await deliver(join(stored.folder, stored.result.network), options.output);
        return {
          result: { accuracy, images, network, hash: stored.hash, from: stored.from },
          text: `FP32 ${accuracyText({ accuracy, images }, lab.test, one.data)}; ${network} (run ${stored.hash})`,
        };
      });
    });
}

export function addFinetune(program: Command): void {
  withTraining(
    program
      .command('finetune <checkpoint>')
      .description('quantization-aware fine-tuning of a merged network'),
  )
    .addOption(familyOption)
    .addOption(stridesOption)
    .addOption(thresholdOption)
    .requiredOption('--bits <b>', '2 to 8')
    .addOption(
      new Option('--method <name>', 'uniform QAT or ClusterQAT').choices(weightMethods).default('cluster'),
    )
    .addHelpText(
      'after',
      `
${stateSizeHelp}

Below 4 bits learn the ranges of the activations, too: our RepVGG on CIFAR-10 keeps 83% instead of 79 at 3 bits, and 78% instead of 61 at 2.

Examples:
  $ oabn finetune oabn.safetensors --bits 4 --method cluster --epochs 2 --data cifar10 -o 4bit.safetensors
  $ oabn finetune oabn.safetensors --bits 3 --set activations.range=learned --data cifar10 -o 3bit.safetensors`,
    )
    .action(async (checkpoint: string, options: FinetuneOptions) => {
      if (options.output) await checkOutput(options.output, { checkpoint, format: 'safetensors' });
      const bits = wholeNumber('--bits', options.bits);
      checkScheme({ bits, weights: options.method as WeightMethod, granularity: 'perTensor' });
      tellQuantized(checkpoint, (await readStateDict(checkpoint)).metadata);
      const lab = await labOf(options);
      const source = await openCheckpoint(lab, checkpoint, loadOptions(options));
      checkClasses(source.arch.classes, lab.test);
      const weights = options.method as WeightMethod;
      const training = {
        ...trainingOf(lab.defaults.finetuning[weights], options),
        seed: wholeNumber('--seed', options.seed),
      };
      const config = finetuneConfig(lab, {
        source,
        bits,
        weights,
        training,
      });
      await runEach(variantsOf(config, options.set), options, async (one) => {
        const stored = await run(lab, one, { files: true });
        const { accuracy, images, stateSize, epochs = [] } = stored.result;
        await logCurves(options, stored.hash, epochs, accuracy);
        const network = await deliver(join(stored.folder, stored.result.network), options.output);
        return {
          result: { accuracy, images, stateSize, network, hash: stored.hash, from: stored.from },
          text: `${one.scheme.bits}-bit ${options.method}: ${accuracyText({ accuracy, images }, lab.test, one.source.data)}, state size ${stateSize}; ${network}`,
        };
      });
    });
}

export function addAnneal(program: Command): void {
  withTraining(
    program
      .command('anneal <checkpoint>')
      .description(
        'make a pretrained network easier to quantize: train it on with a penalty on its merged weights, or, with three branches, while OABN’s s falls',
      ),
  )
    .addOption(familyOption)
    .addOption(stridesOption)
    .option('-s, --threshold <s>', 'OABN’s s at the end')
    .addOption(penaltyOption)
    .option(...strengthOption(annealingStrengths))
    .option(
      '--equalize',
      'equalize the channels of a RepVGG’s merged weights first, which changes no output, and clip gradients by norm: for outliers with which a penalty diverges',
    )
    .addHelpText(
      'after',
      `
s begins at the network's own largest |γ/σ| and falls in all epochs but the last. Default: 3 epochs at a tenth of the rate of
pretraining. With a penalty alone the merged weights are trained, of any network that can be computed here; --set through=branches
trains a RepVGG's branches, for which a --strength of 0.01 is enough.

Examples:
  $ oabn anneal bn.safetensors --penalty kure --data cifar10 -o easier.safetensors
  $ oabn anneal mobileone.pth --penalty kure --lr 0.003 --data photos/ -o easier.safetensors
  $ oabn anneal deep.safetensors --penalty kure --equalize --data cifar10 -o easier.safetensors
  $ oabn anneal bn.safetensors --threshold 0.5 --epochs 3 --data cifar10 -o oabn.safetensors`,
    )
    .action(async (checkpoint: string, options: AnnealOptions) => {
      if (options.output) await checkOutput(options.output, { checkpoint, format: 'safetensors' });
      const ways = annealingOf(options);
      tellQuantized(checkpoint, (await readStateDict(checkpoint)).metadata);
      const lab = await labOf(options);
      // --threshold is the new s, not that of the file.
      const { threshold: _s, ...ofFile } = options;
      const source = await openCheckpoint(lab, checkpoint, loadOptions(ofFile));
      checkClasses(source.arch.classes, lab.test);
      if (ways.threshold !== undefined) checkChain(source.arch, 'OABN’s threshold s');
      const usual = annealConfig(lab, { source, ...ways }).training;
      const config = annealConfig(lab, {
        source,
        ...ways,
        training: { ...trainingOf(usual, options), seed: wholeNumber('--seed', options.seed) },
      });
      await runEach(variantsOf(config, options.set), options, async (one) => {
        const stored = await run(lab, one, { files: true });
        const { accuracy, images, epochs, thresholds } = stored.result;
        await logCurves(options, stored.hash, epochs, accuracy);
        const network = await deliver(join(stored.folder, stored.result.network), options.output);
        return {
          result: { accuracy, images, thresholds, network, hash: stored.hash, from: stored.from },
          text:
            `${thresholds.length > 0 ? `s ${thresholds.map((value) => value.toPrecision(3)).join(' → ')}: ` : ''}` +
            `FP32 ${accuracyText({ accuracy, images }, lab.test, one.source.data)}; ${network} (run ${stored.hash})`,
        };
      });
    });
}

interface AnnealOptions extends Omit<TrainOptions, 'threshold'> {
  readonly threshold?: string;
  readonly equalize?: boolean;
}

/** What is annealed, and how. @throws UserError when nothing is */
function annealingOf(options: AnnealOptions): Pick<AnnealOf, 'threshold' | 'regularizer' | 'equalize'> {
  const { threshold: s, equalize = false } = options;
  const regularizer = penaltyOf(options, annealingStrengths);
  check(
    s !== undefined || regularizer !== undefined,
    'Say what the network is annealed to: --threshold 0.5, --penalty kure, or both',
  );
  return {
    ...(s !== undefined && { threshold: threshold(s) }),
    ...(regularizer && { regularizer }),
    equalize,
  };
}

/** The penalty that is asked for, if one is. */
function penaltyOf({ penalty, strength }: PenaltyOptions, usual: Strengths): Regularizer | undefined {
  check(penalty !== undefined || strength === undefined, '--strength is that of a --penalty, such as kure');
  if (penalty === undefined) return undefined;
  const times = strength === undefined ? usual[penalty] : Number(strength);
  check(times > 0, `--strength must be > 0, got ${strength}`);
  return mergedPenalty(penalty, times);
}

/**
 * Runs one configuration, or each of a sweep, and prints the outcome: one result, or a list in which each says
 * what was set.
 */
async function runEach<Config>(
  variants: readonly Variant<Config>[],
  { output, json, set }: Omit<TrainOptions, 'threshold'>,
  runOne: (config: Config) => Promise<{ result: object; text: string }>,
): Promise<void> {
  check(
    variants.length === 1 || output === undefined,
    `--output is one file, but --set ${set.join(' ')} makes ${variants.length} runs; their checkpoints are in the runs folder`,
  );
  const done: { result: object; text: string }[] = [];
  for (const { config, set: members, label } of variants) {
    const { result, text } = await runOne(config);
    done.push(
      variants.length === 1
        ? { result, text }
        : { result: { set: members, ...result }, text: `${label}: ${text}` },
    );
  }
  const results = done.map(({ result }) => result);
  print(done.length === 1 ? results[0] : results, done.map(({ text }) => text).join('\n'), json);
}

async function logCurves(
  { tensorboard }: Pick<TrainOptions, 'tensorboard'>,
  hash: string,
  epochs: readonly EpochMetrics[],
  accuracy: number,
): Promise<void> {
  if (tensorboard === undefined) return;
  const path = await writeEvents(tensorboard, hash, eventsOf(epochs, accuracy));
  process.stderr.write(`TensorBoard: ${path}\n`);
}

function withTraining(command: Command): Command {
  return command
    .addOption(archOption)
    .addOption(dataOption)
    .addOption(profileOption)
    .option('--seed <n>', 'seed of initialisation, order and augmentation', '1')
    .option('--epochs <n>', "default the profile's")
    .option('--lr <rate>', "highest learning rate; default the profile's")
    .option('--batch <n>', "batch size; default the profile's")
    .option('--images <n>', "number of training images; default the profile's")
    .addHelpText(
      'after',
      `\nAccuracy is that on ${runDefaults.data.testImages} test images unless a profile says otherwise; --set testImages=null uses all.`,
    )
    .option('-o, --output <file>', 'copy the checkpoint here')
    .addOption(setOption)
    .option('--tensorboard <folder>', 'write the run’s curves as an event file for TensorBoard')
    .addOption(runsOption)
    .addOption(eagerOption)
    .addOption(precisionOption)
    .addOption(jsonOption);
}

/** A recipe's settings that options change, and what must change with them. */
export function trainingOf(
  recipe: Omit<TrainingConfig, 'seed'>,
  { epochs, lr, batch, images }: Pick<TrainOptions, 'epochs' | 'lr' | 'batch' | 'images'>,
): Partial<TrainingConfig> {
  const { schedule } = recipe;
  const total = epochs === undefined ? schedule.epochs : wholeNumber('--epochs', epochs, 1);
  const learningRate = lr === undefined ? schedule.learningRate : Number(lr);
  check(learningRate > 0, `--lr must be > 0, got ${lr}`);
  return {
    schedule: {
      ...schedule,
      learningRate,
      epochs: total,
      warmupEpochs: Math.min(schedule.warmupEpochs, total / 2),
    },
    ...(images !== undefined && { images: wholeNumber('--images', images, 1) }),
    ...(batch !== undefined && { batchSize: wholeNumber('--batch', batch, 1) }),
  };
}

async function deliver(network: string, output: string | undefined): Promise<string> {
  if (output === undefined) return network;
  await copyFileAtomic(network, output);
  return output;
}
