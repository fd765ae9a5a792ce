import assert from 'node:assert/strict';
import { widgetMime } from '../src/display/index.js';
import { collectOutputs, type Displays, omit } from '../src/run/outputs.js';
import { createRequest, type Message } from '../src/protocol/message.js';
import { savedOutputs, withErrorOutput } from '../src/run/savedOutputs.js';

const message = (type: string, content: Message['content']): Message =>
  createRequest(type, content, 'kernel');
const stream = (name: string, text: string): Message => message('stream', { name, text });
const display = (type: string, text: string, id?: string): Message =>
  message(type, { data: { 'text/plain': text }, metadata: {}, transient: { display_id: id } });

describe('notebook/outputs', () => {
  it('joins what follows on the same stream and keeps the order of streams', () => {
    const { outputs, receive } = collectOutputs();
    for (const [name, text] of [
      ['stdout', 'a\n'],
      ['stdout', 'b\n'],
      ['stderr', 'c\n'],
      ['stdout', 'd\n'],
    ] as const) {
      assert.equal(receive(stream(name, text)), true);
    }
    assert.deepEqual(outputs, [
      { output_type: 'stream', name: 'stdout', text: 'a\nb\n' },
      { output_type: 'stream', name: 'stderr', text: 'c\n' },
      { output_type: 'stream', name: 'stdout', text: 'd\n' },
    ]);
  });

  it('updates a display where it stands, also from a later cell', () => {
    const displays: Displays = new Map();
    const [first, second] = [collectOutputs(displays), collectOutputs(displays)];
    first.receive(display('display_data', 'old', 'id'));
    first.receive(stream('stdout', 'after\n'));
    assert.equal(second.receive(display('update_display_data', 'new', 'id')), true);
    assert.equal(second.receive(display('update_display_data', 'newer', 'id')), true);
    assert.equal(second.receive(display('update_display_data', 'lost', 'unknown')), false);
    assert.deepEqual((first.outputs[0] as { data: unknown }).data, { 'text/plain': 'newer' });
    assert.equal(first.outputs.length, 2);
    assert.deepEqual(second.outputs, []);
  });

  it('clears at once, or when the next output comes', () => {
    const { outputs, receive } = collectOutputs();
    receive(stream('stdout', 'a'));
    receive(message('clear_output', { wait: false }));
    assert.deepEqual(outputs, []);
    receive(stream('stdout', 'b'));
    receive(message('clear_output', { wait: true }));
    assert.equal(outputs.length, 1);
    receive(stream('stdout', 'c'));
    assert.deepEqual(outputs, [{ output_type: 'stream', name: 'stdout', text: 'c' }]);
  });

  it('takes errors and results, and leaves other messages', () => {
    const { outputs, receive } = collectOutputs();
    receive(message('execute_result', { data: { 'text/plain': '1' }, metadata: {}, execution_count: 3 }));
    receive(message('error', { ename: 'E', evalue: 'v', traceback: ['t'] }));
    assert.equal(receive(message('execute_input', { code: '1' })), false);
    assert.deepEqual(outputs, [
      { output_type: 'execute_result', data: { 'text/plain': '1' }, metadata: {}, execution_count: 3 },
      { output_type: 'error', ename: 'E', evalue: 'v', traceback: ['t'] },
    ]);
  });
});

describe('notebook/savedOutputs', () => {
  const figure = {
    'application/vnd.plotly.v1+json': { data: [] },
    'text/html': '<script></script>',
    'image/png': 'AAAA',
  };

  it('leaves out the Plotly bundle and the page script of a figure, but no other HTML', () => {
    const output = (data: Record<string, unknown>) =>
      ({ output_type: 'display_data', data, metadata: {} }) as const;
    const saved = savedOutputs([
      output({ 'text/html': '<script data-oabn-plotly>…</script>' }),
      output(figure),
      output({ 'text/html': '<table></table>' }),
    ]);
    const types = saved.map((kept) => ('data' in kept ? Object.keys(kept.data).sort() : []));
    assert.deepEqual(types, [['application/vnd.plotly.v1+json', 'image/png'], ['text/html']]);
  });

  it('keeps the page script of a figure that has no picture', () => {
    const data = omit(figure, 'image/png');
    const [kept] = savedOutputs([{ output_type: 'display_data', data, metadata: {} }]);
    assert.ok(kept && 'data' in kept && 'text/html' in kept.data);
  });

  it('leaves out a widget, which ends with its kernel, and keeps its picture', () => {
    const data = { [widgetMime]: { model_id: 'm' }, 'image/png': 'AAAA', 'text/plain': 's = 1' };
    const [kept] = savedOutputs([{ output_type: 'display_data', data, metadata: {} }]);
    assert.ok(kept && 'data' in kept);
    assert.deepEqual(Object.keys(kept.data), ['image/png', 'text/plain']);
  });

  it('ends the outputs of a failed cell with an error, whatever the kernel had time to say', () => {
    const printed = { output_type: 'stream', name: 'stdout', text: 'before\n' } as const;
    const error = { output_type: 'error', ename: 'RangeError', evalue: 'far', traceback: [] } as const;
    assert.deepEqual(withErrorOutput([printed, error]), [printed, error]);
    assert.deepEqual(
      withErrorOutput([printed]).map(({ output_type }) => output_type),
      ['stream', 'error'],
    );
  });
});
