#!/usr/bin/env python3
"""Writes tests/data/optimizers.json: 20 steps of each optimizer on fixed gradients.

PyTorch's convention comes from torch itself in float64; Keras' convention, which PyTorch does not have, from its
formulas in float64. Gradients and first weights are multiples of 2^-10, exact in float32 and short in decimal.
"""

import json
import pathlib

import numpy as np
import torch

STEPS, SIZE, RATES = 20, 12, [0.01] * 10 + [0.0060] * 10


def gradients():
    rng = np.random.default_rng(3)
    values = np.round(rng.normal(size=(STEPS, SIZE)) * 1024) / 1024
    values[:, 0] = 0.0  # never a gradient
    values[:, 1] = 2.0**-20  # so small that epsilon matters
    return values


def first_weights():
    return np.round(np.random.default_rng(4).normal(size=SIZE) * 1024) / 1024


def torch_run(make):
    weights = torch.tensor(first_weights(), dtype=torch.float64, requires_grad=True)
    optimizer = make([weights])
    trace = []
    for rate, gradient in zip(RATES, gradients()):
        optimizer.param_groups[0]["lr"] = rate
        weights.grad = torch.tensor(gradient)
        optimizer.step()
        trace.append(weights.detach().numpy().copy())
    return trace


def keras_sgd(momentum, nesterov, decay):
    weights, velocity, trace = first_weights(), np.zeros(SIZE), []
    for rate, gradient in zip(RATES, gradients()):
        weights = weights - weights * decay * rate
        velocity = momentum * velocity - rate * gradient
        weights = weights + (momentum * velocity - rate * gradient if nesterov else velocity)
        trace.append(weights.copy())
    return trace


def keras_adam(beta1, beta2, epsilon, decay):
    weights, m, v, trace = first_weights(), np.zeros(SIZE), np.zeros(SIZE), []
    for t, (rate, gradient) in enumerate(zip(RATES, gradients()), start=1):
        weights = weights - weights * decay * rate
        m = beta1 * m + (1 - beta1) * gradient
        v = beta2 * v + (1 - beta2) * gradient**2
        alpha = rate * np.sqrt(1 - beta2**t) / (1 - beta1**t)
        weights = weights - alpha * m / (np.sqrt(v) + epsilon)
        trace.append(weights.copy())
    return trace


def case(kind, convention, trace, **options):
    return {"kind": kind, "convention": convention, **options, "weights": [w.tolist() for w in trace]}


def main():
    cases = []
    for momentum, nesterov, decay in [(0.0, False, 0.0), (0.9, False, 0.0), (0.9, True, 0.0), (0.9, True, 0.125)]:
        options = {"momentum": momentum, "nesterov": nesterov, "weight_decay": decay}
        trace = torch_run(lambda p: torch.optim.SGD(p, lr=0.01, **options))
        cases.append(case("sgd", "pytorch", trace, decay_kind="l2", **options))
        cases.append(case("sgd", "keras", keras_sgd(momentum, nesterov, decay), decay_kind="decoupled", **options))
    for decay in [0.0, 0.125]:
        options = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": decay}
        torch_options = {"lr": 0.01, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": decay}
        trace = torch_run(lambda p: torch.optim.Adam(p, **torch_options))
        cases.append(case("adam", "pytorch", trace, decay_kind="l2", **options))
        trace = torch_run(lambda p: torch.optim.AdamW(p, **torch_options))
        cases.append(case("adam", "pytorch", trace, decay_kind="decoupled", **options))
        options["epsilon"] = 1e-7
        trace = keras_adam(0.9, 0.999, 1e-7, decay)
        cases.append(case("adam", "keras", trace, decay_kind="decoupled", **options))
    golden = {
        "made_by": f"scripts/goldens/optimizers.py, torch {torch.__version__}",
        "rates": RATES,
        "first_weights": first_weights().tolist(),
        "gradients": gradients().tolist(),
        "cases": cases,
    }
    path = pathlib.Path(__file__).resolve().parents[2] / "tests" / "data" / "optimizers.json"
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(path.name, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
