"""Golden numbers for the observers of post-training quantization from PyTorch's own.

    python3 test/golden/ptq.py

writes `ptq.json` beside itself. Made with PyTorch 1.13 on a CPU.
"""
import json
import pathlib

import torch
from torch.ao.quantization import HistogramObserver, PerChannelMinMaxObserver

torch.manual_seed(7)

# Weights by output channel: scales from the observer, values from the fake-quantize kernel.
weights = torch.randn(3, 2, 3, 3) * torch.tensor([0.05, 0.2, 1.0]).reshape(3, 1, 1, 1)
weights[0, 0, 1, 1] = 0.7
channels = []
for bits in (3, 4, 8):
    levels = 2 ** (bits - 1) - 1
    observer = PerChannelMinMaxObserver(
        ch_axis=0, dtype=torch.qint8, qscheme=torch.per_channel_symmetric, quant_min=-levels, quant_max=levels
    )
    observer(weights)
    scale, zero = observer.calculate_qparams()
    quantized = torch.fake_quantize_per_channel_affine(weights, scale, zero.int(), 0, -levels, levels)
    channels.append({"bits": bits, "scales": scale.tolist(), "quantized": quantized.flatten().tolist()})

# An activation behind a ReLU, with a long tail, rounded so that the file stays small. HistogramObserver searches the
# range of least quantization error over its histogram.
x = torch.relu(torch.distributions.Laplace(0.0, 1.0).sample((3000,)) + 0.2)
x[5] = 14.0
x = torch.round(x * 512) / 512
activations = []
for bits in (3, 4, 8):
    observer = HistogramObserver(
        bins=2048, dtype=torch.quint8, qscheme=torch.per_tensor_affine, quant_min=0, quant_max=2**bits - 1
    )
    observer(x)
    scale, zero = observer.calculate_qparams()
    quantized = torch.fake_quantize_per_tensor_affine(x, float(scale), int(zero), 0, 2**bits - 1)
    activations.append({"bits": bits, "error": float(((x.double() - quantized.double()) ** 2).sum())})

path = pathlib.Path(__file__).with_name("ptq.json")
golden = {
    "weights": {"shape": list(weights.shape), "data": weights.flatten().tolist()},
    "channels": channels,
    "activation": {
        # In 512ths: whole numbers.
        "values": [int(v) for v in (x * 512).tolist()],
        "histogram": [[i, int(n)] for i, n in enumerate(observer.histogram.tolist()) if n > 0],
        "quantiles": {str(q): float(torch.quantile(x.double(), q)) for q in (0.5, 0.9, 0.99, 0.999)},
        "observers": activations,
    },
}
path.write_text(json.dumps(golden) + "\n")
