/**
 * Reductions of a group in one pass, or in two where one result has so many elements that it takes many workgroups: they
 * leave partial sums, which a second, small dispatch adds up. Sums are added in an order that depends on the shapes
 * only, so that a result has the same bits in every run.
 */
import type { ValueId } from '../../ir.js';
import type { GpuDispatch, GpuProgram } from '../program.js';
import { emitBraced, emitDispatch, type Scene } from './dispatch.js';
import type { Emitter } from './emitter.js';
import { type Known, type Place, placeAt, placeOf } from './place.js';
import {
  type Accumulator,
  accumulatorsOf,
  type Reduction,
  resultsOf,
  termsOf,
  typeOfAccumulator,
} from './reductions.js';
import type { Group } from './schedule.js';
import { resultSize, type Space } from './space.js';
import { expressionType, foldedGroup, foldedGroups, type Lanes } from './wgsl.js';

type ReduceGroup = Extract<Group, { kind: 'reduce' }>;
type Columns = Extract<Space, { kind: 'columns' }>;
type Rows = Extract<Space, { kind: 'rows' }>;

/** Workgroups that fill a large GPU several times over. */
const enoughGroups = 1024;
/** Partial sums of one result: the second dispatch is to stay small. */
const mostParts = 256;
/** Elements that each thread should add up by itself. */
const perThread = 8;

/** The dispatches of a group; `name` is for its buffer of partial sums. */
export function reduceProgram(scene: Scene, group: ReduceGroup, name: string): GpuProgram {
  const task = taskOf(scene, group);
  switch (group.space.kind) {
    case 'columns':
      return inParts(scene, task, columnParts(group.space, scene, task), name, (source) =>
        columnsDispatch(scene, task, group.space as Columns, source),
      );
    case 'rows':
      return inParts(scene, task, rowParts(group.space), name, (source) =>
        rowsDispatch(scene, task, group.space as Rows, source),
      );
    case 'each':
      return { dispatches: [eachDispatch(scene, task, group.space)], scratch: {} };
    case 'bins':
      return binsProgram(scene, task, group.space, name);
    default:
      return group.space satisfies never;
  }
}

interface Running {
  readonly reduction: Reduction;
  readonly accumulators: readonly Accumulator[];
}

interface Task {
  readonly running: readonly Running[];
  readonly all: readonly Accumulator[];
  readonly after: readonly ValueId[];
  readonly label: string;
}

function taskOf({ values }: Scene, { reductions, after, space }: ReduceGroup): Task {
  const running = reductions.map((reduction) => ({
    reduction,
    accumulators: accumulatorsOf(values, reduction),
  }));
  const names = reductions.map(({ operation, variance }) => (variance === undefined ? operation : 'Moments'));
  const input = reductions[0]!.input ?? reductions[0]!.index!;
  const label = `${space.kind} ${names.join('+')} ${values.type(input).shape.join('×')}`;
  return { running, all: running.flatMap(({ accumulators }) => accumulators), after, label };
}

/** Where a dispatch takes its terms from, and where its sums go. */
type Source =
  | { readonly kind: 'inputs'; readonly parts: number; readonly partials?: string }
  | { readonly kind: 'partials'; readonly partials: string; readonly length: number };

function inParts(
  { values }: Scene,
  task: Task,
  parts: number,
  name: string,
  dispatch: (source: Source) => GpuDispatch,
): GpuProgram {
  if (parts === 1) return { dispatches: [dispatch({ kind: 'inputs', parts })], scratch: {} };
  const { reduction } = task.running[0]!;
  const bytes = task.all.length * resultSize(reduction.space) * parts * 4;
  void values;
  return {
    dispatches: [
      dispatch({ kind: 'inputs', parts, partials: name }),
      dispatch({ kind: 'partials', partials: name, length: parts }),
    ],
    scratch: { [name]: Math.ceil(bytes / 16) * 16 },
  };
}

