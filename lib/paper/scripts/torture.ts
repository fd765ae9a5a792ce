/**
 * `npm run torture -- [--seconds 3600] [--seed n]`: an hour of what can go wrong, and what came of it. A play
 * that breaks the invariant ends it with exit code 1, keeps its folder, and says its seed, name and number,
 * with which it is played again: `-- --seed 7 --only «part of the name» --number 12`.
 */
import { parseArgs } from 'node:util';
import '../../base/test/temporaryFiles.js';
import { torture } from '../test/torture/torture.js';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1e6) },
    seconds: { type: 'string', default: '3600' },
    only: { type: 'string', default: '' },
    number: { type: 'string' },
  },
});
console.log(`seed ${values.seed}, ${values.seconds} s`);
const counts = await torture({
  seed: Number(values.seed),
  seconds: Number(values.seconds),
  heavy: true,
  filter: values.only,
  ...(values.number !== undefined && { first: Number(values.number), plays: 1 }),
  say: console.log,
});
for (const { name, same, refused, leftOut } of counts) {
  const what = leftOut === undefined ? '' : ` (left out: ${leftOut})`;
  console.log(`${String(same).padStart(7)} the same, ${String(refused).padStart(7)} refused: ${name}${what}`);
}
