"""Uniform PTQ of three shipped networks in PyTorch, written from the article's formulas and sharing no code with this project.

    pip install torch safetensors pyarrow pillow
    OABN_DATA_DIR=… python3 lib/paper/scripts/independent.py

Checks what the rest of the repository computes in TypeScript: images decoded by Pillow, three branches by torch.nn.functional,
the merge, and figure 5's quantizers with min–max ranges. Both calibrate on 1,024 training images, but not the same ones, so that
accuracies at low bits differ by a little. Prints a table; «here» are the stored results.
"""
import io
import json
import os
from pathlib import Path

import pyarrow.parquet as parquet
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors import safe_open

ROOT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ["OABN_DATA_DIR"]) / "cifar10"
MEAN, STD = torch.tensor([0.4914, 0.4822, 0.4465]), torch.tensor([0.247, 0.2435, 0.2616])
BITS = (8, 7, 6, 5, 4, 3)


def images_of(split, count):
    table = parquet.read_table(next(DATA.glob(f"{split}-*.parquet"))).slice(0, count).to_pylist()
    decoded = (Image.open(io.BytesIO(row["img"]["bytes"])).convert("RGB").tobytes() for row in table)
    pixels = torch.stack([torch.frombuffer(bytearray(each), dtype=torch.uint8).view(32, 32, 3) for each in decoded])
    return ((pixels.float() / 255 - MEAN) / STD).permute(0, 3, 1, 2), torch.tensor([row["label"] for row in table])


def load(name):
    with safe_open(ROOT / f"data/models/{name}.safetensors", "pt") as file:
        tensors = {key: file.get_tensor(key).float() for key in file.keys()}
        arch = json.loads(file.metadata()["arch"])
    blocks = []
    for stage, (depth, stride) in enumerate(zip(arch["depths"], arch["strides"])):
        for i in range(depth):
            prefix = "stage0" if stage == 0 else f"stage{stage}.{i}"
            own = {key[len(prefix) + 1 :]: value for key, value in tensors.items() if key.startswith(prefix + ".")}
            blocks.append((own, stride if i == 0 else 1))
    return blocks, tensors["linear.weight"], tensors["linear.bias"], arch.get("oabn", {}).get("threshold", float("inf"))


def normalization(block, name, s=float("inf")):
    """y = r·x + b per channel; OABN clips r."""
    mean, variance, gamma, beta = (block[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    ratio = (gamma / (variance + 1e-5).sqrt()).clamp(-s, s)
    return ratio, beta - ratio * mean


def three_branches(x, block, stride, s):
    shape = (1, -1, 1, 1)
    r3, b3 = normalization(block, "rbr_dense.bn")
    r1, b1 = normalization(block, "rbr_1x1.bn")
    y = F.conv2d(x, block["rbr_dense.conv.weight"], None, stride, 1) * r3.view(shape) + b3.view(shape)
    y = y + F.conv2d(x, block["rbr_1x1.conv.weight"], None, stride) * r1.view(shape) + b1.view(shape)
    if "rbr_identity.weight" in block:
        r0, b0 = normalization(block, "rbr_identity", s)
        y = y + x * r0.view(shape) + b0.view(shape)
    return y


def merge(block, s):
    r3, bias = normalization(block, "rbr_dense.bn")
    r1, b1 = normalization(block, "rbr_1x1.bn")
    kernel = block["rbr_dense.conv.weight"] * r3.view(-1, 1, 1, 1)
    kernel[:, :, 1:2, 1:2] += block["rbr_1x1.conv.weight"] * r1.view(-1, 1, 1, 1)
    bias = bias + b1
    if "rbr_identity.weight" in block:
        r0, b0 = normalization(block, "rbr_identity", s)
        kernel[:, :, 1, 1] += torch.diag(r0)
        bias = bias + b0
    return kernel, bias


def quantized_weights(w, bits):
    levels = 2 ** (bits - 1) - 1
    scale = w.abs().max() / levels
    return (w / scale).round() * scale


def quantized_activations(x, bits, largest):
    """Behind a ReLU, so that the range begins at 0."""
    levels = 2**bits - 1
    scale = largest / levels
    return (x / scale).round().clamp(0, levels) * scale


def accuracy(logits_of, images, labels):
    with torch.inference_mode():
        right = sum(int((logits_of(x).argmax(1) == y).sum()) for x, y in zip(images.split(500), labels.split(500)))
    return right / len(labels)


def stored_accuracies(name):
    """What this project stored for the network, by bits; 32 is FP32."""
    run = next(model["run"] for model in json.loads((ROOT / "data/models/models.json").read_text()) if model["name"] == name)
    results = [json.loads(file.read_text()) for file in (ROOT / "data/results/runs").glob("*.json")]
    network = next(result for result in results if result["hash"] == run)
    found = {32: network["result"]["accuracy"]}
    for bits in BITS:
        wanted = {"kind": "ptq", "source": network["config"], "scheme": {"bits": bits, "weights": "uniform"}}
        same = lambda config: {key: config.get(key) for key in wanted} == wanted and "method" not in config
        found[bits] = next(result["result"]["accuracy"] for result in results if same(result["config"]))
    return found


def main():
    calibration, _ = images_of("train", 1024)
    test = images_of("test", 10_000)
    print("| network | bits | here | PyTorch |\n| --- | ---: | ---: | ---: |")
    for name in ("cifar10-plain-bn", "cifar10-oabn-0.5", "cifar10-kure"):
        blocks, matrix, offset, s = load(name)
        finish = lambda x: x.mean((2, 3)) @ matrix.T + offset

        def branched(x):
            for block, stride in blocks:
                x = F.relu(three_branches(x, block, stride, s))
            return finish(x)

        merged = [(*merge(block, s), stride) for block, stride in blocks]
        ranges = []
        x = calibration
        for kernel, bias, stride in merged:
            ranges.append(x.max())
            x = F.relu(F.conv2d(x, kernel, bias, stride, 1))

        def quantized(bits):
            kernels = [kernel if i == 0 else quantized_weights(kernel, bits) for i, (kernel, _, _) in enumerate(merged)]

            def logits(x):
                for i, (kernel, (_, bias, stride)) in enumerate(zip(kernels, merged)):
                    x = x if i == 0 else quantized_activations(x, bits, ranges[i])
                    x = F.relu(F.conv2d(x, kernel, bias, stride, 1))
                return finish(x)

            return logits

        for bits, stored in stored_accuracies(name).items():
            measured = accuracy(branched if bits == 32 else quantized(bits), *test)
            print(f"| {name} | {bits} | {100 * stored:.2f} | {100 * measured:.2f} |", flush=True)


main()
