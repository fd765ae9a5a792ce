/**
 * Convolution kernels side by side as one heat map: each output channel is a row of 3×3 tiles, each input
 * channel a column.
 */
import { axis, type Figure, layoutOf, type Titles } from 'tslab-kernel/display';

/** What a grid of kernels shows. */
export interface KernelGridOptions extends Titles {
  /** |w| of a kernel [out,in,3,3], flat. */
  readonly values: ArrayLike<number>;
  /** Input channels of the kernel. */
  readonly inChannels: number;
  /** Output channels to show, from the first. */
  readonly rows: number;
  /** The title of the colour scale. */
  readonly colorTitle: string;
}

/** Tiles are three cells and a gap of one. */
const pitch = 4;

/** A 3×3 tile for each pair of output and input channel of a kernel, as a heat map in Plotly JSON. */
export function kernelGridFigure({
  values,
  inChannels,
  rows,
  colorTitle,
  ...titles
}: KernelGridOptions): Figure {
  const z = Array.from({ length: rows * pitch - 1 }, () =>
    new Array<number | null>(inChannels * pitch - 1).fill(null),
  );
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < inChannels; j++) {
      for (let tap = 0; tap < 9; tap++) {
        z[i * pitch + Math.floor(tap / 3)]![j * pitch + (tap % 3)] = values[(i * inChannels + j) * 9 + tap]!;
      }
    }
  }
  const ticks = (count: number): Record<string, unknown> => ({
    tickvals: Array.from({ length: count }, (_, i) => i * pitch + 1),
    ticktext: Array.from({ length: count }, (_, i) => String(i + 1)),
    showgrid: false,
    showline: false,
    constrain: 'domain',
  });
  const colorbar = { title: { text: colorTitle, side: 'right' }, thickness: 14 };
  const heatmap = {
    type: 'heatmap',
    z,
    colorscale: 'Viridis',
    zmin: 0,
    zmax: largest(values, rows * inChannels * 9),
    colorbar,
    hoverongaps: false,
    xgap: 0.5,
    ygap: 0.5,
  };
  const layout = layoutOf(titles, {
    xaxis: axis(titles.xTitle, ticks(inChannels)),
    yaxis: axis(titles.yTitle, { ...ticks(rows), autorange: 'reversed', scaleanchor: 'x' }),
    height: heightFor(rows, inChannels),
  });
  return { data: [heatmap], layout };
}

/** The height at which square cells fill the figure's width, within reason. */
function heightFor(rows: number, columns: number): number {
  const cell = Math.min(20, 650 / (columns * pitch - 1));
  return Math.round(160 + Math.max(110, cell * (rows * pitch - 1)));
}

/** The largest of the first `count` values: of what is shown. */
function largest(values: ArrayLike<number>, count: number): number {
  let most = 0;
  for (let i = 0; i < count; i++) most = Math.max(most, values[i]!);
  return most;
}
