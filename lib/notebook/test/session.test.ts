import assert from 'node:assert/strict';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Execution, type KernelSession, startKernelSession } from '../src/run/index.js';
import { streamText } from './streamText.js';

const printed = ({ outputs }: Execution): string => streamText(outputs, 'stdout');
const value = ({ outputs }: Execution): unknown =>
  outputs.flatMap((output) => ('data' in output ? [output.data['text/plain']] : [])).at(-1);

describe('notebook/session: a kernel in a folder without node_modules', function () {
  this.timeout(180_000);
  let folder: string;
  let session: KernelSession;
  before(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), 'oabn-session-')));
    await writeFile(join(folder, 'beside.ts'), 'export const beside: string = "the notebook";\n');
    session = await startKernelSession({ folder, env: { OABN_TEST: 'from the environment' } });
  });
  after(async () => {
    await session.close();
    await rm(folder, { recursive: true });
  });

  it('imports what comes with the kernel, with its types', async () => {
    const { status, outputs } = await session.execute(
      "import { formatNumber, random } from 'oabn-base';\nconst n: number = random(1, 'a').integer(1);\nformatNumber(n)",
    );
    assert.equal(status, 'ok');
    assert.equal(value({ status, outputs, executionCount: 1 }), "'0'");
  });

  it('knows the types well enough to refuse a wrong one, and goes on after that', async () => {
    const { status, outputs } = await session.execute("const text: string = random(1, 'a').integer(1);");
    assert.equal(status, 'error');
    assert.match(JSON.stringify(outputs), /Type 'number' is not assignable to type 'string'/);
    assert.equal((await session.execute('1')).status, 'ok');
  });

  it('completes what is imported', async () => {
    assert.deepEqual(await session.complete("random(1, 'a').permu"), ['permutation']);
  });

  it('works in the folder: files beside the notebook, the environment', async () => {
    const { status, outputs } = await session.execute(
      "import { beside } from './beside';\nconsole.log(beside, process.env.OABN_TEST, process.cwd());",
    );
    assert.deepEqual(
      [status, streamText(outputs, 'stdout')],
      ['ok', `the notebook from the environment ${folder}\n`],
    );
  });

  it('waits for await at the top level', async () => {
    const execution = await session.execute(
      'await new Promise<string>((done) => setTimeout(() => done("late"), 20))',
    );
    assert.equal(value(execution), "'late'");
  });

  it('loses nothing of a cell that prints a lot', async () => {
    const execution = await session.execute('for (let i = 0; i < 5000; i++) console.log(i);');
    assert.equal(execution.status, 'ok');
    assert.equal(printed(execution), Array.from({ length: 5000 }, (_, i) => `${i}\n`).join(''));
  });

  it('keeps the kernel when a cell that runs too long can be interrupted', async () => {
    const waiting = await session.execute('await new Promise((done) => setTimeout(done, 60_000));', {
      timeout: 0.3,
    });
    assert.equal(waiting.status, 'timeout');
    const looping = await session.execute('for (;;);', { timeout: 0.3 });
    assert.equal(looping.status, 'timeout');
    assert.equal(value(await session.execute('1 + 1')), '2');
  });

  it('knows limits longer than a timer can be set for', async () => {
    const { status } = await session.execute('await new Promise((done) => setTimeout(done, 50));', {
      timeout: 3e6,
    });
    assert.equal(status, 'ok');
  });

  it('interrupts when asked', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 200);
    const { status } = await session.execute(
      'await new Promise((done) => setTimeout(done, 60_000));',
      controller,
    );
    assert.equal(status, 'interrupted');
  });

  it('ends, when interrupted, what reports to notebookProgress', async () => {
    await session.execute("import { notebookProgress } from 'tslab-kernel/display';\nlet steps = 0;");
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 300);
    const { status, reason } = await session.execute(
      `const progress = notebookProgress();
      for (let done = 0; done < 1000; done++) {
        progress({ task: 'train', done, total: 1000 });
        steps++;
        await new Promise((next) => setTimeout(next, 20));
      }`,
      controller,
    );
    assert.equal(status, 'interrupted');
    assert.equal(reason, undefined, 'the kernel lives');
    const [first, second] = [
      await session.execute('await new Promise((next) => setTimeout(next, 100)); steps'),
      await session.execute('await new Promise((next) => setTimeout(next, 100)); steps'),
    ].map(value);
    assert.match(String(second), /^\d+$/);
    assert.equal(second, first);
  });

  it('rejects with what a listener throws, and goes on after that', async () => {
    const refuse = (): never => {
      throw new Error('heard enough');
    };
    const code = 'console.log("a"); await new Promise((done) => setTimeout(done, 60_000));';
    await assert.rejects(session.execute(code, { onOutput: refuse }), /heard enough/);
    const heard: string[] = [];
    const asking = session.execute('console.log(await input("?"))', {
      onInput: async () => refuse(),
      onOutput: ({ header }) => heard.push(header.msg_type),
    });
    await assert.rejects(asking, /heard enough/);
    assert.equal(value(await session.execute('1 + 1')), '2');
    assert.deepEqual(heard, ['error'], 'a question without an answer is not answered');
  });

  it('says when the kernel dies, with its last words and the outputs before', async () => {
    const execution = await session.execute(
      'console.log("before"); await new Promise((done) => setTimeout(done, 500)); require("fs").writeSync(2, "last words"); process.exit(7);',
    );
    assert.equal(execution.status, 'died');
    assert.match(execution.reason!, /exit code 7\n.*last words/s);
    assert.equal(printed(execution), 'before\n');
    assert.ok(execution.executionCount! > 10, 'the cell was announced with its number');
    assert.equal((await session.execute('1')).status, 'died');
  });
});
