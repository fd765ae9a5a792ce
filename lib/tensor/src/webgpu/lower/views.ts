/**
 * Kernels that move elements, fill, or look up: an element of the result is an element of an input, or a
 * number that follows from its place. They cost no pass of their own, as long as a kernel that computes reads
 * them.
 */
import {
  axesOf,
  axisOf,
  type KernelCall,
  type KernelName,
  sliceBounds,
  stridedSlice,
  type ValueId,
} from '../../ops/index.js';
import { compared } from '../extremes.js';
import type { Emitter } from './emitter.js';
import type { OfKind } from './kinds.js';
import { broadcastPlace, NotVectorizable, type Place, placeAt, placeOf } from './place.js';
import { expressionType, type Lanes, literal, splat } from './wgsl.js';

type ViewName = OfKind<'view'>;

/** The element of output `id` of a view at a place. */
export function viewExpression<K extends ViewName>(
  e: Emitter,
  node: KernelCall<K>,
  id: ValueId,
  place: Place,
): string {
  return views[node.kernel]({ e, node, id, place });
}

interface At<K extends ViewName> {
  readonly e: Emitter;
  readonly node: KernelCall<K>;
  readonly id: ValueId;
  readonly place: Place;
}

const views: { readonly [K in ViewName]: (at: At<K>) => string } = {
  Tile: ({ e, node, place }) => {
    const [x] = node.inputs as [ValueId];
    const { shape } = e.values.type(x);
    if (shape.every((n, axis) => n === 1 || n === place.shape[axis])) {
      return e.readWide(x, broadcastPlace(place, shape, e.name), place.lanes);
    }
    const own = place.coordinates().map((at, axis) => {
      const size = shape[axis]! / (axis === shape.length - 1 ? place.lanes : 1);
      if (!Number.isInteger(size)) throw new NotVectorizable();
      return size === 1 ? '0u' : shape[axis] === place.shape[axis] ? at : e.name(`${at} % ${size}u`);
    });
    return e.read(x, placeOf(shape, own, place.lanes, e.name));
  },
  Transpose: ({ e, node, place }) => {
    const [x] = node.inputs as [ValueId];
    const { perm } = node.attributes;
    if (place.lanes === 4 && perm.at(-1) !== perm.length - 1) throw new NotVectorizable();
    const own = perm.map((_, axis) => place.coordinates()[perm.indexOf(axis)]!);
    return e.read(x, placeOf(e.values.type(x).shape, own, place.lanes, e.name));
  },
  Slice: ({ e, node, place }) => {
    const [x] = node.inputs as [ValueId];
    const { shape } = e.values.type(x);
    return readShifted(e, x, place, sliceBounds(shape, node.attributes).begin);
  },
  SplitV: ({ e, node, id, place }) => {
    const [x] = node.inputs as [ValueId];
    const { shape } = e.values.type(x);
    const axis = axisOf(node.attributes.axis, shape.length);
    return readShifted(
      e,
      x,
      place,
      shape.map((_, i) => (i === axis ? startOf(node, id, axis) : 0)),
    );
  },
  Unpack: ({ e, node, id, place }) => {
    const [x] = node.inputs as [ValueId];
    const { shape } = e.values.type(x);
    const axis = axisOf(node.attributes.axis, shape.length);
    if (place.lanes === 4 && axis === shape.length - 1) throw new NotVectorizable();
    const at = node.outputs.findIndex((output) => output.id === id);
    const own = [...place.coordinates()];
    own.splice(axis, 0, `${at}u`);
    return e.read(x, placeOf(shape, own, place.lanes, e.name));
  },
  Reverse: ({ e, node, place }) => {
    const [x] = node.inputs as [ValueId];
    const axes = axesOf(node.attributes.dims, place.shape.length);
    if (place.lanes === 4 && axes.includes(place.shape.length - 1)) throw new NotVectorizable();
    const own = place
      .coordinates()
      .map((at, axis) => (axes.includes(axis) ? e.name(`${place.shape[axis]! - 1}u - ${at}`) : at));
    return e.read(x, placeOf(place.shape, own, place.lanes, e.name));
  },
  StridedSlice: ({ e, node, place }) => {
    const [x] = node.inputs as [ValueId];
    const { shape } = e.values.type(x);
    if (place.lanes === 4) throw new NotVectorizable();
    const { begin, strides, size } = stridedSlice(shape, node.attributes);
    const inner = placeAt(size, place.position(), 1, e.name).coordinates();
    const own = inner.map((at, i) => e.name(`u32(${begin[i]} + i32(${at}) * ${strides[i]})`));
    return e.read(x, placeOf(shape, own, 1, e.name));
  },
  PadV2: ({ e, node, place }) => {
    const [x] = node.inputs as [ValueId];
    const { shape, dtype } = e.values.type(x);
    const pads = node.attributes.paddings;
    const { lanes } = place;
    const sizes = shape.map((n, axis) => inUnits(n, axis === shape.length - 1 ? lanes : 1));
    const before = pads.map(([n], axis) => inUnits(n, axis === shape.length - 1 ? lanes : 1));
    const result = e.variable(
      expressionType(dtype, lanes),
      literal(Number(node.attributes.constantValue), dtype, lanes),
    );
    // Before the first element the difference wraps around and is beyond the last.
    const own = place.coordinates().map((at, i) => (before[i] === 0 ? at : e.name(`${at} - ${before[i]}u`)));
    const inside = own.flatMap((at, i) => (pads[i]!.some((n) => n > 0) ? [`${at} < ${sizes[i]}u`] : []));
    branch(e, inside.join(' && ') || 'true', () => {
      e.line(`${result} = ${e.read(x, placeOf(shape, own, lanes, e.name))};`);
    });
    return result;
  },
  Concat: ({ e, node, id, place }) => {
    const axis = axisOf(node.attributes.axis, place.shape.length);
    const parts = node.inputs.filter((input) => e.values.size(input) > 0);
    return joined(e, parts, id, place, axis, (input, own) =>
      e.read(input, placeOf(e.values.type(input).shape, own, place.lanes, e.name)),
    );
  },
  Pack: ({ e, node, id, place }) => {
    const axis = axisOf(node.attributes.axis, place.shape.length);
    if (place.lanes === 4 && axis === place.shape.length - 1) throw new NotVectorizable();
    return joined(e, node.inputs, id, place, axis, (input, own) => {
      const inner = own.filter((_, i) => i !== axis);
      return e.read(input, placeOf(e.values.type(input).shape, inner, place.lanes, e.name));
    });
  },
  GatherV2: ({ e, node, place }) => {
    const [x, indices] = node.inputs as [ValueId, ValueId];
    const [from, at] = [e.values.type(x), e.values.type(indices)];
    const axis = axisOf(node.attributes.axis, from.shape.length);
    const end = axis + at.shape.length;
    const { lanes } = place;
    const innermost = axis === from.shape.length - 1;
    if (lanes === 4 && innermost && from.shape.length > 1) throw new NotVectorizable();
    const outer = place.coordinates();
    const found = splatIndices(
      e,
      indices,
      placeOf(at.shape, outer.slice(axis, end), innermost ? lanes : 1, e.name),
    );
    const size = from.shape[axis]!;
    const pick = (index: string, width: Lanes): string => {
      const clamped = e.name(`u32(clamp(${index}, 0, ${size - 1}))`);
      const own = [...outer.slice(0, axis), clamped, ...outer.slice(end)];
      return e.read(x, placeOf(from.shape, own, width, e.name));
    };
    if (lanes === 1 || !innermost) return pick(found, lanes);
    return eachLane(e, found, from.dtype, (index) => pick(index, 1));
  },
  OneHot: ({ e, node, id, place }) => {
    const [indices] = node.inputs as [ValueId];
    const { dtype, shape } = e.values.type(indices);
    const type = e.values.type(id).dtype;
    const outer = place.coordinates();
    const index = e.read(indices, placeOf(shape, outer.slice(0, -1), 1, e.name));
    const wanted = splat(dtype === 'int32' ? index : `i32(${index})`, 'int32', 1, place.lanes);
    const { onValue, offValue } = node.attributes;
    const [off, on] = [offValue, onValue].map((value) => literal(Number(value), type, place.lanes));
    return `select(${off}, ${on}, ${wanted} == ${laneNumbers(outer.at(-1)!, place.lanes)})`;
  },
  Range: ({ e, node, id, place }) => {
    const { dtype } = e.values.type(id);
    const [start, step] = [node.attributes.start, node.attributes.step].map((value) =>
      literal(Number(value), dtype, place.lanes),
    );
    const at = laneNumbers(place.position(), place.lanes);
    return `(${start} + ${step} * ${dtype === 'int32' ? at : `${expressionType(dtype, place.lanes)}(${at})`})`;
  },
  SearchSorted: ({ e, node, place }) => {
    const [sorted, wanted] = node.inputs as [ValueId, ValueId];
    const [rows, size] = e.values.type(sorted).shape as [number, number];
    const search = declareSearch(e, sorted, size, node.attributes.side === 'right');
    const row = rows === 1 ? '0u' : e.name(`${place.coordinates()[0]} * ${size}u`);
    const values = e.values.type(wanted);
    const number = e.read(wanted, place);
    const float =
      values.dtype === 'float32' ? number : `${expressionType('float32', place.lanes)}(${number})`;
    if (place.lanes === 1) return `${search}(${row}, ${float})`;
    return eachLane(e, float, 'int32', (value) => `${search}(${row}, ${value})`);
  },
};

