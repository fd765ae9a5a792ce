/**
 * The debugger as JupyterLab speaks to it: breakpoints in cells, frames, scopes, steps, the variables panel.
 */
import assert from 'node:assert/strict';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { EOL, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mappingsOf, placeOfLine } from '../../src/kernel/server/debugger/mappings.js';
import { murmur2 } from '../../src/kernel/server/debugger/murmur2.js';
import type { Message } from '../../src/protocol/message.js';
import { type Execution, type KernelSession, startKernelSession } from '../../src/run/index.js';

type Body = Record<string, never>;

describe('kernel: the debugger', function () {
  this.timeout(120_000);
  let folder: string;
  let session: KernelSession;
  const events: Body[] = [];
  before(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'kernel-debugger-')));
    session = await startKernelSession({
      folder,
      env: { JUPYTER_KERNEL_HISTORY: '0' },
      onMessage: ({ header, content }) => {
        if (header.msg_type === 'debug_event') events.push(content as Body);
      },
    });
  });
  after(async () => {
    await session?.close();
    await rm(folder, { recursive: true });
  });

  let seq = 0;
  const debug = async (command: string, args: object = {}): Promise<Body> => {
    const request = { seq: ++seq, type: 'request', command, arguments: args } as Message['content'];
    const { content } = await session.channels.request('debug_request', request, 'control');
    assert.deepEqual([content.request_seq, content.command], [seq, command]);
    assert.equal(content.success, true, String(content.message));
    return content.body as Body;
  };
  /** The next stop, and the frames then. */
  const stopped = async (): Promise<{
    reason: string;
    frames: { name: string; line: number; id: number; source: { path: string } }[];
  }> => {
    for (const end = Date.now() + 100_000; Date.now() < end; await sleep(20)) {
      const at = events.findIndex(({ event }) => event === 'stopped');
      if (at < 0) continue;
      const [stop] = events.splice(0, at + 1).slice(-1);
      return {
        reason: (stop!.body as unknown as Body).reason!,
        frames: (await debug('stackTrace', { threadId: 1 })).stackFrames!,
      };
    }
    throw new Error('it did not stop');
  };
  const breakAt = async (code: string, ...lines: number[]): Promise<string> => {
    const { sourcePath } = await debug('dumpCell', { code });
    const { breakpoints } = await debug('setBreakpoints', {
      source: { path: sourcePath },
      breakpoints: lines.map((line) => ({ line })),
    });
    assert.equal(
      (breakpoints as unknown as Body[]).every(({ verified }) => verified),
      true,
    );
    return sourcePath!;
  };
  const variablesOf = async (variablesReference: number): Promise<Record<string, string>> =>
    Object.fromEntries(
      (
        (await debug('variables', { variablesReference })).variables as unknown as {
          name: string;
          value: string;
        }[]
      ).map(({ name, value }) => [name, value]),
    );
  const value = ({ outputs }: Execution): unknown =>
    outputs.flatMap((output) => ('data' in output ? [output.data['text/plain']] : [])).at(-1);

  it('names the files of cells as clients do', async () => {
    const info = await debug('debugInfo');
    assert.deepEqual([info.isStarted, info.hashMethod, info.stoppedThreads], [false, 'Murmur2', []]);
    const code = 'const a: number = 1;';
    const { sourcePath } = await debug('dumpCell', { code });
    // JupyterLab names a file «Cell [3]» only if this is in its path.
    assert.match(sourcePath!, /ipykernel_/);
    assert.equal(sourcePath, `${info.tmpFilePrefix}${murmur2(code, info.hashSeed!)}${info.tmpFileSuffix}`);
    // As ipykernel's murmur2_x86 has it.
    assert.equal(murmur2('print("hello")', 0xc70f6907), 776975998);
  });

  it('reads a source map backwards', () => {
    // Two lines of source; the first compiles to nothing, the second to columns 0 and 4 of line 0.
    const mappings = mappingsOf(JSON.stringify({ mappings: 'AACA,IAAI;AACJ' }));
    assert.deepEqual(mappings, [
      { line: 0, column: 0, originalLine: 1 },
      { line: 0, column: 4, originalLine: 1 },
      { line: 1, column: 0, originalLine: 2 },
    ]);
    assert.deepEqual(placeOfLine(mappings, 0), mappings[0]);
    assert.equal(placeOfLine(mappings, 3), undefined);
  });

  it('stops at a breakpoint, shows frames and scopes, evaluates, steps, and goes on', async () => {
    await debug('initialize', { clientID: 'test' });
    await debug('attach');
    await debug('configurationDone');
    assert.ok(events.some(({ event }) => event === 'initialized'));
    const code =
      'interface Unused {}\nfunction half(x: number): number {\n  const y = x / 2;\n  return y;\n}\nlet list = [1, "two"];\nlet total = half(84);\ntotal += 1;\ntotal';
    const path = await breakAt(code, 4);
    const running = session.execute(code);
    const { reason, frames } = await stopped();
    assert.equal(reason, 'breakpoint');
    assert.deepEqual(
      frames.map(({ name, line, source }) => [name, line, source.path]),
      [['half', 4, path], ['Cell', 7, path]], // prettier-ignore
    );
    assert.deepEqual(await session.complete('Math.flo'), ['floor'], 'it completes while it stands');
    const { scopes } = await debug('scopes', { frameId: frames[0]!.id });
    const [locals, globals] = scopes as unknown as { name: string; variablesReference: number }[];
    assert.deepEqual([locals!.name, globals!.name], ['Locals', 'Globals']);
    assert.deepEqual(await variablesOf(locals!.variablesReference), { x: '84', y: '42' });
    // JupyterLab's tree shows a type instead of the value where there is one.
    const [x] = (await debug('variables', { variablesReference: locals!.variablesReference }))
      .variables as unknown as Body[];
    assert.equal('type' in x!, false);
    assert.equal((await variablesOf(globals!.variablesReference)).list, 'Array(2)');
    const evaluate = async (expression: string): Promise<unknown> =>
      (await debug('evaluate', { expression, frameId: frames[0]!.id, context: 'repl' })).result;
    assert.deepEqual([await evaluate('y + 1'), await evaluate('list[1]')], ['43', '"two"']);
    await debug('next', { threadId: 1 });
    const after = await stopped();
    assert.deepEqual([after.reason, after.frames[0]!.line], ['step', 8]);
    assert.deepEqual((await debug('debugInfo')).stoppedThreads, [1]);
    await debug('continue', { threadId: 1 });
    assert.equal(value(await running), '43');
    assert.deepEqual((await debug('debugInfo')).stoppedThreads, []);
  });

  it('lists the variables of all cells, their members, and shows one as it shows itself', async () => {
    await session.execute("import { EOL as lineEnd } from 'node:os';");
    const { variables } = await debug('inspectVariables');
    const named = (name: string) =>
      (variables as unknown as { name: string; value: string; variablesReference: number }[]).find(
        (each) => each.name === name,
      )!;
    assert.deepEqual(await variablesOf(named('list').variablesReference), { 0: '1', 1: '"two"' });
    assert.equal(named('lineEnd').value, JSON.stringify(EOL));
    await session.execute(
      "const bold = { [Symbol.for('Jupyter.display')]: () => ({ 'text/html': '<b>b</b>' }) };",
    );
    const { data } = await debug('richInspectVariables', { variableName: 'bold' });
    assert.equal((data as unknown as Body)['text/html'], '<b>b</b>');
  });

  it('stops where an error is thrown, if that is wanted', async () => {
    await debug('setExceptionBreakpoints', { filters: ['raised'] });
    const running = session.execute('const n = 1;\nJSON.parse("{");');
    const { reason, frames } = await stopped();
    assert.deepEqual([reason, frames[0]!.line], ['exception', 2]);
    await debug('continue', { threadId: 1 });
    assert.equal((await running).status, 'error');
    await debug('setExceptionBreakpoints', { filters: [] });
  });

  it('stops in a module beside the notebook', async () => {
    const path = join(folder, 'tools.ts');
    await writeFile(path, 'export function twice(x: number): number {\n  return 2 * x;\n}\n');
    await debug('setBreakpoints', { source: { path }, breakpoints: [{ line: 2 }] });
    const running = session.execute("import { twice } from './tools';\ntwice(4)");
    const { frames } = await stopped();
    assert.deepEqual([frames[0]!.name, frames[0]!.line, frames[0]!.source.path], ['twice', 2, path]);
    assert.match(String((await debug('source', { source: { path } })).content), /return 2/);
    assert.deepEqual((await debug('modules')).modules, [{ id: 0, name: 'tools.ts', path }]);
    await debug('continue', { threadId: 1 });
    assert.equal(value(await running), '8');
  });

  it('lets the stop button end a cell that stands in a loop', async () => {
    const code = 'let loops = 0;\nwhile (true) {\n  loops++;\n}';
    await breakAt(code, 3);
    const stop = new AbortController();
    const running = session.execute(code, { signal: stop.signal });
    await stopped();
    stop.abort();
    assert.equal((await running).status, 'interrupted');
    assert.equal(value(await session.execute('loops > 0')), 'true');
  });

  it('says what it does not know, and ends', async () => {
    const request = { seq: 99, type: 'request', command: 'fly' } as unknown as Message['content'];
    const { content } = await session.channels.request('debug_request', request, 'control');
    assert.deepEqual([content.success, content.request_seq], [false, 99]);
    await debug('disconnect', { restart: false });
    assert.equal((await debug('debugInfo')).isStarted, false);
    assert.equal(value(await session.execute('1 + 1')), '2');
  });

  it('does not keep the process when a cell ends it', async () => {
    await debug('initialize');
    assert.equal((await session.execute('process.exit(3)')).status, 'died');
  });
});
