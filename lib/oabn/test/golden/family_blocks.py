"""Blocks of other families, written from their papers as PyTorch modules with the names of the published code."""
import torch
import torch.nn as nn
import torch.nn.functional as F

def conv(cin, cout, k, groups=1, stride=1, bias=False):
    size = k if isinstance(k, tuple) else (k, k)
    return nn.Conv2d(cin, cout, size, stride, tuple(n // 2 for n in size), groups=groups, bias=bias)


def conv_bn(cin, cout, k, groups=1, stride=1, conv_name="conv", eps=1e-5):
    return nn.Sequential(
        dict_of(**{conv_name: conv(cin, cout, k, groups, stride), "bn": nn.BatchNorm2d(cout, eps=eps)})
    )


def dict_of(**modules):
    from collections import OrderedDict

    return OrderedDict(modules)


class Sum(nn.Module):
    """BN(sum of named branches); a branch named in `plain` has no module: the input itself."""

    def __init__(self, plain_identity=False, bn=None, **branches):
        super().__init__()
        for name, module in branches.items():
            self.add_module(name, module)
        self.branches = list(branches)
        self.plain_identity = plain_identity
        if bn is not None:
            self.bn = bn

    def forward(self, x):
        y = sum(getattr(self, name)(x) for name in self.branches)
        if self.plain_identity:
            y = y + x
        return self.bn(y) if hasattr(self, "bn") else y


class Each(nn.ModuleList):
    """The sum of a list of branches."""

    def forward(self, x):
        return sum(module(x) for module in self)


class RepMixer(nn.Module):
    """FastViT, section 3.1: x + scale * (mixer(x) - norm(x))."""

    def __init__(self, mixer, norm, scale):
        super().__init__()
        self.mixer, self.norm, self.layer_scale = mixer, norm, scale

    def forward(self, x):
        scale = self.layer_scale.gamma if isinstance(self.layer_scale, nn.Module) else self.layer_scale
        return x + scale * (self.mixer(x) - self.norm(x))


class Gamma(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.gamma = nn.Parameter(torch.randn(channels, 1, 1))


class PaddedBN(nn.Module):
    """Diverse Branch Block, section 3.3: what follows is padded with what the BN makes of zeros."""

    def __init__(self, channels, padding):
        super().__init__()
        self.bn = nn.BatchNorm2d(channels)
        self.padding = padding

    def forward(self, x):
        y = self.bn(x)
        border = self.bn(torch.zeros_like(x[:, :, :1, :1]))
        n, c, h, w = y.shape
        p = self.padding
        padded = border.expand(n, c, h + 2 * p, w + 2 * p).clone()
        padded[:, :, p : p + h, p : p + w] = y
        return padded


class IdentityConv(nn.Conv2d):
    """A 1x1 convolution whose kernel is its weight plus the identity."""

    def __init__(self, channels, groups=1):
        super().__init__(channels, channels, 1, groups=groups, bias=False)

    def forward(self, x):
        per_group = self.in_channels // self.groups
        identity = torch.zeros_like(self.weight)
        for channel in range(self.in_channels):
            identity[channel, channel % per_group, 0, 0] = 1
        return F.conv2d(x, self.weight + identity, groups=self.groups)


def dbb(cin, cout, k, groups=1, internal=None):
    p = k // 2
    unpadded = lambda a, b: nn.Conv2d(a, b, k, padding=0, groups=groups, bias=False)
    parts = dict(dbb_origin=conv_bn(cin, cout, k, groups))
    average = nn.AvgPool2d(k, 1, 0)
    if groups < cout:
        parts["dbb_1x1"] = conv_bn(cin, cout, 1, groups)
        parts["dbb_avg"] = nn.Sequential(
            dict_of(conv=conv(cin, cout, 1, groups), bn=PaddedBN(cout, p), avg=average, avgbn=nn.BatchNorm2d(cout))
        )
    else:
        parts["dbb_avg"] = nn.Sequential(dict_of(avg=nn.AvgPool2d(k, 1, p), avgbn=nn.BatchNorm2d(cout)))
    first = dict_of(conv1=conv(cin, internal, 1, groups)) if internal else dict_of(idconv1=IdentityConv(cin, groups))
    middle = internal or cin
    parts["dbb_1x1_kxk"] = nn.Sequential(
        dict_of(**first, bn1=PaddedBN(middle, p), conv2=unpadded(middle, cout), bn2=nn.BatchNorm2d(cout))
    )
    return Sum(**parts)


class Asymmetric(nn.Module):
    """ACNet: a square kernel, a column and a row, each with its BN."""

    def __init__(self, cin, cout, k):
        super().__init__()
        self.square_conv, self.square_bn = conv(cin, cout, k), nn.BatchNorm2d(cout)
        self.ver_conv, self.ver_bn = conv(cin, cout, (k, 1)), nn.BatchNorm2d(cout)
        self.hor_conv, self.hor_bn = conv(cin, cout, (1, k)), nn.BatchNorm2d(cout)

    def forward(self, x):
        return (
            self.square_bn(self.square_conv(x)) + self.ver_bn(self.ver_conv(x)) + self.hor_bn(self.hor_conv(x))
        )


class Scale(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels))

    def forward(self, x):
        return x * self.weight.view(1, -1, 1, 1)


class LinearAdd(nn.Module):
    """RepOptimizer's search network: BN(s3*conv3x3(x) + s1*conv1x1(x) + s0*x)."""

    def __init__(self, cin, cout):
        super().__init__()
        self.conv, self.scale_conv = conv(cin, cout, 3), Scale(cout)
        self.conv_1x1, self.scale_1x1 = conv(cin, cout, 1), Scale(cout)
        if cin == cout:
            self.scale_identity = Scale(cout)
        self.bn = nn.BatchNorm2d(cout)

    def forward(self, x):
        y = self.scale_conv(self.conv(x)) + self.scale_1x1(self.conv_1x1(x))
        return self.bn(y + self.scale_identity(x) if hasattr(self, "scale_identity") else y)


class RepVGGDW(nn.Module):
    """
    RepViT's depthwise block: BN(BN(conv3x3(x)) + conv1x1(x) + x), both convolutions depthwise; in its first
    version BN(conv3x3(x)) + BN(conv1x1(x)) + x.
    """

    def __init__(self, c, first=False):
        super().__init__()
        self.conv = conv_bn(c, c, 3, c, conv_name="c")
        self.conv1 = conv_bn(c, c, 1, c, conv_name="c") if first else conv(c, c, 1, c, bias=True)
        if not first:
            self.bn = nn.BatchNorm2d(c)

    def forward(self, x):
        y = self.conv(x) + self.conv1(x) + x
        return self.bn(y) if hasattr(self, "bn") else y


class Position(nn.Module):
    """A depthwise convolution with bias, added to its input."""

    def __init__(self, name, c):
        super().__init__()
        self.name = name
        self.add_module(name, conv(c, c, 7, c, bias=True))

    def forward(self, x):
        return x + getattr(self, self.name)(x)


BN = nn.BatchNorm2d


def mobile_one(names, cin, cout, k, groups, branches, scale=True, identity=True):
    convs, one, skip = names
    parts = {convs: Each(conv_bn(cin, cout, k, groups) for _ in range(branches))} if branches else {}
    if scale and k > 1:
        parts[one] = conv_bn(cin, cout, 1, groups)
    if identity:
        parts[skip] = BN(cin)
    return Sum(**parts)


official = ("rbr_conv", "rbr_scale", "rbr_skip")
timm = ("conv_kxk", "conv_scale", "identity")
mmpretrain = ("branch_conv_list", "branch_scale", "branch_norm")


def repvgg(names, cin, cout, identity, groups=1, eps=1e-5):
    dense, point, skip = names
    parts = {dense: conv_bn(cin, cout, 3, groups, eps=eps), point: conv_bn(cin, cout, 1, groups, eps=eps)}
    if identity:
        parts[skip] = BN(cin, eps=eps)
    return Sum(**parts)


def qarepvgg(cin, cout, eps=1e-5, average=False):
    """`average`: the second version, which averages 3x3 pixels where it has an identity."""
    return Sum(
        **(dict(rbr_avg=nn.AvgPool2d(3, 1, 1)) if average and cin == cout else {}),
        plain_identity=cin == cout,
        bn=BN(cout, eps=eps),
        rbr_dense=conv_bn(cin, cout, 3, eps=eps),
        rbr_1x1=conv(cin, cout, 1),
    )
