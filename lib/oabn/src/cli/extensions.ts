/**
 * Packages that build on this one: where such a package is installed, its commands are part of
 * `oabn`, and its profiles are what `--profile` names.
 */
import type { Command } from 'commander';
import { check } from 'oabn-base';
import type { RunDefaults } from '../experiment/index.js';

/** Adds commands to the program. */
export type AddCommands = (program: Command) => void;

/** What a module that extends the command exports. */
export interface Extension {
  readonly commands: readonly AddCommands[];
  /** The settings of a profile by its name. @throws UserError with the known names */
  readonly profileNamed: (name: string) => RunDefaults;
}

/** Modules that are extensions. */
const extensions = ['oabn-paper/cli'];

/**
 * The commands that installed packages add, in their order. @throws whatever an installed package throws
 * while it is loaded
 */
export async function addedCommands(): Promise<AddCommands[]> {
  return (await installed()).flatMap(({ commands }) => commands);
}

/**
 * The settings of the profile `name`. @throws UserError when no package that has profiles is installed, or it
 * has no profile of that name
 */
export async function namedDefaults(name: string): Promise<RunDefaults> {
  const [first] = await installed();
  check(
    first,
    () =>
      `The profile ${name} is one of ${extensions.join(', ')}, which is not installed; set --epochs, --images and --batch ` +
      'instead, and leave out --profile and OABN_PROFILE',
  );
  return first.profileNamed(name);
}

async function installed(): Promise<Extension[]> {
  const there = extensions.filter(isInstalled);
  return await Promise.all(there.map(async (name) => (await import(name)) as Extension));
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}
