/**
 * Convolutions, their gradients and matrix products in the most direct way: a thread for each number of the
 * result, which adds its terms in order. For emulated GPUs, on which workgroup memory is no faster, and which
 * take minutes to build the unrolled kernels of the fast way.
 */
import type { Geometry } from '../../ops/index.js';
import { atLeast, nanFunctions } from '../extremes.js';
import type { GpuDispatch, GpuFeatures, GpuProgram } from '../program.js';
import type { FilterGradientBuffers } from './filterGradient.js';
import type { ForwardBuffers, ForwardOptions } from './forward.js';
import type { InputGradientBuffers } from './inputGradient.js';
import type { MatMulBuffers, MatMulShape } from './matMul.js';

type Size4 = readonly [number, number, number, number];

const threads = 64;

/**
 * `body` adds to `sum` what belongs to the number `at`; `finish` is the number from the sum, which may call
 * `functions`.
 */
function direct(
  label: string,
  size: number,
  reads: readonly string[],
  result: string,
  body: string,
  finish = 'sum',
  functions = '',
): GpuProgram {
  const buffers = [...reads, result];
  const declared = buffers.map((_, i) => {
    const access = i < reads.length ? 'read' : 'read_write';
    return `@group(0) @binding(${i}) var<storage, ${access}> b${i}: array<f32>;`;
  });
  const groups = Math.ceil(size / threads);
  const width = Math.min(groups, 65535);
  const wgsl = `${declared.join('\n')}
${functions}
@compute @workgroup_size(${threads})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let at = i32(id.y * ${width * threads}u + id.x);
  if (at >= ${size}) { return; }
  var sum = 0f;
${body}
  b${reads.length}[at] = ${finish};
}
`;
  const dispatch: GpuDispatch = {
    label,
    wgsl,
    bindings: buffers,
    workgroups: [width, Math.ceil(groups / width), 1],
  };
  return { dispatches: [dispatch], scratch: {} };
}

/** [N,H,W,in] ∗ [H,W,in,out] → [N,H,W,out] */
export function convForward(
  { input, output, kernel, strides, dilations, pads }: Geometry,
  { x, kernel: weights, y, bias }: ForwardBuffers,
  _features?: GpuFeatures,
  { relu = false }: ForwardOptions = {},
): GpuProgram {
  const [, h, w, c] = input as Size4;
  const [n, oh, ow, k] = output as Size4;
  const [kh, kw] = kernel as Size4;
  const body = `
  let image = at / ${oh * ow * k};
  for (var i = 0; i < ${kh}; i++) {
    let row = at / ${ow * k} % ${oh} * ${strides[0]} + i * ${dilations[0]} - ${pads[0]};
    for (var j = 0; j < ${kw}; j++) {
      let column = at / ${k} % ${ow} * ${strides[1]} + j * ${dilations[1]} - ${pads[1]};
      if (row < 0 || row >= ${h} || column < 0 || column >= ${w}) { continue; }
      for (var c = 0; c < ${c}; c++) {
        sum += b0[((image * ${h} + row) * ${w} + column) * ${c} + c] * b1[((i * ${kw} + j) * ${c} + c) * ${k} + at % ${k}];
      }
    }
  }`;
  const sum = bias === undefined ? 'sum' : `sum + b2[at % ${k}]`;
  const reads = bias === undefined ? [x, weights] : [x, weights, bias];
  const finish = relu ? atLeast(sum, '0f', 1) : sum;
  const functions = relu ? nanFunctions : '';
  return direct('conv forward, direct', n * oh * ow * k, reads, y, body, finish, functions);
}

/** The gradient of the output → that of the input. */
export function convInputGradient(
  { input, output, kernel, strides, dilations, pads }: Geometry,
  { dy, kernel: weights, dx }: InputGradientBuffers,
): GpuProgram {
  const [n, h, w, c] = input as Size4;
  const [, oh, ow, k] = output as Size4;
  const [kh, kw] = kernel as Size4;
  const body = `
  let image = at / ${h * w * c};
  for (var i = 0; i < ${kh}; i++) {
    let row = at / ${w * c} % ${h} + ${pads[0]} - i * ${dilations[0]};
    for (var j = 0; j < ${kw}; j++) {
      let column = at / ${c} % ${w} + ${pads[1]} - j * ${dilations[1]};
      if (row < 0 || column < 0 || row % ${strides[0]} != 0 || column % ${strides[1]} != 0) { continue; }
      if (row >= ${oh * strides[0]} || column >= ${ow * strides[1]}) { continue; }
      let place = (image * ${oh} + row / ${strides[0]}) * ${ow} + column / ${strides[1]};
      for (var k = 0; k < ${k}; k++) {
        sum += b0[place * ${k} + k] * b1[((i * ${kw} + j) * ${c} + at % ${c}) * ${k} + k];
      }
    }
  }`;
  return direct('conv input gradient, direct', n * h * w * c, [dy, weights], dx, body);
}

/** The gradient of the output → that of the kernel. */
export function convFilterGradient(
  { input, output, kernel, strides, dilations, pads }: Geometry,
  { x, dy, dw }: FilterGradientBuffers,
): GpuProgram {
  const [n, h, w, c] = input as Size4;
  const [, oh, ow, k] = output as Size4;
  const [kh, kw] = kernel as Size4;
  const body = `
  let i = at / ${kw * c * k};
  let j = at / ${c * k} % ${kw};
  for (var image = 0; image < ${n}; image++) {
    for (var y = 0; y < ${oh}; y++) {
      let row = y * ${strides[0]} + i * ${dilations[0]} - ${pads[0]};
      if (row < 0 || row >= ${h}) { continue; }
      for (var x = 0; x < ${ow}; x++) {
        let column = x * ${strides[1]} + j * ${dilations[1]} - ${pads[1]};
        if (column < 0 || column >= ${w}) { continue; }
        sum += b0[((image * ${h} + row) * ${w} + column) * ${c} + at / ${k} % ${c}]
          * b1[((image * ${oh} + y) * ${ow} + x) * ${k} + at % ${k}];
      }
    }
  }`;
  return direct('conv filter gradient, direct', kh * kw * c * k, [x, dy], dw, body);
}

/** [batch, m, k] · [batch, k, n] → [batch, m, n], either one transposed. */
export function matMul(
  { m, n, k, transposeA = false, transposeB = false, batch = 1 }: MatMulShape,
  { a, b, c }: MatMulBuffers,
): GpuProgram {
  const left = transposeA ? `i * ${m} + row` : `row * ${k} + i`;
  const right = transposeB ? `column * ${k} + i` : `i * ${n} + column`;
  const body = `
  let matrix = at / ${m * n};
  let row = at / ${n} % ${m};
  let column = at % ${n};
  for (var i = 0; i < ${k}; i++) {
    sum += b0[matrix * ${m * k} + ${left}] * b1[matrix * ${k * n} + ${right}];
  }`;
  return direct('product, direct', batch * m * n, [a, b], c, body);
}
