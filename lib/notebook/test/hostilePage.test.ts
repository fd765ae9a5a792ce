/**
 * A notebook from elsewhere must be safe to look at: what its cells and outputs bring must not run, load or
 * navigate.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { exportHtml } from '../src/html/index.js';
import { safeHtml } from '../src/html/sanitize.js';
import { parseNotebook } from '../src/run/index.js';

const executablePath = '/usr/bin/chromium';
const run = 'window.ran=(window.ran||0)+1';

/** HTML that runs a script in a browser without defences, by many ways. */
const attacks = [
  `<script>${run}</script>`,
  `<script type="module">${run}</script>`,
  `<img src=x onerror="${run}">`,
  `<img src="data:image/png;base64,AAAA" onerror="${run}">`,
  `<svg onload="${run}"></svg>`,
  `<svg><script>${run}</script></svg>`,
  `<svg><animate onbegin="${run}" attributeName=x dur=1s></svg>`,
  `<body onload="${run}">`,
  `<details open ontoggle="${run}"><summary>x</summary></details>`,
  `<input autofocus onfocus="${run}">`,
  `<video><source onerror="${run}"></video>`,
  `<iframe srcdoc="<script>parent.ran=1</script>"></iframe>`,
  `<iframe src="javascript:parent.ran=1"></iframe>`,
  `<object data="data:text/html,<script>${run}</script>"></object>`,
  `<embed src="data:text/html,<script>${run}</script>">`,
  `<a class="attack" href="javascript:${run}">x</a>`,
  `<a class="attack" href="jav&#x09;ascript:${run}">x</a>`,
  `<a class="attack" href=" &#1; javascript:${run}">x</a>`,
  `<a class="attack" href="data:text/html,<script>opener.ran=1</script>">x</a>`,
  `<form action="javascript:${run}"><button class="attack">x</button></form>`,
  `<button class="attack" formaction="javascript:${run}">x</button>`,
  `<meta http-equiv="refresh" content="0;url=https://example.org/">`,
  `<base href="https://example.org/">`,
  `<link rel="stylesheet" href="https://example.org/x.css">`,
  `<style>@import 'https://example.org/x.css'; body { background: url(https://example.org/x) }</style>`,
  `<p style="background: url(https://example.org/x); position: fixed; top: 0">x</p>`,
  `<img src="https://example.org/x.png"><img srcset="https://example.org/y.png 2x">`,
  `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=${run}&gt;">`,
  `<math><annotation-xml encoding="text/html"><img src=x onerror="${run}"></annotation-xml></math>`,
  `<noscript><p title="</noscript><img src=x onerror=${run}>"></noscript>`,
  `<textarea><img title="</textarea><img src=x onerror=${run}>"></textarea>`,
  `<xmp><img title="</xmp><img src=x onerror=${run}>"></xmp>`,
  `<!--><img src=x onerror="${run}">-->`,
  `<a id="theme" href="https://example.org">x</a><img id="oabnPlotly" name="oabnPlotly">`,
  `</main></body><script>${run}</script>`,
  `<script type="application/json">{"a":1}</script><script>${run}</script>`,
  `<template shadowrootmode="open"><script>${run}</script></template>`,
];

const markdownAttacks = [
  `[x](javascript:${run})`,
  `[x](<java\nscript:${run}>)`,
  `![x](javascript:${run})`,
  `![x" onerror="${run}](data:image/png;base64,AAAA)`,
  `[x](https://example.org "t\\" onclick=\\"${run}")`,
  `# <img src=x onerror="${run}">`,
  `# [x](javascript:${run})`,
  `$\\href{javascript:${run}}{x}$ $\\text{<img src=x onerror=${run}>}$ $<img src=x onerror="${run}">$`,
  `| <script>${run}</script> | b |\n|---|---|\n| c | d |`,
  `![x](attachment:a.png)`,
  `<javascript:${run}>`,
];

