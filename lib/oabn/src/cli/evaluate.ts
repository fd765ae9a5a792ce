/**
 * `oabn eval` and `oabn quantize`: the accuracy of a checkpoint, as it is or after post-training
 * quantization.
 */
import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { check, naming, tableText } from 'oabn-base';
import { type Dataset, takeCalibration } from '../data/index.js';
import { measureAccuracy, measureBranches, measureOnnxFile, type TestBench } from '../experiment/index.js';
import { mergedOf } from '../merge/index.js';
import {
  checkScheme,
  type Granularity,
  clusterPtqMethods,
  granularities,
  loadAnyNetwork,
  type PtqMethod,
  type PtqMethodName,
  ptqMethods,
  ptqMethodTitle,
  type QuantizationScheme,
  saveQuantizedNetwork,
  storedBits,
  storedStates,
  type WeightMethod,
  weightMethods,
} from '../quantize/index.js';
import type { Accuracy } from '../train/index.js';
import {
  checkThere,
  type CommonOptions,
  dataOption,
  eagerOption,
  jsonOption,
  labOf,
  loadOptions,
  precisionOption,
  tellQuantized,
  testBenchOf,
  wholeNumber,
  withNetworkOptions,
} from './options.js';
import { accuracyText, checkOutput, percent, print, stateSizeHelp } from './output.js';

interface EvalOptions extends CommonOptions {
  readonly images?: string;
  readonly branches?: boolean;
}

interface QuantizeOptions extends EvalOptions {
  readonly bits: string;
  readonly method: string;
  readonly weights: string;
  readonly granularity: string;
  readonly calibration: string;
  readonly output?: string;
}

/** One measured form of one file. */
interface EvalRow extends Pick<Accuracy, 'accuracy' | 'images'> {
  readonly checkpoint: string;
  readonly form: string;
}

export function addEval(program: Command): void {
  withNetworkOptions(
    program
      .command('eval <checkpoints...>')
      .description(
        'accuracy on the test images of three-branch, merged or quantized checkpoints, or of exported .onnx files',
      ),
  )
    .addOption(dataOption)
    .option('--images <n>', 'number of test images to use; default all')
    .option('--branches', 'also measure three-branch files as they are, besides their merged form')
    .addOption(eagerOption)
    .addOption(precisionOption)
    .addOption(jsonOption)
    .addHelpText(
      'after',
      `
A merge is right where both forms are as accurate. Trained with OABN elsewhere, they are so only with its --threshold.

Examples:
  $ oabn eval small.safetensors --arch A0@0.25 --data cifar10 --json
  $ oabn eval trained.pth merged.safetensors 4bit.onnx --branches --arch A0 --data cifar10`,
    )
    .action(async (checkpoints: string[], options: EvalOptions) => {
      const testImages = imagesOf(options);
      // Any problem with a file is reported before any data is read.
      const opened: { path: string; network?: AnyNetwork }[] = [];
      for (const path of checkpoints) {
        checkThere(path);
        const isOnnx = path.endsWith('.onnx');
        opened.push(isOnnx ? { path } : { path, network: await loadAnyNetwork(path, loadOptions(options)) });
      }
      const bench = await testBenchOf(options);
      const rows: EvalRow[] = [];
      for (const { path, network } of opened) {
        rows.push(...(await measureForms(path, network, bench, { ...options, testImages })));
      }
      const [only] = rows;
      const { dataset } = bench.test.provenance;
      if (rows.length === 1) {
        const { accuracy, images } = only!;
        const text = `${only!.checkpoint}: ${percent(accuracy)} of ${images} images (${dataset})`;
        print({ accuracy, images }, text, options.json);
      } else {
        const table = rows.map(({ checkpoint, form, accuracy, images }) => ({
          ...{ checkpoint, form, accuracy: percent(accuracy), images: String(images) },
        }));
        print(rows, `${tableText(table)}\n${dataset}`, options.json);
      }
    });
}

type AnyNetwork = Awaited<ReturnType<typeof loadAnyNetwork>>;

async function measureForms(
  checkpoint: string,
  network: AnyNetwork | undefined,
  bench: TestBench,
  { branches, testImages }: Pick<EvalOptions, 'branches'> & { readonly testImages: number | null },
): Promise<EvalRow[]> {
  const row = (form: string, { accuracy, images }: Accuracy): EvalRow => ({
    checkpoint,
    form,
    accuracy,
    images,
  });
  if (!network) return [row('onnx', await measureOnnxFile(bench, checkpoint, testImages))];
  naming(checkpoint, () => checkClasses(network.arch.classes, bench.test));
  // What we merged names its family or architecture, and has no branches that could be meant.
  const isMerged = network.metadata.family !== undefined || network.metadata.arch !== undefined;
  if (branches && network.arch.operations && !isMerged) {
    process.stderr.write(
      `${checkpoint}: only RepVGG's branches are computed as they are; of this network, its merge is\n`,
    );
  }
  const branched =
    network.form === 'training' && branches
      ? [row('three branches', await measureBranches(bench, network, { testImages }))]
      : [];
  const form = network.quantization ? 'quantized' : 'merged';
  const stateDict = naming(checkpoint, () => mergedOf(network));
  const { arch, quantization } = network;
  const measured = { arch, stateDict, ...(quantization && { quantization }) };
  return [...branched, row(form, await measureAccuracy(bench, { network: measured, testImages }))];
}

