import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createRequest, decodeMessage, encodeMessage, sign } from '../src/protocol/message.js';

describe('notebook/protocol/message', () => {
  it('signs with HMAC-SHA256 over the frames', () => {
    // Computed with Python: hmac.new(b'key', b'The quick brown fox jumps over the lazy dog',
    // sha256).hexdigest()
    const expected = 'f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8';
    assert.equal(sign('key', ['The quick brown fox ', 'jumps over the lazy dog']), expected);
    assert.equal(sign('', ['anything']), '');
  });

  it('decodes what it encodes, behind any routing identities', () => {
    fc.assert(
      fc.property(fc.string(), fc.jsonValue(), fc.array(fc.uint8Array()), (key, value, identities) => {
        const content = JSON.parse(JSON.stringify({ value }));
        const message = createRequest('execute_request', content, 'session');
        const frames = encodeMessage(message, key).map((frame) => Buffer.from(frame));
        assert.deepEqual(decodeMessage([...identities, ...frames], key), message);
      }),
      { numRuns: 50 },
    );
  });

  it('refuses a message that was changed, or is cut short', () => {
    const frames = encodeMessage(createRequest('status', { state: 'idle' }, 's'), 'key').map((frame) =>
      Buffer.from(frame),
    );
    const changed = [...frames.slice(0, -1), Buffer.from('{"state":"busy"}')];
    assert.throws(() => decodeMessage(changed, 'key'), /wrong signature/);
    assert.throws(() => decodeMessage(frames, 'other key'), /wrong signature/);
    assert.throws(() => decodeMessage(frames.slice(0, 4), 'key'), /not whole/);
  });
});