/** Buffers that one dispatch for inputs, expressions after them, and all results would bind. */
function tooManyBuffers({ mostBuffers }: Scene, { running, after }: Task): boolean {
  return running.length * 3 + after.length * 2 > mostBuffers;
}

const powerBelow = (n: number): number => 2 ** Math.floor(Math.log2(Math.max(1, n)));

/** Partial sums of few columns lie side by side, so that several workgroups can share the second pass. */
const acrossPartials = 4;

/** Threads of a workgroup across columns and along rows. */
function columnShape(
  columns: number,
  kind: Source['kind'],
  { workgroupStorage }: Scene,
  { all }: Task,
): [number, number] {
  const across = kind === 'partials' ? Math.min(columns, acrossPartials) : columns <= 64 ? columns : 32;
  const combined = all.filter(({ shared }) => !shared).length;
  const most = Math.min(256, powerBelow(workgroupStorage / (combined * 16)));
  return [across, powerBelow(most / across)];
}

function columnParts(space: Columns, scene: Scene, task: Task): number {
  const units = Math.ceil(space.columns / (space.columns % 4 === 0 ? 4 : 1));
  const [across, along] = columnShape(units, 'inputs', scene, task);
  const groups = Math.ceil(units / across) * space.outer;
  const wanted = Math.min(mostParts, Math.ceil(enoughGroups / groups));
  const parts = Math.max(1, Math.min(wanted, Math.floor(space.rows / (along * perThread))));
  if (parts > 1 || !tooManyBuffers(scene, task)) return parts;
  return space.rows > 1 ? 2 : 1;
}

function rowParts({ rows, length }: Rows): number {
  const wanted = Math.min(mostParts, Math.ceil(enoughGroups / rows));
  return Math.max(1, Math.min(wanted, Math.floor(length / (256 * 4 * perThread))));
}

function columnsDispatch(scene: Scene, task: Task, space: Columns, source: Source): GpuDispatch {
  const lanes: Lanes[] = space.columns % 4 === 0 ? [4, 1] : [1];
  const isLast = source.kind === 'partials' || source.parts === 1;
  return emitDispatch(scene, lanes, (e, width) => {
    const columns = space.columns / width;
    const [across, along] = columnShape(columns, source.kind, scene, task);
    const rows = source.kind === 'inputs' ? space.rows : source.length;
    const parts = source.kind === 'inputs' ? source.parts : 1;
    const perPart = Math.ceil(rows / parts);
    e.line(`let across = lane % ${across}u;`);
    e.line(`let along = lane / ${across}u;`);
    e.line(`let column = group.x * ${across}u + across;`);
    e.line('let outer = group.z;');
    e.line(`let first = group.y * ${perPart}u;`);
    e.line(`let last = min(first + ${perPart}u, ${rows}u);`);
    const variables = startAccumulators(e, task, width);
    emitBraced(e, `if (column < ${columns}u)`, () => {
      const known = new Map([[columns, 'column']]);
      if (source.kind === 'inputs') {
        setPivots(e, task, variables, width, `outer * ${space.rows * columns}u + column`, known);
      }
      emitBraced(e, `for (var row = first + along; row < last; row += ${along}u)`, () => {
        if (source.kind === 'inputs') {
          e.line(`let at = (outer * ${rows}u + row) * ${columns}u + column;`);
          addTerms(e, task, variables, (shape) => placeAt(shape, 'at', width, e.name, known), width);
        } else {
          const stride = space.outer * rows * columns;
          addPartials(
            e,
            task,
            variables,
            source.partials,
            width,
            (i) => `${i * stride}u + (outer * ${rows}u + row) * ${columns}u + column`,
          );
        }
      });
    });
    combineAcross(e, task, variables, width, across * along, along, across, 'along');
    emitBraced(e, `if (along == 0u && column < ${columns}u)`, () => {
      if (isLast) {
        e.line(`let result = outer * ${columns}u + column;`);
        finish(e, scene, task, variables, width, 'result', new Map([[columns, 'column']]));
      } else {
        const stride = space.outer * parts * columns;
        writePartials(
          e,
          task,
          variables,
          source.partials!,
          width,
          (i) => `${i * stride}u + (outer * ${parts}u + group.y) * ${columns}u + column`,
        );
      }
    });
    return {
      label: source.kind === 'inputs' ? task.label : `${task.label}, second pass`,
      workgroups: [Math.ceil(columns / across), parts, space.outer],
      workgroupSize: across * along,
    };
  });
}

