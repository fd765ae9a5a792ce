/**
 * Kernels that are dispatches of their own: convolutions, products, sorting, running sums, sums by segment.
 */
import {
  axisOf,
  geometryOf,
  type KernelCall,
  type KernelNode,
  type Shape,
  type ValueId,
} from '../../ops/index.js';
import * as fast from '../conv/index.js';
import * as direct from '../conv/naive.js';
import { isNan } from '../extremes.js';
import type { GpuProgram } from '../program.js';
import { emitBraced, emitDispatch, type Scene } from './dispatch.js';
import type { Emitter } from './emitter.js';
import type { OfKind } from './kinds.js';
import { type Place, placeAt, placeOf } from './place.js';
import { expressionType, foldedGroup, foldedGroups, literal } from './wgsl.js';

type Convolutions = Pick<typeof fast, 'convForward' | 'convInputGradient' | 'convFilterGradient' | 'matMul'>;

/** A call of a kernel that is no expression and no reduction. */
export type DispatchNode = Extract<KernelNode, { readonly kernel: OfKind<'dispatch'> }>;

/** Its dispatches. */
export function kernelProgram(scene: Scene, node: DispatchNode): GpuProgram {
  const buffer = (id: ValueId): string => scene.storage.location(scene.values.base(id)).buffer;
  const [x, y] = node.inputs as [ValueId, ValueId];
  const shapeOf = (id: ValueId): Shape => scene.values.type(id).shape;
  const result = node.outputs[0]!;
  const { features, precision } = scene;
  const { convForward, convInputGradient, convFilterGradient }: Convolutions = scene.direct ? direct : fast;
  switch (node.kernel) {
    case 'Conv2D': {
      const [, , bias] = node.inputs;
      const own = { x: buffer(x), kernel: buffer(y), y: buffer(result.id) };
      const buffers = bias === undefined ? own : { ...own, bias: buffer(bias) };
      const relu = node.attributes.relu === true;
      const geometry = geometryOf(shapeOf(x), shapeOf(y), node.attributes);
      return convForward(geometry, buffers, features, { precision, relu });
    }
    case 'Conv2DBackpropInput': {
      const buffers = { dy: buffer(x), kernel: buffer(y), dx: buffer(result.id) };
      const geometry = geometryOf(result.shape, shapeOf(y), node.attributes);
      return convInputGradient(geometry, buffers, features, { precision });
    }
    case 'Conv2DBackpropFilter': {
      const buffers = { x: buffer(x), dy: buffer(y), dw: buffer(result.id) };
      const geometry = geometryOf(shapeOf(x), result.shape, node.attributes);
      return convFilterGradient(geometry, buffers, features, { precision });
    }
    case 'BatchMatMul':
      return product(scene, node);
    case 'TopK':
    case 'Cumsum':
    case 'UnsortedSegmentSum':
      return threadsFor(scene, itemsOf(scene, node));
    default:
      return node satisfies never;
  }
}

function product(
  { values, storage, features, precision, direct: slow }: Scene,
  node: KernelCall<'BatchMatMul'>,
): GpuProgram {
  const [a, b] = node.inputs as [ValueId, ValueId];
  const { shape, id } = node.outputs[0]!;
  const { transposeA, transposeB } = node.attributes;
  const [m, n] = shape.slice(-2) as [number, number];
  const k = values.type(a).shape.at(transposeA ? -2 : -1)!;
  const buffer = (value: ValueId): string => storage.location(values.base(value)).buffer;
  const { matMul }: Convolutions = slow ? direct : fast;
  return matMul(
    {
      m,
      n,
      k,
      transposeA: transposeA === true,
      transposeB: transposeB === true,
      batch: values.size(id) / (m * n),
    },
    { a: buffer(a), b: buffer(b), c: buffer(id) },
    features,
    { precision },
  );
}

/** A kernel that a thread for each item computes. */
export interface Items {
  readonly label: string;
  readonly count: number;
  /** Writes the work on the item whose number has the name `at`. */
  readonly write: (e: Emitter, at: string) => void;
}

/** Kernels that a thread for each item computes, and that small groups can contain. */
export type ItemsNode = Extract<DispatchNode, { readonly kernel: 'TopK' | 'Cumsum' | 'UnsortedSegmentSum' }>;

export function itemsOf(scene: Scene, node: ItemsNode): Items {
  switch (node.kernel) {
    case 'TopK':
      return largest(scene, node);
    case 'Cumsum':
      return runningSum(node);
    case 'UnsortedSegmentSum':
      return segmentSum(scene, node);
    default:
      return node satisfies never;
  }
}

