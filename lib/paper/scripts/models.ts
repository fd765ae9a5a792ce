/**
 * Writes the networks that ship (data/models), with their cards, from finished runs of a store; what is not
 * finished is left out and said. With --only, the others stay as they are. Each is written with 16-bit floats where that changes the accuracy by at
 * most 0.05 points, and its accuracy is that of the written file.
 *
 *     OABN_DATA_DIR=… node --conditions=oabn-source --import tsx lib/paper/scripts/models.ts --runs runs [--profile desk] [--only cifar10-vgg]
 */
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileDigest, writeFileAtomic, writeJsonAtomic } from 'oabn-base';
import { datasetTitle } from 'oabn/data';
import {
  finetuneConfig,
  hashOf,
  measureAccuracy,
  pretrainConfig,
  type PretrainConfig,
  run,
  type RunConfig,
  sourceOf,
} from 'oabn/experiment';
import { mergeNetwork } from 'oabn/merge';
import { saveNetwork } from 'oabn/model';
import { loadAnyNetwork, saveQuantizedNetwork } from 'oabn/quantize';
import { mergedPenalty } from 'oabn/train';
import { modelsFolder, type ShippedModel, shippedModels } from '../src/models/index.js';
import { openPaperLab, type PaperLab } from '../src/profiles/index.js';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string' },
    profile: { type: 'string', default: 'desk' },
    out: { type: 'string', default: modelsFolder() },
    only: { type: 'string' },
  },
});

interface Candidate {
  readonly name: string;
  readonly title: string;
  readonly config: RunConfig;
  /** Makes it anew; default the profile's whole job. */
  readonly command?: string;
}

/**
 * The networks of seed 1: those whose weights the notebooks look at, and low-bit networks to take home.
 */
function candidates(lab: PaperLab): Candidate[] {
  const { arch } = lab.defaults;
  const network = (threshold: number, changes = {}) =>
    pretrainConfig(lab, { threshold, seed: 1, ...changes });
  const half = network(0.5);
  const low = (bits: number): Candidate => ({
    name: `cifar10-oabn-0.5-cluster-${bits}bit`,
    title: `OABN s=0.5, ${bits}-bit ClusterQAT`,
    config: finetuneConfig(lab, { source: half, bits, weights: 'cluster' }),
  });
  const learned = (bits: number): Candidate => ({
    name: `cifar10-oabn-0.5-cluster-${bits}bit-learned-ranges`,
    title: `OABN s=0.5, ${bits}-bit ClusterQAT with learned ranges of the activations`,
    config: finetuneConfig(lab, {
      ...{ source: half, bits, weights: 'cluster' },
      activations: { range: 'learned' },
    }),
    command:
      `npx oabn finetune data/models/cifar10-oabn-0.5.safetensors --profile ${flags.profile} --data cifar10 --bits ${bits} ` +
      '--set activations.range=learned',
  });
  return [
    { name: 'cifar10-plain-bn', title: 'plain BN', config: network(Infinity) },
    { name: 'cifar10-oabn-0.5', title: 'OABN s=0.5', config: half },
    { name: 'cifar10-oabn-1', title: 'OABN s=1', config: network(1) },
    {
      name: 'cifar10-qarepvgg',
      title: 'QARepVGG',
      config: network(Infinity, { arch: { ...arch, block: 'qarepvgg' } }),
    },
    {
      name: 'cifar10-vgg',
      title: 'an ordinary CNN of the same shape',
      config: network(Infinity, { arch: { ...arch, branches: ['3x3'] } }),
    },
    {
      name: 'cifar10-kure',
      title: 'plain BN with KURE on the merged kernels',
      config: network(Infinity, { training: { regularizer: mergedPenalty('kure') } }),
      command: `npx oabn train --profile ${flags.profile} --data cifar10 --penalty kure`,
    },
    low(4),
    low(3),
    learned(3),
    learned(2),
  ];
}

