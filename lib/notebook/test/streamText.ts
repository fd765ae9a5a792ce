import type { Output, StreamOutput } from '../src/run/outputs.js';

/** The text of a cell's stream of this name, all of it. */
export function streamText(outputs: readonly Output[], name: StreamOutput['name']): string {
  return outputs
    .filter((output) => output.output_type === 'stream' && output.name === name)
    .map((output) => (output as StreamOutput).text)
    .join('');
}
