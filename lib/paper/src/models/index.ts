/**
 * The trained networks that ship with the project, in `data/models`: so that notebooks about weights, merging
 * and export need neither data nor training. Each has a card, which `lib/paper/scripts/models.ts` writes with
 * the file.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectFolder, UserError } from 'oabn-base';
import { type PretrainChanges, pretrainConfig, type SourcedNetwork, trainedNetwork } from 'oabn/experiment';
import type { Network } from 'oabn/model';
import { loadAnyNetwork, type Quantization } from 'oabn/quantize';
import type { PaperLab } from '../profiles/index.js';

/** What the list of shipped networks, `data/models/models.json`, says about one. */
export interface ShippedModel {
  /** Such as `cifar10-oabn-0.5`. */
  readonly name: string;
  /** Such as «OABN s=0.5». */
  readonly title: string;
  /** The profile that it was trained with. */
  readonly profile: string;
  /** The dataset's name in results, such as «CIFAR-10 (images JPEG-recompressed)». */
  readonly data: string;
  /** The run that produced it: the hash of its configuration, and the commit of the code. */
  readonly run: string;
  /** The commit of the code that trained it. */
  readonly commit: string;
  /** Seed of the network. */
  readonly seed: number;
  /** The SHA-256 of the file, in hexadecimal. */
  readonly sha256: string;
  /** The size of the file. */
  readonly bytes: number;
  /** The accuracy of the file as it is, merged, on all test images; in [0, 1]. */
  readonly accuracy: number;
  /** The test images behind the accuracy. */
  readonly images: number;
  /** Only for a quantized network. */
  readonly bits?: number;
}

/** A network that ships with the project, with its card. */
export interface OpenedModel extends Network, ShippedModel {
  /** Only for a quantized network. */
  readonly quantization?: Quantization;
  /** The caption that figures use for the origin of their numbers. */
  readonly source: string;
}

/** Where the shipped networks are. */
export function modelsFolder(): string {
  return join(projectFolder(), 'data', 'models');
}

/** Every network that ships. */
export async function shippedModels(): Promise<readonly ShippedModel[]> {
  return JSON.parse(await readFile(join(modelsFolder(), 'models.json'), 'utf8')) as ShippedModel[];
}

/** The file of a shipped network. */
export function modelFile({ name }: Pick<ShippedModel, 'name'>): string {
  return join(modelsFolder(), `${name}.safetensors`);
}

/** A shipped network by name. @throws UserError for an unknown name, listing those that exist */
export async function openModel(name: string): Promise<OpenedModel> {
  const models = await shippedModels();
  const model = models.find((one) => one.name === name);
  if (!model) {
    throw new UserError(
      `No network «${name}» ships with the project; expected one of ${models.map((one) => one.name).join(', ')}`,
    );
  }
  const network = await loadAnyNetwork(modelFile(model));
  return { ...network, ...model, source: `${model.data} · profile ${model.profile} · seed ${model.seed}` };
}

/**
 * The three-branch network that ships under this name, or, where none does with this threshold, that of a run in
 * the lab, which is computed if it is not there. Its `source` says which.
 */
export async function bestNetwork(
  lab: PaperLab,
  name: string,
  changes: Omit<PretrainChanges, 'seed'>,
): Promise<SourcedNetwork> {
  const ships = (await shippedModels()).some((one) => one.name === name);
  const model = ships ? await openModel(name) : undefined;
  // A reader changes s and not the name: another network must not pass for the one with that s.
  const hasThreshold = (model?.arch.oabn?.threshold ?? Infinity) === (changes.threshold ?? Infinity);
  if (model && hasThreshold) return { ...model, name: model.title };
  return await trainedNetwork(lab, pretrainConfig(lab, { ...changes, seed: lab.profile.seeds[0]! }));
}
