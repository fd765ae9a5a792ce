"""Golden logits of whole networks of other families from PyTorch, in evaluation mode and double precision.

Networks with timm's names are timm's own modules, small; the others are written here from their papers with the names of the
published code. Weights and images are no random numbers but a hash of name and index, which the test computes as well, so that
only names, shapes and logits are stored. Run it again (timm 1.0, PyTorch 2.15 on a CPU) with

    python3 test/golden/networks.py

It writes `networks.json` beside itself.
"""
import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from family_blocks import (
    BN,
    Asymmetric,
    LinearAdd,
    Position,
    RepMixer,
    Sum,
    conv,
    conv_bn,
    dbb,
    mmpretrain,
    mobile_one,
    official,
    repvgg,
)
from timm.models import byobnet, fastvit, mobilenetv3, repvit

side, classes = 32, 10


def numbers(name, size):
    """Uniform in [-0.5, 0.5): a mixed 32-bit hash (FNV-1a of the name, then one round for each index)."""
    h = 2166136261
    for byte in name.encode():
        h = ((h ^ byte) * 16777619) & 0xFFFFFFFF
    x = (h + np.arange(size, dtype=np.uint64) * 0x9E3779B1) & 0xFFFFFFFF
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = ((x ^ (x >> np.uint64(shift))) * factor) & 0xFFFFFFFF
    x = x ^ (x >> np.uint64(16))
    return x.astype(np.float64) / 2**32 - 0.5


def values(name, shape):
    u = numbers(name, math.prod(shape))
    if name.endswith("running_var"):
        u = 1 + u
    elif name.endswith(("running_mean", "bias")):
        u = 0.4 * u
    elif "scale" in name and ("gamma" in name or name.endswith("layer_scale")):
        u = 0.5 + u
    elif len(shape) > 1:
        u = math.sqrt(24 / math.prod(shape[1:])) * u
    else:
        u = 1 + u
    return torch.from_numpy(u.reshape(shape).astype(np.float32))


class SE(nn.Module):
    def __init__(self, channels, inner):
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(channels, inner, 1), nn.Conv2d(inner, channels, 1)

    def forward(self, x):
        mean = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.expand(F.relu(self.reduce(mean))))


def strided(block, stride):
    """All convolutions of a block with a stride: the branches of a re-parameterized one share it."""
    for module in block.modules():
        if isinstance(module, nn.Conv2d):
            module.stride = (stride, stride)
    return block


class Chain(nn.Module):
    """Blocks, each with squeeze-and-excitation or not, and a ReLU; then the mean and a matrix."""

    def __init__(self, blocks, features, classifier="linear", squeeze=()):
        super().__init__()
        self.order = list(blocks)
        for name, block in blocks.items():
            self.put(name, block)
        for name, channels in squeeze:
            self.put(f"{name}.se", SE(channels, 4))
        self.put(classifier, nn.Linear(features, classes))
        self.classifier = classifier

    def put(self, path, module):
        *parents, last = path.split(".")
        at = self
        for parent in parents:
            if not hasattr(at, parent):
                at.add_module(parent, nn.Module())
            at = getattr(at, parent)
        at.add_module(last, module)

    def forward(self, x):
        for name in self.order:
            block = self.get_submodule(name)
            x = block(x)
            if hasattr(block, "se"):
                x = block.se(x)
            x = F.relu(x)
        return self.get_submodule(self.classifier)(x.mean((2, 3)))


class FastViT(nn.Module):
    """FastViT (arXiv 2303.14189, figure 2) without attention, with the official names."""

    def __init__(self, dims=(8, 16)):
        super().__init__()
        one = lambda cin, cout, k, groups, stride=1, identity=False: strided(
            mobile_one(official, cin, cout, k, groups, 1, identity=identity), stride
        )
        d0, d1 = dims
        self.patch_embed = nn.ModuleList([one(3, d0, 3, 1, 2), one(d0, d0, 3, d0, 2), one(d0, d0, 1, 1, 1, True)])
        proj = nn.Module()
        proj.proj = nn.ModuleList(
            [
                strided(Sum(lkb_origin=conv_bn(d0, d1, 7, d0), small_conv=conv_bn(d0, d1, 3, d0)), 2),
                one(d1, d1, 1, 1, 1, True),
            ]
        )
        self.network = nn.ModuleList(
            [nn.ModuleList([self.block(d0)]), proj, Position("pe", d1), nn.ModuleList([self.block(d1)])]
        )
        self.conv_exp = one(d1, 2 * d1, 3, d1)
        self.conv_exp.se = SE(2 * d1, 4)
        self.head = nn.Linear(2 * d1, classes)

    def block(self, c):
        block = nn.Module()
        block.token_mixer = RepMixer(
            mobile_one(official, c, c, 3, c, 1),
            mobile_one(official, c, c, 3, c, 0, scale=False),
            nn.Parameter(torch.randn(c, 1, 1)),
        )
        block.convffn = nn.Module()
        block.convffn.conv = conv_bn(c, c, 7, c)
        block.convffn.fc1, block.convffn.fc2 = nn.Conv2d(c, 2 * c, 1), nn.Conv2d(2 * c, c, 1)
        block.layer_scale = nn.Parameter(torch.randn(c, 1, 1))
        return block

    def run(self, block, x):
        x = block.token_mixer(x)
        ffn = block.convffn
        return x + block.layer_scale * ffn.fc2(F.gelu(ffn.fc1(ffn.conv(x))))

    def forward(self, x):
        for embed in self.patch_embed:
            x = F.gelu(embed(x))
        first, proj, position, last = self.network
        x = self.run(first[0], x)
        x = F.gelu(proj.proj[1](proj.proj[0](x)))
        x = self.run(last[0], position(x))
        x = F.gelu(self.conv_exp.se(self.conv_exp(x)))
        return self.head(x.mean((2, 3)))