function threadsFor(scene: Scene, { label, count, write }: Items): GpuProgram {
  const dispatch = emitDispatch(scene, [1], (e) => {
    e.line(`let at = ${foldedGroup} * 64u + lane;`);
    emitBraced(e, `if (at < ${count}u)`, () => write(e, 'at'));
    return { label, workgroups: foldedGroups(Math.ceil(count / 64)), workgroupSize: 64 };
  });
  return { dispatches: [dispatch], scratch: {} };
}

const items = (label: string, count: number, write: Items['write']): Items => ({ label, count, write });

/**
 * The place of an element counts those before it in the order; of equal ones, the first is before, and NaN is
 * before all numbers.
 */
function largest(scene: Scene, node: KernelCall<'TopK'>): Items {
  const [x] = node.inputs as [ValueId];
  const [found, indices] = node.outputs;
  const { shape, dtype } = scene.values.type(x);
  const [length, k] = [shape.at(-1)!, node.attributes.k];
  const count = scene.values.size(x);
  return items(`top ${k} of ${shape.join('×')}`, count, (e, at) => {
    const own = e.name(e.read(x, placeAt(shape, at, 1, e.name)));
    e.line(`let row = at / ${length}u;`);
    e.line(`let column = at % ${length}u;`);
    e.line('var rank = 0u;');
    emitBraced(e, `for (var other = 0u; other < ${length}u; other++)`, () => {
      const value = e.read(x, placeAt(shape, e.name(`row * ${length}u + other`), 1, e.name));
      const numbers = `${value} > ${own} || (${value} == ${own} && other < column)`;
      const [first, second] = [isNan(value, 1), isNan(own, 1)];
      const before =
        dtype === 'float32'
          ? `select(select(${numbers}, other < column, ${second}), ${first}, ${first} != ${second})`
          : numbers;
      e.line(`rank += select(0u, 1u, ${before});`);
    });
    emitBraced(e, `if (rank < ${k}u)`, () => {
      const place = placeAt(found!.shape, e.name(`row * ${k}u + rank`), 1, e.name);
      if (scene.storage.isNeeded(found!.id)) e.write(found!.id, place, own);
      if (scene.storage.isNeeded(indices!.id)) e.write(indices!.id, place, 'i32(column)');
    });
  });
}

function runningSum(node: KernelCall<'Cumsum'>): Items {
  const [x] = node.inputs as [ValueId];
  const { id, shape, dtype } = node.outputs[0]!;
  const axis = axisOf(node.attributes.axis, shape.length);
  const { exclusive, reverse } = node.attributes;
  const length = shape[axis]!;
  const lines = shape.filter((_, i) => i !== axis);
  const count = lines.reduce((size, n) => size * n, 1);
  return items(`running sum ${shape.join('×')}`, count, (e, at) => {
    const outer = [...placeAt(lines, at, 1, e.name).coordinates()];
    const sum = e.variable(expressionType(dtype, 1), literal(0, dtype, 1));
    emitBraced(e, `for (var step = 0u; step < ${length}u; step++)`, () => {
      const along = reverse ? e.name(`${length - 1}u - step`) : 'step';
      const place: Place = placeOf(shape, [...outer.slice(0, axis), along, ...outer.slice(axis)], 1, e.name);
      const value = e.read(x, place);
      if (exclusive) e.write(id, place, sum);
      e.line(`${sum} += ${value};`);
      if (!exclusive) e.write(id, place, sum);
    });
  });
}

function segmentSum(scene: Scene, node: KernelCall<'UnsortedSegmentSum'>): Items {
  const [x, ids] = node.inputs as [ValueId, ValueId];
  const { id, shape, dtype } = node.outputs[0]!;
  const length = scene.values.size(ids);
  const inner = scene.values.size(x) / length;
  return items(`sum by segment ${shape.join('×')}`, scene.values.size(id), (e, at) => {
    const sum = e.variable(expressionType(dtype, 1), literal(0, dtype, 1));
    e.line(`let segment = i32(at / ${inner}u);`);
    emitBraced(e, `for (var item = 0u; item < ${length}u; item++)`, () => {
      const own = e.read(ids, placeAt(scene.values.type(ids).shape, 'item', 1, e.name));
      emitBraced(e, `if (i32(${own}) == segment)`, () => {
        const position = e.name(`item * ${inner}u + at % ${inner}u`);
        e.line(`${sum} += ${e.read(x, placeAt(scene.values.type(x).shape, position, 1, e.name))};`);
      });
    });
    e.write(id, placeAt(shape, at, 1, e.name), sum);
  });
}
