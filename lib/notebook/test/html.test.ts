import assert from 'node:assert/strict';
import { type Cell, type Output, parseNotebook, readNotebook } from '../src/run/index.js';
import { exportHtml } from '../src/html/index.js';
import { createMarkdownRenderer } from '../src/html/markdown.js';
import { ansiToHtml, highlight } from '../src/html/text.js';

const code = (source: string, outputs: readonly Output[] = []): Cell => ({
  cell_type: 'code',
  id: 'c',
  metadata: {},
  source,
  execution_count: 1,
  outputs,
});
const text = (source: string): Cell => ({ cell_type: 'markdown', id: 't', metadata: {}, source });
const page = (...cells: Cell[]): Promise<string> => exportHtml({ cells, metadata: {} });
const display = (data: Record<string, unknown>): Output => ({
  output_type: 'display_data',
  data,
  metadata: {},
});
const figure = {
  data: [{ type: 'bar', x: ['</script>'], y: [1] }],
  layout: { title: { text: 'Figure 7a · a<b', subtitle: { text: 'made<br>data' } }, width: 820, height: 460 },
};

describe('notebook/html: text', () => {
  it('colours TypeScript without changing its text', () => {
    const source = "const a: number = 1.5; // a < b\nreturn `x ${f(`in ${y}`)} z` + 'it\\'s';";
    const html = highlight(source);
    assert.match(html, /<span class="hljs-keyword">const<\/span>.*<span class="hljs-number">1\.5<\/span>/);
    assert.match(html, /<span class="hljs-comment">\/\/ a &lt; b<\/span>/);
    assert.match(html, /<span class="hljs-string">&#x27;it\\&#x27;s&#x27;<\/span>/);
    // A template in a template: the outer one goes on after the inner one.
    assert.match(
      html,
      /<span class="hljs-string">`in <span class="hljs-subst">\$\{y\}<\/span>`<\/span>\)\}<\/span> z`<\/span>/,
    );
    assert.equal(
      html
        .replace(/<[^>]+>/g, '')
        .replaceAll('&lt;', '<')
        .replaceAll('&#x27;', "'"),
      source,
    );
  });

  it('turns terminal colours into classes and drops other sequences', () => {
    assert.equal(
      ansiToHtml('\u001b[31mred\u001b[39m & \u001b[1;32mbold\u001b[0m plain'),
      '<span class="ansi-red-fg">red</span> &amp; <span style="font-weight:bold" class="ansi-green-fg">bold</span> plain',
    );
    assert.equal(ansiToHtml('10%\r50%\r100%\u001b[K\nnext'), '100%\nnext');
    assert.equal(ansiToHtml('50%\r100%\r\r\nnext\r'), '100%\nnext');
    assert.equal(ansiToHtml('\u001b]8;;https://example.org\u0007text\u001b]8;;\u0007 <b>'), ' &lt;b&gt;');
  });
});

describe('notebook/html: markdown', () => {
  const render = async (source: string): Promise<string> =>
    (await createMarkdownRenderer()).render(source).html;

  it('draws formulas as MathML, in lines, in blocks and in tables, and leaves prices and code alone', async () => {
    assert.match(await render('so $\\hat r \\le s,\\, -s$ holds'), /^<p>so <math>.*<\/math> holds<\/p>/s);
    assert.match(
      await render('a\n\n$$\nS = \\frac{1}{2}\n$$\n\nb'),
      /<p>a<\/p>\s*<math[^>]*display="block".*<\/math>\s*<p>b<\/p>/s,
    );
    assert.match(await render('| $a_1$ | b |\n|---|---|\n| $x^2$ | c |'), /<th><math>.*<td><math>/s);
    assert.match(
      await render('a\n\\begin{align*}\na &= b \\\\\nc &= d\n\\end{align*}\nb'),
      /<p>a<\/p>\s*<math[^>]*display="block"[^]*<mtr>[^]*<mtr>[^]*<\/math>\s*<p>b<\/p>/,
    );
    assert.equal(await render('costs \\$5, then $6'), '<p>costs $5, then $6</p>\n');
    assert.equal(await render('`$x$`'), '<p><code>$x$</code></p>\n');
    assert.match(await render('$\\frac{$'), /<code>|\$\\frac/);
  });

  it('gives headings different ids, and links the pages of other notebooks', async () => {
    const markdown = await createMarkdownRenderer();
    const { html, headings } = markdown.render(
      '# The *same*\n\n# The same\n\n[two](fig2-weights.ipynb#a) [out](https://example.org/a.ipynb)',
    );
    assert.deepEqual(
      headings.map(({ level, id }) => [level, id]),
      [
        [1, 'the-same'],
        [1, 'the-same-1'],
      ],
    );
    assert.match(html, /href="fig2-weights\.html#a"/);
    assert.match(html, /href="https:\/\/example\.org\/a\.ipynb"/);
  });

  it('embeds attachments', async () => {
    const { html } = (await createMarkdownRenderer()).render('![a](attachment:a.png)', {
      'a.png': { 'image/png': 'AAAA' },
    });
    assert.match(html, /<img src="data:image\/png;base64,AAAA" alt="a" \/>/);
  });
});

describe('notebook/html: page', () => {
  it('is a whole page with contents, text, code and outputs, and asks nothing of the network', async () => {
    const html = await exportHtml(
      await readNotebook(new URL('fixtures/tour.ipynb', import.meta.url).pathname),
    );
    assert.match(html, /^<!doctype html>/);
    assert.match(html, /<title>A tour of what cells show<\/title>/);
    assert.match(html, /<li class="level-2"><a href="#displays-that-change">/);
    assert.match(html, /default-src 'none'/);
    const addresses = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map((match) => match[1]!);
    assert.deepEqual(
      addresses.filter((address) => !/^(#|data:)/.test(address)),
      ['failing.html'],
    );
    assert.ok(html.length < 60_000, `${html.length} bytes without a figure`);
  });

  it('brings Plotly once for any number of figures, their titles as text and their pictures for no script', async () => {
    const output = display({
      'application/vnd.plotly.v1+json': figure,
      'text/html': '<p>page script</p>',
      'image/png': 'AAAA',
    });
    const html = await page(text('# T'), code('show(a)', [output]), code('show(b)', [output]));
    assert.equal(html.split('data-oabn-plotly').length - 1, 1);
    assert.equal(html.split('<figure class="plot">').length - 1, 2);
    assert.match(
      html,
      /<figcaption><strong>Figure 7a · a&lt;b<\/strong><span>made data<\/span><\/figcaption>/,
    );
    const still =
      /<div class="still"><img alt="Figure 7a · a&lt;b" [^>]*src="data:image\/svg\+xml;base64,(.*?)">/.exec(
        html,
      )!;
    assert.match(Buffer.from(still[1]!, 'base64').toString(), /^<svg .*prefers-color-scheme/s);
    assert.doesNotMatch(html, /<p>page script/);
    const json = /<script type="application\/json">(.*?)<\/script>/.exec(html)![1]!;
    assert.deepEqual(JSON.parse(json), figure);
  });

  it('falls back on the picture of the notebook for what our own cannot show', async () => {
    const pie = { data: [{ type: 'pie', values: [1, 2] }], layout: {} };
    const html = await page(
      code('a', [
        display({ 'application/vnd.plotly.v1+json': pie, 'image/png': 'AAAA', 'text/plain': 'A pie' }),
      ]),
    );
    assert.match(html, /<div class="still"><img alt="A pie" src="data:image\/png;base64,AAAA"><\/div>/);
  });

  it('shows the richest form of other outputs', async () => {
    const html = await page(
      code('a', [display({ 'text/plain': 'plain', 'text/html': '<table></table>' })]),
      code('b', [display({ 'text/plain': 'plain', 'image/svg+xml': '<svg/>' })]),
      code('c', [display({ 'text/plain': 'a < b' })]),
    );
    assert.match(html, /<div class="html"><table><\/table><\/div>/);
    assert.match(html, /<img alt="plain" src="data:image\/svg\+xml;base64,PHN2Zy8\+">/);
    assert.match(html, /<pre class="stream">a &lt; b<\/pre>/);
    assert.doesNotMatch(html, />plain</);
  });

  it('shows drawings in HTML, and another form of what only a script would show', async () => {
    const html = await page(
      code('a', [display({ 'text/html': '<p>x<svg viewBox="0 0 1 1"><text>y</text></svg></p>' })]),
      code('b', [
        display({ 'text/html': '<div id="c"></div><script>draw()</script>', 'text/plain': 'a chart' }),
      ]),
    );
    const drawing = /<p>x<img alt="" src="data:image\/svg\+xml;base64,(.*?)" \/><\/p>/.exec(html);
    assert.equal(
      Buffer.from(drawing![1]!, 'base64').toString(),
      '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><text>y</text></svg>',
    );
    assert.match(html, /<pre class="stream">a chart<\/pre>/);
  });

  it('marks a failed cell', async () => {
    const html = await page(
      code('fail()', [{ output_type: 'error', ename: 'E', evalue: '<v>', traceback: [] }]),
    );
    assert.match(html, /<section class="cell failed">/);
    assert.match(html, /<pre class="error" role="alert">E: &lt;v&gt;<\/pre>/);
  });

  it('lets no style of an output through, and has that of the caller', async () => {
    const cell = code('board', [
      display({ 'text/html': '<style>.b { color: red }</style><p class="b">text</p>' }),
    ]);
    const additions = { style: '.b { color: blue }', script: 'document.title = 1' };
    const html = await exportHtml({ cells: [cell], metadata: {} }, { additions });
    assert.match(html, /<style>[^<]*\.b \{ color: blue \}<\/style>/);
    assert.match(html, /<p class="b">text<\/p>/);
    assert.match(html, /document\.title = 1<\/script>/);
    assert.doesNotMatch(html, /color: red/);
  });

  it('joins several notebooks with ids apart', async () => {
    const notebook = parseNotebook(
      JSON.stringify({
        nbformat: 4,
        nbformat_minor: 5,
        metadata: {},
        cells: [{ cell_type: 'markdown', id: 'a', metadata: {}, source: '# Same' }],
      }),
    );
    const html = await exportHtml([notebook, notebook], { title: 'Report' });
    assert.match(html, /<title>Report<\/title>/);
    assert.match(html, /<h1 id="n1-same">.*<h1 id="n2-same">/s);
  });
});