export function addQuantize(program: Command): void {
  withNetworkOptions(
    program
      .command('quantize <checkpoint>')
      .description('post-training quantization of weights and activations')
      .requiredOption('--bits <b>', '2 to 8')
      .option('--method <name>', 'one of the methods below', 'minMax')
      .option(
        '--granularity <name>',
        `what shares a weight quantizer: ${granularities.join(' or ')}`,
        'perTensor',
      )
      .option('--weights <kind>', `values of the weights: ${weightMethods.join(' or ')}`, 'uniform')
      .option('--calibration <n>', 'number of training images to calibrate on', '512')
      .option('-o, --output <file>', 'write the quantized checkpoint, as safetensors'),
  )
    .addOption(dataOption)
    .option('--images <n>', 'number of test images to use; default all')
    .addOption(eagerOption)
    .addOption(jsonOption)
    .addHelpText(
      'after',
      `
Methods:
${methodList()}

${stateSizeHelp}

Example:
  $ oabn quantize small.safetensors --arch A0@0.25 --bits 4 --method mse --granularity perChannel --data cifar10`,
    )
    .action(async (checkpoint: string, options: QuantizeOptions) => {
      if (options.output) {
        const bytes = (await stat(checkpoint).catch(() => undefined))?.size;
        await checkOutput(options.output, { checkpoint, bytes, format: 'safetensors' });
      }
      const { method, scheme } = schemeOf(options);
      const calibration = wholeNumber('--calibration', options.calibration, 1);
      const testImages = imagesOf(options);
      const loaded = await loadAnyNetwork(checkpoint, loadOptions(options));
      const { arch } = loaded;
      tellQuantized(checkpoint, loaded.metadata);
      const lab = await labOf(options);
      checkClasses(arch.classes, lab.test);
      const merged = naming(checkpoint, () => mergedOf(loaded));
      const network = await ptqMethods[method].quantize({
        arch,
        merged,
        scheme,
        calibration: await takeCalibration(lab.train, calibration, 0),
        imageShape: lab.train.imageShape,
        seed: 0,
        ...(lab.signal && { signal: lab.signal }),
      });
      if (options.output) await saveQuantizedNetwork(options.output, network);
      const { accuracy, images } = await measureAccuracy(lab, {
        network: { arch, stateDict: network.stateDict, quantization: network },
        testImages,
      });
      const result = {
        ...{ accuracy, images },
        ...scheme,
        method,
        stateSize: storedStates(network),
        storedBits: storedBits(network),
      };
      print(
        result,
        `${scheme.bits}-bit ${scheme.weights} by ${ptqMethodTitle(method)}, ${scheme.granularity}: ` +
          `${accuracyText(result, lab.test)}, state size ${result.stateSize}`,
        options.json,
      );
    });
}

/** Names that `finetune` uses: there the paper's own quantizer is `uniform`. */
const aliases: Readonly<Record<string, string>> = { uniform: 'minMax' };

/**
 * The method and the scheme that the options ask for. @throws UserError for an unknown name, and where the
 * method has no such variant
 */
function schemeOf(options: QuantizeOptions): { method: PtqMethodName; scheme: QuantizationScheme } {
  const name = aliases[options.method] ?? options.method;
  check(
    name !== 'cluster',
    `--method cluster is of oabn finetune; without fine-tuning, centroids are --weights cluster with ${clusterPtqMethods.join(', ')}`,
  );
  const title = ptqMethodTitle(name);
  const method = name as PtqMethodName;
  const scheme = checkScheme({
    bits: wholeNumber('--bits', options.bits),
    weights: options.weights as WeightMethod,
    granularity: options.granularity as Granularity,
  });
  const known: readonly string[] = ptqMethods[method].granularities;
  check(
    known.includes(options.granularity),
    `${title} has no variant with granularity ${options.granularity}; choose ${known.join(' or ')}`,
  );
  return { method, scheme };
}

function methodList(): string {
  return Object.entries<PtqMethod>(ptqMethods)
    .map(
      ([name, { title, source }]) =>
        `  ${name.padEnd(12)} ${title} (${source})${name === aliases.uniform ? '; uniform is the same' : ''}`,
    )
    .join('\n');
}

function imagesOf({ images }: EvalOptions): number | null {
  return images === undefined ? null : wholeNumber('--images', images, 1);
}

/** @throws UserError when a network's classes are not the data's. */
export function checkClasses(network: number, { name, classes, made, provenance }: Dataset): void {
  const source = made ? '' : ` (${provenance.source})`;
  check(
    network === classes.length,
    `The network has ${network} classes, but ${name}${source} has ${classes.length}; name the right data with --data`,
  );
}