function rowsDispatch(scene: Scene, task: Task, space: Rows, source: Source): GpuDispatch {
  const length = source.kind === 'inputs' ? space.length : source.length;
  const lanes: Lanes[] = source.kind === 'inputs' && length % 4 === 0 ? [4, 1] : [1];
  const isLast = source.kind === 'partials' || source.parts === 1;
  return emitDispatch(scene, lanes, (e, width) => {
    const units = length / width;
    const threads = Math.min(256, Math.max(32, powerBelow(units)));
    const parts = source.kind === 'inputs' ? source.parts : 1;
    const perPart = Math.ceil(units / parts);
    e.line(`let number = ${foldedGroup};`);
    e.line(`let row = number / ${parts}u;`);
    e.line(`let part = number % ${parts}u;`);
    // A list of workgroups that is folded may have a few too many.
    e.line(`let first = part * ${perPart}u;`);
    e.line(`let last = select(0u, min(first + ${perPart}u, ${units}u), row < ${space.rows}u);`);
    const variables = startAccumulators(e, task, width);
    if (source.kind === 'inputs') {
      setPivots(e, task, variables, width, `min(row, ${space.rows - 1}u) * ${length}u`, new Map(), 1);
    }
    emitBraced(e, `for (var step = first + lane; step < last; step += ${threads}u)`, () => {
      if (source.kind === 'inputs') {
        e.line(`let at = row * ${units}u + step;`);
        addTerms(e, task, variables, (shape) => placeAt(shape, 'at', width, e.name), width);
      } else {
        const stride = space.rows * length;
        addPartials(
          e,
          task,
          variables,
          source.partials,
          1,
          (i) => `${i * stride}u + row * ${length}u + step`,
        );
      }
    });
    const single = width === 1 ? variables : joinLanes(e, task, variables);
    combineAcross(e, task, single, 1, threads, threads, 1, 'lane');
    emitBraced(e, `if (lane == 0u && row < ${space.rows}u)`, () => {
      if (isLast) finish(e, scene, task, single, 1, 'row');
      else {
        const stride = space.rows * parts;
        writePartials(e, task, single, source.partials!, 1, (i) => `${i * stride}u + row * ${parts}u + part`);
      }
    });
    return {
      label: source.kind === 'inputs' ? task.label : `${task.label}, second pass`,
      workgroups: foldedGroups(space.rows * parts),
      workgroupSize: threads,
    };
  });
}

/** One thread walks over all elements of a result. */
function eachDispatch(scene: Scene, task: Task, space: Extract<Space, { kind: 'each' }>): GpuDispatch {
  const size = resultSize(space);
  return emitDispatch(scene, [1], (e) => {
    e.line(`let result = ${foldedGroup} * 64u + lane;`);
    emitBraced(e, `if (result < ${size}u)`, () => writeEach(e, scene, task, space));
    return { label: task.label, workgroups: foldedGroups(Math.ceil(size / 64)), workgroupSize: 64 };
  });
}

