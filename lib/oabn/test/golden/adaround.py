"""Golden numbers for learned rounding and learned ranges: losses, autograd's gradients and Adam steps of one tiny layer.

    python3 test/golden/adaround.py

writes `adaround.json` beside itself. Made with PyTorch 1.13 on a CPU. Layouts are PyTorch's: NCHW and OIHW.
"""
import json
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(11)
bits, beta, regularization, rate, steps = 3, 4.5, 0.01, 0.03, 3
levels, quant_max = 2 ** (bits - 1) - 1, 2**bits - 1
weight, bias = torch.randn(3, 2, 3, 3) * 0.3, torch.randn(3) * 0.1
scale = 0.21
x, target = torch.rand(2, 2, 5, 5) * 1.5, torch.relu(torch.randn(2, 3, 3, 3))

below = torch.floor(weight / scale)
fraction = (weight / scale - below).clamp(0.001, 0.999)
# A weight beyond the levels has nothing to choose: its h is 1, where the gradient is 0.
free = (below >= -levels) & (below < levels)
# Off the initial rounding, so that some h are clipped and gradients differ.
rounding = torch.where(free, torch.logit((fraction + 0.1) / 1.2) + torch.randn_like(weight), torch.tensor(10.0))
rounding.requires_grad_()
reach = torch.tensor([1.2], requires_grad=True)
moved = [rounding, reach]
optimizer = torch.optim.Adam(moved, lr=rate)


def objective():
    h = torch.clamp(torch.sigmoid(rounding) * 1.2 - 0.1, 0, 1)
    soft = scale * torch.clamp(below + h, -levels, levels)
    zero_point = torch.zeros(1)
    quantized = torch._fake_quantize_learnable_per_tensor_affine(x, reach / quant_max, zero_point, 0, quant_max, 1.0)
    output = torch.relu(F.conv2d(quantized, soft, bias, stride=2, padding=1))
    error = ((output - target) ** 2).sum(1).mean()
    regularizer = (1 - (2 * h - 1).abs() ** beta).sum()
    return soft, error, regularizer


soft, error, regularizer = objective()
(error + regularization * regularizer).backward()
golden = {
    "bits": bits,
    "beta": beta,
    "regularization": regularization,
    "rate": rate,
    "steps": steps,
    "scale": scale,
    "weight": weight.flatten().tolist(),
    "bias": bias.tolist(),
    "input": x.permute(0, 2, 3, 1).flatten().tolist(),
    "target": target.permute(0, 2, 3, 1).flatten().tolist(),
    "rounding": rounding.flatten().tolist(),
    "reach": float(reach),
    "soft": soft.flatten().tolist(),
    "error": float(error),
    "regularizer": float(regularizer),
    "roundingGradient": rounding.grad.flatten().tolist(),
    "reachGradient": float(reach.grad),
}
for _ in range(steps):
    optimizer.zero_grad()
    _, error, regularizer = objective()
    (error + regularization * regularizer).backward()
    optimizer.step()
golden["roundingAfter"] = rounding.flatten().tolist()
golden["reachAfter"] = float(reach)
pathlib.Path(__file__).with_name("adaround.json").write_text(json.dumps(golden, indent=1) + "\n")
