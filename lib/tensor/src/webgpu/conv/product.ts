/** An implicit product C[m,n] = Σₖ A[m,k] · B[k,n]: what the operands are, and where the result goes. */
import type { Operand } from './operands.js';
import type { Cut } from './tile.js';

/** What becomes of a finished sum. */
export interface Epilogue {
  /** A buffer [n] to add. */
  readonly bias?: string;
  readonly relu?: boolean;
}

export interface Product {
  readonly label: string;
  readonly m: number;
  readonly n: number;
  /** Terms of a sum; the largest number in any group. */
  readonly k: number;
  /** Products side by side: the batch, or the phases of a strided gradient. */
  readonly groups: number;
  readonly a: Operand;
  readonly b: Operand;
  /** WGSL that declares what the group `part` (an i32) has of its own, for operands and result to use. */
  readonly ofGroup?: string;
  /** WGSL for the terms of this group's sums; default `k`. */
  readonly depth?: string;
  readonly result: {
    readonly buffer: string;
    /** Numbers in it. */
    readonly size: number;
    /**
     * WGSL that declares `at_<id>`, where row `row` (an i32) begins, and `in_<id>`, whether there is such a
     * row.
     */
    readonly row: (id: string, row: string) => string;
  };
  readonly epilogue: Epilogue;
}

/** What a kernel is generated from. */
export interface KernelPlan extends Cut {
  readonly product: Product;
  readonly half: boolean;
  /** Workgroups in x; blocks are counted through y. */
  readonly width: number;
  /** Whether a thread's columns are groups of four neighbours. */
  readonly columnsTogether: boolean;
}
