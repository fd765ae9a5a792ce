/**
 * What of a cell's outputs a saved notebook keeps. A notebook on disk is read by code hosts and editors that run no
 * script, so the Plotly bundle and progress bars go, and a figure keeps its Plotly JSON (VS Code and Jupyter extensions draw it) and
 * its picture (all others show it), but not the page script made from the same JSON, which hosts such as GitHub would
 * prefer to the picture, strip of its script, and show as nothing.
 */
import { isPlotlyBundle, progressMark } from '../display/index.js';
import { type ErrorOutput, omit, type Output } from './outputs.js';

export const plotlyMime = 'application/vnd.plotly.v1+json';

/** The outputs as they are saved. */
export function savedOutputs(outputs: readonly Output[]): Output[] {
  return outputs.filter((output) => !isForTheMoment(output)).map(withoutFigureScript);
}

const isForTheMoment = (output: Output): boolean =>
  'data' in output && (isPlotlyBundle(output) || progressMark in output.metadata);

function withoutFigureScript(output: Output): Output {
  if (output.output_type !== 'display_data' || !(plotlyMime in output.data)) return output;
  if (!('image/png' in output.data || 'image/svg+xml' in output.data)) return output;
  return { ...output, data: omit(output.data, 'text/html') };
}

/**
 * tslab prints a cell's error on stderr and sends no error message. The text that ends the outputs of a failed cell
 * becomes the error output that notebooks have for it, so that every reader marks it as one.
 */
export function withErrorOutput(outputs: readonly Output[]): Output[] {
  const last = outputs.at(-1);
  if (last?.output_type === 'error') return [...outputs];
  if (last?.output_type === 'stream' && last.name === 'stderr') {
    return [...outputs.slice(0, -1), parseError(last.text.trimEnd())];
  }
  return [...outputs, { output_type: 'error', ename: 'Error', evalue: 'the cell failed', traceback: [] }];
}

function parseError(text: string): ErrorOutput {
  const thrown = /^(?:Uncaught )?([A-Z]\w*(?:Error|Exception)?)(?: \[[^\]]*\])?: (.*)$/m.exec(text);
  const compile = /^\d+:\d+ - (.*)$/m.exec(text);
  const [ename, evalue] = compile
    ? ['TypeScript', compile[1]!]
    : thrown
      ? [thrown[1]!, thrown[2]!]
      : ['Error', text.split('\n', 1)[0]!];
  return { output_type: 'error', ename, evalue, traceback: text.split('\n') };
}
