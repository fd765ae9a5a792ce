/**
 * JupyterLab in a browser, driven as a person would: run all, complete with Tab, documentation with
 * Shift-Tab, stop, answer a question, restart. It needs a Python with JupyterLab
 * (`JUPYTER_PYTHON`) and a Chromium (`CHROMIUM`); `JUPYTERLAB_PICTURES` names a folder for what it looked
 * like.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { installKernel, kernelName } from '../../src/kernel/index.js';

const python = process.env.JUPYTER_PYTHON ?? 'python3';
const browserPath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const pictures = process.env.JUPYTERLAB_PICTURES;
const token = 'test';

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

describe('kernel: in JupyterLab', function () {
  this.timeout(300_000);
  let folder: string;
  let server: ChildProcess;
  let browser: Browser;
  let page: Page;
  let address: string;

  before(async function () {
    if (!existsSync(browserPath) || spawnSync(python, ['-c', 'import jupyterlab']).status !== 0) this.skip();
    folder = await mkdtemp(join(tmpdir(), 'kernel-lab-'));
    await installKernel({ prefix: folder });
    // A port that was free may be taken by the time the server asks for it: then another.
    for (let up = false; !up;) {
      const port = await freePort();
      address = `http://127.0.0.1:${port}`;
      server = spawn(
        python,
        ['-m', 'jupyterlab', '--allow-root', '--no-browser', `--port=${port}`, '--ServerApp.port_retries=0', `--IdentityProvider.token=${token}`, `--ServerApp.root_dir=${folder}`], // prettier-ignore
        { stdio: 'ignore', env: { ...process.env, JUPYTER_PATH: jupyterPath(), JUPYTER_CONFIG_DIR: join(folder, 'config'), JUPYTER_DATA_DIR: join(folder, 'data'), JUPYTERLAB_SETTINGS_DIR: join(folder, 'settings') } }, // prettier-ignore
      );
      for (; !up && server.exitCode === null; await sleep(200))
        up = await fetch(`${address}/api?token=${token}`).then(
          ({ ok }) => ok,
          () => false,
        );
    }
    browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox'] });
    page = await browser.newPage({ viewport: { width: 1100, height: 1000 } });
    page.setDefaultTimeout(90_000);
  });
  after(async () => {
    await browser?.close();
    server?.kill('SIGINT');
    await sleep(300);
    server?.kill('SIGKILL');
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  /** Our kernelspec, and whatever else the environment offers, such as extensions. */
  const jupyterPath = (): string =>
    [join(folder, 'share', 'jupyter'), ...(process.env.JUPYTER_PATH ? [process.env.JUPYTER_PATH] : [])].join(
      delimiter,
    );

  const cell = (index: number): Locator => page.locator('.jp-Notebook .jp-CodeCell').nth(index);
  const picture = async (name: string): Promise<void> => {
    if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`) });
  };
  const open = async (name: string, ...sources: string[]): Promise<void> => {
    const cells = sources.map((source, i) => ({ cell_type: 'code', id: `cell-${i}`, metadata: {}, source, execution_count: null, outputs: [] })); // prettier-ignore
    const kernelspec = { name: kernelName, display_name: 'TypeScript', language: 'typescript' };
    const notebook = { nbformat: 4, nbformat_minor: 5, metadata: { kernelspec }, cells };
    await writeFile(join(folder, name), JSON.stringify(notebook));
    await page.goto(`${address}/lab/tree/${name}?token=${token}&reset`);
    await cell(sources.length - 1).waitFor();
    await page.getByText('| Idle').waitFor();
  };
  const menu = async (name: string, item: string): Promise<void> => {
    await page.locator('.lm-MenuBar-itemLabel', { hasText: new RegExp(`^${name}$`) }).click();
    await page.locator('.lm-Menu-itemLabel', { hasText: item }).first().click();
  };
  const type = async (index: number, text: string): Promise<void> => {
    await cell(index).locator('.cm-content').click();
    await page.keyboard.press('Control+a');
    await page.keyboard.type(text);
  };
  const shows = (index: number, text: string): Promise<void> =>
    cell(index).locator('.jp-OutputArea', { hasText: text }).first().waitFor();

  /**
   * Presses Tab until `name` is offered: JupyterLab waits a second for completions, which a busy machine may
   * exceed.
   */
  const completes = async (name: string): Promise<void> => {
    const item = page.locator('.jp-Completer-item', { hasText: name }).first();
    for (let tries = 0; tries < 10 && !(await item.isVisible()); tries++) {
      await page.keyboard.press('Tab');
      await item.waitFor({ timeout: 5000 }).catch(() => undefined);
    }
    assert.ok(await item.isVisible(), `${name} is offered`);
  };

  it('runs all, shows values and errors, and no escape code', async () => {
    await open(
      'tour.ipynb',
      '/** Doubles it. */\nfunction double(x: number): number {\n  return 2 * x;\n}\ndouble(21)',
      "({ [Symbol.for('Jupyter.display')]: () => ({ 'text/html': '<b class=\"own\">bold</b>' }) })",
      "throw new RangeError('far', { cause: new Error('the root') })",
      '',
    );
    await cell(0).locator('.cm-content').click();
    await menu('Run', 'Run All Cells');
    await shows(0, '42');
    await cell(1).locator('.jp-OutputArea b.own').waitFor();
    await shows(2, 'Caused by Error: the root');
    assert.doesNotMatch(await cell(2).locator('.jp-OutputArea').first().innerText(), /\u001b|\[31m/);
    await picture('1-run-all');
  });

  it('completes with Tab and documents with Shift-Tab', async () => {
    await type(3, 'doub');
    await completes('double');
    await picture('2-tab');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Enter');
    await type(3, 'double(');
    await page.keyboard.press('Shift+Tab');
    const tooltip = page.locator('.jp-Tooltip');
    await tooltip.waitFor();
    // It is there a little before its text.
    await tooltip.getByText('Doubles it.').waitFor();
    assert.match(await tooltip.innerText(), /double\(x: number\): number[^]*Doubles it\./);
    await picture('3-shift-tab');
    await page.keyboard.press('Escape');
  });

  it('completes while a cell computes, stops it, keeps its variables, and asks', async () => {
    await open('loop.ipynb', 'let n = 0;\nwhile (true) n++;', '', "await input('name? ')");
    await cell(0).locator('.cm-content').click();
    await page.keyboard.press('Control+Enter');
    await page.getByText('| Busy').waitFor();
    await type(1, 'Math.flo');
    await completes('floor');
    await picture('4-complete-while-busy');
    assert.equal(await page.getByText('| Busy').count(), 1, 'the cell still runs');
    await page.keyboard.press('Escape');
    await menu('Kernel', 'Interrupt Kernel');
    await shows(0, 'Interrupted');
    await type(1, 'n > 0');
    await page.keyboard.press('Control+Enter');
    await shows(1, 'true');
    await cell(2).locator('.cm-content').click();
    await page.keyboard.press('Control+Enter');
    await page.locator('.jp-Stdin-input').waitFor();
    await page.keyboard.type('Ada');
    await page.keyboard.press('Enter');
    await shows(2, "'Ada'");
    await picture('5-stopped-and-asked');
  });

  it('restarts', async () => {
    await menu('Kernel', 'Restart Kernel…');
    await page.locator('.jp-Dialog .jp-mod-accept').click();
    await page.getByText('| Idle').waitFor();
    await type(1, 'n');
    await page.keyboard.press('Control+Enter');
    await shows(1, "Cannot find name 'n'");
    await picture('6-restarted');
  });

  it('stops at a breakpoint set in the gutter, shows frames and variables, and goes on', async () => {
    await writeFile(join(folder, 'twice.ts'), 'export const twice = (x: number): number => 2 * x;\n');
    await open(
      'debug.ipynb',
      "import { twice } from './twice';\nfunction half(x: number): number {\n  const y = x / 2;\n  return y;\n}\nhalf(twice(42))",
    );
    const bug = page.locator('.jp-DebuggerBugButton');
    await bug.click();
    await page.locator('.jp-DebuggerBugButton[aria-pressed=true]').waitFor();
    // The gutter begins with an element that only holds its width, and has an icon that nobody sees.
    const line = (number: number): Locator => cell(0).locator('.cm-breakpoint-gutter > .cm-gutterElement').nth(number); // prettier-ignore
    await line(4).click();
    await line(4).locator('.cm-breakpoint-icon').waitFor();
    await cell(0).locator('.cm-content').click();
    await page.keyboard.press('Control+Enter');
    const frames = page.locator('.jp-DebuggerCallstack-body li');
    await frames.nth(1).waitFor();
    assert.deepEqual(
      (await frames.allInnerTexts()).map((text) => text.replace(/\s+/g, ' ')),
      ['half Cell [*]:4', 'Cell Cell [*]:6'],
    );
    const variables = page.locator('.jp-DebuggerVariables');
    await variables.getByText('42').waitFor();
    assert.match(await variables.innerText(), /x\s+84\s+y\s+42/);
    assert.match(await cell(0).locator('.jp-DebuggerEditor-highlight').innerText(), /return y;/);
    await picture('7-breakpoint');
    await page.keyboard.press('F9');
    await shows(0, '42');
    await variables.getByText('half').waitFor();
    // A local module is among the sources, where breakpoints can be set too.
    await page.locator('.jp-DebuggerKernelSources-body', { hasText: 'twice.ts' }).waitFor();
    await bug.click();
    await page.locator('.jp-DebuggerBugButton[aria-pressed=false]').waitFor();
  });

  it('redraws the histogram that a slider moves', async function () {
    const found =
      'from jupyter_core.paths import jupyter_path; import os, sys; sys.exit(not any(os.path.isdir(os.path.join(p, "anywidget")) for p in jupyter_path("labextensions")))';
    if (spawnSync(python, ['-c', found]).status !== 0) this.skip();
    await open(
      'slider.ipynb',
      `import { sliderHistogram } from 'tslab-kernel/display';
// A sum of twelve uniform numbers is nearly normal.
const ratios = Array.from({ length: 20_000 }, () => Array.from({ length: 12 }, Math.random).reduce((a, b) => a + b) - 6);
sliderHistogram(
  { label: 's', min: 0.25, max: 4, step: 0.25, value: 4, title: 'Ratios, limited to ±s', xTitle: 'r', range: [-4, 4], bins: 32 },
  (s) => ({ values: ratios.map((r) => Math.max(-s, Math.min(s, r))), lines: [-s, s] }),
)`,
    );
    await cell(0).locator('.cm-content').click();
    await page.keyboard.press('Control+Enter');
    const chart = cell(0).locator('.jp-OutputArea svg[role=img]');
    const height = (bar: number): Promise<number> =>
      chart
        .locator('.bar')
        .nth(bar)
        .evaluate((rect) => Number(rect.getAttribute('height')));
    await chart.waitFor();
    assert.deepEqual([await chart.locator('.bar').count(), await chart.locator('.mark').count()], [32, 2]);
    const whole = [await height(5), await height(12), await height(16)];
    await picture('8-histogram');
    await cell(0).locator('.jp-OutputArea input[type=range]').fill('1');
    // What lay beyond −1 is in the bin of −1 now.
    while ((await height(5)) > 0) await sleep(50);
    assert.ok(whole[0]! > 0 && (await height(12)) > whole[1]!);
    assert.match(await cell(0).locator('output').innerText(), /^1$/);
    await picture('9-histogram-moved');
  });
});
