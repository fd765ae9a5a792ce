/** Labs of this paper: a lab opened with a profile, whose grids the studies run over; and its two sides. */
import { join } from 'node:path';
import { projectFolder } from 'oabn-base';
import { datasetTitle } from 'oabn/data';
import { type Lab, type LabOptions, openLab } from 'oabn/experiment';
import { onImagenet, type Profile } from './profile.js';
import { profileNamed } from './profiles.js';

/** A lab with the profile that it was opened with. */
export interface PaperLab extends Lab {
  /** The network has as many classes as the lab's data. */
  readonly profile: Profile;
}

/** `LabOptions` with a profile in place of the defaults. */
export interface PaperLabOptions extends Omit<LabOptions, 'defaults' | 'shipped'> {
  /** A profile or its name; default `OABN_PROFILE` or `quick`. */
  readonly profile?: Profile | string;
  /**
   * Whether results that ship with the project answer for runs whose networks are not needed; default true,
   * unless `OABN_SHIPPED=0`. They are used only for the same configuration and the same images.
   */
  readonly shipped?: boolean;
}

/**
 * Opens the lab of a profile. @throws UserError as `openLab`, and for an unknown profile with the known names
 */
export async function openPaperLab({
  profile: named,
  shipped = process.env.OABN_SHIPPED !== '0',
  ...options
}: PaperLabOptions = {}): Promise<PaperLab> {
  const profile = resolveProfile(named);
  const lab = await openLab({
    ...options,
    defaults: profile,
    ...(shipped && { shipped: shippedFolder() }),
  });
  return { ...lab, profile: { ...profile, ...lab.defaults } };
}

/** The two sides of the paper's experiments: by default their labs, or what is taken of them. */
export interface Labs<L = PaperLab> {
  /** The CIFAR-10 side. */
  readonly cifar: L;
  /** The ImageNet side; none where the profile only tells the story, which is CIFAR-10's. */
  readonly imagenet?: L;
}

/** The sides that there are, CIFAR-10's first. */
export function sidesOf<L>({ cifar, imagenet }: Labs<L>): L[] {
  return imagenet === undefined ? [cifar] : [cifar, imagenet];
}

/**
 * A profile's lab and that of its ImageNet side, if it has one; made images stand in for missing ones, and
 * say so.
 */
export async function openLabs(options: Omit<PaperLabOptions, 'dataset'> = {}): Promise<Labs> {
  const cifar = await openPaperLab(options);
  return cifar.profile.story ? { cifar } : { cifar, imagenet: await openImagenetLab(options) };
}

/** The lab of ImageNet's side of a profile. */
export async function openImagenetLab(options: Omit<PaperLabOptions, 'dataset'> = {}): Promise<PaperLab> {
  return await openPaperLab({ ...options, profile: onImagenet(resolveProfile(options.profile)) });
}

/** A profile by name, or itself; default `OABN_PROFILE` or `quick`. */
export function resolveProfile(named: Profile | string = process.env.OABN_PROFILE || 'quick'): Profile {
  return typeof named === 'string' ? profileNamed(named) : named;
}

/** The folder of the results that ship with the project. */
export function shippedFolder(): string {
  return join(projectFolder(), 'data', 'results', 'runs');
}

/**
 * What figures and tables say about the runs behind them: profile, data and scale, and whether the data are
 * made.
 */
export function describeScale({ profile, train }: Pick<PaperLab, 'profile' | 'train'>): string {
  const images = Math.min(train.size, profile.pretraining.images ?? train.size);
  const { epochs } = profile.pretraining.schedule;
  return `profile ${profile.name} · ${datasetTitle(train)} · ${images} training images × ${epochs === 1 ? '1 epoch' : `${epochs} epochs`}`;
}

/** `describeScale` with the seeds of the profile's grids. */
export function describeLab(lab: Pick<PaperLab, 'profile' | 'train'>): string {
  const { length } = lab.profile.seeds;
  return `${describeScale(lab)} · ${length === 1 ? '1 seed' : `${length} seeds`}`;
}
