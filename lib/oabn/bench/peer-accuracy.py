"""The training of bench/accuracy.ts in PyTorch on the CPU: the same network, recipe and images, from nothing to the end.

    python3 lib/oabn/bench/peer-accuracy.py eager|compiled folder

`folder` has train.bin and test.bin (8-bit pixels [N,32,32,3]), train-labels.bin and test-labels.bin (a byte each) and
recipe.json. The first line out is {"version"} or {"unavailable"}; each epoch prints {"epoch", "seconds", "cpu", "accuracy"}:
time since the training began, without the time in which accuracy was measured, and the share of test images that are
right. Augmentation is done batch by batch on whole tensors, as is fastest here.
"""
import json
import resource
import sys
import time
from pathlib import Path

try:
    import torch
    from torch import nn
    import torch.nn.functional as F
    from peer import fused_sgd
except ImportError as error:
    print(json.dumps({"unavailable": f"{sys.executable}: {error}"}))
    sys.exit()

MODE, FOLDER = sys.argv[1], Path(sys.argv[2])
RECIPE = json.loads((FOLDER / "recipe.json").read_text())
MEAN, STD = (torch.tensor(RECIPE[name]) for name in ("mean", "std"))


class Block(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv3, self.bn3 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout)
        self.conv1, self.bn1 = nn.Conv2d(cin, cout, 1, bias=False), nn.BatchNorm2d(cout)
        self.stride = stride
        self.bn0 = nn.BatchNorm2d(cin) if cin == cout and stride == 1 else None

    def forward(self, x):
        # Slicing is a stride of 1×1: PyTorch 2.15's own, of three channels-last channels on a CPU with AVX2, corrupts the heap
        # in its backward pass ("free(): invalid next size"), or never ends.
        y = self.bn3(self.conv3(x)) + self.bn1(self.conv1(x[:, :, :: self.stride, :: self.stride]))
        return torch.relu(y if self.bn0 is None else y + self.bn0(x))


def network():
    layers, cin = [], 3
    for cout, depth, stride in zip(RECIPE["widths"], RECIPE["depths"], RECIPE["strides"]):
        for i in range(depth):
            layers.append(Block(cin, cout, stride if i == 0 else 1))
            cin = cout
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(cin, 10))


def optimizer_of(net):
    """Weight decay on kernels, the classifier's matrix and the identity's scale."""
    decays = lambda name, p: p.dim() > 1 or name.endswith("bn0.weight")
    groups = [
        {"params": [p for name, p in net.named_parameters() if decays(name, p) is with_decay], "weight_decay": decay}
        for with_decay, decay in ((True, RECIPE["weightDecay"]), (False, 0.0))
    ]
    return fused_sgd(groups, 0.0)


def images_of(split):
    pixels = torch.frombuffer(bytearray((FOLDER / f"{split}.bin").read_bytes()), dtype=torch.uint8)
    labels = torch.frombuffer(bytearray((FOLDER / f"{split}-labels.bin").read_bytes()), dtype=torch.uint8)
    return pixels.view(-1, 32, 32, 3), labels.long()


def normalized(pixels):
    """[N,32,32,3] bytes -> [N,3,32,32] in channels-last memory"""
    return ((pixels.float() / 255 - MEAN) / STD).permute(0, 3, 1, 2)


def mirrored(side, pad):
    positions = torch.arange(-pad, side + pad).abs()
    return torch.where(positions >= side, 2 * (side - 1) - positions, positions)


def rate_at(step, per_epoch):
    warmup, total = round(RECIPE["warmupEpochs"] * per_epoch), RECIPE["epochs"] * per_epoch
    if step < warmup:
        return RECIPE["learningRate"] * (step + 1) / warmup
    return RECIPE["learningRate"] * (1 - (step - warmup) / max(1, total - warmup))


def accuracy(net, pixels, labels):
    net.eval()
    with torch.inference_mode():
        right = sum(
            int((net(normalized(part)).argmax(1) == wanted).sum())
            for part, wanted in zip(pixels.split(500), labels.split(500))
        )
    net.train()
    return right / len(labels)


def main():
    torch.set_num_threads(RECIPE["threads"])
    torch.manual_seed(RECIPE["seed"])
    pixels, labels = images_of("train")
    test = images_of("test")
    print(json.dumps({"version": torch.__version__}), flush=True)
    clock = [time.perf_counter(), time.process_time()]
    net = network().to(memory_format=torch.channels_last)
    optimizer = optimizer_of(net)

    def loss_of(images, wanted):
        return F.cross_entropy(net(images), wanted, label_smoothing=RECIPE["labelSmoothing"])

    loss = torch.compile(loss_of) if MODE == "compiled" else loss_of
    batch, pad, count = RECIPE["batchSize"], RECIPE["translate"], len(labels)
    around = mirrored(32, pad)
    padded = pixels[:, around][:, :, around]
    first_side = torch.randint(2, (count,))
    step, per_epoch = 0, count // batch
    for epoch in range(RECIPE["epochs"]):
        order = torch.randperm(count)
        for rows in order[: per_epoch * batch].split(batch):
            top, left = (torch.randint(2 * pad + 1, (batch, 1)) for _ in range(2))
            flip = ((first_side[rows] + epoch) % 2 == 1)[:, None]
            across = torch.arange(32)
            columns = left + torch.where(flip, 31 - across, across)
            images = padded[rows[:, None, None], (top + across)[:, :, None], columns[:, None, :]]
            for group in optimizer.param_groups:
                group["lr"] = rate_at(step, per_epoch)
            optimizer.zero_grad(set_to_none=True)
            loss(normalized(images), labels[rows]).backward()
            optimizer.step()
            step += 1
        stopped = [time.perf_counter(), time.process_time()]
        right = accuracy(net, *test)
        seconds, cpu = (stop - begin for stop, begin in zip(stopped, clock))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            json.dumps({"epoch": epoch + 1, "seconds": seconds, "cpu": cpu, "accuracy": right, "peakMiB": peak}), flush=True
        )
        paused = [now - stop for now, stop in zip([time.perf_counter(), time.process_time()], stopped)]
        clock = [begin + pause for begin, pause in zip(clock, paused)]


main()
