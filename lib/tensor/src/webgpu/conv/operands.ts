/**
 * How an operand of a product is read from its tensor, as WGSL.
 *
 * An operand is a matrix of lines × k: the rows of A, or the columns of B. The place of an element is a sum
 * of what its line and what its k contribute, each computed once and not for every element:
 *
 *     address = o_line + o_k            and, for pixels of an image,  y = y_line + y_k,  x = x_line + x_k
 *
 * An element outside of the image (padding), or past the last line or term, is 0. What k contributes changes
 * from step to step, and a *walk* moves it on by a constant without divisions: as a plain number, as (tap,
 * channel), or as (image, row, column). Names are made unique by an `id`; walks that A and B have in common
 * are walked once.
 *
 * `along` says which way four neighbours in memory lie: along k, or along the lines. When that length is a
 * multiple of 4, all reads are of four numbers at once.
 */

/** Where the terms of the sum are, step by step. */
export interface Walk {
  readonly kind: string;
  /** WGSL that declares the state of walk `id` at term `k` (an i32). */
  readonly begin: (id: string, k: string) => string;
  /** WGSL that moves it on by `by` terms; `once` holds what it needs before the loop. */
  readonly once: (by: number) => string;
  readonly advance: (id: string, by: number) => string;
}

export interface Operand {
  readonly buffer: string;
  /** Numbers in the buffer. */
  readonly size: number;
  readonly along: 'k' | 'lines';
  /** Reads four numbers at once. */
  readonly vector: boolean;
  readonly walk: Walk;
  /** Whether an element can lie outside of an image, so that y and x are compared. */
  readonly image?: { readonly height: number; readonly width: number };
  /** WGSL that declares `o_<id>` for line `line`, and `y_<id>`, `x_<id>` (an image) or `in_<id>` (else). */
  readonly line: (id: string, line: string) => string;
  /**
   * WGSL that declares `o_<id>` and `in_<id>`, and for an image `y_<id>`, `x_<id>`, from the walk's state
   * `walk`.
   */
  readonly term: (id: string, walk: string) => string;
}

/** A y that is outside of every image. */
export const outside = '1073741824';

/** k as a number. */
const plainWalk: Walk = {
  kind: 'plain',
  begin: (id, k) => `var k_${id} = ${k};`,
  once: () => '',
  advance: (id, by) => `k_${id} += ${by};`,
};

/**
 * k = (tap row, tap column, channel), the channel moving fastest. `tapRows` and `tapColumns` are declared by
 * the kernel and may be 0.
 */
export function tapWalk(channels: number): Walk {
  return {
    kind: `taps ${channels}`,
    begin: (id, k) => `
  var c_${id} = ${k} % ${channels};
  var tx_${id} = (${k} / ${channels}) % max(tapColumns, 1);
  var ty_${id} = (${k} / ${channels}) / max(tapColumns, 1);`,
    once: (by) => {
      const taps = Math.floor(by / channels);
      return `
  let tapColumnsOn = ${taps} % max(tapColumns, 1);
  let tapRowsOn = ${taps} / max(tapColumns, 1);`;
    },
    advance: (id, by) => `
    c_${id} += ${by % channels};
    tx_${id} += tapColumnsOn;
    ty_${id} += tapRowsOn;
    if (c_${id} >= ${channels}) { c_${id} -= ${channels}; tx_${id} += 1; }
    if (tx_${id} >= tapColumns) { tx_${id} -= tapColumns; ty_${id} += 1; }`,
  };
}

/** k = (image, row, column) of a tensor [images, height, width, …], the column moving fastest. */
export function pixelWalk(height: number, width: number): Walk {
  return {
    kind: `pixels ${height} ${width}`,
    begin: (id, k) => `
  var px_${id} = ${k} % ${width};
  var py_${id} = (${k} / ${width}) % ${height};
  var pn_${id} = ${k} / ${height * width};`,
    once: () => '',
    advance: (id, by) => `
    px_${id} += ${by % width};
    py_${id} += ${Math.floor(by / width) % height};
    pn_${id} += ${Math.floor(by / (width * height))};
    if (px_${id} >= ${width}) { px_${id} -= ${width}; py_${id} += 1; }
    if (py_${id} >= ${height}) { py_${id} -= ${height}; pn_${id} += 1; }`,
  };
}

/**
 * A matrix in memory, one a group. `along: 'k'`: [lines, k], else [k, lines].
 */
export function matrixOperand(
  buffer: string,
  lines: number,
  k: number,
  groups: number,
  along: 'k' | 'lines',
): Operand {
  const stride = along === 'k' ? k : lines;
  const group = groups > 1 ? `part * ${lines * k} + ` : '';
  return {
    buffer,
    size: lines * k * groups,
    along,
    vector: stride % 4 === 0,
    walk: plainWalk,
    line: (id, line) => `
  let in_${id} = ${line} < ${lines};
  let o_${id} = ${group}(${line})${along === 'k' ? ` * ${k}` : ''};`,
    term: (id, walk) => `
    let in_${id} = k_${walk} < ${k};
    let o_${id} = k_${walk}${along === 'k' ? '' : ` * ${lines}`};`,
  };
}
