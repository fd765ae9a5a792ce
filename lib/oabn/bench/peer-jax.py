"""The steps of bench/step.ts in JAX on the CPU, as peer.py has them in PyTorch: one jitted function, NHWC.

    python3 lib/oabn/bench/peer_jax.py

Speaks as peer.py does. XLA takes as many threads as the process has cores, so `threads` is that: it is fixed by the
first line that asks.
"""
import json
import math
import os
import sys

from peer_loop import answer

THRESHOLD, EPSILON, MOMENTUM, DECAY, RATE = 2.0, 1e-5, 0.9, 1e-4, 0.05


def conv(x, kernel, stride):
    from jax import lax

    pad = (kernel.shape[0] - 1) // 2
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), [(pad, pad)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def normalize(x, bn, running, limit):
    """Batch normalization; with `limit` the ratio of scale and deviation is limited."""
    mean, var = jnp.mean(x, (0, 1, 2)), jnp.var(x, (0, 1, 2))
    ratio = bn["scale"] * jax.lax.rsqrt(var + EPSILON)
    if limit:
        ratio = jnp.clip(ratio, -THRESHOLD, THRESHOLD)
    moved = {"mean": 0.9 * running["mean"] + 0.1 * mean, "var": 0.9 * running["var"] + 0.1 * var}
    return x * ratio + (bn["bias"] - ratio * mean), jax.lax.stop_gradient(moved)


def three_branches(x, params, buffers, stride):
    y3, b3 = normalize(conv(x, params["k3"], stride), params["bn3"], buffers["bn3"], False)
    y1, b1 = normalize(conv(x, params["k1"], stride), params["bn1"], buffers["bn1"], False)
    y, moved = y3 + y1, {"bn3": b3, "bn1": b1}
    if "bn0" in params:
        y0, moved["bn0"] = normalize(x, params["bn0"], buffers["bn0"], True)
        y = y + y0
    return jax.nn.relu(y), moved


def straight_through(x, value, inside=None):
    """`value` in the forward pass, the identity (where `inside`) in the backward pass."""
    passed = x if inside is None else jnp.where(inside, x, jax.lax.stop_gradient(x))
    return passed + jax.lax.stop_gradient(value - passed)


def quantized(x, params, buffers, stride):
    """A 3x3 convolution with 16 centroids that move each step, on 4-bit activations with a moving range."""
    kernel, bias = params["kernel"], params["bias"]
    if not buffers:
        return jax.nn.relu(conv(x, kernel, stride) + bias), buffers
    centroids, flat = buffers["centroids"], jax.lax.stop_gradient(kernel).reshape(-1)
    index = jnp.searchsorted((centroids[1:] + centroids[:-1]) / 2, flat, method="compare_all")
    member = index == jnp.arange(16)[:, None]
    count, total = member.sum(1), jnp.where(member, flat, 0).sum(1)
    means = jnp.where(count == 0, centroids, total / jnp.maximum(count, 1))
    seen = jax.lax.stop_gradient(x)
    low = 0.99 * buffers["low"] + 0.01 * seen.min()
    high = 0.99 * buffers["high"] + 0.01 * seen.max()
    least = jnp.minimum(low, 0)
    scale = jnp.maximum((jnp.maximum(high, 0) - least) / 15, 1e-12)
    zero = jnp.round(-least / scale)
    shifted = jnp.round(seen / scale) + zero
    clamped = jnp.clip(shifted, 0, 15)
    x = straight_through(x, (clamped - zero) * scale, shifted == clamped)
    weight = straight_through(kernel, centroids[index].reshape(kernel.shape))
    moved = {"centroids": jnp.sort(means), "low": low, "high": high}
    return jax.nn.relu(conv(x, weight, stride) + bias), moved


def layers(width):
    widths = [c if width == 1 else math.ceil(c * width / 8) * 8 for c in (48, 48, 96, 192, 1280)]
    cin = 3
    for cout, depth, stride in zip(widths, (1, 2, 4, 14, 1), (1, 1, 2, 2, 2)):
        for i in range(depth):
            yield cin, cout, stride if i == 0 else 1
            cin = cout


def initial(kind, width):
    keys = iter(jax.random.split(jax.random.key(1), 128))
    random = lambda *shape: jax.random.normal(next(keys), shape) * (2 / math.prod(shape[:-1])) ** 0.5
    bn = lambda channels: {"scale": jnp.ones(channels), "bias": jnp.zeros(channels)}
    running = lambda channels: {"mean": jnp.zeros(channels), "var": jnp.ones(channels)}
    params, buffers, strides = [], [], []
    for cin, cout, stride in layers(width):
        strides.append(stride)
        if kind == "pretrain":
            names = {"bn3": cout, "bn1": cout, **({"bn0": cin} if cin == cout and stride == 1 else {})}
            params.append({"k3": random(3, 3, cin, cout), "k1": random(1, 1, cin, cout)})
            params[-1].update({name: bn(channels) for name, channels in names.items()})
            buffers.append({name: running(channels) for name, channels in names.items()})
        else:
            params.append({"kernel": random(3, 3, cin, cout), "bias": jnp.zeros(cout)})
            first = len(params) == 1
            buffers.append(
                {} if first else {"centroids": jnp.linspace(-0.2, 0.2, 16), "low": jnp.zeros(()), "high": jnp.full((), 3.0)}
            )
    params.append({"kernel": random(cout, 10), "bias": jnp.zeros(10)})
    return params, buffers, strides


def make_step(kind, width, batch):
    params, buffers, strides = initial(kind, width)
    block = three_branches if kind == "pretrain" else quantized
    images = jax.random.normal(jax.random.key(2), (batch, 32, 32, 3))
    targets = 0.9 * jax.nn.one_hot(jnp.arange(batch) % 10, 10) + 0.01

    def loss_of(params, buffers):
        x, moved = images, []
        for each, running, stride in zip(params, buffers, strides):
            x, next_running = block(x, each, running, stride)
            moved.append(next_running)
        logits = x.mean((1, 2)) @ params[-1]["kernel"] + params[-1]["bias"]
        return -(targets * jax.nn.log_softmax(logits)).sum(1).mean(), moved

    def step(params, momentum, buffers):
        (loss, buffers), gradients = jax.value_and_grad(loss_of, has_aux=True)(params, buffers)
        gradients = jax.tree.map(lambda g, p: g + DECAY * p, gradients, params)
        momentum = jax.tree.map(lambda v, g: MOMENTUM * v + g, momentum, gradients)
        params = jax.tree.map(lambda p, g, v: p - RATE * (g + MOMENTUM * v), params, gradients, momentum)
        return params, momentum, buffers, loss

    run = jax.jit(step, donate_argnums=(0, 1, 2))
    state = (params, jax.tree.map(jnp.zeros_like, params), buffers)

    def once():
        nonlocal state
        *state, loss = run(*state)
        jax.block_until_ready(loss)
        jax.block_until_ready(state)

    # The second step is compiled again, for what the first returned.
    for _ in range(3):
        once()
    return once


def begin(threads):
    """Loads JAX where it sees `threads` cores."""
    global jax, jnp
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    import jax
    import jax.numpy as jnp


def main():
    try:
        from importlib.metadata import version

        found = version("jax")
    except ImportError:
        print(json.dumps({"unavailable": f"{sys.executable} has no JAX"}))
        return
    print(json.dumps({"version": found}), flush=True)
    made = {}

    def step_for(want):
        nonlocal made
        key = (want["kind"], want["width"], want["batch"])
        if not made:
            begin(want["threads"])
        if key not in made:
            made = {key: make_step(*key)}
        return made[key]

    answer(step_for)


if __name__ == "__main__":
    main()
