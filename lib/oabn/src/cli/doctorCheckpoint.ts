/** `oabn doctor <checkpoint>`: why this network will lose when it is quantized, how much, and what helps. */
import { join } from 'node:path';
import { check, consoleProgress, naming, tableText, UserError, writeFileAtomic } from 'oabn-base';
import { takeCalibration } from '../data/index.js';
import {
  advise,
  type AnnealedNetwork,
  causes,
  diagnosedBits,
  doctorPage,
  type DoctorPage,
  examine,
  inflationNote,
  keptText,
  law,
  laws,
  type Patient,
  spacingText,
  type Trials,
  tryRemedies,
} from '../doctor/index.js';
import {
  annealConfig,
  type AnnealOf,
  estimateRuns,
  type Lab,
  measureAccuracy,
  type MeasuredNetwork,
  openCheckpoint,
  run,
  type TimeEstimate,
} from '../experiment/index.js';
import {
  checkUnread,
  computed,
  type Recognition,
  recognize,
  repVGGOf,
  withoutDead,
} from '../family/index.js';
import { isOfPaper, mergedOf, withoutLimits } from '../merge/index.js';
import { checkFinite, loadNetwork, type Network, readStateDict, type StateDictFile } from '../model/index.js';
import { type Accuracy, annealingPenalty } from '../train/index.js';
import { checkClasses } from './evaluate.js';
import { familyOf } from './familyOptions.js';
import { type CommonOptions, labOf, loadOptions, tellQuantized, threshold, wholeNumber } from './options.js';
import { checkOutput, percent, print } from './output.js';

export interface DoctorOptions extends CommonOptions {
  readonly family?: string;
  readonly html?: string;
  readonly images: string;
  readonly calibration: string;
  /** Minutes of training on, in each way; 0 for none. */
  readonly anneal: string;
  readonly annealTo: string;
}

/**
 * Examines a checkpoint of any family and, with `--data` and where it can be computed, tries the remedies.
 */
export async function examineCheckpoint(checkpoint: string, options: DoctorOptions): Promise<void> {
  if (options.html !== undefined) await checkOutput(options.html, { checkpoint });
  const counts = {
    testImages: wholeNumber('--images', options.images, 1),
    calibration: wholeNumber('--calibration', options.calibration, 1),
  };
  const original = await readStateDict(checkpoint);
  const { file, threshold: recorded } = plainlyNormalized(checkpoint, original, options);
  tellQuantized(checkpoint, file.metadata);
  const isDescribed = file.metadata.arch !== undefined;
  const family = familyOf(isDescribed ? undefined : options.family, file.metadata);
  checkUnread(checkpoint, file, family, (message) => process.stderr.write(`${message}\n`));
  checkFinite(file.stateDict, checkpoint, 'the checkpoint is broken');
  const recognition = recognize(file.stateDict, family);
  check(
    recognition,
    `No known family's blocks are in ${checkpoint}; describe them in a JSON file and name that with --family (oabn inspect --help)`,
  );
  for (const [name, reason] of Object.entries(recognition.incomplete))
    process.stderr.write(`${checkpoint}: ${name} is incomplete and left out: ${reason}\n`);
  const s = recorded ?? (options.threshold === undefined ? undefined : threshold(options.threshold));
  const found = computed(file.stateDict, recognition, loadOptions(options));
  const isRepVGG = 'arch' in found && found.arch.operations === undefined;
  const examination = naming(checkpoint, () =>
    examine(file.stateDict, recognition, {
      law: isRepVGG ? law : laws.perTensor,
      ...(s !== undefined && { threshold: s }),
    }),
  );
  const tried =
    options.data === undefined
      ? undefined
      : await tryOn(checkpoint, original, recognition, {
          ...options,
          ...counts,
          layers: examination.layers,
        });
  const page: DoctorPage = {
    ...examination,
    checkpoint,
    family: recognition.family.title ?? recognition.family.name,
    advice: advise(examination, {
      trainable: isRepVGG,
      computable: 'arch' in found,
      ...(tried?.refused && { refused: tried.refused }),
      ...(tried?.trials && { trials: tried.trials }),
      ...(tried?.measured && { images: tried.measured.images }),
    }),
    ...tried,
  };
  if (options.html !== undefined) await writeFileAtomic(options.html, doctorPage(page));
  print(page, formatPage(page, options.html), options.json);
}

