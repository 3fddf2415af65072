#!/usr/bin/python3
"""Golden: losses of five training steps of covid-cnn-64 (dropout off) by PyTorch, in float64 and in float32.

  scripts/goldens/five_steps.py [--out tests/data/five_steps.json]

Nothing large is stored: weights, images and labels follow from formulas that a test computes again.

  hash(x), x a 32-bit unsigned integer, all arithmetic modulo 2^32 ("lowbias32" of C. Wellons, Prospecting for Hash Functions):
      x ^= x >> 16;  x *= 0x7feb352d;  x ^= x >> 15;  x *= 0x846ca68b;  x ^= x >> 16
  unit(stream, i)  = hash(i + stream * 0x9e3779b9) / 2^32, in [0, 1), a double

Weights: layer l = 0..4 in forward order (conv, conv, conv, dense, dense). Its kernel's element i, counted in the order that
Curie stores it, is float((2 * unit(l, i) - 1) * limit), computed in double, then rounded once to float32;
limit = sqrt(6 / (fan_in + fan_out)), where the fans of a convolution are channels * 9. The order is [filter][row][column]
[channel] for a convolution and [input][output] for a dense layer, whose inputs are flattened by (row, column, channel).
Biases are zero.

Images: 72 of 64 x 64 pixels, u8. Label of image n: y[n] = 1 if unit(10, n) < 0.4, else 0. Pixel (r, c) of image n, all integer:
      block = hash((n * 64 + (r / 8) * 8 + c / 8) + 11 * 0x9e3779b9) >> 25                 0..127, one value per 8 x 8 block
      grain = hash((n * 4096 + r * 64 + c) + 12 * 0x9e3779b9) >> 26                        0..63
      pixel = block + grain + (y[n] == 1 and r >= 32 ? 48 : 0)                             0..238
Input value: float32(pixel) / 255. The float64 run starts from the same float32 weights and inputs.

Steps: the images in order, batches of 16, 16, 16, 16 and 8. Loss: mean binary cross-entropy of the logits. Adam in Keras'
form (covid_torch.KerasAdam): lr 1e-3, beta .9 and .999, eps 1e-7.

JSON: `batches`; for `float64` and `float32`: `losses` (of each step, before its update), `epoch_loss` (their mean weighted
by batch size) and, after the fifth step, for every layer's `kernel` and `bias`: `sum`, `norm` (Euclidean), `moved` (norm of
the change since the start) and `probe`, the sum of w[i] * (2 * unit(20 + l, i) - 1), which no permutation leaves alone. All
four are summed in float64. `agreement`: the greatest relative difference of the float32 figures from the float64 ones,
where a layer's sum and probe are measured against its `moved` norm. It says what float32 rounding alone does here: a bound
for a float32 engine's losses that is tighter than a few times that would fail on rounding.
"""

import argparse
import json
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as functional

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "peers"))
import covid_torch  # noqa: E402

BATCHES = (16, 16, 16, 16, 8)
GOLDEN_RATIO = 0x9E3779B9
LABEL_STREAM, BLOCK_STREAM, GRAIN_STREAM, PROBE_STREAM = 10, 11, 12, 20


def hash32(stream, index):
    x = (np.asarray(index, dtype=np.uint64) + stream * GOLDEN_RATIO & 0xFFFFFFFF).astype(np.uint32)
    x = x ^ x >> np.uint32(16)
    x = x * np.uint32(0x7FEB352D)
    x = x ^ x >> np.uint32(15)
    x = x * np.uint32(0x846CA68B)
    return x ^ x >> np.uint32(16)


def unit(stream, count):
    return hash32(stream, np.arange(count)).astype(np.float64) / 2.0**32