/** The work on the result whose number is called `result`. */
function writeEach(
  e: Emitter,
  scene: Scene,
  task: Task,
  { shape, axes }: Extract<Space, { kind: 'each' }>,
): void {
  const reducedShape = axes.map((axis) => shape[axis]!);
  const keptShape = shape.filter((_, axis) => !axes.includes(axis));
  const length = reducedShape.reduce((product, n) => product * n, 1);
  const kept = placeAt(keptShape, 'result', 1, e.name).coordinates();
  const variables = startAccumulators(e, task, 1);
  const at = (step: string): Place => {
    const reduced = placeAt(reducedShape, step, 1, e.name).coordinates();
    let [i, j] = [0, 0];
    const own = shape.map((_, axis) => (axes.includes(axis) ? reduced[i++]! : kept[j++]!));
    return placeOf(shape, own, 1, e.name);
  };
  setPivotsAt(e, task, variables, 1, () => at('0u'));
  emitBraced(e, `for (var step = 0u; step < ${length}u; step++)`, () => {
    addTerms(e, task, variables, () => at('step'), 1, 'step');
  });
  finish(e, scene, task, variables, 1, 'result');
}

/** A small reduction as part of a dispatch: `write` is for the result whose number is called `result`. */
export function smallReduction(
  scene: Scene,
  reduction: Reduction,
): { count: number; write: (e: Emitter) => void } {
  const { shape, axes } = reduction;
  const space = { kind: 'each', shape, axes } as const;
  const task = taskOf(scene, { kind: 'reduce', space, reductions: [reduction], after: [] });
  return { count: resultSize(space), write: (e) => writeEach(e, scene, task, space) };
}

/**
 * Counts and sums by bin. A tile of items goes to the memory of the workgroup; each thread owns a bin and a segment of the
 * tile, looks at every item there, and adds those that are its own. No atomics, so the order of the sums is fixed.
 */
function binsProgram(
  scene: Scene,
  task: Task,
  { items, bins }: Extract<Space, { kind: 'bins' }>,
  name: string,
): GpuProgram {
  const threads = 256;
  const wide = Math.min(threads, 2 ** Math.ceil(Math.log2(Math.max(1, bins))));
  const segments = threads / wide;
  const span = threads / segments;
  const tiles = Math.ceil(items / threads);
  const parts = Math.max(1, Math.min(mostParts, Math.floor(tiles / 4)));
  const perPart = Math.ceil(tiles / parts);
  const { index } = task.running[0]!.reduction;
  const count = emitDispatch(scene, [1], (e) => {
    const { values } = scene;
    e.declare(`var<workgroup> indices: array<i32, ${threads}>;`);
    const weights = task.running.map(({ reduction, accumulators }, i) => {
      const type = typeOfAccumulator(accumulators[0]!, 1);
      e.declare(`var<workgroup> sums${i}: array<${type}, ${threads}>;`);
      const number = reduction.input === undefined ? 1 : values.filling(values.base(reduction.input));
      const fixed = number === undefined ? undefined : `${type}(${number})`;
      return { type, fixed, reduction };
    });
    e.line(`let bin = i32(group.y * ${wide}u + lane % ${wide}u);`);
    e.line(`let segment = lane / ${wide}u * ${span}u;`);
    const variables = startAccumulators(e, task, 1);
    const loop = `for (var tile = group.x * ${perPart}u; tile < min((group.x + 1u) * ${perPart}u, ${tiles}u); tile++)`;
    emitBraced(e, loop, () => {
      e.line(`let item = tile * ${threads}u + lane;`);
      e.line('indices[lane] = -1;');
      emitBraced(e, `if (item < ${items}u)`, () => {
        const type = values.type(index!);
        const place = placeAt(type.shape, 'item', 1, e.name);
        const found = e.read(index!, place);
        e.line(`indices[lane] = ${type.dtype === 'int32' ? found : `i32(${found})`};`);
        weights.forEach(({ fixed, reduction }, i) => {
          if (fixed !== undefined) return;
          const { shape } = values.type(reduction.input!);
          e.line(`sums${i}[lane] = ${e.read(reduction.input!, placeAt(shape, 'item', 1, e.name))};`);
        });
      });
      e.line('workgroupBarrier();');
      emitBraced(e, `for (var step = segment; step < segment + ${span}u; step++)`, () => {
        e.line('let mine = indices[step] == bin;');
        weights.forEach(({ type, fixed }, i) => {
          e.line(`${variables[i]} += select(${type}(0), ${fixed ?? `sums${i}[step]`}, mine);`);
        });
      });
      e.line('workgroupBarrier();');
    });
    weights.forEach((_, i) => e.line(`sums${i}[lane] = ${variables[i]};`));
    e.line('workgroupBarrier();');
    emitBraced(e, `if (lane < ${wide}u && bin < ${bins})`, () => {
      emitBraced(e, `for (var step = lane + ${wide}u; step < ${threads}u; step += ${wide}u)`, () => {
        weights.forEach((_, i) => e.line(`${variables[i]} += sums${i}[step];`));
      });
      writePartials(
        e,
        task,
        variables,
        name,
        1,
        (i) => `${i * parts * bins}u + group.x * ${bins}u + u32(bin)`,
      );
    });
    return { label: task.label, workgroups: [parts, Math.ceil(bins / wide), 1], workgroupSize: threads };
  });
  const columns: Columns = { kind: 'columns', outer: 1, rows: parts, columns: bins };
  const total = columnsDispatch(scene, task, columns, { kind: 'partials', partials: name, length: parts });
  const bytes = task.all.length * parts * bins * 4;
  return { dispatches: [count, total], scratch: { [name]: Math.ceil(bytes / 16) * 16 } };
}