/** Writes `from` anew, in 16 bits if that is exact enough; gives what it is worth as written. */
async function write(lab: PaperLab, from: string, to: string) {
  const { arch, form, stateDict, quantization } = await loadAnyNetwork(from);
  const save = (float16: boolean): Promise<void> =>
    quantization
      ? saveQuantizedNetwork(to, { arch, stateDict, ...quantization }, {}, { float16 })
      : saveNetwork(to, { arch, stateDict, form }, {}, { float16 });
  const measure = async (path: string) => {
    const read = await loadAnyNetwork(path);
    const merged = read.form === 'merged' ? read.stateDict : mergeNetwork(read.arch, read.stateDict);
    const network = { arch: read.arch, stateDict: merged, ...(quantization && { quantization }) };
    return await measureAccuracy(lab, { network, testImages: null });
  };
  const exact = await measure(from);
  await save(true);
  const halved = await measure(to);
  if (Math.abs(halved.accuracy - exact.accuracy) <= 5e-4) return { ...halved, float16: true };
  await save(false);
  return { ...exact, float16: false };
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

interface Card {
  readonly model: ShippedModel;
  readonly config: RunConfig;
  readonly float16: boolean;
  readonly command: string;
}

function card({ model, config, float16, command }: Card): string {
  const { name, title, data, accuracy, images, bytes, sha256, run: hash, commit, seed, profile } = model;
  const { arch } = (sourceOf(config) ?? config) as Pick<PretrainConfig, 'arch'>;
  const isPlain = arch.branches?.length === 1;
  const trained = `${isPlain ? 'one branch with its BN' : 'three-branch'}, as trained; merge it before use`;
  const form = model.bits === undefined ? trained : 'merged and quantized';
  return `# ${name}

${title},${isPlain ? '' : ' a RepVGG'} of this project's profile \`${profile}\` for ${data}.

| | |
| --- | --- |
| accuracy on ${images.toLocaleString('en')} test images | **${percent(accuracy)}** |
| form | ${form} |
| numbers | ${float16 ? '16-bit floats (measured as such)' : '32-bit floats'} |
| bytes, SHA-256 | ${bytes.toLocaleString('en')}, \`${sha256}\` |
| data | ${data}; see [data/README.md](../README.md) for source and terms |
| run | \`${hash}\`, seed ${seed}, code at commit \`${commit}\` |
| licence of the weights | MIT, as the code; the images have no licence, and their authors ask to be cited |

Check it, make it anew (training repeats to within rounding, a few tenths of a point):

    npx oabn eval data/models/${name}.safetensors --data cifar10
    ${command}

Made for research on quantization: it knows ten classes of small pictures, and is good for nothing else. Trained on images
that a JPEG of quality 75 has been through.

Architecture:

    ${JSON.stringify(arch)}

Training:

    ${JSON.stringify('training' in config ? config.training : {})}
`;
}

const lab = await openPaperLab({
  profile: flags.profile,
  shipped: false,
  ...(flags.runs !== undefined && { runs: flags.runs }),
});
const done = new Set(
  (await lab.store.list()).filter(({ status }) => status === 'done').map(({ hash }) => hash),
);
await mkdir(flags.out, { recursive: true });
const others = flags.only === undefined ? [] : await shippedModels();
const models: ShippedModel[] = [];
for (const { name, title, config, command = `npx oabn reproduce --profile ${flags.profile}` } of candidates(
  lab,
)) {
  if (flags.only !== undefined && flags.only !== name) {
    models.push(...others.filter((model) => model.name === name));
    continue;
  }
  const hash = hashOf(config);
  const path = join(flags.out, `${name}.safetensors`);
  if (!done.has(hash)) {
    console.log(`${name}: run ${hash} is not finished`);
    await Promise.all([rm(path, { force: true }), rm(join(flags.out, `${name}.md`), { force: true })]);
    continue;
  }
  const { folder, result, provenance } = await run(lab, config, { files: true });
  const { accuracy, images, float16 } = await write(
    lab,
    join(folder, (result as { network: string }).network),
    path,
  );
  const model: ShippedModel = {
    name,
    title,
    profile: flags.profile,
    data: datasetTitle(lab.test),
    run: hash,
    commit: provenance.commit ?? 'unknown',
    seed: 1,
    sha256: await fileDigest(path),
    bytes: (await stat(path)).size,
    accuracy,
    images,
    ...('scheme' in config && { bits: config.scheme.bits as number }),
  };
  models.push(model);
  await writeFileAtomic(join(flags.out, `${name}.md`), card({ model, config, float16, command }));
  console.log(`${name}: ${percent(accuracy)}, ${model.bytes} bytes`);
}
await writeJsonAtomic(join(flags.out, 'models.json'), models);
process.exit(0);
