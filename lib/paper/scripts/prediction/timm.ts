/** Small networks of timm's families, trained on CIFAR-10 in PyTorch by train.py: networks from elsewhere. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import type { Dataset } from 'oabn/data';
import type { Lab } from 'oabn/experiment';

/** What train.py is told. */
export const timmRecipe = {
  ...{ epochs: 6, batchSize: 64, learningRate: 0.1, momentum: 0.9, weightDecay: 5e-4 },
  ...{ labelSmoothing: 0.1, translate: 2, threads: 1, images: 16_000 },
} as const;

/** By what train.py calls them. */
export const timmNetworks = [
  { key: 'mobileone', title: 'MobileOne', seeds: [1, 2] },
  { key: 'fastvit', title: 'FastViT without attention', seeds: [1] },
  { key: 'repvgg', title: 'RepVGG (timm)', seeds: [1] },
  { key: 'repvgg-se', title: 'RepVGG with squeeze-and-excitation', seeds: [1] },
  { key: 'repvgg-groups', title: 'RepVGG with groups', seeds: [1] },
  { key: 'repvit', title: 'RepViT', seeds: [1] },
  { key: 'pplcnet', title: 'PP-LCNet', seeds: [1] },
] as const;

/** A checkpoint of such a network in `folder`, trained unless it is there. */
export async function timmCheckpoint(lab: Lab, folder: string, key: string, seed: number): Promise<string> {
  const path = join(folder, `${key}-${seed}.pth`);
  if (existsSync(path)) return path;
  const { mean, std } = lab.train;
  await writeImages(folder, lab.train, timmRecipe.images);
  await writeImages(folder, lab.test, lab.test.size);
  await writeFile(join(folder, 'recipe.json'), JSON.stringify({ ...timmRecipe, mean, std }));
  const script = fileURLToPath(new URL('train.py', import.meta.url));
  const python = process.env.PYTHON ?? 'python3';
  await promisify(execFile)(python, [script, folder, path, key, String(seed)]);
  return path;
}

/** The images as bytes, as train.py reads them; undoes the normalization of the batches. */
async function writeImages(folder: string, dataset: Dataset, limit: number): Promise<void> {
  const { mean, std, split } = dataset;
  const [pixels, wanted] = [new Uint8Array(limit * 3072), new Uint8Array(limit)];
  let filled = 0;
  for await (const { images, labels, size } of dataset.batches({ batchSize: 500, limit })) {
    images.forEach((value, i) => {
      pixels[filled * 3072 + i] = Math.round(255 * (value * std[i % 3]! + mean[i % 3]!));
    });
    wanted.set(labels, filled);
    filled += size;
  }
  await writeFile(join(folder, `${split}.bin`), pixels);
  await writeFile(join(folder, `${split}-labels.bin`), wanted);
}
