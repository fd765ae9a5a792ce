/** The report in a browser: what no reading of its text can show. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { reportPage } from '../../src/report/index.js';
import { reportFixture } from './reportFixture.js';

const executablePath = '/usr/bin/chromium';

describe('report in a browser', function () {
  this.timeout(180_000);
  let browser: Browser;
  let folder: string;
  let address: string;
  /** One page for all tests, as opening it unpacks Plotly. */
  let page: Page;
  /** What goes wrong on the page or leaves the machine. */
  const problems: string[] = [];

  async function open(): Promise<void> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    context.setDefaultTimeout(120_000);
    page = await context.newPage();
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) problems.push(message.text());
    });
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('request', (request) => {
      const url = request.url();
      if (url !== address && !/^(data|blob):/.test(url)) problems.push(`request of ${url}`);
    });
    await page.goto(address);
  }

  const visible = (locator: Locator): Promise<number> => locator.filter({ visible: true }).count();

  /** Waits until a condition is true on the page, whose policy forbids what Playwright's own waiting does. */
  async function until(condition: string): Promise<void> {
    for (let i = 0; i < 600; i++) {
      if (await page.evaluate(condition)) return;
      await page.waitForTimeout(100);
    }
    assert.fail(`not within a minute: ${condition}`);
  }

  before(async function () {
    if (!existsSync(executablePath)) {
      console.log(`      skipped: there is no ${executablePath} (Debian's package chromium)`);
      this.skip();
    }
    folder = mkdtempSync(join(tmpdir(), 'report-'));
    writeFileSync(join(folder, 'index.html'), await reportPage(await reportFixture()));
    address = pathToFileURL(join(folder, 'index.html')).href;
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    await open();
  });

  after(async () => {
    await browser?.close();
    if (folder) rmSync(folder, { recursive: true });
  });

  afterEach(() => assert.deepEqual(problems.splice(0), []));

  it('reaches the skip link by the first Tab', async () => {
    await page.keyboard.press('Tab');
    assert.equal(await page.locator(':focus').textContent(), 'Skip to the content');
  });

  it('draws a figure when it comes into view, and not before', async () => {
    const figures = page.locator('figure.plot');
    assert.equal(await figures.last().locator('.main-svg').count(), 0);
    assert.equal(await figures.last().locator('.still img').isVisible(), true);
    assert.equal(await figures.count(), 5);
    for (let i = 0; i < 5; i++) {
      await figures.nth(i).scrollIntoViewIfNeeded();
      await figures.nth(i).locator('.main-svg').first().waitFor();
    }
    assert.equal(await visible(page.locator('.still img')), 0);
    const names = await figures.first().locator('.legendtext').allTextContents();
    assert.deepEqual(names, ['FP32', 'INT8', 'INT4']);
  });

  it('is a document in order: one h1, no level skipped, pictures with a text, links that lead somewhere', async () => {
    const levels = await page
      .locator('h1, h2, h3, h4, h5, h6')
      .evaluateAll((headings) =>
        headings.map((heading) => Number((heading as { tagName: string }).tagName[1])),
      );
    assert.equal(levels.filter((level) => level === 1).length, 1);
    assert.equal(levels[0], 1);
    levels.forEach((level, i) => assert.ok(i === 0 || level <= levels[i - 1]! + 1, `${levels}`));
    const contents = await page.locator('nav a').allTextContents();
    assert.deepEqual(contents, [
      'In short',
      'The claims of the paper',
      'What is reproduced',
      'Figure 7(a) · Accuracy over s',
      'Table 3 · Low bits',
      'A tour of what cells show',
      'Environment',
      'Where each number comes from',
    ]);
    const wrong = await page.evaluate(`[
      ...[...document.images].filter((image) => !image.alt).map(() => 'a picture without a text'),
      ...[...document.querySelectorAll('a[href^="#"]')].map((a) => a.getAttribute('href')).filter((href) => !document.getElementById(href.slice(1))),
      ...[...document.querySelectorAll('[id]')].map(({ id }) => id).filter((id, i, all) => all.indexOf(id) !== i),
    ]`);
    assert.deepEqual(wrong, []);
  });

  it('filters claims and runs, and sorts, by the keyboard', async () => {
    const board = page.locator('.oabn-claims').first();
    await board.getByRole('button', { name: 'not held' }).focus();
    await page.keyboard.press('Enter');
    assert.deepEqual(await board.locator('.oabn-id').filter({ visible: true }).allTextContents(), ['C5']);
    assert.equal(await board.getByRole('status').textContent(), '1 of 4 claims shown');
    await board.getByRole('button', { name: 'undecided' }).focus();
    await page.keyboard.press('Space');
    assert.deepEqual(await board.locator('.oabn-statement').filter({ visible: true }).allTextContents(), [
      'OABN saves few bits.',
    ]);
    await board.getByRole('button', { name: 'all' }).focus();
    await page.keyboard.press('Enter');
    assert.equal(await board.locator('.oabn-claim').filter({ visible: true }).count(), 4);
    assert.equal(await visible(board.locator('.oabn-parts')), 0);
    await board.locator('summary').nth(1).focus();
    await page.keyboard.press('Enter');
    assert.equal(await visible(board.locator('.oabn-parts li')), 3);

    const runs = page.locator('.oabn-runs');
    const column = (i: number): Promise<string[]> =>
      runs.locator(`tbody td:nth-child(${i})`).filter({ visible: true }).allTextContents();
    assert.equal((await column(1)).length, 12);
    await runs.getByRole('columnheader', { name: 'accuracy' }).focus();
    await page.keyboard.press('Enter');
    const values = (await column(3)).map(parseFloat);
    assert.deepEqual(
      values,
      [...values].sort((a, b) => a - b),
    );
    assert.ok(values[0]! < values.at(-1)!);
    await runs.getByRole('columnheader', { name: 'run' }).focus();
    await page.keyboard.press('Space');
    const hashes = await column(1);
    assert.deepEqual(
      hashes,
      [...hashes].sort((a, b) => a.localeCompare(b)),
    );
    await runs.getByRole('searchbox').focus();
    await page.keyboard.type('PTQ s=0.5');
    assert.ok((await column(2)).every((what) => /PTQ.*s=0.5/.test(what)));
    assert.equal(await runs.getByRole('status').textContent(), '2 of 12 runs');

    const second = page.locator('section#table3-ptq table').first();
    await second.getByRole('columnheader', { name: 's = 0.5' }).click();
    const cells = (await second.locator('td:nth-child(3)').allTextContents()).map(parseFloat);
    assert.deepEqual(
      cells,
      [...cells].sort((a, b) => a - b),
    );
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`has text of a contrast of 4.5 and more when ${colorScheme}`, async () => {
      await page.emulateMedia({ colorScheme });
      await page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))");
      // Each figure is drawn again in the theme's colours.
      const ink = colorScheme === 'dark' ? 'rgb(228, 231, 235)' : 'rgb(27, 27, 27)';
      await until(
        `[...document.querySelectorAll('.xtitle, .legendtext')].every((text) => getComputedStyle(text).fill === '${ink}')`,
      );
      const low = await page.evaluate(`(${lowContrasts})()`);
      assert.deepEqual(low, []);
      const paper = await page.evaluate('getComputedStyle(document.body).backgroundColor');
      assert.equal(paper, colorScheme === 'dark' ? 'rgb(20, 23, 27)' : 'rgb(255, 255, 255)');
    });
  }

  it('fits a phone: nothing but boxes of their own scrolls sideways', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    // Plotly draws again a moment after the width has changed.
    await until("document.querySelector('.plot-area .main-svg').clientWidth < 390");
    const [wide, narrow] = await page.evaluate<[number, number]>(
      '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
    );
    assert.ok(wide <= narrow, `${wide} > ${narrow}`);
  });

  it('reads without scripts: pictures, tables, claims', async () => {
    const still = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
    await still.goto(address);
    assert.equal(await visible(still.locator('.still img')), 5);
    assert.equal(await visible(still.locator('.oabn-runs tbody tr')), 12);
    assert.equal(await visible(still.locator('.story-pictures img')), 3);
    assert.equal(await visible(still.locator('.oabn-claim')), 4 + 2);
    assert.equal(await visible(still.locator('button')), 0);
  });
});

/** Runs in the page: texts whose colour is less than 4.5 times as light or dark as what is behind them. */
const lowContrasts = `() => {
  const channels = (color) => (color.match(/[\\d.]+/g) ?? []).map(Number);
  const light = (color) => {
    const [r, g, b] = channels(color).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      const alpha = channels(color)[3] ?? 1;
      if (alpha === 1) return color;
    }
    return 'rgb(255, 255, 255)';
  };
  const ownText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '');
  return [...document.querySelectorAll('body *')]
    .filter((element) => element.getClientRects().length > 0 && ownText(element) && !['SCRIPT', 'STYLE'].includes(element.tagName))
    .map((element) => {
      const style = getComputedStyle(element);
      const [a, b] = [light(element instanceof SVGElement ? style.fill : style.color), light(behind(element))].sort((x, y) => y - x);
      return { text: element.textContent.slice(0, 30), of: element.className.baseVal ?? element.className, ratio: Math.round(((a + 0.05) / (b + 0.05)) * 10) / 10 };
    })
    .filter(({ ratio }) => ratio < 4.5);
}`;
