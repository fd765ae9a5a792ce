import assert from 'node:assert/strict';
import { reportFigures, reportPage, type ReportParts } from '../../src/report/index.js';
import { reportFixture } from './reportFixture.js';

describe('notebook/html: report', () => {
  let parts: ReportParts;
  let html: string;
  before(async () => {
    parts = await reportFixture();
    html = await reportPage(parts);
  });

  it('has figures, then tables, then the rest, and Plotly once', () => {
    const sections = [...html.matchAll(/<section id="([^"]*)"/g)].map((match) => match[1]);
    assert.deepEqual(sections, ['fig7a-threshold', 'table3-ptq', 'a-tour']);
    assert.equal(html.split('data-oabn-plotly').length - 1, 1);
    assert.ok(html.length < 3_500_000, `${html.length} characters`);
    assert.ok(!html.includes('<details class="code" open'), 'code is folded');
  });

  it('begins with five sentences and three pictures, then the board with a line for each claim', () => {
    const main = html.slice(html.indexOf('<main'));
    const story = main.slice(0, main.indexOf('id="claims"'));
    assert.equal(story.match(/<li>/g)!.length, 5);
    assert.equal(story.match(/<img alt="/g)!.length, 3);
    assert.match(
      story,
      /the diagonal holds 100% of the largest 0\.1% of the weights and 1\.4% of all; these layers reach 21 σ\./,
    );
    assert.match(
      story,
      /The paper’s 4 claims on these runs: 2 held, 1 not held, 1 undecided, 0 that cannot be tested here/,
    );
    assert.ok(main.indexOf('id="claims"') < main.indexOf('id="what"'));
    assert.ok(main.indexOf('id="what"') < main.indexOf('id="fig7a-threshold"'));
  });

  it('links notebooks that are on the page in the page, with and without ./', () => {
    assert.match(html, /<a href="#table3-ptq">table 3<\/a>/);
    assert.match(html, /<a href="#fig7a-threshold">the sweep<\/a>/);
  });

  it('says loudly when data are made, and what is the matter with the others', async () => {
    assert.match(html, /<strong>MADE DATA\.<\/strong> Results on «made» rest/);
    assert.match(html, /CIFAR-10: images JPEG-recompressed: accuracies come out a little lower/);
    const { cifar } = parts.labs;
    const real = await reportPage({ ...parts, notebooks: [], labs: { cifar, imagenet: cifar } });
    assert.doesNotMatch(real, /MADE DATA/);
    assert.ok(real.length < 200_000, 'without figures there is no Plotly');
  });

  it('says nothing of ImageNet where a profile has CIFAR-10 alone', async () => {
    const { cifar } = parts.labs;
    const page = await reportPage({ ...parts, notebooks: [], labs: { cifar } });
    assert.doesNotMatch(page, /MADE DATA/);
    assert.equal(page.match(/profile \w+ · .* training images/g)?.length, 1);
  });

  it('names each figure after its notebook', () => {
    assert.deepEqual(
      reportFigures(parts.notebooks.map(({ name, notebook }) => ({ name: `0-${name}`, notebook }))).map(
        ({ name, title }) => `${name}: ${title}`,
      ),
      [
        'fig7a-threshold: Figure 7(a) · Accuracy against s',
        'fig7a-threshold-2: Weights',
        'table3-ptq: 4-bit weights and activations',
        'table3-ptq-2: Ablation · how centroids move',
        'table3-ptq-3: Kernels',
      ],
    );
  });
});