function startAccumulators(e: Emitter, { all }: Task, lanes: Lanes): string[] {
  return all.map((accumulator) =>
    e.variable(typeOfAccumulator(accumulator, lanes), accumulator.start(lanes)),
  );
}

/** Variables of each reduction. */
function shareOf(task: Task, variables: readonly string[]): readonly (readonly string[])[] {
  let from = 0;
  return task.running.map(({ accumulators }) => variables.slice(from, (from += accumulators.length)));
}

function setPivots(
  e: Emitter,
  task: Task,
  variables: readonly string[],
  lanes: Lanes,
  position: string,
  known?: Known,
  own: Lanes = lanes,
): void {
  setPivotsAt(e, task, variables, lanes, (shape) => placeAt(shape, e.name(position), own, e.name, known));
}

/** What values are taken relative to: one of them. */
function setPivotsAt(
  e: Emitter,
  task: Task,
  variables: readonly string[],
  lanes: Lanes,
  placeIn: (shape: readonly number[]) => Place,
): void {
  task.running.forEach(({ reduction }, i) => {
    if (reduction.variance === undefined) return;
    const [pivot] = shareOf(task, variables)[i]!;
    const { shape } = e.values.type(reduction.input!);
    e.line(`${pivot} = ${e.readWide(reduction.input!, placeIn(shape), lanes)};`);
  });
}

function addTerms(
  e: Emitter,
  task: Task,
  variables: readonly string[],
  placeIn: (shape: readonly number[]) => Place,
  lanes: Lanes,
  step = '',
): void {
  const shares = shareOf(task, variables);
  task.running.forEach(({ reduction, accumulators }, i) => {
    const { shape, dtype } = e.values.type(reduction.input!);
    const x = e.name(e.readWide(reduction.input!, placeIn(shape), lanes));
    const own = shares[i]!;
    const { operation } = reduction;
    if (operation === 'ArgMax' || operation === 'ArgMin') {
      const value = termsOf({ ...reduction, operation: 'Sum' }, accumulators, x, dtype, own, lanes)[0]!;
      const better = operation === 'ArgMax' ? '>' : '<';
      emitBraced(e, `if (${step} == 0u || ${value} ${better} ${own[0]})`, () => {
        e.line(`${own[0]} = ${value};`);
        e.line(`${own[1]} = i32(${step});`);
      });
      return;
    }
    const terms = termsOf(reduction, accumulators, x, dtype, own, lanes);
    accumulators.forEach((accumulator, j) => {
      if (!accumulator.shared) e.line(`${own[j]} = ${accumulator.combine(own[j]!, terms[j]!)};`);
    });
  });
}

