"""Golden numbers for the blocks of other families from PyTorch: each block written from its paper as a module with the
names of the family's published code, random weights and running statistics, in evaluation mode, without the activation
that follows. Stored are the state dict and what the block makes of random images, borders included. Run it again with

    python3 test/golden/families.py

It writes `families.safetensors` (tensors as FAMILY/NAME) and `families-expected.safetensors` (FAMILY/BLOCK/input and
FAMILY/BLOCK/output) beside itself. Made with PyTorch 2.15 on a CPU.
"""
from pathlib import Path

import torch
import torch.nn as nn
from family_blocks import (
    BN,
    Asymmetric,
    Each,
    Gamma,
    LinearAdd,
    Position,
    RepMixer,
    RepVGGDW,
    Sum,
    conv,
    conv_bn,
    dbb,
    dict_of,
    mmpretrain,
    mobile_one,
    official,
    qarepvgg,
    repvgg,
    timm,
)
from safetensors.torch import save_file

torch.manual_seed(7)


def mobile_ones(names):
    return {
        "stage0": mobile_one(names, 3, 4, 3, 1, 1, identity=False),
        "stage1.0": mobile_one(names, 4, 4, 3, 4, 3),
        "stage1.1": mobile_one(names, 4, 4, 1, 1, 3),
    }


rbr = ("rbr_dense", "rbr_1x1", "rbr_identity")
kxk = ("conv_kxk", "conv_1x1", "identity")
families = {
    "yolov6": {
        "backbone.ERBlock_2.0": repvgg(rbr, 3, 4, False, eps=1e-3),
        "backbone.ERBlock_2.1.conv1": repvgg(rbr, 4, 4, True, eps=1e-3),
        "neck.Rep_p4.conv1": qarepvgg(4, 4, eps=1e-3),
        "neck.reduce_layer0": conv_bn(4, 6, 1, eps=1e-3),
    },
    "repvgg": {"stage0": repvgg(rbr, 3, 4, False), "stage1.0": repvgg(rbr, 4, 4, True, groups=2)},
    "qarepvgg": {"stage0": qarepvgg(3, 4), "stage1.0": qarepvgg(4, 4)},
    "repvgg-timm": {"stem": repvgg(kxk, 3, 4, False), "stages.0.0": repvgg(kxk, 4, 4, True)},
    "repvgg-mmpretrain": {
        "backbone.stem": repvgg(("branch_3x3", "branch_1x1", "branch_norm"), 3, 4, False),
        "backbone.stage_1.0": repvgg(("branch_3x3", "branch_1x1", "branch_norm"), 4, 4, True),
    },
    "mobileone": mobile_ones(official),
    "mobileone-timm": mobile_ones(timm),
    "mobileone-mmpretrain": mobile_ones(mmpretrain),
    "fastvit": {
        "patch_embed.0": mobile_one(official, 3, 4, 3, 1, 1, identity=False),
        "network.0.0.token_mixer": RepMixer(
            mobile_one(official, 4, 4, 3, 4, 1),
            mobile_one(official, 4, 4, 3, 4, 0, scale=False),
            nn.Parameter(torch.randn(4, 1, 1)),
        ),
        "network.0.0.convffn.conv": conv_bn(4, 4, 7, 4),
        "network.1.proj.0": Sum(lkb_origin=conv_bn(4, 8, 7, 4), small_conv=conv_bn(4, 8, 3, 4)),
        "network.2": Position("pe", 8),
    },
    "fastvit-timm": {
        "stem.0": mobile_one(timm, 3, 4, 3, 1, 1, identity=False),
        "stages.0.blocks.0.token_mixer": RepMixer(
            mobile_one(timm, 4, 4, 3, 4, 1), mobile_one(timm, 4, 4, 3, 4, 0, scale=False), Gamma(4)
        ),
        "stages.0.blocks.0.mlp.conv": conv_bn(4, 4, 7, 4),
        "stages.1.downsample.proj.0": Sum(large_conv=conv_bn(4, 8, 7, 4), small_conv=conv_bn(4, 8, 3, 4)),
        "stages.1.pos_emb": Position("pos_enc", 8),
    },
    "repoptimizer": {"stage0": LinearAdd(3, 4), "stage1.0": LinearAdd(4, 4)},
    "dbb": {
        "layer1": dbb(3, 4, 3, internal=5),
        "layer2": dbb(4, 6, 3),
        "layer3": dbb(4, 6, 3, groups=2),
        "layer4": dbb(6, 6, 5, groups=6),
    },
    "acnet": {"layer1": Asymmetric(3, 4, 3)},
    "repvit": {"stem.conv1": conv_bn(3, 4, 3, conv_name="c"), "stages.0.blocks.0.token_mixer": RepVGGDW(4)},
    "repvit-first": {"stages.0.blocks.0.token_mixer": RepVGGDW(4, first=True)},
    "pplcnet-v2": {
        "stages.0.0": Sum(dw_conv_list=Each([conv_bn(4, 4, 5, 4), conv_bn(4, 4, 3, 4), conv_bn(4, 4, 1, 4)])),
        "stages.0.0.pw_conv": conv_bn(4, 6, 1),
    },
    "pplcnet-timm": {"blocks.0.0": nn.Sequential(dict_of(conv_dw=conv(4, 4, 3, 4), bn1=BN(4)))},
    "conv-bn": {"blocks2.0.dw_conv": conv_bn(4, 4, 5, 4)},
    "yolov6-qarepvgg-v2": {
        "backbone.ERBlock_2.0": qarepvgg(3, 4, eps=1e-3, average=True),
        "backbone.ERBlock_2.1.conv1": qarepvgg(4, 4, eps=1e-3, average=True),
    },
}

paddle = {"running_mean": "_mean", "running_var": "_variance"}
tensors, expected = {}, {}
for family, blocks in families.items():
    for name, block in blocks.items():
        with torch.no_grad():
            for module in block.modules():
                if isinstance(module, BN):
                    module.weight.copy_(torch.randn_like(module.weight))
                    module.bias.copy_(torch.randn_like(module.bias))
                    module.running_mean.copy_(0.5 * torch.randn_like(module.bias))
                    module.running_var.copy_(torch.rand_like(module.bias) * 2 + 0.02)
            block.double().eval()
            channels = next(
                (m.in_channels for m in block.modules() if isinstance(m, nn.Conv2d)), None
            )
            x = torch.randn(1, channels, 6, 5, dtype=torch.float64)
            expected[f"{family}/{name}/input"] = x.float()
            state = {key: value.float() for key, value in block.state_dict().items() if value.is_floating_point()}
            block.load_state_dict({key: value.double() for key, value in state.items()}, strict=False)
            expected[f"{family}/{name}/output"] = block(x.float().double()).float()
            for key, value in state.items():
                if family == "pplcnet-v2":
                    head, _, last = key.rpartition(".")
                    key = f"{head}.{paddle.get(last, last)}"
                tensors[f"{family}/{name}.{key}"] = value.contiguous()

here = Path(__file__).parent
save_file(tensors, here / "families.safetensors")
save_file(expected, here / "families-expected.safetensors")
