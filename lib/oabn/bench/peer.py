"""The steps of bench/step.ts in PyTorch: the same networks, losses and updates, channels-last.

    python3 lib/oabn/bench/peer.py [eager|compiled] [float32|bfloat16]

`compiled` is torch.compile (Inductor) of the loss with its backward pass; `bfloat16` is autocast. The optimizer's step is
the fused one. The first line out says what runs, or why it cannot. Each line of JSON {"width", "kind": "pretrain" | "qat",
"batch", "threads", "steps"} in is answered with {"milliseconds": [...], "cpu": [...], "peakMiB": …}: wall and processor
time of each step, and the largest resident memory of the process so far. A network stays between lines that ask for
the same one; its first steps, and what they compile, are not counted.
"""
import json
import math
import sys

from peer_loop import answer

try:
    import torch
    from torch import nn
    import torch.nn.functional as F
except ImportError as error:
    if __name__ != "__main__":
        raise
    print(json.dumps({"unavailable": f"{sys.executable}: {error}"}))
    sys.exit()

THRESHOLD = 2.0


class Oabn(nn.BatchNorm2d):
    """Batch normalization whose ratio of scale and deviation is limited (training form)."""

    def forward(self, x):
        # Statistics are of float32 under autocast too, as those of nn.BatchNorm2d are.
        var, mean = torch.var_mean(x.float(), (0, 2, 3), unbiased=False)
        ratio = torch.clamp(self.weight * torch.rsqrt(var + self.eps), -THRESHOLD, THRESHOLD)
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var, self.momentum)
        return (x * ratio[:, None, None] + (self.bias - ratio * mean)[:, None, None]).to(x.dtype)


class Block(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv3, self.bn3 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout)
        self.conv1, self.bn1 = nn.Conv2d(cin, cout, 1, stride, 0, bias=False), nn.BatchNorm2d(cout)
        self.bn0 = Oabn(cin) if cin == cout and stride == 1 else None

    def forward(self, x):
        y = self.bn3(self.conv3(x)) + self.bn1(self.conv1(x))
        return torch.relu(y if self.bn0 is None else y + self.bn0(x))


class Round(torch.autograd.Function):
    """A value in the forward pass, the identity (where `inside`) in the backward pass."""

    @staticmethod
    def forward(ctx, x, value, inside):
        ctx.save_for_backward(inside)
        return value

    @staticmethod
    def backward(ctx, dy):
        (inside,) = ctx.saved_tensors
        return (dy if inside is None else dy * inside), None, None


def class_sums(index, values):
    """How many values each of 16 classes has, and their sum, by what is fastest on the device."""
    if not values.is_cuda and not torch.compiler.is_compiling():
        return torch.bincount(index, minlength=16), torch.bincount(index, values, minlength=16)
    # bincount waits for the GPU to learn its size, and breaks a compiled graph in two.
    member = index == torch.arange(16, device=values.device)[:, None]
    return member.sum(1), (member * values).sum(1)


class QuantizedConv(nn.Module):
    """3x3 convolution with 16 centroids that move each step, on 4-bit activations with a moving range."""

    def __init__(self, cin, cout, stride, quantized):
        super().__init__()
        self.conv, self.quantized = nn.Conv2d(cin, cout, 3, stride, 1), quantized
        self.register_buffer("centroids", torch.linspace(-0.2, 0.2, 16))
        self.register_buffer("low", torch.tensor(0.0))
        self.register_buffer("high", torch.tensor(3.0))

    def forward(self, x):
        if not self.quantized:
            return torch.relu(self.conv(x))
        weight = self.conv.weight
        with torch.no_grad():
            flat = weight.permute(0, 2, 3, 1).reshape(-1)
            index = torch.searchsorted((self.centroids[1:] + self.centroids[:-1]) / 2, flat)
            values = self.centroids[index].view(weight.permute(0, 2, 3, 1).shape).permute(0, 3, 1, 2)
            count, total = class_sums(index, flat)
            means = torch.where(count == 0, self.centroids, (total / count.clamp(min=1)).float())
            least, most = torch.aminmax(x)
            low, high = self.low.lerp(least.float(), 0.01), self.high.lerp(most.float(), 0.01)
            least = low.clamp(max=0)
            scale = ((high.clamp(min=0) - least) / 15).clamp(min=1e-12)
            zero = torch.round(-least / scale)
            shifted = torch.round(x / scale) + zero
            clamped = shifted.clamp(0, 15)
            quantized = (clamped - zero) * scale
            inside = (shifted == clamped).float()
            self.centroids, self.low, self.high = means.sort().values, low, high
        y = F.conv2d(Round.apply(x, quantized, inside), Round.apply(weight, values, None), self.conv.bias,
                     self.conv.stride, self.conv.padding)
        return torch.relu(y)


def network(kind, width):
    widths = [c if width == 1 else math.ceil(c * width / 8) * 8 for c in (48, 48, 96, 192, 1280)]
    layers, cin = [], 3
    for cout, depth, stride in zip(widths, (1, 2, 4, 14, 1), (1, 1, 2, 2, 2)):
        for i in range(depth):
            step = stride if i == 0 else 1
            layers.append(Block(cin, cout, step) if kind == "pretrain" else QuantizedConv(cin, cout, step, bool(layers)))
            cin = cout
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(cin, 10))


def unavailable(mode, dtype):
    if mode == "compiled" and not hasattr(torch, "compile"):
        return f"torch {torch.__version__} has no torch.compile"
    if dtype == "bfloat16" and not has_bfloat16():
        return "this processor has no instructions for bfloat16"
    return None


def has_bfloat16():
    """Whether the processor multiplies bfloat16 itself; elsewhere autocast only adds conversions."""
    cpu = getattr(torch, "cpu", None)
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(cpu, name)() for name in names if hasattr(cpu, name))


def fused_sgd(params, weight_decay, rate=0.05):
    """Nesterov's SGD in one pass over each parameter, where this torch has it for the CPU (2.4 on)."""
    options = {"momentum": 0.9, "weight_decay": weight_decay, "nesterov": True}
    params = list(params)
    try:
        return torch.optim.SGD(params, rate, fused=True, **options)
    except (RuntimeError, TypeError):
        return torch.optim.SGD(params, rate, **options)


def make_step(kind, width, batch, mode, dtype):
    torch.manual_seed(1)
    net = network(kind, width).to(memory_format=torch.channels_last)
    optimizer = fused_sgd(net.parameters(), 1e-4)
    images = torch.randn(batch, 3, 32, 32).to(memory_format=torch.channels_last)
    labels = torch.arange(batch) % 10

    def loss_of(images, labels):
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16"):
            return F.cross_entropy(net(images), labels, label_smoothing=0.1)

    loss = torch.compile(loss_of) if mode == "compiled" else loss_of

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss(images, labels).backward()
        optimizer.step()

    for _ in range(3 if mode == "compiled" else 1):
        step()
    return step


def main():
    mode = sys.argv[1] if len(sys.argv) > 1 else "eager"
    dtype = sys.argv[2] if len(sys.argv) > 2 else "float32"
    reason = unavailable(mode, dtype)
    if reason:
        print(json.dumps({"unavailable": reason}))
        return
    print(json.dumps({"version": torch.__version__}), flush=True)
    made = {}

    def step_for(want):
        nonlocal made
        key = (want["kind"], want["width"], want["batch"], mode, dtype)
        torch.set_num_threads(want["threads"])
        if key not in made:
            made = {key: make_step(*key)}
        return made[key]

    answer(step_for)


if __name__ == "__main__":
    main()
