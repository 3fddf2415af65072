#!/usr/bin/env python3
"""Writes tests/data/keras/*_trained_*: a small model that Keras has trained for some steps, saved with what its optimizer
remembers, and the losses of the next steps, so that a reader can go on from there and compare.

  scripts/interop --keras      then  .cache/interop/bin/python scripts/goldens/keras_training.py
  scripts/interop --keras2     then  .cache/keras2/bin/python scripts/goldens/keras_training.py

Two of its convolutions have kernels of one shape, so that a wrong order of the optimizer's arrays shows.
"""

import json
import os
import pathlib
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras_files import KERAS2, OUT, PREFIX, without_times

layers = keras.layers
BATCH, STEPS = 4, 3


def branches():
    inputs = keras.Input((6, 5, 1), name="image")
    a = layers.Conv2D(2, (3, 2), padding="same", name="left")(inputs)
    b = layers.Conv2D(2, (3, 2), padding="same", name="right")(inputs)
    b = layers.BatchNormalization(name="norm")(b)
    x = layers.Add(name="sum")([a, b])
    x = layers.Activation("relu", name="relu")(x)
    x = layers.Conv2D(3, 2, activation="relu", name="still", trainable=False)(x)
    x = layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="classes")(x), name="branches")


def own_averages(optimizer):
    """At the end of fit() the weights and their averages become one buffer of JAX, with which it cannot train."""
    for average in getattr(optimizer, "_model_variables_moving_average", []):
        average.assign(average.numpy())


def main():
    random = np.random.default_rng(20260102)
    pixels = random.integers(0, 256, (2 * STEPS * BATCH, 6, 5, 1), dtype=np.uint8)
    labels = random.integers(0, 3, len(pixels))
    x, y = pixels.astype(np.float32) / 255, labels.astype(np.int64)
    half = STEPS * BATCH
    told = {"made_by": f"scripts/goldens/keras_training.py, Keras {keras.__version__}", "batch": BATCH,
            "shape": [6, 5, 1], "pixels": pixels[half:].ravel().tolist(), "labels": labels[half:].tolist(),
            "losses": {}}  # fmt: skip
    adam, sgd = keras.optimizers.Adam, keras.optimizers.SGD
    optimizers = {
        "adam": lambda: adam(0.01),
        "momentum": lambda: sgd(0.1, momentum=0.9),
        "average": lambda: adam(0.01, use_ema=True, ema_momentum=0.7, ema_overwrite_frequency=4),
    }
    if not KERAS2:  # saved when two of an update's four batches are gathered
        optimizers["gathered"] = lambda: sgd(0.1, momentum=0.9, gradient_accumulation_steps=4)
        optimizers["plain"] = lambda: sgd(0.1, use_ema=True, ema_momentum=0.7)
    for name, make in optimizers.items():
        keras.utils.set_random_seed(2)
        model = branches()
        model.compile(optimizer=make(), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x[:half], y[:half], batch_size=BATCH, epochs=2, shuffle=False, verbose=0)
        if not KERAS2 or name == "adam":
            model.save(OUT / f"{PREFIX}_trained_{name}.keras")
            without_times(OUT / f"{PREFIX}_trained_{name}.keras")
        if KERAS2 or name in ("adam", "momentum"):
            model.save(OUT / f"{PREFIX}_trained_{name}.h5")
        if not KERAS2:  # saving HDF5 makes Keras 3 forget the optimizer
            model = keras.models.load_model(OUT / f"{PREFIX}_trained_{name}.keras")
        losses = []
        for step in range(STEPS):
            own_averages(model.optimizer)
            batch = slice(half + step * BATCH, half + (step + 1) * BATCH)
            history = model.fit(x[batch], y[batch], batch_size=BATCH, verbose=0)
            losses.append(float(history.history["loss"][0]))
        told["losses"][name] = losses
        told["batches"] = 2 * STEPS
    with open(OUT / f"{PREFIX}_trained.json", "w", encoding="utf-8") as file:
        json.dump(told, file, separators=(",", ":"))
        file.write("\n")
    print(told["losses"])


if __name__ == "__main__":
    sys.exit(main())
