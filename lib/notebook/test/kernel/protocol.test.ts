/** The protocol as a client without Python sees it: what jupyter_kernel_test asks, and what it does not. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import type { Message } from '../../src/protocol/message.js';
import { type KernelSession, startKernelSession } from '../../src/run/index.js';
import type { ErrorOutput } from '../../src/run/outputs.js';
import { streamText } from '../streamText.js';

describe('kernel: the protocol', function () {
  this.timeout(120_000);
  let folder: string;
  let session: KernelSession;
  const heard: Message[] = [];
  before(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'kernel-protocol-')));
    session = await startKernelSession({ folder, env: { JUPYTER_DATA_DIR: join(folder, 'data') } });
    session.channels.onOutput((message) => heard.push(message));
  });
  after(async () => {
    await session.close();
    await rm(folder, { recursive: true });
  });

  const ask = async (type: string, content: object = {}, channel: 'shell' | 'control' = 'shell') =>
    (await session.channels.request(type, content as Message['content'], channel)).content;
  /** Executes, and waits for all that comes of it: a reply and what is published come on channels of their own. */
  const execute = async (request: Message['content']) => {
    const { content: reply, parent } = await session.channels.send('execute_request', request).reply;
    const published = (): Message[] => heard.filter((each) => each.parent.msg_id === parent.msg_id);
    while (!published().some(({ content }) => content.execution_state === 'idle')) await sleep(5);
    return { reply, types: [...new Set(published().map(({ header }) => header.msg_type))] };
  };
  const run = (code: string) => session.execute(code);
  const messagesHeard = (): string[] => heard.map(({ header }) => header.msg_type);
  const result = async (code: string) => {
    const { outputs } = await run(code);
    return outputs.find((output) => output.output_type === 'execute_result');
  };

  it('introduces itself', async () => {
    const info = await ask('kernel_info_request');
    assert.equal(info.status, 'ok');
    assert.equal(info.protocol_version, '5.4');
    const language = info.language_info as Record<string, unknown>;
    assert.deepEqual([language.name, language.file_extension], ['typescript', '.ts']);
    assert.match(String(language.version), /^6\./);
    assert.equal(info.debugger, true);
  });

  it('returns the value of the last expression, as text without colours', async () => {
    assert.deepEqual(await result('({ a: [1, "b"] })'), {
      output_type: 'execute_result',
      data: { 'text/plain': "{ a: [ 1, 'b' ] }" },
      metadata: {},
      execution_count: 1,
    });
    assert.equal(await result('undefined'), undefined);
    assert.equal(await result('const a = 1;'), undefined);
  });

  it('lets a value show itself by Jupyter.display, also later', async () => {
    const shown = await result(`({
      async [Symbol.for('Jupyter.display')]() {
        await new Promise((done) => setTimeout(done, 5));
        return { 'text/html': '<b>x</b>', 'text/plain': 'x' };
      },
    })`);
    assert.deepEqual(shown?.data, { 'text/html': '<b>x</b>', 'text/plain': 'x' });
  });

  it('shows a tensor by its values, and a figure as show does', async () => {
    const tensor = await result(
      "({ shape: [2, 2], dtype: 'float32', isDisposed: false, data: async () => [1, 2, 3, 4] })",
    );
    assert.deepEqual(tensor?.data, { 'text/plain': 'Tensor [2, 2] float32\n[[1, 2],\n [3, 4]]' });
    const { outputs } = await run(
      "({ data: [{ type: 'scatter', x: [1, 2], y: [3, 4] }], layout: { title: { text: 't' } } })",
    );
    const types = outputs.map((output) => ('data' in output ? Object.keys(output.data).sort() : []));
    assert.deepEqual(types, [
      ['text/html', 'text/plain'],
      ['application/vnd.plotly.v1+json', 'image/png', 'text/html', 'text/plain'],
    ]);
  });

  it('shows the bytes of a picture as the picture', async () => {
    const shown = await result('Buffer.from("89504e470d0a1a0a0000", "hex")');
    assert.deepEqual(Object.keys(shown!.data), ['image/png', 'text/plain']);
  });

  it('publishes busy, input, outputs and idle in this order, all with the request as parent', async () => {
    heard.length = 0;
    await run('console.log("x"); 1');
    assert.deepEqual(
      heard.map(({ header, content }) => content.execution_state ?? header.msg_type),
      ['busy', 'execute_input', 'stream', 'execute_result', 'idle'],
    );
    assert.equal(new Set(heard.map(({ parent }) => parent.msg_id)).size, 1);
  });

  it('answers a silent request without a count, an input or a result', async () => {
    const before = (await ask('execute_request', { code: '', silent: true })).execution_count;
    const { reply, types } = await execute({ code: 'globalThis.x = 5; 7', silent: true, store_history: false }); // prettier-ignore
    assert.equal(reply.execution_count, before);
    assert.deepEqual(types, ['status']);
  });

  it('evaluates user expressions', async () => {
    const { user_expressions: values } = await ask('execute_request', {
      code: 'const forty = 40',
      user_expressions: { good: 'forty + 2', bad: 'JSON.parse("{")' },
    });
    const { good, bad } = values as Record<string, Record<string, unknown>>;
    assert.deepEqual([good!.status, good!.data], ['ok', { 'text/plain': '42' }]);
    assert.deepEqual([bad!.status, bad!.ename], ['error', 'SyntaxError']);
  });

  it('pages what is known of a name', async () => {
    const { payload } = await ask('execute_request', { code: 'Math.max?' });
    const [page] = payload as { source: string; data: Record<string, string> }[];
    assert.equal(page?.source, 'page');
    assert.match(page.data['text/plain']!, /Math\.max\(\.\.\.values: number\[\]\): number/);
    await run('interface Shape { corners: number }');
    const { payload: ofType } = await ask('execute_request', { code: 'Shape?' });
    assert.match(JSON.stringify(ofType), /interface Shape/);
    assert.equal((await ask('execute_request', { code: 'unheardOf?' })).status, 'error');
  });

  it('completes with types, positions counted in characters', async () => {
    const code = 'const face = "😀"; fac';
    const reply = await ask('complete_request', { code, cursor_pos: [...code].length });
    assert.deepEqual(reply.matches, ['face']);
    assert.deepEqual([reply.cursor_start, reply.cursor_end], [18, 21]);
    const { _jupyter_types_experimental: types } = reply.metadata as Record<string, { type: string }[]>;
    assert.equal(types![0]!.type, 'instance');
  });

  it('inspects a name, and the function whose arguments are being written', async () => {
    await run('/** Doubles it. */\nfunction double(x: number): number { return 2 * x; }');
    for (const code of ['double', 'double(']) {
      const reply = await ask('inspect_request', { code, cursor_pos: code.length, detail_level: 0 });
      assert.match(
        (reply.data as Record<string, string>)['text/plain']!,
        /double\(x: number\): number\n\nDoubles it\./,
      );
    }
    const more = await ask('inspect_request', { code: 'double', cursor_pos: 6, detail_level: 1 });
    assert.match((more.data as Record<string, string>)['text/plain']!, /return 2 \* x/);
    assert.equal((await ask('inspect_request', { code: 'nope', cursor_pos: 2 })).found, false);
  });

  it('judges whether a cell is complete, and indents', async () => {
    const judge = async (code: string) => ask('is_complete_request', { code });
    assert.equal((await judge('1 + 1')).status, 'complete');
    assert.equal((await judge('import = 7q')).status, 'invalid');
    assert.deepEqual(await judge('function f() {\n  if (x) {'), { status: 'incomplete', indent: '    ' });
    for (const code of ['console.log?', 'Map??', '%typecheck off\n1 + 1'])
      assert.equal((await judge(code)).status, 'complete', code);
    assert.equal((await judge('%typecheck off\nif (true) {')).status, 'incomplete');
  });

  it('remembers what was executed', async () => {
    const history = async (content: object) => (await ask('history_request', content)).history as unknown[][];
    for (const code of ['40 + 2', 'const fortyTwo = 42', '40 + 2']) await run(code);
    const tail = await history({ hist_access_type: 'tail', n: 2, output: true, raw: true });
    assert.deepEqual(
      tail.map(([, , entry]) => entry),
      [
        ['const fortyTwo = 42', null],
        ['40 + 2', '42'],
      ],
    );
    const search = (more: object) =>
      history({ hist_access_type: 'search', pattern: '40 +*', raw: true, ...more });
    assert.equal((await search({})).length, 2);
    assert.equal((await search({ unique: true })).length, 1);
    const files = await readdir(join(folder, 'data', 'typescript', 'history'));
    assert.deepEqual(files, ['000001.jsonl']);
  });

  describe('errors', () => {
    const errorOf = async (code: string): Promise<ErrorOutput> => {
      const { outputs } = await run(code);
      return outputs.find((output) => output.output_type === 'error') as ErrorOutput;
    };
    const text = ({ traceback }: ErrorOutput): string => stripVTControlCharacters(traceback.join('\n'));

    it('name the cell and the line of the TypeScript, which is shown and marked', async () => {
      await run(
        'interface Point {\n  x: number;\n}\nfunction fail(p: Point): never {\n  throw new RangeError(`no ${p.x}`);\n}',
      );
      const error = await errorOf('// a comment\nfail({ x: 3 });');
      assert.deepEqual([error.ename, error.evalue], ['RangeError', 'no 3']);
      assert.match(text(error), /Cell \[\d+\], line 5, column 9, in fail\n/);
      assert.match(text(error), /-->   5 \|   throw new RangeError\(`no \$\{p\.x\}`\);\n {8}\| {9}\^/);
      assert.match(text(error), /Cell \[\d+\], line 2, column 1\n/);
      assert.doesNotMatch(text(error), /node:|kernel/);
    });

    it('tell what caused them, and all of an aggregate', async () => {
      const chain = text(
        await errorOf('throw new Error("outer", { cause: new TypeError("inner", { cause: "root" }) })'),
      );
      assert.match(chain, /Error: outer[^]*Caused by TypeError: inner[^]*Caused by 'root'/);
      const aggregate = text(
        await errorOf('throw new AggregateError([new Error("one"), new RangeError("two")], "both")'),
      );
      assert.match(aggregate, /AggregateError: both[^]*\[1 of 2\] Error: one[^]*\[2 of 2\] RangeError: two/);
    });

    it('need not be errors', async () => {
      assert.equal((await errorOf('throw { a: 1 }')).evalue, '{ a: 1 }');
    });

    it('of the type checker underline the place', async () => {
      const error = await errorOf('const n = 1;\nconst word: string = n;');
      assert.equal(error.ename, 'TypeScriptError');
      assert.match(
        text(error),
        /line 2, column 7 - TS2322: [^\n]*\n {5}2 \| const word: string = n;\n {6} \| {7}~~~~/,
      );
    });

    it('of the type checker stop a cell only as the reader wants', async () => {
      const warned = await run('%typecheck warn\nconst word: string = 1;\nword');
      assert.equal(warned.status, 'ok');
      assert.match(streamText(warned.outputs, 'stderr'), /line 2, column 7 - TS2322/);
      const unchecked = await run('%typecheck off\nconst other: string = 1; other');
      assert.equal(streamText(unchecked.outputs, 'stderr'), '');
      assert.equal((await run('kernel.typecheck = "error"')).status, 'ok');
      assert.equal((await run('const third: string = 1;')).status, 'error');
      assert.match(
        (await errorOf('%time 1 + 1')).evalue,
        /does not know «%time 1 \+ 1»; .* %typecheck error, /,
      );
    });

    it('of promises that nobody awaits are shown in the cell that made them', async () => {
      const first = await run('setTimeout(() => void Promise.reject(new Error("forgotten")), 30); "first"');
      const second = await run('await new Promise((done) => setTimeout(done, 100)); "second"');
      assert.deepEqual(first.outputs.map(({ output_type }) => output_type).sort(), [
        'error',
        'execute_result',
      ]);
      assert.deepEqual(
        second.outputs.map(({ output_type }) => output_type),
        ['execute_result'],
      );
    });

    it('of callbacks of sockets, and their output, are shown in the latest cell, also when it has ended', async () => {
      const start = `const { connect, createServer } = await import('node:net');
        const server = createServer((socket) => {
          socket.once('data', () => { console.log('heard'); socket.end(); throw new Error('on a socket'); });
        }).listen(0, '127.0.0.1');
        setTimeout(() => connect((server.address() as { port: number }).port, '127.0.0.1').end('x'), 50);
        undefined`;
      const { outputs } = await run(start);
      while (outputs.length < 2) await sleep(10);
      const [stream, error] = outputs as unknown as [{ text: string }, { evalue: string }];
      assert.deepEqual([stream.text, error.evalue], ['heard\n', 'on a socket']);
      await run('server.close()');
    });

    it('that are thrown again and again are shown a few times and then counted', async () => {
      const { outputs } = await run(
        'const again = setInterval(() => { throw new Error("again"); }, 5); undefined',
      );
      const said = (): string[] => outputs.map((output) => (output as ErrorOutput).evalue);
      while (outputs.length < 4) await sleep(10);
      await run('clearInterval(again)');
      assert.deepEqual(said().slice(0, 3), ['again', 'again', 'again']);
      assert.match(said()[3]!, /^again \(\d+ times more\)$/);
    });

    it('abort the cells that were queued then, and no others', async () => {
      const send = (code: string) => session.channels.send('execute_request', { code, silent: false }).reply;
      const statuses = await Promise.all(
        [
          send('await new Promise((done) => setTimeout(done, 500)); throw new Error("x")'),
          send('1'),
          send('2'),
        ].map(async (reply) => (await reply).content.status),
      );
      assert.deepEqual(statuses, ['error', 'aborted', 'aborted']);
      assert.equal((await send('3')).content.status, 'ok');
    });
  });

  describe('the reader', () => {
    it('is asked, and what is secret is said to be', async () => {
      const asked: unknown[] = [];
      const { outputs } = await session.execute(
        'const name = await input("name? "); const secret = await input("word? ", { password: true }); const sync = prompt("now? "); [name, secret, sync]',
        {
          onInput(text, password) {
            asked.push([text, password]);
            return `answer ${asked.length}`;
          },
        },
      );
      assert.deepEqual(asked, [['name? ', false], ['word? ', true], ['now? ', false]]); // prettier-ignore
      assert.deepEqual((outputs[0] as { data: object }).data, { 'text/plain': "[ 'answer 1', 'answer 2', 'answer 3' ]" }); // prettier-ignore
    });

    it('who takes no input is not waited for', async () => {
      const { status, outputs } = await run('await input("?")');
      assert.equal(status, 'error');
      assert.match((outputs[0] as ErrorOutput).evalue, /takes no input/);
    });

    it('who interrupts a question ends it', async () => {
      for (const code of ['await input("?")', 'prompt("?")']) {
        const controller = new AbortController();
        const { status } = await session.execute(code, {
          signal: controller.signal,
          onInput: () => {
            controller.abort();
            return new Promise(() => undefined);
          },
        });
        assert.equal(status, 'interrupted');
      }
    });
  });

  describe('displays', () => {
    it('are updated in place and cleared', async () => {
      const { outputs } = await run(
        'const bar = await display("one"); console.log("after"); await bar.update("two"); bar',
      );
      assert.deepEqual(
        outputs.map((output) => ('data' in output ? output.data['text/plain'] : output.output_type)),
        ["'two'", 'stream'],
      );
      assert.deepEqual(
        (await run('console.log("gone"); clearOutput(); console.log("stays")')).outputs.length,
        1,
      );
    });

    it('stand alone where a cell ends with them and awaits nothing', async () => {
      const texts = async (code: string) =>
        (await run(code)).outputs.map((output) => ('data' in output ? output.data['text/plain'] : output));
      assert.deepEqual(await texts('display("one")'), ["'one'"]);
      const table = "import { showTable } from 'tslab-kernel/display'; showTable([{ a: 1 }])";
      assert.deepEqual(await texts(table), ['a\n─\n1']);
    });

    it('come from tslab’s own module too', async () => {
      const { outputs } = await run("import * as tslab from 'tslab'; tslab.display.html('<b>t</b>');");
      assert.deepEqual((outputs[0] as { data: object }).data, { 'text/html': '<b>t</b>' });
    });
  });

  describe('comms', () => {
    const messages = (type: string) => heard.filter(({ header }) => header.msg_type === type);

    it('are opened by a cell, and carry messages both ways with their bytes', async () => {
      heard.length = 0;
      await run(
        'const comm = kernel.comms.open("mirror", { a: 1 }); comm.onMessage = ({ data }) => comm.send({ back: data }, { buffers: [new Uint8Array([1, 2])] });',
      );
      const [opened] = messages('comm_open');
      assert.deepEqual([opened?.content.target_name, opened?.content.data], ['mirror', { a: 1 }]);
      const id = String(opened!.content.comm_id);
      assert.deepEqual((await ask('comm_info_request')).comms, { [id]: { target_name: 'mirror' } });
      session.channels.tell('comm_msg', { comm_id: id, data: { x: 5 } });
      while (messages('comm_msg').length === 0) await sleep(10);
      const [answered] = messages('comm_msg');
      assert.deepEqual(answered!.content.data, { back: { x: 5 } });
      assert.deepEqual([...answered!.buffers![0]!], [1, 2]);
      await run('comm.close()');
      assert.deepEqual((await ask('comm_info_request')).comms, {});
    });

    it('carry the state of a slider, which redraws what depends on it', async () => {
      heard.length = 0;
      const { outputs } = await run(`import { slider } from 'tslab-kernel/display';
const plot = await display('s = 0.5');
const s = slider({ label: 's', min: 0, max: 2, value: 0.5 }, (value) => plot.update(\`s = \${value}\`));
s`);
      const [opened] = messages('comm_open');
      assert.deepEqual([opened?.content.target_name, opened?.metadata], ['jupyter.widget', { version: '2.1.0' }]); // prettier-ignore
      const { state } = opened!.content.data as { state: Record<string, unknown> };
      assert.deepEqual(
        [state._model_module, state._view_name, state.min, state.max, state.step, state.value],
        ['anywidget', 'AnyView', 0, 2, 0.02, 0.5],
      );
      assert.match(String(state._esm), /export default \{/);
      const comm_id = String(opened!.content.comm_id);
      const { data } = outputs[1] as { data: Record<string, unknown> };
      assert.deepEqual(data['application/vnd.jupyter.widget-view+json'], { version_major: 2, version_minor: 0, model_id: comm_id }); // prettier-ignore
      assert.match(String(data['text/plain']), /^s = 0\.5/);

      session.channels.tell('comm_msg', { comm_id, data: { method: 'update', state: { value: 1.5 }, buffer_paths: [] } }); // prettier-ignore
      while (messages('update_display_data').length === 0) await sleep(10);
      assert.deepEqual(messages('update_display_data')[0]!.content.data, { 'text/plain': "'s = 1.5'" });
      assert.deepEqual((await result('s.state.value'))!.data, { 'text/plain': '1.5' });
      await run('s.set({ value: 0.25 })');
      assert.deepEqual(messages('comm_msg').at(-1)!.content.data, { method: 'update', state: { value: 0.25 }, buffer_paths: [] }); // prettier-ignore
      // A page that was loaded again asks for it.
      heard.length = 0;
      session.channels.tell('comm_msg', { comm_id, data: { method: 'request_state' } });
      while (messages('comm_msg').length === 0) await sleep(10);
      const again = (messages('comm_msg')[0]!.content.data as { state: Record<string, unknown> }).state;
      assert.deepEqual([again._model_name, again.value], ['AnyModel', 0.25]);
      await run('s.close()');
    });

    it('are opened by the page, if a cell registered their target', async () => {
      await run('kernel.comms.register("known", (comm, { data }) => comm.send({ got: data }));');
      heard.length = 0;
      session.channels.tell('comm_open', { comm_id: 'c1', target_name: 'known', data: { q: 1 } });
      session.channels.tell('comm_open', { comm_id: 'c2', target_name: 'unknown', data: {} });
      while (messages('comm_close').length === 0) await sleep(10);
      assert.deepEqual(messages('comm_msg')[0]!.content, { comm_id: 'c1', data: { got: { q: 1 } } });
      assert.equal(messages('comm_close')[0]!.content.comm_id, 'c2');
    });
  });

  it('can be interrupted before a cell has been compiled', async () => {
    // Both wait for the language thread, which compiles one after the other.
    const ahead = Array.from({ length: 20 }, () => ask('complete_request', { code: 'proc', cursor_pos: 4 }));
    const cell = session.execute('let early = 0; while (true) early++;');
    while (!heard.some(({ content }) => String(content.code).startsWith('let early'))) await sleep(5);
    await ask('interrupt_request', {}, 'control');
    assert.equal((await cell).status, 'error');
    await Promise.all(ahead);
    assert.equal((await run('1')).status, 'ok');
  });

  describe('while a cell computes', () => {
    it('completes and inspects what that cell declares', async () => {
      const controller = new AbortController();
      heard.length = 0;
      const busy = session.execute('let counted = 1; console.log("in"); while (true) counted++;', controller);
      while (!messagesHeard().includes('stream')) await sleep(10);
      assert.deepEqual((await ask('complete_request', { code: 'counte', cursor_pos: 6 })).matches, [
        'counted',
      ]);
      assert.equal((await ask('inspect_request', { code: 'counted', cursor_pos: 3 })).found, true);
      assert.equal((await ask('kernel_info_request')).status, 'ok');
      controller.abort();
      assert.equal((await busy).status, 'interrupted');
      assert.equal((await run('counted > 0')).status, 'ok');
    });

    it('runs cells of a subshell between its awaits', async () => {
      const { subshell_id: subshell } = await ask('create_subshell_request', {}, 'control');
      heard.length = 0;
      const training = run(
        'let step = 0; while (!kernel.signal.aborted) { if (step++ === 0) kernel.comms.open("begun"); await new Promise((next) => setTimeout(next, 5)); } "trained"',
      );
      while (!messagesHeard().includes('comm_open')) await sleep(10);
      const { status, outputs } = await session.execute('console.log("beside"); step > 0', {
        subshell: String(subshell),
      });
      assert.equal(status, 'ok');
      assert.deepEqual(
        outputs.map((output) =>
          'data' in output ? output.data['text/plain'] : streamText([output], 'stdout'),
        ),
        ['beside\n', 'true'],
      );
      await ask('interrupt_request', {}, 'control');
      const { outputs: trained, executionCount } = await training;
      assert.deepEqual((trained[0] as { data: object }).data, { 'text/plain': "'trained'" });
      assert.equal(trained.length, 1);
      assert.equal((trained[0] as { execution_count: number }).execution_count, executionCount);
      assert.deepEqual(await ask('list_subshell_request', {}, 'control'), {
        status: 'ok',
        subshell_id: [subshell],
      });
      assert.equal((await ask('delete_subshell_request', { subshell_id: subshell }, 'control')).status, 'ok');
    });
  });

  describe('VS Code', () => {
    /** As its extension executes a cell: it goes on after an error, and takes its cells back by itself. */
    const cell = { silent: false, store_history: true, user_expressions: {}, allow_stdin: true, stop_on_error: false }; // prettier-ignore
    /** As it looks behind the notebook's back. */
    const behind = { silent: true, store_history: false, user_expressions: {}, allow_stdin: true, stop_on_error: false }; // prettier-ignore

    it('asks who is there on both channels, and for open widgets', async () => {
      for (const channel of ['shell', 'control'] as const) {
        const info = await ask('kernel_info_request', {}, channel);
        assert.deepEqual([info.status, info.implementation], ['ok', 'tslab-kernel']);
      }
      assert.equal((await ask('comm_info_request', { target_name: 'jupyter.widget' })).status, 'ok');
    });

    it('executes cells whose errors do not stop those behind them', async () => {
      const send = (code: string) => session.channels.send('execute_request', { ...cell, code }).reply;
      const replies = [send('throw new Error("one")'), send('const two = 2;'), send('two + 1')];
      const statuses = (await Promise.all(replies)).map(({ content }) => content.status);
      assert.deepEqual(statuses, ['error', 'ok', 'ok']);
    });

    it('executes behind the notebook’s back without a trace', async () => {
      const before = await ask('execute_request', { ...cell, code: '"counted"' });
      const { reply, types } = await execute({ ...behind, code: 'console.log("seen"); const hidden = 5;' });
      assert.deepEqual([reply.status, reply.execution_count], ['ok', before.execution_count]);
      assert.deepEqual(types, ['status', 'stream']);
      const failed = await ask('execute_request', { ...behind, code: 'throw new RangeError("quiet")' });
      assert.deepEqual([failed.status, failed.ename, failed.evalue], ['error', 'RangeError', 'quiet']);
      const after = await ask('execute_request', { ...cell, code: 'hidden' });
      assert.equal(after.execution_count, Number(before.execution_count) + 1);
      const { history } = await ask('history_request', { hist_access_type: 'tail', n: 2, raw: true, output: false }); // prettier-ignore
      assert.deepEqual((history as unknown[][]).map((item) => item[2]), ['"counted"', 'hidden']); // prettier-ignore
    });

    it('completes and documents at every keystroke, answers in order', async () => {
      const texts = ['M', 'Ma', 'Mat', 'Math', 'Math.', 'Math.fl', 'Math.flo'];
      const replies = texts.map((code) => ask('complete_request', { code, cursor_pos: code.length }));
      const matches = (await Promise.all(replies)).map((reply) => reply.matches as string[]);
      assert.ok(matches[2]!.includes('Math') && matches[4]!.includes('max'));
      assert.deepEqual(matches[6], ['floor']);
      const found = await ask('inspect_request', { code: 'Math.floor(', cursor_pos: 11, detail_level: 0 });
      assert.equal(found.found, true);
    });

    it('interrupts by a message, in a loop and while a cell waits, and takes back what was queued', async () => {
      for (const code of [
        'console.log("in"); while (true);',
        'console.log("in"); await new Promise(() => {})',
      ]) {
        heard.length = 0;
        const { reply } = session.channels.send('execute_request', { ...cell, code });
        while (!messagesHeard().includes('stream')) await sleep(10);
        assert.deepEqual(await ask('interrupt_request', {}, 'control'), { status: 'ok' });
        assert.deepEqual([(await reply).content.status, (await reply).content.ename], ['error', 'Interrupted']); // prettier-ignore
      }
      assert.equal((await ask('execute_request', { ...cell, code: '1' })).status, 'ok');
    });
  });
});
