/** The table of bench/README.md is that of the numbers which ship. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { type LatencyResult, withLatencyTable } from '../../bench/latencyTable.js';

describe('bench/README.md', () => {
  it('has the latencies of data/results, and every file as accurate in ONNX Runtime as here', async () => {
    const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8');
    const result = JSON.parse(await read('../../../../data/results/bench-cpu-latency.json')) as LatencyResult;
    const readme = await read('../../bench/README.md');
    assert.match(readme, /\| int8, --integer +\|/);
    assert.equal(withLatencyTable(readme, result), readme);
    for (const { accuracy, onnxAccuracy, name } of result.files)
      assert.ok(Math.abs(accuracy - onnxAccuracy) < 0.001, `${name}: ${accuracy}, ${onnxAccuracy}`);
  });
});
