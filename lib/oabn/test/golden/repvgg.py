"""Golden numbers for RepVGG from PyTorch: a tiny network with random statistics, its inference, its merge, and
training steps with plain BN and with OABN. Independent of the library's TypeScript; run it again with

    python3 test/golden/repvgg.py

It writes `repvgg.safetensors` (an official-style state dict) and `repvgg-expected.safetensors` beside itself.
Made with PyTorch 1.13 on a CPU.
"""
import json
import pathlib
import struct

import torch
import torch.nn as nn
import torch.nn.functional as F

WIDTHS, DEPTHS, STRIDES, CLASSES = [4, 4, 6, 8, 12], [1, 2, 2, 1, 1], [1, 1, 2, 2, 1], 5


class ClippedBatchNorm(nn.BatchNorm2d):
    """OABN by autograd: the ratio is clipped with torch.clamp, so PyTorch derives the gradient by itself."""

    threshold = float("inf")

    def forward(self, x):
        if self.training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
            with torch.no_grad():
                n = x.numel() / x.shape[1]
                self.running_mean += self.momentum * (mean - self.running_mean)
                self.running_var += self.momentum * (var * n / (n - 1) - self.running_var)
                self.num_batches_tracked += 1
        else:
            mean, var = self.running_mean, self.running_var
        ratio = torch.clamp(self.weight / torch.sqrt(var + self.eps), -self.threshold, self.threshold)
        c = lambda v: v[None, :, None, None]
        return (x - c(mean)) * c(ratio) + c(self.bias)


def conv_bn(cin, cout, k, stride):
    m = nn.Sequential()
    m.add_module("conv", nn.Conv2d(cin, cout, k, stride, k // 2, bias=False))
    m.add_module("bn", nn.BatchNorm2d(cout))
    return m


class Block(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.rbr_identity = ClippedBatchNorm(cin) if cin == cout and stride == 1 else None
        self.rbr_dense = conv_bn(cin, cout, 3, stride)
        self.rbr_1x1 = conv_bn(cin, cout, 1, stride)

    def linear(self, x):
        y = self.rbr_dense(x) + self.rbr_1x1(x)
        return y + self.rbr_identity(x) if self.rbr_identity is not None else y

    def forward(self, x):
        return F.relu(self.linear(x))


class Network(nn.Module):
    def __init__(self, block):
        super().__init__()
        cin = 3
        for stage, (width, depth, stride) in enumerate(zip(WIDTHS, DEPTHS, STRIDES)):
            blocks = []
            for i in range(depth):
                blocks.append(block(cin, width, stride if i == 0 else 1))
                cin = width
            setattr(self, f"stage{stage}", blocks[0] if stage == 0 else nn.Sequential(*blocks))
        self.linear = nn.Linear(cin, CLASSES)

    def forward(self, x):
        for stage in range(5):
            x = getattr(self, f"stage{stage}")(x)
        return self.linear(x.mean((2, 3)))


def merged_kernels(model):
    """Fuses each block by pushing unit impulses through its branches: no formula shared with the library."""
    out = {}
    for name, block in model.named_modules():
        if not hasattr(block, "rbr_dense"):
            continue
        convs = [m for m in block.modules() if isinstance(m, nn.Conv2d)]
        cin, cout, stride = convs[0].in_channels, convs[0].out_channels, convs[0].stride
        for conv in convs:
            conv.stride = (1, 1)
        zero = block.linear(torch.zeros(1, cin, 5, 5))[0, :, 2, 2]
        kernel = torch.zeros(cout, cin, 3, 3)
        for j in range(cin):
            for ky in range(3):
                for kx in range(3):
                    x = torch.zeros(1, cin, 5, 5)
                    x[0, j, 1 + ky, 1 + kx] = 1
                    kernel[:, j, ky, kx] = block.linear(x)[0, :, 2, 2] - zero
        for conv in convs:
            conv.stride = stride
        out[f"{name}.rbr_reparam.weight"], out[f"{name}.rbr_reparam.bias"] = kernel, zero
    return out


def write(path, tensors):
    names = {"torch.float32": "F32", "torch.int64": "I64"}
    header, offset, blobs = {}, 0, []
    for name, t in tensors.items():
        blob = t.detach().cpu().contiguous().numpy().tobytes()
        header[name] = {"dtype": names[str(t.dtype)], "shape": list(t.shape), "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def make(block, file, thresholds):
    torch.manual_seed(7)
    model = Network(block)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.normal_(0.9, 0.5)
                module.bias.normal_(0, 0.3)
                module.running_mean.normal_(0, 0.5)
                module.running_var.uniform_(0.1, 2)
    initial = {name: t.clone() for name, t in model.state_dict().items()}
    x, labels = torch.randn(6, 3, 8, 8), torch.tensor([0, 4, 2, 3, 1, 2])
    # Images travel as NHWC, the library's layout.
    expected = {"x": x.permute(0, 2, 3, 1), "labels": labels}

    for key, s in thresholds.items():
        ClippedBatchNorm.threshold = s
        model.load_state_dict(initial)
        model.eval()
        with torch.no_grad():
            expected[f"{key}.logits"] = model(x)
            for name, t in merged_kernels(model).items():
                expected[f"{key}.merged.{name}"] = t
        model.train()
        decay = [p for p in model.parameters() if p.dim() > 1]
        plain = [p for p in model.parameters() if p.dim() <= 1]
        groups = [{"params": decay, "weight_decay": 5e-3}, {"params": plain, "weight_decay": 0.0}]
        optimizer = torch.optim.SGD(groups, lr=0.05, momentum=0.9, nesterov=True)
        losses = []
        for step in range(3):
            loss = F.cross_entropy(model(x), labels, label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            if step == 0:
                for name, p in model.named_parameters():
                    expected[f"{key}.gradient.{name}"] = p.grad.clone()
            optimizer.step()
            losses.append(loss.detach())
        expected[f"{key}.losses"] = torch.stack(losses)
        for name, t in model.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                expected[f"{key}.trained.{name}"] = t.clone()

    folder = pathlib.Path(__file__).parent
    write(folder / f"{file}.safetensors", initial)
    write(folder / f"{file}-expected.safetensors", expected)


if __name__ == "__main__":
    make(Block, "repvgg", {"bn": float("inf"), "oabn": 0.7})
