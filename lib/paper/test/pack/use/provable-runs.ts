/** An experiment that is computed once, and found the second time. */
import { openStore } from 'provable-runs';

const store = openStore('runs', { notice: () => undefined });
const ask = () => store.request({ kind: 'square', x: 3 }, ({ config }) => Promise.resolve(config.x ** 2));
const [first, again] = [await ask(), await ask()];
if (first.result !== 9 || first.from === 'shipped') throw new Error(JSON.stringify(first));
if (again.result !== 9 || again.from !== 'store') throw new Error(JSON.stringify(again));
