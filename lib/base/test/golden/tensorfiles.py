"""Writes tensorfiles.json: what the format's own reader (Rust) makes of a corpus of damaged files.

    pip install safetensors && python lib/base/test/golden/tensorfiles.py

For each file of lib/base/test/safetensorsCorpus.ts: `-` if it is refused, else the first 8 hex digits of the SHA-256 of
a line for each tensor, `name dtype [shape] sha256-of-its-bytes`, sorted.
"""

import hashlib
import json
import pathlib
import subprocess

import safetensors

here = pathlib.Path(__file__).parent
count = 10_000
corpus = subprocess.run(
    ["node", "--conditions=oabn-source", "--import", "tsx", "lib/base/test/safetensorsCorpus.ts", str(count)],
    cwd=here.parents[3],
    stdout=subprocess.PIPE,
    check=True,
).stdout


def verdict(file):
    try:
        tensors = safetensors.deserialize(file)
    except safetensors.SafetensorError:
        return "-"
    lines = sorted(
        f"{name} {tensor['dtype']} {list(tensor['shape'])} {hashlib.sha256(bytes(tensor['data'])).hexdigest()}\n"
        for name, tensor in tensors
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:8]


verdicts, at = [], 0
while at < len(corpus):
    length = int.from_bytes(corpus[at : at + 4], "little")
    verdicts.append(verdict(corpus[at + 4 : at + 4 + length]))
    at += 4 + length
assert len(verdicts) == count

contents = sorted({each for each in verdicts if each != "-"})
runs = []  # the index of the contents of an accepted file, or −n for n refused ones in a row
for each in verdicts:
    if each != "-":
        runs.append(contents.index(each))
    elif runs and runs[-1] < 0:
        runs[-1] -= 1
    else:
        runs.append(-1)

golden = {
    "reader": f"safetensors {safetensors.__version__}",
    "corpus": hashlib.sha256(corpus).hexdigest(),
    "contents": contents,
    "verdicts": runs,
}
(here / "tensorfiles.json").write_text(json.dumps(golden) + "\n")
print(f"{sum(each != '-' for each in verdicts)} of {count} accepted")
