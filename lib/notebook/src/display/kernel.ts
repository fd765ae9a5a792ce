/**
 * From the library to the cell that runs: how output leaves the kernel. tslab's own `display` sends one MIME type at
 * a time; a viewer that should choose needs all of them in one message, so we call what `display` itself calls.
 * tslab is found among the modules that this process has loaded: if it is not there, this is not a kernel.
 */
import { createRequire } from 'node:module';

/** MIME type → content: text, base64 for pictures, an object for types that end in «json». */
export type Bundle = Readonly<Record<string, unknown>>;

/** What else there is to say of a display. */
export interface DisplayOptions {
  /** With the same `id` and `update` a display replaces the earlier one in place. */
  readonly id?: string;
  readonly update?: boolean;
  /** Kept with the output: MIME type → what its viewer should know, such as a picture's width. */
  readonly metadata?: Bundle;
}

/** Sends one display to the cell that runs. */
export type Publish = (data: Bundle, display?: DisplayOptions) => void;

interface TslabJupyter {
  /** A new function for each cell, bound to it. */
  lastWriteDisplayData: ((content: object, update?: boolean) => void) | null;
}

const tslabModule = /[\\/]tslab[\\/]dist[\\/]jupyter\.js$/;

/** tslab's half of the kernel that this process is, if it is one. */
function loadedTslab(): TslabJupyter | undefined {
  const { cache } = createRequire(import.meta.url);
  const path = Object.keys(cache).find((name) => tslabModule.test(name));
  return path === undefined ? undefined : (cache[path]?.exports as TslabJupyter);
}

/** The output of the cell that runs, or undefined outside a kernel. The same function as long as the cell is the same. */
export function currentCell(): Publish | undefined {
  const write = loadedTslab()?.lastWriteDisplayData;
  if (!write) return undefined;
  const known = publishers.get(write);
  if (known) return known;
  const publish: Publish = (data, { id, update = false, metadata = {} } = {}) =>
    write({ data, metadata, transient: id === undefined ? {} : { display_id: id } }, update);
  publishers.set(write, publish);
  return publish;
}

const publishers = new WeakMap<object, Publish>();
