/**
 * Places: which element of a tensor an expression is about. A place is known by its row-major position, by
 * its coordinates, or both; the other form is computed where it is asked for. With four lanes it stands for
 * four neighbours along the last axis, and positions and the last coordinate count in fours.
 */
import { sameShape, type Shape, sizeOf } from '../../ops/index.js';
import type { Lanes } from './wgsl.js';

export interface Place {
  readonly shape: Shape;
  readonly lanes: Lanes;
  /** Row-major position, in units of the lanes. A name or a literal, of type u32. */
  readonly position: () => string;
  /** One for each axis, the last in units of the lanes. */
  readonly coordinates: () => readonly string[];
  /** Names of the position modulo some sizes, in units of the lanes, which a loop has anyway. */
  readonly known: Known;
}

export type Known = ReadonlyMap<number, string>;
const nothing: Known = new Map();

/** Says that a group cannot be computed four lanes at a time; it is then computed one by one. */
export class NotVectorizable extends Error {}

/** Names an expression of type u32. */
export type Name = (expression: string) => string;

function once<T>(compute: () => T): () => T {
  let value: T | undefined;
  return () => (value ??= compute());
}

/** The sizes of the axes in units of the lanes. */
function unitsOf(shape: Shape, lanes: Lanes): Shape {
  if (lanes === 1) return shape;
  if (shape.length === 0 || shape.at(-1)! % lanes !== 0) throw new NotVectorizable();
  return [...shape.slice(0, -1), shape.at(-1)! / lanes];
}

/** The place at a position, of which `known` are names. */
export function placeAt(
  shape: Shape,
  position: string,
  lanes: Lanes,
  name: Name,
  known: Known = nothing,
): Place {
  const coordinates = once(() => {
    const units = unitsOf(shape, lanes);
    let [size, rest] = [sizeOf(units), position];
    return units.map((unit) => {
      if (unit === 1) return '0u';
      const inner = size / unit;
      size = inner;
      if (inner === 1) return rest;
      const coordinate = name(`${rest} / ${inner}u`);
      rest = known.get(inner) ?? name(`${rest} % ${inner}u`);
      return coordinate;
    });
  });
  return { shape, lanes, position: () => position, coordinates, known };
}

export function placeOf(shape: Shape, coordinates: readonly string[], lanes: Lanes, name: Name): Place {
  const position = once(() => {
    const units = unitsOf(shape, lanes);
    const terms: string[] = [];
    let stride = 1;
    for (let axis = units.length - 1; axis >= 0; axis--) {
      const coordinate = coordinates[axis]!;
      if (coordinate !== '0u') terms.push(stride === 1 ? coordinate : `${coordinate} * ${stride}u`);
      stride *= units[axis]!;
    }
    return terms.length === 0
      ? '0u'
      : terms.length === 1 && !terms[0]!.includes('*')
        ? terms[0]!
        : name(terms.reverse().join(' + '));
  });
  return { shape, lanes, position, coordinates: () => coordinates, known: nothing };
}

/** The same element under another shape of the same size. */
export function reshaped(place: Place, shape: Shape, name: Name): Place {
  if (sameShape(place.shape, shape)) return place;
  return placeAt(shape, place.position(), place.lanes, name, place.known);
}

/** The element of a tensor of `shape` that is broadcast to `place`. */
export function broadcastPlace(place: Place, shape: Shape, name: Name): Place {
  if (sameShape(place.shape, shape)) return place;
  const size = sizeOf(shape);
  if (size === 1)
    return placeOf(
      shape,
      shape.map(() => '0u'),
      1,
      name,
    );
  if (size === sizeOf(place.shape)) return reshaped(place, shape, name);
  const core = shape.slice(shape.findIndex((n) => n !== 1));
  const { lanes } = place;
  if (sameShape(core, place.shape.slice(-core.length))) {
    if (size % lanes !== 0) throw new NotVectorizable();
    const period = size / lanes;
    return placeAt(shape, place.known.get(period) ?? name(`${place.position()} % ${period}u`), lanes, name);
  }
  const offset = place.shape.length - shape.length;
  const own = shape.map((n, axis) => (n === 1 ? '0u' : place.coordinates()[axis + offset]!));
  const single = lanes === 1 || (shape.at(-1) === 1 && place.shape.at(-1) !== 1);
  return placeOf(shape, own, single ? 1 : lanes, name);
}
