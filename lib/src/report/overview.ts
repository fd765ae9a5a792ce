/** The report's first page: the grid's results as tables and still figures, and the way to the notebooks' pages. */
import {
  estimate,
  formatPercent,
  formatThreshold,
  type LowBitPoint,
  lowBitMethods,
  methodTitles,
  type ThresholdPoint,
} from '../experiment/index.js';
import { lowBitFigure, thresholdFigure } from './figures/index.js';
import { escapeHtml } from './html.js';
import { figureSvg } from './picture/index.js';
import { type Row, tableHtml } from './table.js';

/** Figure 7's numbers: a row for each s, a column for each width. */
export function sweepRows(points: readonly ThresholdPoint[]): Row[] {
  return ascending(points.map((point) => point.threshold)).map((s) => {
    const at = points.filter((point) => point.threshold === s);
    const cell = (of: (point: ThresholdPoint) => number): string => formatPercent(estimate(at.map(of)));
    const bits = ascending(Object.keys(at[0]!.quantized).map(Number)).reverse();
    const quantized = bits.map((b) => [`INT${b}`, cell((point) => point.quantized[b]!)]);
    return { s: formatThreshold(s), FP32: cell((point) => point.fp32), ...Object.fromEntries(quantized) };
  });
}

/** Table 5's numbers: a row for each width and method, a column for each s. */
export function lowBitRows(points: readonly LowBitPoint[]): Row[] {
  const thresholds = ascending(points.map((point) => point.threshold));
  const unquantized = thresholds.map((s) => {
    const seeds = new Map(points.filter((p) => p.threshold === s).map(({ seed, fp32 }) => [seed, fp32]));
    return [`s = ${formatThreshold(s)}`, formatPercent(estimate([...seeds.values()]))];
  });
  const first = { bits: 32, method: '–', ...Object.fromEntries(unquantized) };
  const quantized = widthsOf(points).flatMap((bits) =>
    lowBitMethods.map((method) => {
      const columns = thresholds.map((s) => {
        const at = points.filter((p) => p.bits === bits && p.method === method && p.threshold === s);
        return [`s = ${formatThreshold(s)}`, formatPercent(estimate(at.map(({ accuracy }) => accuracy)))];
      });
      return { bits, method: methodTitles[method], ...Object.fromEntries(columns) };
    }),
  );
  return [first, ...quantized];
}

export interface Overview {
  /** Profile, data and seeds. */
  readonly description: string;
  /** File names of the notebooks' pages beside this one. */
  readonly pages: readonly string[];
  readonly sweep: readonly ThresholdPoint[];
  readonly cells: readonly LowBitPoint[];
}

/** A self-contained page: no script but the tables' sorting, no network. */
export function overviewPage({ description, pages, sweep, cells }: Overview): string {
  const links = pages.map((page) => `<li><a href="${page}">${escapeHtml(pageTitle(page))}</a></li>`);
  const figures = [
    thresholdFigure(sweep, 'Accuracy against s, uniform PTQ', description),
    ...widthsOf(cells).map((bits) => lowBitFigure(cells, bits, description)),
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>OABN · report</title>
<style>${style}</style></head><body>
<h1>Outlier-aware training for low-bit quantization of RepVGG</h1>
<p>${escapeHtml(description)}</p>
<h2>Notebooks</h2>
<ul>
${links.join('\n')}
</ul>
<h2>Accuracy over s, uniform PTQ (figure 7a)</h2>
<div class="wide">${tableHtml(sweepRows(sweep))}</div>
<h2>Low bits, by method and s (table 5)</h2>
<div class="wide">${tableHtml(lowBitRows(cells))}</div>
<h2>Figures</h2>
${figures.map((figure) => `<figure>${figureSvg(figure)}</figure>`).join('\n')}
</body></html>
`;
}

const style = `
:root { color-scheme: light dark; }
body { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }
h1 { line-height: 1.2; } h2 { margin-top: 2rem; font-size: 1.25rem; }
.wide { overflow-x: auto; }
figure { margin: 1rem 0; } figure svg { max-width: 100%; height: auto; border-radius: 8px; }
`;

/** «fig7a-threshold-cifar10.html» → «fig7a threshold cifar10». */
const pageTitle = (page: string): string => page.replace(/\.html$/, '').replaceAll('-', ' ');

const widthsOf = (points: readonly LowBitPoint[]): number[] =>
  ascending(points.map(({ bits }) => bits)).reverse();

const ascending = (values: readonly number[]): number[] => [...new Set(values)].sort((a, b) => a - b);
