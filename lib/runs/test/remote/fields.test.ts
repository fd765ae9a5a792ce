import assert from 'node:assert/strict';
import { csvText, fieldsOf, parseCondition } from '../../src/remote/index.js';

describe('fields of runs', () => {
  const fields = fieldsOf({ kind: 'ptq', source: { kind: 'pretrain', seed: 3 }, bits: [4, 8], note: null });

  it('are the leaves of a configuration by their paths', () => {
    assert.deepEqual(fields, {
      kind: 'ptq',
      'source.kind': 'pretrain',
      'source.seed': 3,
      'bits.0': 4,
      'bits.1': 8,
      note: null,
    });
  });

  it('answer conditions, by their very name first and then by the end of their path', () => {
    const holds = (text: string): boolean => parseCondition(text).holds(fields);
    for (const text of [
      'kind=ptq',
      'seed=3',
      'source.seed<=3',
      'seed>2',
      'kind!=pretrain',
      'source.kind~train',
      'missing!=1',
    ]) {
      assert.equal(holds(text), true, text);
    }
    for (const text of [
      'kind=pretrain',
      'seed=4',
      'seed<3',
      'seed>=4',
      'source.kind!=pretrain',
      'missing=1',
      'kind<4',
    ]) {
      assert.equal(holds(text), false, text);
    }
    assert.throws(() => parseCondition('kind'), /A condition is field=value.*got "kind"/);
    assert.throws(() => parseCondition('seed<many'), /< compares numbers, got "many"/);
  });

  it('are written as CSV with what CSV needs quoted', () => {
    assert.equal(
      csvText([
        { a: 1, b: 'x, "y"' },
        { a: null, c: true },
      ]),
      'a,b,c\r\n1,"x, ""y""",\r\n,,true\r\n',
    );
  });
});
