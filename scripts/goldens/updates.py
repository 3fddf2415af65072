#!/usr/bin/env python3
"""Writes tests/data/updates.json: learning-rate schedules, gradient clipping, accumulation and moving averages as Keras
computes them.

Run from anywhere: scripts/goldens/updates.py (needs keras 3 with one of its backends, such as
`pip install keras jax`, and KERAS_BACKEND set to it).

{"schedules": [{"config": as Curie writes it, "steps": [...], "rates": [...]}],
 "updates": [{"config": of the optimizer, as Curie writes it, "gradients": [step][parameter][element],
              "weights": [the same, after each step], "final": [parameter][element], after the end of training}],
 "first_weights": [parameter][element]}
Parameters: a kernel of 3 x 2 and a bias of 2. Where several batches make an update, Keras moves the average with every
batch and Curie with every update, so no case has both.
"""
import json
import pathlib

import keras
import numpy as np

S = keras.optimizers.schedules
random = np.random.default_rng(5)


def number(value):
    return float(f"{float(np.float32(value)):.9g}")


def schedule_cases():
    steps = [0, 1, 2, 5, 9, 10, 11, 19, 20, 25, 37, 69, 71, 100, 1000]
    kinds = {
        "ExponentialDecay": [
            dict(initial_learning_rate=0.01, decay_steps=1, decay_rate=0.6),
            dict(initial_learning_rate=0.1, decay_steps=10, decay_rate=0.96),
            dict(initial_learning_rate=0.1, decay_steps=10, decay_rate=0.5, staircase=True),
        ],
        "InverseTimeDecay": [
            dict(initial_learning_rate=0.1, decay_steps=10, decay_rate=0.5),
            dict(initial_learning_rate=0.1, decay_steps=10, decay_rate=0.5, staircase=True),
        ],
        "PolynomialDecay": [
            dict(initial_learning_rate=0.1, decay_steps=20, end_learning_rate=1e-4, power=1.0),
            dict(initial_learning_rate=0.1, decay_steps=20, end_learning_rate=0.01, power=0.5),
            dict(initial_learning_rate=0.1, decay_steps=20, end_learning_rate=0.01, power=2.0, cycle=True),
        ],
        "PiecewiseConstantDecay": [dict(boundaries=[10, 20], values=[0.1, 0.05, 0.01])],
        "CosineDecay": [
            dict(initial_learning_rate=0.1, decay_steps=25),
            dict(initial_learning_rate=0.001, decay_steps=50, alpha=0.1, warmup_target=0.1, warmup_steps=10),
        ],
        "CosineDecayRestarts": [
            dict(initial_learning_rate=0.1, first_decay_steps=12),
            dict(initial_learning_rate=0.1, first_decay_steps=12, t_mul=1.0, m_mul=0.9, alpha=0.05),
            dict(initial_learning_rate=0.1, first_decay_steps=12, t_mul=1.5, m_mul=0.5),
        ],
    }
    defaults = {
        "ExponentialDecay": dict(staircase=False),
        "InverseTimeDecay": dict(staircase=False),
        "PolynomialDecay": dict(cycle=False),
        "PiecewiseConstantDecay": {},
        "CosineDecay": dict(alpha=0.0, warmup_target=0.0, warmup_steps=0),
        "CosineDecayRestarts": dict(t_mul=2.0, m_mul=1.0, alpha=0.0),
    }
    cases = []
    for kind, variants in kinds.items():
        for arguments in variants:
            schedule = getattr(S, kind)(**arguments)
            cases.append({
                "config": {"kind": kind, "per": "step", **defaults[kind], **arguments},
                "steps": steps,
                "rates": [number(schedule(step)) for step in steps],
            })
    return cases


FIRST_WEIGHTS = [random.uniform(-1, 1, (3, 2)).astype(np.float32), random.uniform(-1, 1, 2).astype(np.float32)]
SGD = {"kind": "sgd", "momentum": 0.9, "nesterov": False, "decay": 0.0, "convention": "keras", "weight_decay": 0.0}
ADAM = {"kind": "adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7, "decay": 0.0, "convention": "keras",
        "weight_decay": 0.0}


def flat(values):
    return [[number(v) for v in np.asarray(value).ravel()] for value in values]


def update_case(own, rate, options, make, steps=7):
    """`options`: as Curie's config has them; make(**keras options) makes the optimizer."""
    names = dict(options)
    if "ema_momentum" in names:
        names["use_ema"] = True
        names["ema_overwrite_frequency"] = names.get("ema_overwrite_frequency") or None
    schedule = names.pop("schedule", None)
    keras_rate = rate
    if schedule:
        arguments = {k: v for k, v in schedule.items() if k not in ("kind", "per")}
        keras_rate = getattr(S, schedule["kind"])(**arguments)
    optimizer = make(learning_rate=keras_rate, **names)
    variables = [keras.Variable(w) for w in FIRST_WEIGHTS]
    optimizer.build(variables)
    gradients, weights = [], []
    for _ in range(steps):
        step = [random.normal(0, 2, w.shape).astype(np.float32) for w in FIRST_WEIGHTS]
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in step])
        gradients.append(flat(step))
        weights.append(flat(variables))
    optimizer.finalize_variable_values(variables)
    config = {**own, "learning_rate": rate, **options}
    if "ema_momentum" in config:
        config.setdefault("ema_overwrite_frequency", 0)
        config["ema_in_validation"] = False
    return {"config": config, "gradients": gradients, "weights": weights, "final": flat(variables)}


def update_cases():
    def sgd(**options):
        return keras.optimizers.SGD(momentum=0.9, **options)

    def adam(**options):
        return keras.optimizers.Adam(**options)

    decay = {"kind": "ExponentialDecay", "per": "step", "initial_learning_rate": 0.1, "decay_steps": 2.0,
             "decay_rate": 0.5, "staircase": False}
    return [
        update_case(SGD, 0.1, {"clipvalue": 0.5}, sgd),
        update_case(SGD, 0.1, {"clipnorm": 3.0}, sgd),
        update_case(SGD, 0.1, {"global_clipnorm": 3.0}, sgd),
        update_case(ADAM, 0.01, {"clipnorm": 1.0}, adam),
        update_case(SGD, 0.1, {"gradient_accumulation_steps": 3}, sgd),
        update_case(ADAM, 0.01, {"gradient_accumulation_steps": 2, "global_clipnorm": 1.0}, adam),
        update_case(ADAM, 0.01, {"gradient_accumulation_steps": 2, "schedule": decay}, adam),
        update_case(ADAM, 0.01, {"ema_momentum": 0.75}, adam),
        update_case(SGD, 0.1, {"ema_momentum": 0.5, "ema_overwrite_frequency": 3}, sgd),
        update_case(SGD, 0.1, {"schedule": decay, "clipvalue": 1.0}, sgd),
    ]


def main():
    golden = {
        "keras": keras.__version__,
        "schedules": schedule_cases(),
        "first_weights": flat(FIRST_WEIGHTS),
        "updates": update_cases(),
    }
    path = pathlib.Path(__file__).resolve().parents[2] / "tests/data/updates.json"
    path.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