function readShifted(e: Emitter, x: ValueId, place: Place, from: readonly number[]): string {
  const own = place.coordinates().map((at, axis) => {
    const shift = inUnits(from[axis]!, axis === from.length - 1 ? place.lanes : 1);
    return shift === 0 ? at : e.name(`${at} + ${shift}u`);
  });
  return e.read(x, placeOf(e.values.type(x).shape, own, place.lanes, e.name));
}

/** Where an output of SplitV begins. */
function startOf(node: KernelCall<KernelName>, id: ValueId, axis: number): number {
  const before = node.outputs.slice(
    0,
    node.outputs.findIndex((output) => output.id === id),
  );
  return before.reduce((sum, { shape }) => sum + shape[axis]!, 0);
}

function inUnits(n: number, lanes: Lanes): number {
  if (n % lanes !== 0) throw new NotVectorizable();
  return n / lanes;
}

function branch(e: Emitter, condition: string, work: () => void): void {
  const { lines } = e.block(work);
  e.line(`if (${condition}) {`);
  lines.forEach((line) => e.line(`  ${line}`));
  e.line('}');
}

/** One of several inputs that lie one after the other along an axis. */
function joined(
  e: Emitter,
  parts: readonly ValueId[],
  id: ValueId,
  place: Place,
  axis: number,
  read: (part: ValueId, coordinates: readonly string[]) => string,
): string {
  const { dtype, shape } = e.values.type(id);
  const unit = axis === shape.length - 1 ? place.lanes : 1;
  const result = e.variable(expressionType(dtype, place.lanes));
  const at = place.coordinates()[axis]!;
  let start = 0;
  parts.forEach((part) => {
    const own = e.values.type(part).shape;
    const size = inUnits(own.length === shape.length ? own[axis]! : 1, unit);
    const from = start;
    start += size;
    branch(e, `${at} >= ${from}u && ${at} < ${start}u`, () => {
      const moved = from === 0 ? at : e.name(`${at} - ${from}u`);
      const inner = place.coordinates().map((each, i) => (i === axis ? moved : each));
      e.line(`${result} = ${read(part, inner)};`);
    });
  });
  return result;
}

