"""ONNX Runtime in Python, beside the one in Node that latency.ts times.

    python3 bench/peer-latency.py

The first line out is {"version"}, or {"unavailable"}: why it cannot run. Each line {"files", "shape", "calls"} in is
answered by {"milliseconds"}: of every call of each file, their calls in turn, after three that do not count.
"""
import json
import sys
import time

try:
    import numpy as np
    import onnxruntime
except ImportError as error:
    print(json.dumps({"unavailable": f"{sys.executable}: {error}"}))
    sys.exit()

WARM_UP = 3
print(json.dumps({"version": onnxruntime.__version__}), flush=True)
options = onnxruntime.SessionOptions()
options.log_severity_level = 3
for line in sys.stdin:
    request = json.loads(line)
    shape = request["shape"]
    images = np.sin(np.arange(np.prod(shape), dtype=np.float32)).reshape(shape)
    sessions = [
        onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"]) for file in request["files"]
    ]
    names = [session.get_inputs()[0].name for session in sessions]
    milliseconds = [[] for _ in sessions]
    for call in range(-WARM_UP, request["calls"]):
        for session, name, times in zip(sessions, names, milliseconds):
            start = time.perf_counter()
            session.run(None, {name: images})
            if call >= 0:
                times.append(round(1000 * (time.perf_counter() - start), 3))
    print(json.dumps({"milliseconds": milliseconds}), flush=True)
