/**
 * From memory to workgroup memory: which numbers of a tile a thread fetches, as WGSL. Fetching and storing
 * are apart, so that the numbers of the next step are on their way while this one is computed.
 *
 * A tile of lines × k is fetched in pieces of four numbers that are neighbours in memory. Piece
 * `thread + j · threads` is a thread's j-th; neighbouring threads fetch neighbouring pieces.
 */
import type { Operand } from './operands.js';

export interface Staging {
  /** Before the loop: the lines of this thread's pieces, and the walks. */
  readonly before: string;
  /** Moves the walks on by a step. */
  readonly advance: string;
  /** Declares `<name>0`, `<name>1`, …: this thread's pieces of this step, vec4f. */
  readonly fetch: string;
  /** Stores them, each by `place(first line of the piece, first term of it, value)`. */
  readonly store: (place: (line: string, term: string, value: string) => string) => string;
}

/** Walks by kind and starting term, so that operands share them. */
export type Walks = Map<string, string>;

/**
 * The staging of an operand under a short name.
 * @param lines of the tile
 * @param depth its terms, a multiple of 4
 * @param first WGSL for the first line of the tile (an i32)
 */
export function stage(
  name: string,
  operand: Operand,
  lines: number,
  depth: number,
  threads: number,
  first: string,
  walks: Walks,
): Staging {
  const { along, vector, walk } = operand;
  const across = along === 'k' ? depth / 4 : lines / 4;
  const pieces = (lines * depth) / 4;
  const count = Math.ceil(pieces / threads);
  // With such a number of threads all pieces of a thread have the same place across.
  const aligned = threads % across === 0;
  const before: string[] = [];
  const steps: string[] = [];
  const fetches: string[] = [];
  const stores: { line: string; term: string; value: string; guard: string }[] = [];
  const terms = new Set<string>();

  /** The walk that is at term `k` in the first step; emitted when it is new. */
  const walkAt = (k: string): string => {
    const key = `${walk.kind} at ${k}`;
    const known = walks.get(key);
    if (known !== undefined) return known;
    const id = `w${walks.size}`;
    walks.set(key, id);
    before.push(walk.begin(id, `(firstTerm + ${k})`));
    steps.push(walk.advance(id, depth));
    return id;
  };
  /** What the term contributes, computed once a step. */
  const termAt = (k: string): string => {
    const id = `${name}${walkAt(k)}`;
    if (!terms.has(id)) fetches.push(operand.term(id, walkAt(k)));
    terms.add(id);
    return id;
  };
  const lineIds = new Map<string, string>();
  const lineAt = (line: string): string => {
    const known = lineIds.get(line);
    if (known !== undefined) return known;
    const id = `${name}l${lineIds.size}`;
    lineIds.set(line, id);
    before.push(operand.line(id, `(${first} + ${line})`));
    return id;
  };
  /** `&`, not `&&`: what decides over a number must not become a branch. */
  const valid = (line: string, term: string): string =>
    operand.image
      ? `(u32(y_${line} + y_${term}) < ${operand.image.height}u) & (u32(x_${line} + x_${term}) < ${operand.image.width}u) & in_${term}`
      : `in_${line} & in_${term}`;

  for (let j = 0; j < count; j++) {
    const piece = j === 0 ? 'lane' : `(lane + ${j * threads})`;
    const hereAcross = aligned ? `lane % ${across}` : `${piece} % ${across}`;
    const hereDown = aligned ? `(lane / ${across} + ${(j * threads) / across})` : `${piece} / ${across}`;
    const [line, term] =
      along === 'k' ? [hereDown, `(${hereAcross}) * 4`] : [`(${hereAcross}) * 4`, hereDown];
    const value = `${name}${j}`;
    const each = (e: number): { ok: string; at: string } => {
      const l = lineAt(along === 'lines' && e > 0 ? `${line} + ${e}` : line);
      const t = termAt(along === 'k' && e > 0 ? `${term} + ${e}` : term);
      return { ok: valid(l, t), at: `o_${l} + o_${t}` };
    };
    if (vector) {
      const { ok, at } = each(0);
      fetches.push(`
    let ${value}_ok = ${ok};
    let ${value} = select(vec4f(), ${name}Source[select(0, ${at}, ${value}_ok) >> 2u], ${value}_ok);`);
    } else {
      const parts = [0, 1, 2, 3].map(each);
      parts.forEach(({ ok, at }, e) =>
        fetches.push(`
    let ${value}_ok${e} = ${ok};
    let ${value}_${e} = select(0f, ${name}Source[select(0, ${at}, ${value}_ok${e})], ${value}_ok${e});`),
      );
      fetches.push(`
    let ${value} = vec4f(${parts.map((_, e) => `${value}_${e}`).join(', ')});`);
    }
    const last = (j + 1) * threads > pieces;
    stores.push({ line, term, value, guard: last ? `if (${piece} < ${pieces}) ` : '' });
  }
  return {
    before: before.join('\n'),
    advance: steps.join('\n'),
    fetch: fetches.join(''),
    store: (place) =>
      stores
        .map(({ line, term, value, guard }) => `    ${guard}{ ${place(`(${line})`, `(${term})`, value)} }`)
        .join('\n'),
  };
}

/**
 * What happens in a step; `buffer` is the expression of the buffer in workgroup memory that is written or
 * read.
 */
interface StepCode {
  /** Reads the next tiles into registers. */
  readonly fetch: string;
  /** Moves on to the tiles after these. */
  readonly advance: string;
  readonly store: (buffer: string) => string;
  readonly compute: (buffer: string) => string;
}

/**
 * The loop over steps: the next step is on its way from memory while this one is computed. Two buffers take one
 * barrier a step, one buffer takes two.
 */
export function overSteps(buffers: number, { fetch, advance, store, compute }: StepCode): string {
  const [now, next, between] =
    buffers === 2 ? ['now', '(1 - now)', ''] : ['0', '0', '    workgroupBarrier();\n'];
  return `  {${fetch}
${store('0')}
  }
  workgroupBarrier();
  for (var step = 0; step < steps; step++) {
${buffers === 2 ? '    let now = step & 1;\n' : ''}${advance}${fetch}
${compute(now)}
${between}${store(next)}
    workgroupBarrier();
  }`;
}