/**
 * A file as the tables of families read it, which know of OABN only the paper's s on the identity branches: where it
 * records another kind, its γ are those that plain BN would need. With the s that limits the identity branches.
 */
function plainlyNormalized(
  checkpoint: string,
  file: StateDictFile,
  options: DoctorOptions,
): { readonly file: StateDictFile; readonly threshold?: number } {
  if (file.metadata.arch === undefined) return { file };
  const told = loadOptions(options);
  // With data the network is read a second time, to be computed, and what there is to notice is said then.
  const { arch, form, stateDict } = repVGGOf(checkpoint, file, {
    ...told,
    ...(options.data !== undefined && { notice: () => {} }),
  });
  if (!arch.oabn) return { file };
  if (isOfPaper(arch)) return { file, threshold: arch.oabn.threshold };
  if (form === 'merged') return { file };
  const plain = withoutLimits(arch, stateDict);
  return { file: { ...file, stateDict: plain.stateDict }, threshold: plain.threshold };
}

async function tryOn(
  checkpoint: string,
  file: StateDictFile,
  recognition: Recognition,
  {
    testImages,
    calibration,
    layers,
    ...options
  }: Omit<DoctorOptions, 'calibration'> &
    Pick<DoctorPage, 'layers'> & { readonly testImages: number; readonly calibration: number },
): Promise<Pick<DoctorPage, 'trials' | 'refused' | 'measured'>> {
  const network = repVGGOf(checkpoint, file, loadOptions(options));
  const lab = await labOf(options);
  checkClasses(network.arch.classes, lab.test);
  const merged = naming(checkpoint, () => mergedOf(network));
  const accuracyOf = (measured: MeasuredNetwork): Promise<Accuracy> =>
    measureAccuracy(lab, { network: measured, testImages });
  const folded = withoutDead(network, file.stateDict, recognition, loadOptions(options));
  const { annealed, failed } = await annealings(lab, checkpoint, network, { ...options, layers });
  const patient: Patient = {
    arch: network.arch,
    merged,
    ...(folded && { folded }),
    annealed,
    calibration: await takeCalibration(lab.train, calibration, 0),
    imageShape: lab.train.imageShape,
  };
  const { trials, refused } = await tryRemedies(patient, {
    measure: async (quantized) => (await accuracyOf({ ...quantized, quantization: quantized })).accuracy,
    bits: diagnosedBits,
    progress: consoleProgress(),
    ...(lab.signal && { signal: lab.signal }),
  });
  // The data may have fewer images than were asked for.
  const { accuracy: fp32, images } = await accuracyOf({ arch: network.arch, stateDict: merged });
  const measured = { fp32, images, dataset: lab.test.provenance.dataset };
  return { trials, refused: [...refused, ...failed], measured };
}

/**
 * max|w|/σ of a layer from which on a chain is equalized before it is trained with KURE. The networks that ship have up
 * to 22 and are trained well without; with 373, as a RepVGG-A0 of CIFAR-10 has, the loss is NaN at the third step.
 */
const equalizedFrom = 50;

/** Epochs of training on; s falls in all but the last. */
const annealEpochs = 3;

/** The network trained on in some ways, and the ways that failed. */
interface Annealings {
  readonly annealed: readonly AnnealedNetwork[];
  readonly failed: Trials['refused'];
}

/**
 * The network trained on, in each way for as many images as --anneal has minutes for: with OABN, unless it has
 * OABN already, is merged or has no identity branches to limit, and with KURE on its merged kernels.
 */
