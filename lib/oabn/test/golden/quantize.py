"""Golden numbers for uniform quantization from PyTorch's observers and fake-quantize kernels.

    python3 test/golden/quantize.py

writes `quantize.json` beside itself. Made with PyTorch 1.13 on a CPU.
"""
import json
import pathlib

import torch
from torch.ao.quantization import MinMaxObserver

torch.manual_seed(3)
cases = []
for bits in (2, 3, 4, 6, 8):
    w = torch.randn(40) * 0.1
    w[5] = 0.9
    levels = 2 ** (bits - 1) - 1
    # PyTorch's symmetric scale is max|w| / ((quant_max − quant_min) / 2), the same S on the range ±levels.
    observer = MinMaxObserver(dtype=torch.qint8, qscheme=torch.per_tensor_symmetric, quant_min=-levels, quant_max=levels)
    observer(w)
    scale, zero = observer.calculate_qparams()
    weights = torch.fake_quantize_per_tensor_affine(w, float(scale), 0, -levels, levels)

    x = torch.relu(torch.randn(40) + 0.3)
    x[0] = 0.0
    x -= 0.25 if bits == 6 else 0.0
    observer = MinMaxObserver(dtype=torch.quint8, qscheme=torch.per_tensor_affine, quant_min=0, quant_max=2**bits - 1)
    observer(x)
    xscale, xzero = observer.calculate_qparams()
    probe = torch.cat([x, torch.tensor([-1.0, 5.0])]).requires_grad_()
    y = torch.fake_quantize_per_tensor_affine(probe, float(xscale), int(xzero), 0, 2**bits - 1)
    y.sum().backward()
    cases.append(
        {
            "bits": bits,
            "weights": w.tolist(),
            "weightScale": float(scale),
            "quantizedWeights": weights.tolist(),
            "range": {"min": float(x.min()), "max": float(x.max())},
            "activations": probe.detach().tolist(),
            "activationScale": float(xscale),
            "zeroPoint": int(xzero),
            "quantizedActivations": y.detach().tolist(),
            "activationGradient": probe.grad.tolist(),
        }
    )
path = pathlib.Path(__file__).with_name("quantize.json")
path.write_text(json.dumps(cases, indent=1) + "\n")
