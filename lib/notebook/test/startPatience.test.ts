/** How long a runner waits for a kernel to start. */
import assert from 'node:assert/strict';
import { processorTime, startPatience } from '../src/run/startPatience.js';

describe('notebook/run: waiting for a kernel to start', () => {
  const never = new AbortController().signal;

  it('ends when its process has done nothing for so long', async () => {
    const reason = await startPatience({ seconds: 0.06, processorTime: () => 0.31, signal: never });
    assert.match(reason!, /^no answer in 0\.06 s, in which its process did nothing \(it had computed 0\.3 s/);
    // Where the system does not tell, time alone counts.
    const untold = await startPatience({ seconds: 0.06, processorTime: () => undefined, signal: never });
    assert.equal(untold, 'no answer in 0.06 s');
  });

  it('goes on while it computes, though not for ever', async () => {
    let seconds = 0;
    let looks = 0;
    // For a second and a half of waiting it computes slowly, as on a busy machine, and then stops.
    const slow = (): number => (looks++ < 90 ? (seconds += 0.004) : seconds);
    const reason = await startPatience({ seconds: 0.06, processorTime: slow, signal: never });
    assert.match(reason!, /did nothing/);
    assert.ok(looks > 90, `${looks} looks`);
    const busy = (): number => (seconds += 1);
    assert.match((await startPatience({ seconds: 0.06, processorTime: busy, signal: never }))!, /in 0\.6 s, though its process computes/); // prettier-ignore
  });

  it('ends at once when the kernel is there', async () => {
    const here = new AbortController();
    const waiting = startPatience({ seconds: 600, processorTime: () => 0, signal: here.signal });
    here.abort();
    assert.equal(await waiting, undefined);
  });

  it('reads what a process has computed', function () {
    if (process.platform !== 'linux') this.skip();
    const before = processorTime(process.pid)!;
    for (const end = process.cpuUsage().user + 200_000; process.cpuUsage().user < end;);
    assert.ok(processorTime(process.pid)! - before >= 0.15);
    assert.equal(processorTime(-1), undefined);
  });
});
