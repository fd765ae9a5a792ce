/**
 * Shapes and textures on a small canvas, drawn pixel by pixel from distance functions. Only + − × ÷ √ are
 * used, which IEEE 754 defines to the last bit, so a picture is the same on every machine and its checksum
 * can be published.
 */
import type { Random } from 'oabn-base';

/** R, G, B in 0…1. */
export type Color = readonly [number, number, number];

/** A point's distance to a shape's edge, negative inside; the shape is about the unit circle's size. */
type DistanceFunction = (u: number, v: number) => number;

const box = (u: number, v: number, a: number, b: number): number =>
  Math.max(Math.abs(u) - a, Math.abs(v) - b);

/** The five shapes, by name. */
export const shapes = {
  disc: (u, v) => Math.sqrt(u * u + v * v) - 0.95,
  square: (u, v) => box(u, v, 0.82, 0.82),
  triangle: (u, v) => Math.max(v - 0.62, 0.8660254 * u - 0.5 * v - 0.55, -0.8660254 * u - 0.5 * v - 0.55),
  cross: (u, v) => Math.min(box(u, v, 1, 0.36), box(u, v, 0.36, 1)),
  ring: (u, v) => Math.abs(Math.sqrt(u * u + v * v) - 0.74) - 0.26,
} satisfies Record<string, DistanceFunction>;

/** A texture's value at a point, −1 or 1 with a soft step; one unit is one period. */
type TextureFunction = (u: number, v: number) => number;

/** A triangle wave of period 1 and height 1, steepened to a soft square wave. */
const wave = (t: number): number => {
  const triangle = 4 * Math.abs(t - Math.floor(t + 0.5)) - 1;
  return Math.min(1, Math.max(-1, 2.5 * triangle));
};

/** The two textures, by name: horizontal stripes and vertical ones. */
export const textures = {
  barred: (_, v) => wave(v),
  striped: (u) => wave(u),
} satisfies Record<string, TextureFunction>;

export type ShapeName = keyof typeof shapes;
export type TextureName = keyof typeof textures;

/** Where a thing lies: centre and scale in pixels, and a rotation as (cosine, sine). */
export interface Pose {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
  readonly rotation: readonly [number, number];
}

/** `[side, side, 3]` values, nominally in 0…1. */
export interface Canvas {
  readonly side: number;
  readonly values: Float64Array;
}

export const newCanvas = (side: number): Canvas => ({ side, values: new Float64Array(side * side * 3) });

/** A rotation by a random angle, from a random point in the unit disc: no sine or cosine is needed. */
export function randomRotation(draw: Random): readonly [number, number] {
  while (true) {
    const [a, b] = [2 * draw.uniform() - 1, 2 * draw.uniform() - 1];
    const square = a * a + b * b;
    if (square > 0.01 && square <= 1) return [a / Math.sqrt(square), b / Math.sqrt(square)];
  }
}

/**
 * A rotation by a random angle whose half has a tangent of at most `reach` either way (0.1 is 11°, 0.3 is
 * 33°).
 */
export function randomTilt(draw: Random, reach: number): readonly [number, number] {
  const tangent = (2 * draw.uniform() - 1) * reach;
  const square = tangent * tangent;
  return [(1 - square) / (1 + square), (2 * tangent) / (1 + square)];
}

/** Fills the canvas with two colours that blend into each other, and with blotches a quarter of its size. */
export function paintBackground(
  { side, values }: Canvas,
  from: Color,
  to: Color,
  blotches: number,
  draw: Random,
): void {
  const [cosine, sine] = randomRotation(draw);
  const grid = Float64Array.from({ length: 36 }, () => (draw.uniform() - 0.5) * 2 * blotches);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const along = ((x - side / 2) * cosine + (y - side / 2) * sine) / side + 0.5;
      const t = Math.min(1, Math.max(0, along));
      const gx = (x * 5) / side;
      const gy = (y * 5) / side;
      const g = Math.floor(gy) * 6 + Math.floor(gx);
      const fx = gx - Math.floor(gx);
      const fy = gy - Math.floor(gy);
      const upper = grid[g]! + fx * (grid[g + 1]! - grid[g]!);
      const lower = grid[g + 6]! + fx * (grid[g + 7]! - grid[g + 6]!);
      const blotch = upper + fy * (lower - upper);
      const o = (y * side + x) * 3;
      for (let c = 0; c < 3; c++) values[o + c] = from[c]! + t * (to[c]! - from[c]!) + blotch;
    }
  }
}

/** What fills a shape: two colours in the pattern of a texture. */
export interface Fill {
  readonly texture: TextureName;
  readonly light: Color;
  readonly dark: Color;
  /** Pixels of one period, and the pattern's own rotation. */
  readonly period: number;
  readonly rotation: readonly [number, number];
}

/** Draws a filled shape over the canvas, its edge softened over one pixel. `opacity` is in 0…1. */
export function paintShape(
  { side, values }: Canvas,
  shape: ShapeName,
  pose: Pose,
  fill: Fill,
  opacity = 1,
): void {
  const distance = shapes[shape];
  const pattern = textures[fill.texture];
  // No shape has a point farther out: a corner of the triangle, softened, is at 1.17 and a pixel.
  const reach = pose.scale * 1.2 + 1;
  const [top, bottom] = [
    Math.max(0, Math.floor(pose.y - reach)),
    Math.min(side - 1, Math.ceil(pose.y + reach)),
  ];
  const [left, right] = [
    Math.max(0, Math.floor(pose.x - reach)),
    Math.min(side - 1, Math.ceil(pose.x + reach)),
  ];
  const { x: centreX, y: centreY, scale } = pose;
  const [cosine, sine] = pose.rotation;
  const [across, down] = fill.rotation;
  const { period, light, dark } = fill;
  const [middleR, middleG, middleB] = light.map((value, c) => 0.5 * (value + dark[c]!)) as unknown as Color;
  const [rangeR, rangeG, rangeB] = light.map((value, c) => value - dark[c]!) as unknown as Color;
  for (let y = top; y <= bottom; y++) {
    const dy = y - centreY;
    for (let x = left; x <= right; x++) {
      const dx = x - centreX;
      const edge = distance((cosine * dx + sine * dy) / scale, (cosine * dy - sine * dx) / scale);
      const cover = Math.min(1, Math.max(0, 0.5 - edge * scale)) * opacity;
      if (cover === 0) continue;
      const half = 0.5 * pattern((across * dx + down * dy) / period, (across * dy - down * dx) / period);
      const o = (y * side + x) * 3;
      values[o] = values[o]! + cover * (middleR + half * rangeR - values[o]!);
      values[o + 1] = values[o + 1]! + cover * (middleG + half * rangeG - values[o + 1]!);
      values[o + 2] = values[o + 2]! + cover * (middleB + half * rangeB - values[o + 2]!);
    }
  }
}

/**
 * The canvas as bytes in `out` (`[side, side, 3]`), with independent noise of standard deviation `noise` per
 * value.
 */
export function develop({ values }: Canvas, noise: number, draw: Random, out: Uint8Array): void {
  // The sum of two uniform numbers has variance 1/6; one 32-bit number gives two of 16 bits.
  const scale = noise * Math.sqrt(6);
  for (let i = 0; i < values.length; i++) {
    const bits = draw.uniform() * 2 ** 32;
    const deviate = ((bits & 0xffff) + (bits >>> 16)) / 65536 - 1;
    // Rounded: a whole number of a Uint8Array's is what comes before the point.
    const level = (values[i]! + scale * deviate) * 255 + 0.5;
    out[i] = level <= 0 ? 0 : level >= 255 ? 255 : level;
  }
}
