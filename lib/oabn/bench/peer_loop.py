"""What the peers of engines.ts have in common: they answer lines of JSON with the times of steps."""

import json
import resource
import sys
import time


def answer(step_for):
    """Answers each line on stdin; `step_for(want)` is the step, ready to be timed, that a line asks for."""
    for line in sys.stdin:
        want = json.loads(line)
        step = step_for(want)
        times, processor = [], []
        for _ in range(want["steps"]):
            began, used = time.perf_counter(), time.process_time()
            step()
            times.append((time.perf_counter() - began) * 1000)
            processor.append((time.process_time() - used) * 1000)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"milliseconds": times, "cpu": processor, "peakMiB": peak}), flush=True)