def make_images(count):
    """(count, 64, 64) u8 and (count,) labels."""
    labels = (unit(LABEL_STREAM, count) < 0.4).astype(np.int64)
    n, r, c = np.ogrid[:count, :64, :64]
    block = hash32(BLOCK_STREAM, n * 64 + r // 8 * 8 + c // 8) >> np.uint32(25)
    grain = hash32(GRAIN_STREAM, n * 4096 + r * 64 + c) >> np.uint32(26)
    lit = (labels[:, None, None] == 1) & (r >= 32)
    return (block + grain + np.where(lit, 48, 0)).astype(np.uint8), labels


def stored_order(weight):
    """A PyTorch kernel's values in the order in which Curie stores them."""
    return (weight.permute(0, 2, 3, 1) if weight.dim() == 4 else weight.t()).reshape(-1)


def set_weights(model):
    for number, layer in enumerate(model.layers()):
        limit = covid_torch.glorot_limit(layer)
        values = ((2.0 * unit(number, layer.weight.numel()) - 1.0) * limit).astype(np.float32)
        values = torch.from_numpy(values).to(layer.weight.dtype)
        out, inputs = layer.weight.shape[:2]
        with torch.no_grad():
            if layer.weight.dim() == 4:
                layer.weight.copy_(values.reshape(out, 3, 3, inputs).permute(0, 3, 1, 2))
            else:
                layer.weight.copy_(values.reshape(inputs, out).t())
            layer.bias.zero_()


def describe(values, before, stream):
    values, before = values.double().numpy(), before.double().numpy()
    return {
        "sum": float(values.sum()),
        "norm": float(np.linalg.norm(values)),
        "moved": float(np.linalg.norm(values - before)),
        "probe": float(values @ (2.0 * unit(stream, len(values)) - 1.0)),
    }


def snapshot(model):
    return [(stored_order(l.weight).detach().clone(), l.bias.detach().clone()) for l in model.layers()]


def train(dtype):
    pixels, labels = make_images(sum(BATCHES))
    x = covid_torch.to_input(pixels).to(dtype)
    y = torch.from_numpy(labels).to(dtype)
    model = covid_torch.CovidCnn64().to(dtype)
    set_weights(model)
    before = snapshot(model)
    optimizer = covid_torch.KerasAdam(model.parameters())
    losses = []
    for bx, by in zip(x.split(BATCHES), y.split(BATCHES)):
        optimizer.zero_grad()
        loss = functional.binary_cross_entropy_with_logits(model(bx), by)
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    layers = []
    for number, ((kernel, bias), (kernel0, bias0)) in enumerate(zip(snapshot(model), before)):
        stream = PROBE_STREAM + number
        layers.append({"kernel": describe(kernel, kernel0, stream), "bias": describe(bias, bias0, stream)})
    return {
        "losses": losses,
        "epoch_loss": float(np.average(losses, weights=BATCHES)),
        "layers": layers,
    }


def agreement(exact, rounded):
    def worst(pairs):
        return max(abs(a - b) / abs(scale) for a, b, scale in pairs)

    parts = [(e[p], r[p]) for e, r in zip(exact["layers"], rounded["layers"]) for p in ("kernel", "bias")]
    result = {"losses": worst((e, r, e) for e, r in zip(exact["losses"], rounded["losses"]))}
    for name in ("norm", "moved"):
        result[name] = worst((e[name], r[name], e[name]) for e, r in parts)
    for name in ("sum", "probe"):
        result[name] = worst((e[name], r[name], e["moved"]) for e, r in parts)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default=ROOT / "tests" / "data" / "five_steps.json")
    args = parser.parse_args()
    torch.use_deterministic_algorithms(True)
    exact, rounded = train(torch.float64), train(torch.float32)
    golden = {
        "made_by": f"scripts/goldens/five_steps.py, torch {torch.__version__}",
        "batches": BATCHES,
        "float64": exact,
        "float32": rounded,
        "agreement": agreement(exact, rounded),
    }
    with open(args.out, "w", encoding="utf-8") as file:
        json.dump(golden, file, indent=1)
        file.write("\n")
    print(json.dumps({"losses": exact["losses"], "agreement": golden["agreement"]}, indent=1))


if __name__ == "__main__":
    main()
