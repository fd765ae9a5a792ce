/** Where the values that are stored lie. */
import type { ValueId } from '../../ops/index.js';

/** Elements of a buffer from `offset` on. */
export interface Location {
  readonly buffer: string;
  readonly offset: number;
}

export interface Storage {
  readonly isStored: (id: ValueId) => boolean;
  readonly location: (id: ValueId) => Location;
  /** Whether anything outside of the dispatch that computes a stored value reads it. */
  readonly isNeeded: (id: ValueId) => boolean;
}
