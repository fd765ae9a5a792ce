import assert from 'node:assert/strict';
import { replaceSection } from '../src/index.js';

describe('replaceSection', () => {
  it('writes between the marks, and leaves the rest as it is', () => {
    const document = 'before\n\n<!-- table -->\n\nold\n\n<!-- end of table -->\n\nafter\n';
    const expected = 'before\n\n<!-- table -->\n\nnew\n\n<!-- end of table -->\n\nafter\n';
    assert.equal(replaceSection(document, 'table', 'new\n'), expected);
    assert.equal(replaceSection(expected, 'table', 'new'), expected);
  });

  it('says which marks are missing', () => {
    const backwards = '<!-- end of table -->\n<!-- table -->';
    for (const document of ['nothing', backwards])
      assert.throws(() => replaceSection(document, 'table', ''), /<!-- table --> … <!-- end of table -->/);
  });
});
