/** How long a runner waits for a kernel to start. */
import assert from 'node:assert/strict';
import { processorTime, startPatience } from '../src/run/startPatience.js';

describe('notebook/run: waiting for a kernel to start', () => {
  /** A wait of a minute in which no time passes. */
  const minute = {
    seconds: 60,
    signal: new AbortController().signal,
    pass: () => Promise.resolve(true),
  };

  it('ends when its process has done nothing for so long', async () => {
    const reason = await startPatience({ ...minute, processorTime: () => 0.31 });
    assert.match(reason!, /^no answer in 60 s, in which its process did nothing \(it had computed 0\.3 s/);
    // Where the system does not tell, time alone counts.
    const untold = await startPatience({ ...minute, processorTime: () => undefined });
    assert.equal(untold, 'no answer in 60 s');
  });

  it('goes on while it computes, though not for ever', async () => {
    let seconds = 0;
    let looks = 0;
    // For 90 seconds it computes slowly, as on a busy machine, and then stops.
    const slow = (): number => (looks++ < 90 ? (seconds += 0.004) : seconds);
    assert.match((await startPatience({ ...minute, processorTime: slow }))!, /did nothing/);
    assert.equal(looks, 135); // what counted last was seen at the 75th
    const busy = (): number => (seconds += 1);
    const reason = await startPatience({ ...minute, processorTime: busy });
    assert.equal(reason, 'no answer in 600 s, though its process computes');
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
