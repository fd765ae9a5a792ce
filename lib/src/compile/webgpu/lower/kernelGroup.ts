/** Kernels that are dispatches of their own: convolutions, products, sorting, running sums, sums by segment. */
import type { Geometry } from '../../onnx/filter.js';
import { geometryOf } from '../../kernels/convolution.js';
import { axisOf } from '../../kernels/kernel.js';
import type { KernelNode, Shape, ValueId } from '../../ir.js';
import { convFilterGradient, convForward, convInputGradient, matMul } from '../conv/naive.js';
import type { GpuProgram } from '../program.js';
import { emitBraced, emitDispatch, type Scene } from './dispatch.js';
import type { Emitter } from './emitter.js';
import { type Place, placeAt, placeOf } from './place.js';
import { expressionType, foldedGroup, foldedGroups, literal } from './wgsl.js';

/** The dispatches of a kernel that is no expression and no reduction. */
export function kernelProgram(scene: Scene, node: KernelNode): GpuProgram {
  const buffer = (id: ValueId): string => scene.storage.location(scene.values.base(id)).buffer;
  const [x, y] = node.inputs as [ValueId, ValueId];
  const shapeOf = (id: ValueId): Shape => scene.values.type(id).shape;
  const result = node.outputs[0]!;
  const geometry = (input: Shape, kernel: Shape): Geometry => geometryOf(input, kernel, node.attributes);
  switch (node.kernel) {
    case 'Conv2D':
      return convForward(geometry(shapeOf(x), shapeOf(y)), {
        x: buffer(x),
        kernel: buffer(y),
        y: buffer(result.id),
      });
    case 'Conv2DBackpropInput':
      return convInputGradient(geometry(result.shape, shapeOf(y)), {
        dy: buffer(x),
        kernel: buffer(y),
        dx: buffer(result.id),
      });
    case 'Conv2DBackpropFilter':
      return convFilterGradient(geometry(shapeOf(x), result.shape), {
        x: buffer(x),
        dy: buffer(y),
        dw: buffer(result.id),
      });
    case 'BatchMatMul':
      return product(scene, node);
    case 'TopK':
      return largest(scene, node);
    case 'Cumsum':
      return runningSum(scene, node);
    case 'UnsortedSegmentSum':
      return segmentSum(scene, node);
    default:
      throw new Error(`no dispatch is known for the kernel ${node.kernel}`);
  }
}

function product({ values, storage }: Scene, node: KernelNode): GpuProgram {
  const [a, b] = node.inputs as [ValueId, ValueId];
  const { shape, id } = node.outputs[0]!;
  const { transposeA, transposeB } = node.attributes;
  const [m, n] = shape.slice(-2) as [number, number];
  const k = values.type(a).shape.at(transposeA ? -2 : -1)!;
  const buffer = (value: ValueId): string => storage.location(values.base(value)).buffer;
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
  );
}

/** A dispatch with a thread for each of `count` items; `write` is told the name of an item's number. */
function threadsFor(
  scene: Scene,
  label: string,
  count: number,
  write: (e: Emitter, at: string) => void,
): GpuProgram {
  const dispatch = emitDispatch(scene, [1], (e) => {
    e.line(`let at = ${foldedGroup} * 64u + lane;`);
    emitBraced(e, `if (at < ${count}u)`, () => write(e, 'at'));
    return { label, workgroups: foldedGroups(Math.ceil(count / 64)), workgroupSize: 64 };
  });
  return { dispatches: [dispatch], scratch: {} };
}

/** The place of an element counts those before it in the order; of equal ones, the first is before. */
function largest(scene: Scene, node: KernelNode): GpuProgram {
  const [x] = node.inputs as [ValueId];
  const [found, indices] = node.outputs;
  const { shape, dtype } = scene.values.type(x);
  const [length, k] = [shape.at(-1)!, Number(node.attributes['k'])];
  const count = scene.values.size(x);
  return threadsFor(scene, `top ${k} of ${shape.join('×')}`, count, (e, at) => {
    const own = e.name(e.read(x, placeAt(shape, at, 1, e.name)));
    e.line(`let row = at / ${length}u;`);
    e.line(`let column = at % ${length}u;`);
    e.line('var rank = 0u;');
    emitBraced(e, `for (var other = 0u; other < ${length}u; other++)`, () => {
      const value = e.read(x, placeAt(shape, e.name(`row * ${length}u + other`), 1, e.name));
      e.line(`rank += select(0u, 1u, ${value} > ${own} || (${value} == ${own} && other < column));`);
    });
    emitBraced(e, `if (rank < ${k}u)`, () => {
      const place = placeAt(found!.shape, e.name(`row * ${k}u + rank`), 1, e.name);
      e.write(found!.id, place, own);
      e.write(indices!.id, place, 'i32(column)');
      void dtype;
    });
  });
}

function runningSum(scene: Scene, node: KernelNode): GpuProgram {
  const [x] = node.inputs as [ValueId];
  const { id, shape, dtype } = node.outputs[0]!;
  const axis = axisOf(node.attributes['axis'], shape.length);
  const { exclusive, reverse } = node.attributes;
  const length = shape[axis]!;
  const lines = shape.filter((_, i) => i !== axis);
  const count = lines.reduce((size, n) => size * n, 1);
  return threadsFor(scene, `running sum ${shape.join('×')}`, count, (e, at) => {
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

function segmentSum(scene: Scene, node: KernelNode): GpuProgram {
  const [x, ids] = node.inputs as [ValueId, ValueId];
  const { id, shape, dtype } = node.outputs[0]!;
  const items = scene.values.size(ids);
  const inner = scene.values.size(x) / items;
  return threadsFor(scene, `sum by segment ${shape.join('×')}`, scene.values.size(id), (e, at) => {
    const sum = e.variable(expressionType(dtype, 1), literal(0, dtype, 1));
    e.line(`let segment = i32(at / ${inner}u);`);
    emitBraced(e, `for (var item = 0u; item < ${items}u; item++)`, () => {
      const own = e.read(ids, placeAt(scene.values.type(ids).shape, 'item', 1, e.name));
      emitBraced(e, `if (i32(${own}) == segment)`, () => {
        const position = e.name(`item * ${inner}u + at % ${inner}u`);
        e.line(`${sum} += ${e.read(x, placeAt(scene.values.type(x).shape, position, 1, e.name))};`);
      });
    });
    e.write(id, placeAt(shape, at, 1, e.name), sum);
  });
}