async function annealings(
  lab: Lab,
  checkpoint: string,
  { arch, form }: Network,
  {
    layers,
    ...options
  }: Pick<DoctorOptions, 'anneal' | 'annealTo'> & Pick<DoctorPage, 'layers'> & CommonOptions,
): Promise<Annealings> {
  const minutes = Number(options.anneal);
  check(minutes >= 0, `--anneal must be minutes ≥ 0, got ${options.anneal}`);
  const s = threshold(options.annealTo);
  if (minutes === 0) return { annealed: [], failed: [] };
  const source = await openCheckpoint(lab, checkpoint, loadOptions(options));
  const hasIdentity = (arch.branches ?? ['identity']).includes('identity');
  const canLimit = form === 'training' && arch.block !== 'qarepvgg' && !arch.oabn && hasIdentity;
  const isChain = arch.operations === undefined;
  const outlying = isChain && layers.some(({ peakToSigma }) => peakToSigma > equalizedFrom);
  const ways = [
    ...(canLimit ? [{ threshold: s, title: `OABN, s annealed to ${s}` }] : []),
    {
      ...{ regularizer: annealingPenalty('kure'), equalize: outlying },
      title: `KURE on the merged kernels${outlying ? ', equalized first' : ''}`,
    },
  ];
  const annealed: AnnealedNetwork[] = [];
  const failed: { title: string; reason: string }[] = [];
  for (const way of ways) {
    try {
      annealed.push(await anneal(lab, minutes, { source, ...way }));
    } catch (error) {
      // Training can diverge; what the other remedies give is worth knowing all the same.
      if (!(error instanceof UserError)) throw error;
      failed.push({ title: way.title, reason: error.message });
    }
  }
  return { annealed, failed };
}

/** Trained on in one way. The run is stored, so asking again costs nothing. */
async function anneal(
  lab: Lab,
  minutes: number,
  {
    title,
    ...way
  }: Pick<AnnealOf, 'source' | 'threshold' | 'regularizer' | 'equalize'> & { readonly title: string },
): Promise<AnnealedNetwork> {
  const usual = annealConfig(lab, way);
  const [{ secondsPerStep }] = (await estimateRuns([{ lab, config: usual }])) as [TimeEstimate];
  const { batchSize } = usual.training;
  const affordable = Math.floor((60 * minutes) / secondsPerStep / annealEpochs);
  // A power of two, so that a machine that is a little slower today asks for the same run as yesterday.
  const images = batchSize * 2 ** Math.floor(Math.log2(Math.max(1, affordable)));
  // With no step left to take, the usual run is already in the store.
  const training = secondsPerStep > 0 ? { images: Math.min(lab.train.size, images) } : {};
  const config = annealConfig(lab, { ...way, training });
  const stored = await run(lab, config, { files: true });
  const annealed = await loadNetwork(join(stored.folder, stored.result.network));
  return {
    arch: annealed.arch,
    merged: mergedOf(annealed),
    title: `${title}: ${annealEpochs} × ${config.training.images ?? lab.train.size} images (FP32 ${percent(stored.result.accuracy)})`,
  };
}

function formatPage(
  { layers, predictions, trials, refused = [], measured, advice }: DoctorPage,
  html: string | undefined,
): string {
  const layerRows = layers.map(({ layer, peakToSigma, cause, deadChannels, ...row }) => ({
    layer,
    'max|w|/σ': peakToSigma.toFixed(1),
    ...Object.fromEntries(diagnosedBits.map((bits) => [`${bits} bits`, spacingText(row, bits)])),
    dead: deadChannels > 0 ? String(deadChannels) : '',
    cause: causes[cause],
  }));
  const predicted = predictions.map(({ title, bits, spacing, storedBits, ...kept }) => ({
    ...{ remedy: title, bits: String(bits), spacing: spacing.toFixed(2), keeps: keptText(kept) },
    KiB: (storedBits / 8192).toFixed(1),
  }));
  const measuredRows = trials?.map(({ title, bits, accuracy, storedBits }) => ({
    ...{
      remedy: title,
      bits: String(bits),
      accuracy: percent(accuracy),
      KiB: (storedBits / 8192).toFixed(1),
    },
  }));
  const note = inflationNote(layers);
  return [
    ...advice,
    '',
    'Level spacing in σ, layer by layer:',
    tableText(layerRows),
    ...(note === '' ? [] : [note]),
    '',
    'Predicted from the weights:',
    tableText(predicted),
    ...(measuredRows && measured
      ? [
          '',
          `Measured, FP32 ${percent(measured.fp32)} of ${measured.images} images (${measured.dataset}):`,
          tableText(measuredRows),
          ...refused.map(({ title, reason }) => `Not measured: ${title}. ${reason}`),
        ]
      : []),
    ...(html === undefined ? [] : ['', `Page: ${html}`]),
  ].join('\n');
}
