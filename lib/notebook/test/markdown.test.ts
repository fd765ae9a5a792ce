import assert from 'node:assert/strict';
import { createMarkdownRenderer } from '../src/html/markdown.js';

describe('html/markdown', () => {
  it('gives each heading an id of its own, whatever the others are called', async () => {
    const { render } = await createMarkdownRenderer({ prefix: 'one-' });
    const ids = (source: string): string[] => render(source).headings.map(({ id }) => id);
    assert.deepEqual(ids('# Part\n\n# Part\n\n# Part 1\n'), ['one-part', 'one-part-1', 'one-part-1-1']);
    assert.deepEqual(ids('# Part\n'), ['one-part-2']);
  });
});
