#!/usr/bin/env python3
"""Writes tests/data/keras/: small models with random weights, saved by Keras itself, and what Keras predicts with them.

  scripts/interop --keras      makes a Python with Keras 3; then  .cache/interop/bin/python scripts/goldens/keras_files.py
  scripts/interop --keras2     the same with Keras 2 (TensorFlow 2.13), whose files have `keras2` in their names

Every model takes pixels divided by 255; `keras*.json` holds three images of 8-bit pixels for each and the predictions.
Extents differ in every direction, so that a wrong order of axes shows.
"""

import json
import os
import pathlib
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import keras
import numpy as np

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "data" / "keras"
KERAS2 = keras.__version__.startswith("2.")
PREFIX = "keras2" if KERAS2 else "keras3"
layers = keras.layers


def sequential():
    return keras.Sequential(
        [
            layers.Conv2D(4, (3, 2), activation="relu", input_shape=(11, 9, 3)),
            layers.BatchNormalization(scale=False),
            layers.MaxPooling2D((2, 1)),
            layers.Dropout(0.3),
            layers.Conv2D(5, (2, 3), strides=(1, 2), padding="same", use_bias=False),
            layers.AveragePooling2D(2, padding="same"),
            layers.Activation("tanh"),
            layers.Flatten(),
            layers.Dense(6, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(1, activation="sigmoid"),
        ],
        name="sequential",
    )


def residual():
    inputs = keras.Input((13, 11, 3), name="image")
    x = layers.ZeroPadding2D(((3, 2), (1, 3)), name="pad")(inputs)
    x = layers.Conv2D(4, (5, 4), strides=2, use_bias=False, name="stem")(x)
    x = layers.BatchNormalization(epsilon=1e-5, momentum=0.9, name="stem_norm")(x)
    x = layers.ReLU(name="stem_relu")(x)
    x = layers.ZeroPadding2D(1, name="pool_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="pool")(x)
    y = layers.Conv2D(6, 3, padding="same", name="conv1")(x)
    y = layers.BatchNormalization(name="norm1")(y)
    y = layers.Activation("relu", name="relu1")(y)
    y = layers.Conv2D(6, (3, 1), padding="same", name="conv2")(y)
    shortcut = layers.Conv2D(6, 1, name="project")(x)
    shortcut = layers.BatchNormalization(center=False, name="project_norm")(shortcut)
    x = layers.Add(name="sum")([y, shortcut])
    x = layers.Activation("relu", name="relu2")(x)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dense(3, name="logits")(x)
    x = layers.Softmax(name="classes")(x)
    return keras.Model(inputs, x, name="residual")


def backbone():
    inputs = keras.Input((12, 10, 3), name="backbone_input")
    x = layers.Conv2D(3, 3, padding="same", activation="relu", name="block1_conv1")(inputs)
    x = layers.BatchNormalization(name="block1_norm")(x)
    x = layers.Conv2D(4, 3, padding="same", activation="relu", name="block1_conv2")(x)
    x = layers.MaxPooling2D(2, name="block1_pool")(x)
    return keras.Model(inputs, x, name="backbone")


def nested():
    inner = backbone()
    inner.trainable = False
    return keras.Sequential(
        [
            inner,
            layers.AveragePooling2D((2, 3)),
            layers.Flatten(),
            layers.Dense(4, activation="relu"),
            layers.Dense(2, activation="softmax"),
        ],
        name="nested",
    )


def rescaled():
    return keras.Sequential(
        [
            keras.Input((6, 5, 1)),
            layers.Rescaling(1.0 / 127.5, offset=-1.0),
            layers.Conv2D(2, 2),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax"),
        ],
        name="rescaled",
    )


def randomize(model, random):
    """Weights that differ everywhere; variances above 0."""
    values = []
    for value in model.get_weights():
        values.append(random.uniform(-0.5, 0.5, value.shape).astype(np.float32))
    model.set_weights(values)
    for layer in model.layers + [inner for outer in model.layers if hasattr(outer, "layers") for inner in outer.layers]:
        if isinstance(layer, layers.BatchNormalization):
            *others, variance = layer.get_weights()
            layer.set_weights([*others, np.abs(variance) + 0.25])


def old_vgg_layout(model, path):
    """The layout of vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5: no model, names as Keras 1 gave them."""
    with h5py.File(path, "w") as file:
        names = [layer.name for layer in model.layers]
        file.attrs["layer_names"] = [name.encode() for name in names]
        for layer in model.layers:
            group = file.create_group(layer.name)
            values = layer.get_weights()
            if "norm" in layer.name:
                weight_names = [f"{layer.name}_{suffix}:0" for suffix in ("gamma", "beta", "running_mean", "running_std")]
            else:
                weight_names = [f"{layer.name}_{suffix}_1:0" for suffix in ("W", "b")][: len(values)]
            group.attrs["weight_names"] = [name.encode() for name in weight_names[: len(values)]]
            for name, value in zip(weight_names, values):
                group[name] = value


def without_times(path):
    """Rewrites the date, so that the same weights give the same archive, and compresses."""
    import zipfile

    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    metadata = json.loads(entries["metadata.json"])
    metadata["date_saved"] = "2026-01-01@00:00:00"
    entries["metadata.json"] = json.dumps(metadata).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, contents in entries.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), contents, zipfile.ZIP_DEFLATED)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(20260101)
    expected = {"made_by": f"scripts/goldens/keras_files.py, Keras {keras.__version__}", "models": {}}
    for make, loss in ((sequential, "binary_crossentropy"), (residual, "categorical_crossentropy"),
                       (nested, "sparse_categorical_crossentropy"), (rescaled, "categorical_crossentropy")):  # fmt: skip
        keras.utils.set_random_seed(1)
        model = make()
        randomize(model, random)
        optimizer = keras.optimizers.SGD(0.01, momentum=0.9) if make is residual else keras.optimizers.Adam(0.002)
        model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
        name = model.name
        pixels = random.integers(0, 256, (3, *model.input_shape[1:]), dtype=np.uint8)
        scale = 1.0 if make is rescaled else 255.0
        outputs = model.predict(pixels.astype(np.float32) / scale, verbose=0)
        expected["models"][name] = {
            "shape": list(model.input_shape[1:]),
            "pixels": pixels.ravel().tolist(),
            "outputs": [[float(value) for value in row] for row in outputs],
            "parameters": model.count_params(),
        }
        # First, since saving HDF5 makes Keras 3 forget the optimizer.
        model.save(OUT / f"{PREFIX}_{name}.keras")
        without_times(OUT / f"{PREFIX}_{name}.keras")
        model.save(OUT / f"{PREFIX}_{name}.h5")
        if make is nested:
            inner = model.layers[0]
            inner.save_weights(OUT / f"{PREFIX}_backbone.weights.h5")
            if KERAS2:
                inner.save_weights(OUT / f"{PREFIX}_backbone.h5")
            features = inner.predict(pixels.astype(np.float32) / scale, verbose=0)
            expected["models"]["backbone"] = {"outputs": [[float(v) for v in row.ravel()] for row in features]}
            if not KERAS2:
                old_vgg_layout(inner, OUT / "keras1_backbone.h5")
    with open(OUT / f"{PREFIX}.json", "w", encoding="utf-8") as file:
        json.dump(expected, file, separators=(",", ":"))
        file.write("\n")
    print(*sorted(f"{path.name} {path.stat().st_size}" for path in OUT.iterdir()), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
