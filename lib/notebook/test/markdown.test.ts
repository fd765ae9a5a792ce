import assert from 'node:assert/strict';
import { createMarkdownRenderer } from '../src/html/markdown.js';

describe('html/markdown', () => {
  it('gives each heading an id of its own, whatever the others are called', async () => {
    const { render } = await createMarkdownRenderer({ prefix: 'one-' });
    const ids = (source: string): string[] => render(source).headings.map(({ id }) => id);
    assert.deepEqual(ids('# Part\n\n# Part\n\n# Part 1\n'), ['one-part', 'one-part-1', 'one-part-1-1']);
    assert.deepEqual(ids('# Part\n'), ['one-part-2']);
  });

  it('gives a heading an id that stays, whatever it is called', async () => {
    const { render } = await createMarkdownRenderer();
    for (const [heading, id] of [
      ['OABN at 4 bits', 'section-oabn-at-4-bits'],
      ['Main', 'section-main'],
      ['Theme', 'section-theme'],
      ['…', 'section'],
      ['Mainly', 'mainly'],
    ]) {
      const { html, headings } = render(`# ${heading}`);
      assert.deepEqual([headings[0]!.id, html], [id, `<h1 id="${id}">${heading}</h1>\n`]);
    }
  });
});