/** A notebook with every attack at every place that takes text. */
function hostileNotebook(): unknown {
  const output = (data: object): object => ({ output_type: 'display_data', metadata: {}, data });
  const code = (outputs: object[]): object => ({
    cell_type: 'code',
    metadata: {},
    source: `// </code></pre><script>${run}</script>`,
    execution_count: 1,
    outputs,
  });
  const markdown = (source: string): object => ({
    cell_type: 'markdown',
    metadata: {},
    source,
    attachments: { 'a.png': { [`image/png" onerror="${run}`]: `AAAA" onerror="${run}` } },
  });
  const breakOut = `AAAA" onerror="${run}`;
  const figure = {
    data: [{ type: 'bar', x: [`<a href="javascript:${run}">x</a>`], y: [1] }],
    layout: {
      title: { text: `<img src=x onerror="${run}"></script><script>${run}</script>` },
      images: [{ source: 'https://example.org/x.png' }],
    },
  };
  return {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { title: `</title><script>${run}</script>` },
    cells: [
      ...attacks.map(markdown),
      ...markdownAttacks.map(markdown),
      ...attacks.map((html) => code([output({ 'text/html': html })])),
      ...[...attacks, ...markdownAttacks].map((text) =>
        code([
          output({ 'text/latex': text }),
          output({ 'text/markdown': text }),
          output({ 'text/plain': text }),
        ]),
      ),
      code([
        output({ 'image/png': breakOut }),
        output({ 'image/jpeg': breakOut, 'text/plain': `" onerror="${run}` }),
        output({
          'image/svg+xml': `<svg xmlns="http://www.w3.org/2000/svg" onload="${run}"><script>${run}</script></svg>`,
        }),
        output({ 'application/vnd.plotly.v1+json': figure, 'image/png': breakOut }),
        output({ 'application/vnd.plotly.v1+json': { data: [null], layout: 3 }, 'text/plain': 'x' }),
        { output_type: 'stream', name: `stdout"><script>${run}</script>`, text: `<script>${run}</script>` },
        { output_type: 'error', ename: `<script>${run}</script>`, evalue: 'x', traceback: [] },
      ]),
      { cell_type: 'raw', metadata: {}, source: `</pre><script>${run}</script>` },
    ],
  };
}

describe('a hostile notebook', () => {
  it('is a page whose scripts are ours, named by their hashes', async () => {
    const html = await exportHtml(parseNotebook(JSON.stringify(hostileNotebook())));
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(html)![1]!;
    assert.match(policy, /script-src( 'sha256-[^']+'){3};/);
    assert.doesNotMatch(policy, /script-src[^;]*unsafe/);
    // The page's own, Plotly's loader, and the data of the figure that is one.
    assert.equal(html.match(/<script/g)!.length, 3);
    assert.doesNotMatch(
      html.replace(/<script[^]*?<\/script>/g, ''),
      /<(iframe|object|embed|form|base|link rel="st|meta http-equiv="refresh)/i,
    );
  });

  it('runs, loads and opens nothing in a browser, whatever is clicked', async function () {
    this.timeout(180_000);
    if (!existsSync(executablePath)) this.skip();
    const folder = await mkdtemp(join(tmpdir(), 'hostile-'));
    const path = join(folder, 'index.html');
    await writeFile(path, await exportHtml(parseNotebook(JSON.stringify(hostileNotebook()))));
    const address = pathToFileURL(path).href;
    const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    try {
      const page = await browser.newPage();
      page.setDefaultTimeout(60_000);
      const left: string[] = [];
      page.on('request', (request) => {
        if (request.url() !== address && !/^(data:image|blob:)/.test(request.url())) left.push(request.url());
      });
      page.on('dialog', (dialog) => void dialog.dismiss());
      await page.goto(address);
      await page.waitForTimeout(2000);
      await page.evaluate(`document.querySelectorAll('details').forEach((each) => (each.open = true))`);
      await page.evaluate(
        `document.querySelectorAll('main a:not([href^="http"]), main button').forEach((each) => each.click())`,
      );
      await page.waitForTimeout(1000);
      assert.equal(await page.evaluate('window.ran'), undefined);
      assert.equal(page.url().split('#')[0], address);
      assert.deepEqual(left, []);
      // The page's own buttons work: nothing took their ids.
      await page.click('nav #theme');
      assert.match(String(await page.evaluate('document.documentElement.dataset.theme')), /dark|light/);
      assert.ok(await page.evaluate(`document.querySelector('figure.plot') !== null`));
    } finally {
      await browser.close();
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('leaves honest HTML as it is', () => {
    for (const html of [
      '<table class="dataframe"><thead><tr><th style="text-align:right">a</th></tr></thead><tbody><tr><td colspan="2">1</td></tr></tbody></table>',
      '<p>a <em>b</em> <strong>c</strong> <code>d</code> <sub>e</sub> <del>f</del></p>',
      '<a href="https://example.org/x?a=1&amp;b=2" rel="noopener noreferrer">x</a>',
      '<a href="#place">x</a>',
      '<details open><summary>more</summary><p>x</p></details>',
      '<img src="data:image/png;base64,AAAA" alt="x" width="10" />',
    ]) {
      const same = (text: string): string => text.replaceAll(' open>', '>').replaceAll(' open="">', '>');
      assert.equal(same(safeHtml(html)), same(html));
    }
  });
});
