/**
 * A night of mutated files for all readers of foreign files: a million by default. From the project's folder,
 *
 *     node --conditions=oabn-source --import tsx lib/oabn/scripts/fuzz.ts [count] [seed]
 *
 * Exits with 1 at failures, which it prints with the seeds that make them again.
 */
import { fuzz } from '../test/fuzz/fuzz.js';
import { fuzzTargets } from '../test/fuzz/targets.js';

const [count = 1_000_000, seed = Math.floor(Date.now() / 1000)] = process.argv.slice(2).map(Number);
const targets = await fuzzTargets();
let failed = false;
for (const target of targets) {
  const each = Math.ceil(count / targets.length);
  const { read, refused, failures, slowest } = fuzz(target, each, seed);
  failed ||= failures.length > 0;
  console.log(
    `${target.name}: ${read} read, ${refused} refused, slowest ${slowest.toFixed(0)} ms${failures.map((text) => `\n  ${text}`).join('')}`,
  );
}
process.exitCode = failed ? 1 : 0;
