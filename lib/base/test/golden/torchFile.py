"""Files that PyTorch and safetensors write, with all element types that are read and the wrappings that training code
uses. Run it again with

    python3 lib/base/test/golden/torchFile.py

It writes `plain.pth`, `wrapped.pth`, `module.pt`, `shared.pt`, `legacy.pth` and `types.safetensors` beside itself, and the
same numbers as 32-bit floats in `expected.safetensors`; also `attributes.pth`, `array.pth`, `quantized.pth`, `sparse.pth`,
`averaged.pth` and `other.pth`, whose numbers the test states; and the network of `module.pt` in TorchScript, as it is
(`script.pt`) and frozen (`frozen.pt`), and as a program of torch.export (`program.pt2`). Made with PyTorch 2.15.
"""
import argparse
import zipfile
from pathlib import Path

import torch
import torch.nn as nn
from safetensors.torch import save_file

torch.manual_seed(3)
here = Path(__file__).parent
numbers = torch.tensor([[0.0, -1.5, 65504.0], [6.1e-5, 5.96e-8, -0.333]])
tensors = {
    "float32": numbers,
    "float64": numbers.double(),
    "float16": numbers.half(),
    "bfloat16": numbers.bfloat16(),
    "int8": torch.tensor([-128, 0, 127], dtype=torch.int8),
    "int16": torch.tensor([-300, 300], dtype=torch.int16),
    "int64": torch.tensor(12),
    "bool": torch.tensor([True, False]),
    "transposed": torch.arange(6.0).reshape(2, 3).t(),
    "slice": torch.arange(10.0)[3:7:2],
    "empty": torch.zeros(0, 3),
}
torch.save(tensors, here / "plain.pth")
network = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3))
wrapped = {"epoch": 3, "args": argparse.Namespace(lr=0.1), "loss": 1.25e-3, "best": torch.tensor(81.5), "state_dict": network.state_dict()}
torch.save(wrapped, here / "wrapped.pth")
torch.save({"model": network, "big": 2**70}, here / "module.pt")
shared = nn.Sequential()
for _ in range(40):
    shared = nn.Sequential(shared, shared)
torch.save(shared, here / "shared.pt")
torch.save(network.state_dict(), here / "legacy.pth", _use_new_zipfile_serialization=False)
contiguous = {name: value.contiguous() for name, value in tensors.items()}
save_file({name: value for name, value in contiguous.items() if name != "bool"}, here / "types.safetensors")
expected = {name: value.float() for name, value in contiguous.items()}
expected.update({f"network.{name}": value.float() for name, value in network.state_dict().items()})
save_file(expected, here / "expected.safetensors")

# Tensors that a pickle makes in other ways: with attributes, by NumPy, quantized, sparse.
three = torch.tensor([1.0, 0.0, 2.0])
tagged, parameter = three.clone(), nn.Parameter(three.clone())
tagged.tag = parameter.tag = "stem"
torch.save({"0.weight": tagged, "0.bias": parameter}, here / "attributes.pth")
torch.save({"0.weight": three, "0.bias": three.numpy(), "classes": three.numpy()}, here / "array.pth")
torch.save({"0.weight": torch.quantize_per_tensor(three, 0.5, 0, torch.qint8)}, here / "quantized.pth")
torch.save({"0.weight": three.to_sparse()}, here / "sparse.pth")

# Where codes put state dicts: averaged ones before others, and a place that is not looked at.
one, two = ({"0.weight": torch.tensor([value])} for value in (1.0, 2.0))
torch.save({"params": two, "params_ema": one}, here / "averaged.pth")
torch.save({"epoch": 3, "generator": one}, here / "other.pth")

# The same network in TorchScript, where weights are attributes of modules, or constants; without what PyTorch keeps for
# error messages, which has paths of the machine. And the name by which programs of torch.export are known.
def keep(path, unwanted):
    with zipfile.ZipFile(path) as whole:
        entries = [(entry, whole.read(entry)) for entry in whole.infolist() if not unwanted(entry.filename)]
    with zipfile.ZipFile(path, "w") as kept:
        for entry, content in entries:
            kept.writestr(entry, content, entry.compress_type)


script = torch.jit.script(nn.Sequential(network, nn.ReLU()))
torch.jit.save(script, here / "script.pt")
torch.jit.save(torch.jit.freeze(script.eval()), here / "frozen.pt")
torch.export.save(torch.export.export(network.eval(), (torch.zeros(1, 2, 4, 4),)), here / "program.pt2")
keep(here / "script.pt", lambda name: name.endswith(".debug_pkl"))
keep(here / "frozen.pt", lambda name: name.endswith(".debug_pkl"))
keep(here / "program.pt2", lambda name: "/archive_" not in name)
