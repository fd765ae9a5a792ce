"""Small networks of timm's families, trained on CIFAR-10 as PyTorch users train: what the doctor's law was not fitted on.

    python3 lib/paper/scripts/prediction/train.py folder out name seed

`folder` has train.bin and test.bin (8-bit pixels [N,32,32,3]) with train-labels.bin and test-labels.bin (a byte each), and
recipe.json. `out` becomes what `torch.save(model.state_dict(), out)` writes. Prints one line of JSON: accuracy on the test
images and the versions of what made it. The networks are timm's modules at widths that a CPU trains in minutes.
"""
import json
import sys
import time
from pathlib import Path

import timm
import torch
import torch.nn.functional as F
from timm.models import byobnet, fastvit, mobilenetv3, repvit

CLASSES = 10


def byob(blocks, stem, stem_chs, **more):
    config = byobnet.ByoModelCfg(blocks=blocks, stem_type=stem, stem_chs=stem_chs, stem_pool="", **more)
    return byobnet.ByobNet(config, num_classes=CLASSES)


def rep(width, depth, group_size=0):
    return byobnet.ByoBlockCfg(type="rep", d=depth, c=width, s=2, gs=group_size)


def mobile_one():
    blocks = byobnet._mobileone_bcfg(d=(1, 2, 3, 1), wf=(0.375, 0.375, 0.25, 0.25), num_conv_branches=2)
    return byob(blocks, "one", 24)


NETWORKS = {
    "mobileone": mobile_one,
    "repvgg": lambda: byob((rep(24, 1), rep(48, 3), rep(96, 2)), "rep", 24),
    "repvgg-groups": lambda: byob((rep(32, 1), rep(64, 3, 16), rep(128, 2, 16)), "rep", 32),
    "repvgg-se": lambda: byob((rep(24, 1), rep(48, 3), rep(96, 2)), "rep", 24, attn_layer="se"),
    "fastvit": lambda: fastvit.FastVit(
        layers=(1, 1, 2),
        token_mixers=("repmixer",) * 3,
        embed_dims=(24, 48, 96),
        mlp_ratios=(2, 2, 2),
        downsamples=(False, True, True),
        se_downsamples=(False,) * 3,
        pos_embs=(None,) * 3,
        layer_scale_init_value=0.1,
        num_classes=CLASSES,
    ),
    "repvit": lambda: repvit.RepVit(embed_dim=(24, 48, 96), depth=(1, 1, 2), num_classes=CLASSES, distillation=False),
    "pplcnet": lambda: mobilenetv3.lcnet_050(num_classes=CLASSES),
}


def images_of(folder, split):
    pixels = torch.frombuffer(bytearray((folder / f"{split}.bin").read_bytes()), dtype=torch.uint8)
    labels = torch.frombuffer(bytearray((folder / f"{split}-labels.bin").read_bytes()), dtype=torch.uint8)
    return pixels.view(-1, 32, 32, 3).permute(0, 3, 1, 2).contiguous(), labels.long()


def main():
    folder, out, name, seed = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
    recipe = json.loads((folder / "recipe.json").read_text())
    torch.set_num_threads(recipe["threads"])
    torch.manual_seed(seed)
    mean, std = (torch.tensor(recipe[key]).view(3, 1, 1) for key in ("mean", "std"))
    normalized = lambda pixels: (pixels.float() / 255 - mean) / std
    pixels, labels = images_of(folder, "train")
    began = time.perf_counter()
    net = NETWORKS[name]()
    decayed = [p for p in net.parameters() if p.dim() > 1]
    others = [p for p in net.parameters() if p.dim() <= 1]
    optimizer = torch.optim.SGD(
        [{"params": decayed, "weight_decay": recipe["weightDecay"]}, {"params": others}],
        lr=recipe["learningRate"],
        momentum=recipe["momentum"],
        nesterov=True,
    )
    batch, epochs, pad = recipe["batchSize"], recipe["epochs"], recipe["translate"]
    steps = epochs * (len(labels) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe["learningRate"], total_steps=steps, pct_start=0.15)
    padded = F.pad(pixels.float(), (pad,) * 4, mode="reflect").byte()
    for _ in range(epochs):
        for rows in torch.randperm(len(labels))[: len(labels) // batch * batch].split(batch):
            top, left = (int(torch.randint(2 * pad + 1, (1,))) for _ in range(2))
            images = padded[rows, :, top : top + 32, left : left + 32]
            flip = torch.rand(len(rows)) < 0.5
            images[flip] = images[flip].flip(-1)
            optimizer.zero_grad(set_to_none=True)
            loss = F.cross_entropy(net(normalized(images)), labels[rows], label_smoothing=recipe["labelSmoothing"])
            loss.backward()
            optimizer.step()
            schedule.step()
    net.eval()
    with torch.inference_mode():
        right = sum(
            int((net(normalized(part)).argmax(1) == wanted).sum())
            for part, wanted in zip(*(tensor.split(500) for tensor in images_of(folder, "test")))
        )
    torch.save(net.state_dict(), out)
    print(
        json.dumps(
            {
                "name": name,
                "seed": seed,
                "accuracy": right / len(images_of(folder, "test")[1]),
                "seconds": round(time.perf_counter() - began),
                "torch": torch.__version__,
                "timm": timm.__version__,
            }
        ),
        flush=True,
    )


main()
