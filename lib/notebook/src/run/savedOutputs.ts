/**
 * Which of a cell's outputs a saved notebook keeps. A notebook on disk is read by code hosts and editors that
 * run no script, so the Plotly bundle and progress bars go, and a figure keeps its Plotly JSON (VS Code and
 * Jupyter extensions draw it) and its picture (all others show it), but not the page script made from the
 * same JSON, which hosts such as GitHub would prefer to the picture, strip of its script, and show as
 * nothing. A widget lives as long as its kernel, which has ended by then; its substitute, such as a picture,
 * stays.
 */
import { isPlotlyBundle, progressMark, widgetMime } from '../display/index.js';
import { omit, type Output } from './outputs.js';

/** The MIME type of a Plotly figure. */
export const plotlyMime = 'application/vnd.plotly.v1+json';

/** The outputs as they are saved. */
export function savedOutputs(outputs: readonly Output[]): Output[] {
  return outputs
    .filter((output) => !isForTheMoment(output))
    .map(withoutFigureScript)
    .map(withoutWidget);
}

const isForTheMoment = (output: Output): boolean =>
  'data' in output && (isPlotlyBundle(output) || progressMark in output.metadata);

function withoutFigureScript(output: Output): Output {
  if (!('data' in output) || !(plotlyMime in output.data)) return output;
  if (!('image/png' in output.data || 'image/svg+xml' in output.data)) return output;
  return { ...output, data: omit(output.data, 'text/html') };
}

const withoutWidget = (output: Output): Output =>
  'data' in output && widgetMime in output.data ? { ...output, data: omit(output.data, widgetMime) } : output;

/** The outputs of a failed cell, which end with its error, whatever the kernel had time to say. */
export function withErrorOutput(outputs: readonly Output[]): Output[] {
  if (outputs.some(({ output_type }) => output_type === 'error')) return [...outputs];
  return [...outputs, { output_type: 'error', ename: 'Error', evalue: 'the cell failed', traceback: [] }];
}