rbr = ("rbr_dense", "rbr_1x1", "rbr_identity")


def mobile_ones(names, prefix="", classifier="linear", squeeze=()):
    one = lambda cin, cout, k, groups, stride, identity: strided(
        mobile_one(names, cin, cout, k, groups, 2, identity=identity), stride
    )
    return Chain(
        {
            f"{prefix}stage0": one(3, 8, 3, 1, 2, False),
            f"{prefix}stage1.0": one(8, 8, 3, 8, 2, False),
            f"{prefix}stage1.1": one(8, 12, 1, 1, 1, False),
            f"{prefix}stage1.2": one(12, 12, 3, 12, 1, True),
            f"{prefix}stage1.3": one(12, 12, 1, 1, 1, True),
            f"{prefix}stage2.0": one(12, 12, 3, 12, 2, False),
            f"{prefix}stage2.1": one(12, 16, 1, 1, 1, False),
        },
        16,
        classifier,
        squeeze,
    )


def grouped(groups):
    block = lambda cin, cout, identity, g, stride: strided(repvgg(rbr, cin, cout, identity, groups=g), stride)
    return Chain(
        {
            "stage0": block(3, 8, False, 1, 2),
            "stage1.0": block(8, 16, False, 1, 2),
            "stage1.1": block(16, 16, True, groups, 1),
            "stage2.0": block(16, 16, False, 1, 2),
            "stage2.1": block(16, 16, True, groups, 1),
        },
        16,
    )


networks = {
    "repvgg": grouped(2),
    "repoptimizer": Chain(
        {"stage0": strided(LinearAdd(3, 8), 2), "stage1.0": strided(LinearAdd(8, 12), 2), "stage1.1": LinearAdd(12, 12)}, 12
    ),
    "mobileone": mobile_ones(official, squeeze=[("stage2.0", 12), ("stage2.1", 16)]),
    "mobileone-mmpretrain": mobile_ones(mmpretrain, "backbone.", "head.fc"),
    "fastvit": FastViT(),
    "dbb": Chain({"layer1": strided(dbb(3, 8, 3, internal=5), 1), "layer2": dbb(8, 8, 3)}, 8, "fc"),
    "acnet": Chain({"layer1": Asymmetric(3, 8, 3), "layer2": Asymmetric(8, 12, 3)}, 12, "fc"),
    "repvgg-timm": byobnet.ByobNet(
        byobnet.ByoModelCfg(
            blocks=byobnet._rep_vgg_bcfg(d=(2, 2, 2, 1), wf=(0.25, 0.125, 0.0625, 0.0625), groups=4),
            stem_type="rep",
            stem_chs=8,
            attn_layer="se",
            attn_kwargs=dict(rd_ratio=0.25, rd_divisor=1),
        ),
        num_classes=classes,
    ),
    "mobileone-timm": byobnet.ByobNet(
        byobnet.ByoModelCfg(
            blocks=byobnet._mobileone_bcfg(d=(1, 2, 1, 1), wf=(0.125, 0.125, 0.0625, 0.0625), se_blocks=(0, 0, 1, 1), num_conv_branches=2),
            stem_type="one",
            stem_chs=8,
        ),
        num_classes=classes,
    ),
    "fastvit-timm": fastvit.FastVit(
        layers=(1, 2, 1, 1),
        embed_dims=(8, 16, 32, 64),
        mlp_ratios=(2, 2, 2, 2),
        token_mixers=("repmixer",) * 4,
        num_classes=classes,
    ),
    "repvit": repvit.RepVit(embed_dim=(8, 16, 24, 32), depth=(2, 1, 2, 1), num_classes=classes, distillation=True),
    "repvit-first": repvit.RepVit(embed_dim=(8, 16, 24), depth=(2, 1, 1), num_classes=classes, legacy=True),
    "pplcnet-timm": mobilenetv3._gen_lcnet("lcnet_050", 0.25, num_classes=classes),
}

images = torch.from_numpy((4 * numbers("images", 2 * 3 * side * side)).reshape(2, 3, side, side).astype(np.float32))
golden = {}
for family, network in networks.items():
    network.eval()
    state = {
        name: values(name, tuple(tensor.shape))
        for name, tensor in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    network.load_state_dict(state, strict=False)
    with torch.no_grad():
        logits = network.double()(images.double())
    assert logits.shape == (2, classes) and logits.std() > 1e-2, (family, logits)
    golden[family] = {
        "shapes": {name: list(tensor.shape) for name, tensor in state.items()},
        "logits": [float(f"{value:.7g}") for value in logits.flatten().tolist()],
    }

lines = ",\n".join(f'"{family}": {json.dumps(network, separators=(",", ":"))}' for family, network in golden.items())
(Path(__file__).parent / "networks.json").write_text("{\n" + lines + "\n}\n")
