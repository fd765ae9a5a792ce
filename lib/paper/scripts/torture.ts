/**
 * `npm run torture [-- seed [seconds]]`: an hour of what can go wrong, and what came of it. A scenario that breaks the
 * invariant ends it with its seed and number, by which it can be repeated, and keeps its folder.
 */
import { torture } from '../test/torture/torture.js';

const [seed = String(Date.now() % 1e6), seconds = '3600'] = process.argv.slice(2);
console.log(`seed ${seed}`);
const counts = await torture({ seed: Number(seed), seconds: Number(seconds), say: console.log });
for (const [name, { same, refused }] of Object.entries(counts)) {
  console.log(`${String(same).padStart(7)} the same, ${String(refused).padStart(7)} refused: ${name}`);
}
