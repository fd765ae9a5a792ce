/**
 * What the doctor predicts, beside what is measured, on networks of many families.
 *
 *     OABN_DATA_DIR=… PYTHON=python3 node --conditions=oabn-source --import tsx lib/paper/scripts/prediction/prediction.ts
 *       --folder work [--runs runs] [--only part-of-a-name] [--measured] [--out data/results/doctor-prediction.json]
 *
 * Networks of timm's families are trained by train.py where `folder` has no checkpoint of them, RepVGG and
 * its kin by runs of the store. Each network is measured once and kept in `folder`, so that a stopped script
 * goes on; --measured takes what is there and measures no more.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { check, consoleProgress, tableText, writeJsonAtomic } from 'oabn-base';
import { takeCalibration } from 'oabn/data';
import { examine, law, tryRemedies } from 'oabn/doctor';
import {
  measureAccuracy,
  type MeasuredNetwork,
  pretrainConfig,
  run,
  softwareVersions,
} from 'oabn/experiment';
import { recognize, repVGGOf, withoutDead } from 'oabn/family';
import { mergeNetwork } from 'oabn/merge';
import { readStateDict } from 'oabn/model';
import { beginProvenance } from '../../../runs/src/store/provenance.js';
import { openPaperLab, type PaperLab } from '../../src/profiles/index.js';
import { coverage, fitRemedies, type PredictedNetwork, remedyPoints } from '../../src/studies/index.js';
import { timmCheckpoint, timmNetworks, timmRecipe } from './timm.js';

const { values: flags } = parseArgs({
  options: {
    folder: { type: 'string', default: 'prediction' },
    runs: { type: 'string' },
    out: { type: 'string' },
    only: { type: 'string' },
    measured: { type: 'boolean', default: false },
  },
});

const bits = [8, 6, 5, 4, 3] as const;
const calibrationImages = 256;

/** Networks of the profile: those of the law's fit, and others of its kind. */
const own = [
  { title: 'RepVGG, BN', ofTheFit: true, threshold: Infinity, seeds: [1, 2], arch: {} },
  { title: 'RepVGG, OABN s = 0.5', ofTheFit: true, threshold: 0.5, seeds: [1], arch: {} },
  { title: 'RepVGG, OABN s = 0.1', ofTheFit: true, threshold: 0.1, seeds: [1], arch: {} },
  { title: 'VGG', ofTheFit: false, threshold: Infinity, seeds: [1], arch: { branches: ['3x3'] } },
  { title: 'QARepVGG', ofTheFit: false, threshold: Infinity, seeds: [1], arch: { block: 'qarepvgg' } },
  {
    ...{ title: 'RepVGG, wider', ofTheFit: false, threshold: Infinity, seeds: [1] },
    arch: { widths: [24, 24, 48, 96], depths: [1, 1, 2, 1] },
  },
] as const;

interface Task {
  readonly name: string;
  readonly ofTheFit: boolean;
  readonly checkpoint: (lab: PaperLab) => Promise<string>;
}

const tasks: readonly Task[] = [
  ...own.flatMap(({ title, ofTheFit, threshold, seeds, arch }) =>
    seeds.map((seed) => ({
      ...{ name: `${title}, seed ${seed}`, ofTheFit },
      checkpoint: async (lab: PaperLab) => {
        const config = pretrainConfig(lab, { threshold, seed, arch: { ...lab.defaults.arch, ...arch } });
        const { folder, result } = await run(lab, config, { files: true });
        return join(folder, result.network);
      },
    })),
  ),
  ...timmNetworks.flatMap(({ key, title, seeds }) =>
    seeds.map((seed) => ({
      ...{ name: `${title}, seed ${seed}`, ofTheFit: false },
      checkpoint: (lab: PaperLab) => timmCheckpoint(lab, flags.folder, key, seed),
    })),
  ),
];

/** Predictions from the weights beside trials on images, by remedy and bits. */
async function measured(lab: PaperLab, { name, ofTheFit, checkpoint }: Task): Promise<PredictedNetwork> {
  const path = await checkpoint(lab);
  const file = await readStateDict(path);
  const { arch, form, stateDict } = repVGGOf(path, file);
  const recognition = recognize(file.stateDict);
  check(recognition, `${path} is of no known family`);
  const threshold = arch.oabn?.threshold;
  const { predictions } = examine(file.stateDict, recognition, {
    bits,
    ...(threshold !== undefined && { threshold }),
  });
  const merged = form === 'merged' ? stateDict : mergeNetwork(arch, stateDict);
  const { testImages } = lab.defaults.data;
  const accuracyOf = async (network: MeasuredNetwork): Promise<number> =>
    (await measureAccuracy(lab, { network, testImages })).accuracy;
  const calibration = await takeCalibration(lab.train, calibrationImages, 0);
  const folded = withoutDead({ arch, form, stateDict }, file.stateDict, recognition);
  const { trials } = await tryRemedies(
    { arch, merged, ...(folded && { folded }), calibration, imageShape: lab.train.imageShape },
    { bits, measure: (quantized) => accuracyOf({ ...quantized, quantization: quantized }) },
  );
  const rows = trials.flatMap((trial) => {
    const predicted = predictions.find(({ title, bits: b }) => title === trial.title && b === trial.bits);
    if (!predicted) return [];
    const { remedy, spacing } = predicted;
    return [{ remedy, bits: trial.bits, spacing: Number(spacing.toPrecision(4)), accuracy: trial.accuracy }];
  });
  return { name, ofTheFit, fp32: await accuracyOf({ arch, stateDict: merged }), rows };
}

await mkdir(flags.folder, { recursive: true });
const lab = await openPaperLab({
  ...{ profile: 'quick', progress: consoleProgress() },
  ...(flags.runs !== undefined && { runs: flags.runs }),
});
const provenance = await beginProvenance({ dataset: lab.test.provenance }, softwareVersions(), undefined);
const networks: PredictedNetwork[] = [];
for (const task of tasks.filter(({ name }) => flags.only === undefined || name.includes(flags.only))) {
  const kept = join(flags.folder, `${task.name}.json`);
  if (flags.measured && !existsSync(kept)) continue;
  if (!existsSync(kept)) await writeJsonAtomic(kept, await measured(lab, task));
  networks.push(JSON.parse(await readFile(kept, 'utf8')) as PredictedNetwork);
}
const fits = fitRemedies(networks, '');
const elsewhere = networks.filter(({ ofTheFit }) => !ofTheFit);
const unseen = coverage(remedyPoints(elsewhere, 'perTensor'), law);
console.log(
  tableText(
    fits.map(({ remedy, fit, leftOut }) => ({
      remedy,
      midpoint: `${fit.midpoint.toFixed(2)} ± ${fit.midpointError.toFixed(2)}`,
      steepness: `${fit.steepness.toFixed(1)} ± ${fit.steepnessError.toFixed(1)}`,
      spread: fit.spread.toFixed(2),
      'left out, within': `${leftOut.within} of ${leftOut.of}`,
      rmse: leftOut.rmse.toFixed(3),
    })),
  ),
);
console.log(
  `The law as it is, on networks that it was not fitted on: ${unseen.within} of ${unseen.of} within, rmse ${unseen.rmse.toFixed(3)}`,
);
if (flags.out !== undefined) {
  const finishedAt = new Date().toISOString();
  await writeJsonAtomic(flags.out, {
    ...provenance,
    finishedAt,
    recipe: timmRecipe,
    calibrationImages,
    networks,
  });
}
