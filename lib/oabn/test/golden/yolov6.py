"""Golden numbers of whole YOLOv6 detectors from PyTorch: backbone, neck and head, written from the papers (arXiv 2209.02976
and 2301.05586) with the names of meituan/YOLOv6's state dicts, a few channels wide, with random weights and statistics.

    python3 test/golden/yolov6.py            # writes yolov6.safetensors and yolov6-expected.safetensors
    python3 test/golden/yolov6.py FILE SIZE  # loads a merged file of one size strictly into the merged detector, compares

Sizes: `n` is RepVGG blocks in RepBlocks, `m` CSPStackRep with learned shortcuts, `qa` QARepVGG's second version (not stored).
Stored are
the state dicts (SIZE/NAME), what each re-parameterized block receives and gives before its activation
(SIZE/BLOCK/input, output), and as metadata the names of the merged detector's tensors. Made with PyTorch 2.15 on a CPU.
"""
import json
import sys
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

EPSILON = 1e-3


def bn(c):
    return nn.BatchNorm2d(c, eps=EPSILON)


class ConvBn(nn.Sequential):
    def __init__(self, cin, cout, k, stride=1, bias=False):
        super().__init__()
        self.add_module("conv", nn.Conv2d(cin, cout, k, stride, k // 2, bias=bias))
        self.add_module("bn", bn(cout))


class Unit(nn.Module):
    """Convolution (with a bias, as published), BN, ReLU."""

    def __init__(self, cin, cout, k, stride=1):
        super().__init__()
        self.block = ConvBn(cin, cout, k, stride, bias=True)

    def forward(self, x):
        return self.block(x).relu()


class Rep(nn.Module):
    """RepVGG's block, or QARepVGG's second version, which has an average pool and a BN after the sum."""

    def __init__(self, qa, merged, cin, cout, stride=1):
        super().__init__()
        self.qa, self.merged = qa, merged
        self.keeps = cin == cout and stride == 1
        if merged:
            self.rbr_reparam = nn.Conv2d(cin, cout, 3, stride, 1)
            return
        self.rbr_dense = ConvBn(cin, cout, 3, stride)
        if qa:
            self.rbr_1x1 = nn.Conv2d(cin, cout, 1, stride, bias=False)
            self.bn = bn(cout)
        else:
            self.rbr_1x1 = ConvBn(cin, cout, 1, stride)
            self.rbr_identity = bn(cin) if self.keeps else None

    def before_activation(self, x):
        if self.merged:
            return self.rbr_reparam(x)
        y = self.rbr_dense(x) + self.rbr_1x1(x)
        if self.qa:
            return self.bn(y + x + F.avg_pool2d(x, 3, 1, 1) if self.keeps else y)
        return y + self.rbr_identity(x) if self.keeps else y

    def forward(self, x):
        self.seen = (x, self.before_activation(x))
        return self.seen[1].relu()


class RepBlock(nn.Module):
    def __init__(self, make, cin, cout, n):
        super().__init__()
        self.conv1 = make(cin, cout)
        self.block = nn.Sequential(*(make(cout, cout) for _ in range(n - 1))) if n > 1 else None

    def forward(self, x):
        x = self.conv1(x)
        return self.block(x) if self.block else x


class Bottle(nn.Module):
    """Two blocks and a shortcut with a learned factor."""

    def __init__(self, make, cin, cout):
        super().__init__()
        self.conv1, self.conv2 = make(cin, cout), make(cout, cout)
        self.alpha = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return self.conv2(self.conv1(x)) + self.alpha * x


class CspStackRep(nn.Module):
    def __init__(self, make, cin, cout, n):
        super().__init__()
        c = cout // 2
        self.cv1, self.cv2, self.cv3 = Unit(cin, c, 1), Unit(cin, c, 1), Unit(2 * c, cout, 1)
        self.m = RepBlock(lambda a, b: Bottle(make, a, b), c, c, n // 2)

    def forward(self, x):
        return self.cv3(torch.cat([self.m(self.cv1(x)), self.cv2(x)], 1))


def pooled(x):
    pool = nn.MaxPool2d(5, 1, 2)
    a = pool(x)
    b = pool(a)
    return torch.cat([x, a, b, pool(b)], 1)


class Sppf(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.sppf = nn.ModuleDict({"cv1": Unit(c, c // 2, 1), "cv2": Unit(2 * c, c, 1)})

    def forward(self, x):
        return self.sppf["cv2"](pooled(self.sppf["cv1"](x)))


class CspSppf(nn.Module):
    def __init__(self, c):
        super().__init__()
        h = c // 2
        cin, size = [c, c, h, h, 4 * h, h, 2 * h], [1, 1, 3, 1, 1, 3, 1]
        self.cspsppf = nn.ModuleDict(
            {f"cv{i + 1}": Unit(cin[i], c if i == 6 else h, size[i]) for i in range(7)}
        )

    def forward(self, x):
        cv = lambda i, y: self.cspsppf[f"cv{i}"](y)
        deep = cv(6, cv(5, pooled(cv(4, cv(3, cv(1, x))))))
        return cv(7, torch.cat([cv(2, x), deep], 1))


class Backbone(nn.Module):
    def __init__(self, make, stage, pool, widths):
        super().__init__()
        self.stem = make(3, widths[0], 2)
        for i in range(1, 5):
            parts = [make(widths[i - 1], widths[i], 2), stage(widths[i], widths[i], 2)]
            self.add_module(f"ERBlock_{i + 1}", nn.Sequential(*parts, *([pool(widths[i])] if i == 4 else [])))

    def forward(self, x):
        x = self.stem(x)
        levels = []
        for i in range(2, 6):
            x = getattr(self, f"ERBlock_{i}")(x)
            levels.append(x)
        return levels


class Transpose(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.upsample_transpose = nn.ConvTranspose2d(c, c, 2, 2)

    def forward(self, x):
        return self.upsample_transpose(x)


class BiFusion(nn.Module):
    """The coarser level, this one and the finer one."""

    def __init__(self, own, finer, c):
        super().__init__()
        self.cv1, self.cv2, self.cv3 = Unit(own, c, 1), Unit(finer, c, 1), Unit(3 * c, c, 1)
        self.upsample, self.downsample = Transpose(c), Unit(c, c, 3, 2)

    def forward(self, coarser, own, finer):
        return self.cv3(torch.cat([self.upsample(coarser), self.cv1(own), self.downsample(self.cv2(finer))], 1))


class Neck(nn.Module):
    def __init__(self, stage, w, c):
        super().__init__()
        self.reduce_layer0, self.Bifusion0 = Unit(w[4], c[0], 1), BiFusion(w[3], w[2], c[0])
        self.Rep_p4 = stage(c[0], c[0], 2)
        self.reduce_layer1, self.Bifusion1 = Unit(c[0], c[1], 1), BiFusion(w[2], w[1], c[1])
        self.Rep_p3 = stage(c[1], c[1], 2)
        self.downsample2, self.Rep_n3 = Unit(c[1], c[2], 3, 2), stage(c[1] + c[2], c[3], 2)
        self.downsample1, self.Rep_n4 = Unit(c[3], c[4], 3, 2), stage(c[0] + c[4], c[5], 2)

    def forward(self, levels):
        p2, p3, p4, p5 = levels
        top0 = self.reduce_layer0(p5)
        top1 = self.reduce_layer1(self.Rep_p4(self.Bifusion0(top0, p4, p3)))
        out3 = self.Rep_p3(self.Bifusion1(top1, p3, p2))
        out4 = self.Rep_n3(torch.cat([self.downsample2(out3), top1], 1))
        return [out3, out4, self.Rep_n4(torch.cat([self.downsample1(out4), top0], 1))]


class Detect(nn.Module):
    def __init__(self, widths, classes=3, bins=4):
        super().__init__()
        each = lambda make: nn.ModuleList([make(c) for c in widths])
        self.proj = nn.Parameter(torch.arange(bins + 1.0), requires_grad=False)
        self.proj_conv = nn.Conv2d(bins + 1, 1, 1, bias=False)
        self.stems = each(lambda c: Unit(c, c, 1))
        self.cls_convs, self.reg_convs = each(lambda c: Unit(c, c, 3)), each(lambda c: Unit(c, c, 3))
        self.cls_preds, self.reg_preds = (
            each(lambda c: nn.Conv2d(c, classes, 1)),
            each(lambda c: nn.Conv2d(c, 4 * (bins + 1), 1)),
        )
        self.cls_preds_ab, self.reg_preds_ab = (
            each(lambda c: nn.Conv2d(c, 3 * classes, 1)),
            each(lambda c: nn.Conv2d(c, 12, 1)),
        )

    def forward(self, levels):
        outputs = []
        for i, x in enumerate(levels):
            x = self.stems[i](x)
            c, r = self.cls_convs[i](x), self.reg_convs[i](x)
            outputs += [self.cls_preds[i](c), self.cls_preds_ab[i](c), self.reg_preds[i](r), self.reg_preds_ab[i](r)]
        return outputs


class Detector(nn.Module):
    def __init__(self, size, merged=False):
        super().__init__()
        widths, neck = [2, 4, 4, 6, 6], [4, 4, 4, 4, 4, 6]
        make = lambda cin, cout, stride=1: Rep(size == "qa", merged, cin, cout, stride)
        stack = CspStackRep if size == "m" else RepBlock
        stage = lambda cin, cout, n: stack(make, cin, cout, 2 * n if size == "m" else n)
        self.backbone = Backbone(make, stage, Sppf if size == "m" else CspSppf, widths)
        self.neck = Neck(stage, widths, neck)
        self.detect = Detect([neck[1], neck[3], neck[5]])

    def forward(self, x):
        return self.detect(self.neck(self.backbone(x)))


def random_detector(size):
    torch.manual_seed(11)
    network = Detector(size).eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.copy_(0.5 + torch.rand_like(module.weight))
                module.bias.copy_(0.5 * torch.randn_like(module.bias))
                module.running_mean.copy_(0.3 * torch.randn_like(module.bias))
                # Some variances near ε, where taking another ε would show.
                module.running_var.copy_(torch.rand_like(module.bias) ** 3 + 0.01)
            if isinstance(module, Bottle):
                module.alpha.copy_(torch.randn(1))
    return network


def floats(network):
    return {k: v.float().contiguous() for k, v in network.state_dict().items() if v.is_floating_point()}


images = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(5)).double()
here = Path(__file__).parent
if len(sys.argv) == 3:
    path, size = sys.argv[1:]
    merged = Detector(size, merged=True).eval()
    state = {k: v for k, v in merged.state_dict().items() if not v.is_floating_point()}
    merged.load_state_dict({**state, **load_file(path)}, strict=True)
    with torch.no_grad():
        pairs = list(zip(random_detector(size).double()(images), merged.double()(images)))
    worst = max(((a - b).abs().max() / a.abs().max()).item() for a, b in pairs)
    print(f"{len(pairs)} outputs, largest difference {worst:.1e} of the largest output")
else:
    tensors, expected, names = {}, {}, {}
    for size in ["n", "m"]:
        network = random_detector(size)
        tensors.update({f"{size}/{name}": value for name, value in floats(network).items()})
        names[size] = json.dumps(sorted(floats(Detector(size, merged=True))))
        with torch.no_grad():
            network.double()(images)
        for name, module in network.named_modules():
            if isinstance(module, Rep):
                expected[f"{size}/{name}/input"] = module.seen[0].float().contiguous()
                expected[f"{size}/{name}/output"] = module.seen[1].float().contiguous()
    save_file(tensors, here / "yolov6.safetensors")
    save_file(expected, here / "yolov6-expected.safetensors", metadata=names)