function splatIndices(e: Emitter, indices: ValueId, place: Place): string {
  const text = e.read(indices, place);
  return e.values.type(indices).dtype === 'int32' ? text : `${expressionType('int32', place.lanes)}(${text})`;
}

/** A vector of what is computed from each lane of another. */
function eachLane(
  e: Emitter,
  vector: string,
  dtype: 'float32' | 'int32' | 'bool',
  compute: (lane: string) => string,
): string {
  const named = e.name(vector);
  const lanes = ['x', 'y', 'z', 'w'].map((lane) => compute(`${named}.${lane}`));
  return `${expressionType(dtype, 4)}(${lanes.join(', ')})`;
}

/** The number of each lane at a place along an axis, as i32. */
function laneNumbers(at: string, lanes: Lanes): string {
  return lanes === 1 ? `i32(${at})` : `(vec4<i32>(i32(${at})) * 4 + vec4<i32>(0, 1, 2, 3))`;
}

/**
 * A function (row start, value) → how many of a row of sorted numbers are smaller (or, to the right, not
 * larger).
 */
function declareSearch(e: Emitter, sorted: ValueId, size: number, right: boolean): string {
  const { variable, offset } = e.table(sorted);
  const name = `search_${variable}_${offset}_${size}_${right ? 'right' : 'left'}`;
  e.declare(`fn ${name}(row: u32, value: f32) -> i32 {
  var low = 0u;
  var high = ${size}u;
  while (low < high) {
    let middle = (low + high) / 2u;
    let found = f32(${variable}[${offset}u + row + middle]);
    if (${compared('found', right ? '<=' : '<', 'value', 'float32', 1)}) { low = middle + 1u; } else { high = middle; }
  }
  return i32(low);
}`);
  return name;
}
