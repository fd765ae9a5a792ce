"""The steps of bench/gpu-step.ts in PyTorch, on a GPU: the networks, losses and updates of peer.py.

    python3 bench/peer-gpu.py eager|tf32|amp [--device cuda|cpu]

`eager` is float32 without TensorFloat-32, `tf32` the same with it, `amp` channels-last with float16 autocast, a
gradient scaler, and torch.compile. The first line out says what runs, or why it cannot. Each line {"kind", "width",
"batch", "image", "seconds"} in is answered by {"milliseconds", "steps", "thirdLoss"}: the time of a step, over as many
steps as fill the seconds (0: only get ready). {"gemm": side} is answered by {"tflops"}.
"""
import json
import math
import sys
import time

try:
    import torch
    import torch.nn.functional as F
    from peer import network
except ImportError as error:
    print(json.dumps({"unavailable": f"{sys.executable}: {error}"}))
    sys.exit()

MODE = sys.argv[1]
DEVICE = sys.argv[sys.argv.index("--device") + 1] if "--device" in sys.argv else "cuda"
ON_GPU = DEVICE == "cuda"
HALF = torch.float16 if ON_GPU else torch.bfloat16


def unavailable():
    if ON_GPU and not torch.cuda.is_available():
        return f"torch {torch.__version__} sees no CUDA device"
    if MODE == "tf32" and not ON_GPU:
        return "TensorFloat-32 is a matter of GPUs"
    if MODE == "amp" and not hasattr(torch, "compile"):
        return f"torch {torch.__version__} has no torch.compile"
    return None


def wait():
    if ON_GPU:
        torch.cuda.synchronize()


def make_step(kind, width, batch, image):
    torch.manual_seed(1)
    layout = torch.channels_last if MODE == "amp" else torch.contiguous_format
    net = network(kind, width).to(DEVICE).to(memory_format=layout)
    optimizer = torch.optim.SGD(net.parameters(), 0.05, 0.9, weight_decay=1e-4, nesterov=True)
    images = torch.randn(batch, 3, image, image, device=DEVICE).to(memory_format=layout)
    labels = torch.arange(batch, device=DEVICE) % 10
    scaler = torch.amp.GradScaler() if MODE == "amp" and ON_GPU else None
    run = torch.compile(net) if MODE == "amp" else net

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(DEVICE, dtype=HALF, enabled=MODE == "amp"):
            loss = F.cross_entropy(run(images), labels, label_smoothing=0.1)
        if scaler is None:
            loss.backward()
            optimizer.step()
        else:
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        return loss

    return step


def take(step, seconds):
    """Steps until `seconds` have passed, in queues that grow so that waiting for the device is a small part."""
    queue, taken, spent = 1, 0, 0.0
    while spent < seconds:
        wait()
        began = time.perf_counter()
        for _ in range(queue):
            step()
        wait()
        last = time.perf_counter() - began
        taken, spent = taken + queue, spent + last
        queue = max(1, min(64, round(queue * 0.5 * seconds / last)))
    return {"milliseconds": spent * 1000 / taken, "steps": taken}


def gemm(side):
    """TFLOP/s of the best of several products of side x side matrices, in the mode's precision."""
    dtype = HALF if MODE == "amp" else torch.float32
    a, b = (torch.randn(side, side, device=DEVICE).to(dtype) for _ in range(2))
    times = []
    for _ in range(8):
        wait()
        began = time.perf_counter()
        for _ in range(4):
            a @ b
        wait()
        times.append((time.perf_counter() - began) / 4)
    return {"tflops": 2 * side**3 / min(times[2:]) / 1e12}


def main():
    reason = unavailable()
    if reason:
        print(json.dumps({"unavailable": reason}))
        return
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = MODE == "tf32"
    torch.backends.cudnn.benchmark = True
    versions = {"torch": torch.__version__, "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    name = torch.cuda.get_device_name(0) if ON_GPU else "CPU"
    print(json.dumps({"device": name, "software": not ON_GPU, "versions": versions}), flush=True)
    made = {}
    for line in sys.stdin:
        want = json.loads(line)
        try:
            if "gemm" in want:
                answer = gemm(want["gemm"])
            else:
                key = (want["kind"], want["width"], want["batch"], want["image"])
                if key not in made:
                    made = {key: make_step(*key)}
                    for _ in range(3):
                        loss = float(made[key]().detach())
                timed = take(made[key], want["seconds"]) if want["seconds"] > 0 else {}
                answer = {**timed, "thirdLoss": loss if math.isfinite(loss) else None}
        except Exception as error:  # out of memory, or a compiler that is missing: that is the answer
            answer = {"error": str(error).strip().split("\n")[0]}
        print(json.dumps(answer), flush=True)


main()
