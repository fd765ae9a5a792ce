import assert from 'node:assert/strict';
import { reportFigures, reportPage } from '../../lib/src/notebook/index.js';
import { reportFixture } from '../report/reportFixture.js';

describe('notebook/html: report', () => {
  it('has figures, then tables, then the rest, and Plotly once', async () => {
    const html = await reportPage(await reportFixture());
    const sections = [...html.matchAll(/<section id="([^"]*)"/g)].map((match) => match[1]);
    assert.deepEqual(sections, ['fig7a-threshold', 'table3-ptq', 'a-tour']);
    assert.equal(html.split('data-oabn-plotly').length - 1, 1);
    assert.ok(html.length < 3_500_000, `${html.length} characters`);
    assert.ok(!html.includes('<details class="code" open'), 'code is folded');
  });

  it('links notebooks that are on the page in the page, with and without ./', async () => {
    const html = await reportPage(await reportFixture());
    assert.match(html, /<a href="#table3-ptq">table 3<\/a>/);
    assert.match(html, /<a href="#fig7a-threshold">the sweep<\/a>/);
  });

  it('says loudly when data are made, and what is the matter with the others', async () => {
    const parts = await reportFixture();
    const both = await reportPage(parts);
    assert.match(both, /<strong>MADE DATA\.<\/strong> Results on «made» rest/);
    assert.match(both, /CIFAR-10: images JPEG-recompressed: accuracies come out a little lower/);
    const { cifar } = parts.labs;
    const real = await reportPage({ ...parts, notebooks: [], labs: { cifar, imagenet: cifar } });
    assert.doesNotMatch(real, /MADE DATA/);
    assert.ok(real.length < 200_000, 'without figures there is no Plotly');
  });

  it('names each figure after its notebook', async () => {
    const { notebooks } = await reportFixture();
    assert.deepEqual(
      reportFigures(notebooks).map(({ name, title }) => `${name}: ${title}`),
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
