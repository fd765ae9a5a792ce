import assert from 'node:assert/strict';
import { torture } from './torture.js';

/** `npm run torture` takes an hour, kills whole commands too, and draws its seed anew. */
describe('torture', () => {
  it('ends in the same bits or a clear error, for a minute', async function () {
    this.timeout(300_000);
    const seconds = Number(process.env.OABN_TORTURE_SECONDS ?? 60);
    const counts = await torture({ seed: 1, seconds });
    for (const { name, same, refused, leftOut } of counts) {
      const what = leftOut ?? `${same} the same, ${refused} refused`;
      process.stdout.write(`      ${name}: ${what}\n`);
      assert.ok(leftOut !== undefined || same + refused > 0, `${name} was not played`);
    }
    assert.ok(counts.length >= 12);
  });
});
