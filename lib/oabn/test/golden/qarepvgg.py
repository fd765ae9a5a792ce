"""Golden numbers for QARepVGG (arXiv 2212.01593, section 4) from PyTorch: as `repvgg.py`, with its networks, numbers and
unit impulses, but blocks whose 1x1 and identity branches have no BN and whose sum has one. Run it again with

    python3 test/golden/qarepvgg.py

It writes `qarepvgg.safetensors` and `qarepvgg-expected.safetensors` beside itself. Made with PyTorch 1.13 on a CPU.
"""
import torch.nn as nn
import torch.nn.functional as F

from repvgg import conv_bn, make


class QABlock(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.has_identity = cin == cout and stride == 1
        self.rbr_dense = conv_bn(cin, cout, 3, stride)
        self.rbr_1x1 = nn.Conv2d(cin, cout, 1, stride, bias=False)
        self.bn = nn.BatchNorm2d(cout)

    def linear(self, x):
        y = self.rbr_dense(x) + self.rbr_1x1(x)
        return self.bn(y + x if self.has_identity else y)

    def forward(self, x):
        return F.relu(self.linear(x))


make(QABlock, "qarepvgg", {"bn": float("inf")})
