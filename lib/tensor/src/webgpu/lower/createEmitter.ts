/**
 * Writes the statements that compute elements of values. A value that is stored is loaded from its buffer;
 * any other is computed on the spot from what it is made of, so that a whole graph of elementwise kernels
 * becomes one expression. What has been computed at a place in the same block of statements is not computed
 * again.
 */
import type { DType, KernelNode, Shape, ValueId } from '../../ops/index.js';
import type { Binding, Emitter } from './emitter.js';
import { isOfKind } from './kinds.js';
import { mapExpression } from './maps.js';
import { broadcastPlace, type Place, placeOf, reshaped } from './place.js';
import type { Storage } from './storage.js';
import type { Values } from './values.js';
import { viewExpression } from './views.js';
import { type Lanes, literal, splat, storedType } from './wgsl.js';

export function createEmitter(values: Values, storage: Storage): Emitter {
  const bindings: { buffer: string; type: string; access: Binding['access'] }[] = [];
  const declarations: string[] = [];
  let lines: string[] = [];
  const memory: Map<string, string>[] = [new Map()];
  let count = 0;

  const line = (text: string): void => void lines.push(text);
  const named = (expression: string): string => {
    const before = recall(expression);
    if (before !== undefined) return before;
    const name = `t${count++}`;
    line(`let ${name} = ${expression};`);
    memory.at(-1)!.set(expression, name);
    return name;
  };
  const recall = (key: string): string | undefined => {
    for (let i = memory.length - 1; i >= 0; i--) {
      const found = memory[i]!.get(key);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const block: Emitter['block'] = (work) => {
    const outer = lines;
    lines = [];
    memory.push(new Map());
    const result = work();
    const inner = lines;
    lines = outer;
    memory.pop();
    return { lines: inner, result };
  };
  const bind: Emitter['bind'] = (buffer, type, access) => {
    const at = bindings.findIndex((each) => each.buffer === buffer && each.type === type);
    if (at >= 0) {
      if (access === 'read_write') bindings[at]!.access = access;
      return `b${at}`;
    }
    bindings.push({ buffer, type, access });
    return `b${bindings.length - 1}`;
  };
  const keyOf = (id: ValueId, place: Place): string => `%${id} ${place.lanes} ${place.position()}`;
  const located = (id: ValueId, place: Place, access: Binding['access']): string => {
    const { dtype } = values.type(id);
    const { buffer, offset } = storage.location(id);
    const name = bind(buffer, storedType(dtype, place.lanes), access);
    return `${name}[${offset === 0 ? '' : `${offset / place.lanes}u + `}${place.position()}]`;
  };
  const load = (id: ValueId, place: Place): string => {
    const text = located(id, place, 'read');
    return values.type(id).dtype === 'bool' ? `(${text} != ${literal(0, 'int32', place.lanes)})` : text;
  };

  const read = (id: ValueId, place: Place): string => {
    const base = values.base(id);
    const own = reshaped(place, values.type(base).shape, named);
    const { dtype } = values.type(base);
    const number = values.filling(base);
    if (number !== undefined) return literal(number, dtype, own.lanes);
    const key = keyOf(base, own);
    const before = recall(key);
    if (before !== undefined) return before;
    const text = storage.isStored(base) ? load(base, own) : compute(base, own);
    const name = named(text);
    memory.at(-1)!.set(key, name);
    return name;
  };
  const compute = (id: ValueId, place: Place): string => {
    const node = values.node(id) as KernelNode;
    if (isOfKind(node, 'view')) return viewExpression(emitter, node, id, place);
    if (!isOfKind(node, 'map')) throw new Error(`${node.kernel} is no expression`);
    const operands = node.inputs.map((input) => {
      const { dtype, shape } = values.type(input);
      const at = operandPlace(node, shape, place);
      return { dtype, text: splat(read(input, at), dtype, at.lanes, place.lanes) };
    });
    return mapExpression(node, operands, place.lanes, emitter.declare);
  };
  /**
   * Select's condition may be a list that chooses whole rows; all else is broadcast from the last axis on.
   */
  const operandPlace = (node: KernelNode, shape: Shape, place: Place): Place => {
    if (node.kernel === 'Select' && shape.length < place.shape.length) {
      const rows = place.coordinates().slice(0, shape.length);
      return placeOf(shape, rows, 1, named);
    }
    return broadcastPlace(place, shape, named);
  };

  const emitter: Emitter = {
    values,
    name: named,
    variable: (type, value) => {
      const name = `t${count++}`;
      line(`var ${name}: ${type}${value === undefined ? '' : ` = ${value}`};`);
      return name;
    },
    line,
    block,
    read,
    compute,
    readWide: (id, place, lanes) => splat(read(id, place), values.type(id).dtype, place.lanes, lanes),
    know: (id, place, text) => void memory.at(-1)!.set(keyOf(id, place), text),
    write: (id, place, text) =>
      line(`${located(id, place, 'read_write')} = ${stored(text, values.type(id).dtype, place.lanes)};`),
    table: (id) => {
      const base = values.base(id);
      const { buffer, offset } = storage.location(base);
      return { variable: bind(buffer, storedType(values.type(base).dtype, 1), 'read'), offset };
    },
    bind,
    declare: (text) => void (declarations.includes(text) || declarations.push(text)),
    bindings,
    declarations,
    get lines() {
      return lines;
    },
  };
  return emitter;
}

function stored(text: string, dtype: DType, lanes: Lanes): string {
  return dtype === 'bool'
    ? `select(${literal(0, 'int32', lanes)}, ${literal(1, 'int32', lanes)}, ${text})`
    : text;
}
