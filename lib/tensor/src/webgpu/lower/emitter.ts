/** What writes the statements of a dispatch: what the kernels' lowerings ask of it. See createEmitter.ts. */
import type { ValueId } from '../../ops/index.js';
import type { Place } from './place.js';
import type { Values } from './values.js';
import type { Lanes } from './wgsl.js';

export interface Binding {
  readonly buffer: string;
  readonly type: string;
  readonly access: 'read' | 'read_write';
}

export interface Emitter {
  readonly values: Values;
  /** A `let`. */
  readonly name: (expression: string) => string;
  /** A variable of the block, to be set in branches or loops. */
  readonly variable: (type: string, value?: string) => string;
  readonly line: (text: string) => void;
  /** The statements that `work` writes, as a block of their own, and what it returns. */
  readonly block: <T>(work: () => T) => { readonly lines: string[]; readonly result: T };
  /** The value's element at the place, an expression as wide as the place. */
  readonly read: (id: ValueId, place: Place) => string;
  /** The same, computed though the value is stored. */
  readonly compute: (id: ValueId, place: Place) => string;
  /** The same, brought to a width. */
  readonly readWide: (id: ValueId, place: Place, lanes: Lanes) => string;
  /** From here on, this is the value's element at the place. */
  readonly know: (id: ValueId, place: Place, text: string) => void;
  readonly write: (id: ValueId, place: Place, text: string) => void;
  /** The variable and the offset of a stored value, for functions that read it anywhere. */
  readonly table: (id: ValueId) => { readonly variable: string; readonly offset: number };
  /** The variable of a buffer, bound in the order of the first use. */
  readonly bind: (buffer: string, type: string, access: Binding['access']) => string;
  /** A module-scope declaration, once. */
  readonly declare: (text: string) => void;
  readonly bindings: readonly Binding[];
  readonly declarations: readonly string[];
  readonly lines: readonly string[];
}
