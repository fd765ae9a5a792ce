/** Commands of packages that build on this one: where such a package is installed, its commands are part of `oabn`. */
import type { Command } from 'commander';

/** Adds commands to the program. */
export type AddCommands = (program: Command) => void;

/** Modules that export `commands`, a list of `AddCommands`. */
const extensions = ['oabn-paper/cli'];

/** The commands that installed packages add, in their order. @throws whatever a package that is there throws when it is loaded */
export async function addedCommands(): Promise<AddCommands[]> {
  const added: AddCommands[] = [];
  for (const name of extensions) {
    if (!isInstalled(name)) continue;
    const { commands } = (await import(name)) as { readonly commands: readonly AddCommands[] };
    added.push(...commands);
  }
  return added;
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}
