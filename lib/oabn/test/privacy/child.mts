/** Trains a little on the compiled CPU path, then stays a while: whatever wants to report on that has time to do so. */
import { setTimeout as sleep } from 'node:timers/promises';
import { openLab, pretrainConfig, run } from 'oabn/experiment';

const lab = await openLab({ dataset: 'made' });
const training = { images: 320, batchSize: 32 };
const { result } = await run(lab, pretrainConfig(lab, { threshold: 2, seed: 1, training }));
await sleep(3000);
console.log(JSON.stringify({ engine: lab.engine.kind, images: result.images }));
process.exit(0);
