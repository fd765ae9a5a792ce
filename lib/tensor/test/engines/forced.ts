/**
 * Runs the whole suite on the backend that OABN_BACKEND names:
 * `OABN_BACKEND=tensorflow npx mocha --require ./test/backend/forced.ts …`, as `npm run test:tensorflow`
 * does. Suites that are about an engine of their own take it; when they end, the named one is back.
 */
import { useBackend } from '../../src/engines/index.js';

async function start(): Promise<void> {
  await useBackend();
}

export const mochaHooks: Mocha.RootHookObject = {
  async beforeAll(this: Mocha.Context) {
    const { device, name } = await useBackend();
    console.log(`  on ${name}: ${device}`);
    for (const suite of this.test!.parent!.suites)
      suite.afterAll('back to the backend that was asked for', start);
  },
};
