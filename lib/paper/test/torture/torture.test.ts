import assert from 'node:assert/strict';
import { torture } from './torture.js';

/** `npm run torture` takes an hour, kills trainings, and draws its seed anew. */
describe('torture', () => {
  it('ends in the same bits or a clear error, for a minute', async function () {
    this.timeout(300_000);
    const seconds = Number(process.env.OABN_TORTURE_SECONDS ?? 60);
    const counts = await torture({ seed: 1, seconds });
    const all = Object.values(counts);
    assert.ok(
      all.length >= 4 && all.every(({ same, refused }) => same + refused > 0),
      JSON.stringify(counts),
    );
  });
});