function partialOf(
  e: Emitter,
  { dtype }: Accumulator,
  partials: string,
  lanes: Lanes,
  access: 'read' | 'read_write',
): string {
  return e.bind(partials, expressionType(dtype, lanes), access);
}

function addPartials(
  e: Emitter,
  { all }: Task,
  variables: readonly string[],
  partials: string,
  lanes: Lanes,
  at: (i: number) => string,
): void {
  all.forEach((accumulator, i) => {
    const partial = `${partialOf(e, accumulator, partials, lanes, 'read')}[${at(i)}]`;
    // All parts have the same pivot.
    e.line(
      `${variables[i]} = ${accumulator.shared ? partial : accumulator.combine(variables[i]!, partial)};`,
    );
  });
}

function writePartials(
  e: Emitter,
  { all }: Task,
  variables: readonly string[],
  partials: string,
  lanes: Lanes,
  at: (i: number) => string,
): void {
  all.forEach((accumulator, i) => {
    e.line(`${partialOf(e, accumulator, partials, lanes, 'read_write')}[${at(i)}] = ${variables[i]};`);
  });
}

/** The four lanes of each running value as one. */
function joinLanes(e: Emitter, { all }: Task, variables: readonly string[]): string[] {
  return all.map(({ combine, shared }, i) => {
    const [x, y, z, w] = ['x', 'y', 'z', 'w'].map((lane) => `${variables[i]}.${lane}`) as [
      string,
      string,
      string,
      string,
    ];
    const joined = shared ? x : combine(`(${combine(x, y)})`, `(${combine(z, w)})`);
    return e.variable(typeOfAccumulator(all[i]!, 1), joined);
  });
}

/** A tree over the threads of a workgroup that are `stride` apart; the first of them has the result. */
function combineAcross(
  e: Emitter,
  { all }: Task,
  variables: readonly string[],
  lanes: Lanes,
  threads: number,
  along: number,
  stride: number,
  index: string,
): void {
  if (along === 1) return;
  const combined = all.flatMap((accumulator, i) => (accumulator.shared ? [] : [{ accumulator, i }]));
  for (const { accumulator, i } of combined) {
    e.declare(`var<workgroup> tree${i}: array<${typeOfAccumulator(accumulator, lanes)}, ${threads}>;`);
    e.line(`tree${i}[lane] = ${variables[i]};`);
  }
  e.line('workgroupBarrier();');
  emitBraced(e, `for (var reach = ${along / 2}u; reach > 0u; reach /= 2u)`, () => {
    emitBraced(e, `if (${index} < reach)`, () => {
      for (const { accumulator, i } of combined) {
        e.line(
          `${variables[i]} = ${accumulator.combine(variables[i]!, `tree${i}[lane + reach * ${stride}u]`)};`,
        );
        e.line(`tree${i}[lane] = ${variables[i]};`);
      }
    });
    e.line('workgroupBarrier();');
  });
}

/** Writes the results, and computes what follows from them element by element. */
function finish(
  e: Emitter,
  { values, storage }: Scene,
  task: Task,
  variables: readonly string[],
  lanes: Lanes,
  position: string,
  known?: Known,
): void {
  const shares = shareOf(task, variables);
  const place = (id: ValueId): Place => placeAt(values.type(id).shape, position, lanes, e.name, known);
  const put = (id: ValueId, expression: string): void => {
    const text = e.name(expression);
    e.know(id, place(id), text);
    if (storage.isNeeded(id)) e.write(id, place(id), text);
  };
  task.running.forEach(({ reduction, accumulators }, i) => {
    for (const { id, text } of resultsOf(values, reduction, accumulators, shares[i]!, lanes)) put(id, text);
  });
  for (const id of task.after) put(id, e.compute(id, place(id)));
}
