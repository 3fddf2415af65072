#!/usr/bin/python3
"""Repeats a run of `curie train` in PyTorch with the run's own random numbers, epoch by epoch beside it.

  curie train --recipe covid-vgg16-224 --data DIR --seed 3 --out RUN
  scripts/peers/same_randoms.py RUN --data DIR --out same_randoms.json

Everything but the random numbers is recipe.py's: OpenCV and Pillow, scikit-learn's splits, SciPy's interpolation, PyTorch's
model and optimizer. Curie's are the initial weights, the order of samples, the dropout masks, and by how much each image is
turned, shifted, zoomed and mirrored; all follow from the seed (curie_random.py, written from the generator's description). A
frozen backbone is read from the run's model, where it is as it was drawn or imported.

Where both engines train alike, what is left between the losses of an epoch comes from rounding, from the two interpolations
(hundredths of a grey level) and from the JPEG decoders (one grey level in three of a thousand pixels): parts in a million, until
(most likely) a hidden unit is on in one engine and off in the other and Adam takes its first step for it. Without the decoders' part:

  curie pack DIR --recipe covid-vgg16-224 --out PACKED
  scripts/peers/same_randoms.py RUN --data DIR --pixels PACKED/X.npy --out same_randoms.json

What a real difference makes, `--spoil` tells, which gives PyTorch the masks of the next step.

The JSON is recipe.py's, with "randoms": "curie" and the largest relative differences of losses: in the first five epochs, and of
each loss in all. Exit status 1 when the first is over 1e-3 or another over .1. For the recipes with a frozen VGG16: where
convolutions train, the grey level by which JPEG decoders differ in few pixels decides max pools, and Adam's first steps make the
most of it.
"""

import argparse
import json
import pathlib

import curie_random
import curie_torch
import numpy as np
import recipe
import recipes_data
import recipes_torch
import torch
from torch import nn

LOSSES = ("loss", "val_loss")
EARLY = 5  # epochs
NEAR, FAR = 1e-3, 0.1  # relative differences of early losses and of all: rounding stays below, other masks do not


class Dropout(nn.Module):
    """Dropout with the masks of Curie's layer number `layer`, for training from `step` on."""

    def __init__(self, rate, seed, layer, step):
        super().__init__()
        self.rate, self.seed, self.layer, self.step = rate, seed, layer, step

    def forward(self, x):
        if not self.training:
            return x
        self.step += 1
        return curie_torch.dropout(x, self.rate, self.seed, self.layer, self.step - 1)


class Run(recipe.Run):
    """recipe.py's, with the random numbers of Curie's seed. tensors: those of the run's model, for what is frozen."""

    def __init__(self, name, seed, *data, tensors, spoil=False):
        self.tensors, self.first_step = tensors, 1 if spoil else 0
        super().__init__(name, seed, *data)

    def initialise(self):
        layers = parameters = 0  # Curie numbers both from the input on
        previous = None
        for name, layer in list(self.model.named_modules()):
            if next(layer.children(), None) is not None:
                continue
            parent, _, own = name.rpartition(".")
            if isinstance(layer, nn.Dropout):
                setattr(self.model.get_submodule(parent), own, Dropout(layer.p, self.seed, layers, self.first_step))
            elif isinstance(layer, (nn.Conv2d, nn.Linear)):
                for kind, value in (("kernel", layer.weight), ("bias", layer.bias)):
                    if value is not None:
                        self.begin(value, f"{own}/{kind}", parameters)
                        parameters += 1
            fused = isinstance(layer, nn.ReLU) and isinstance(previous, (nn.Conv2d, nn.Linear))
            layers += 0 if fused else 1  # an activation there is part of the layer
            previous = layer

    def begin(self, parameter, name, number):
        if not parameter.requires_grad:
            start = self.tensors[name]
        elif parameter.dim() == 1:
            start = np.zeros(parameter.shape, dtype=np.float32)
        else:
            units, inputs = parameter.shape
            start = curie_random.glorot_uniform(self.seed, number, (inputs, units), inputs, units)
        with torch.no_grad():
            parameter.copy_(curie_torch.to_torch(start))

    def epoch_order(self, epoch):
        return curie_random.epoch_order(len(self.labels["train"]), self.seed, epoch)

    def changed(self, rows, epoch):
        images = self.pixels["train"][rows]
        if not recipes_data.augments(self.name):
            return images
        drawn = curie_random.places(self.seed, epoch, len(self.labels["train"]))
        places = [{name: values[row] for name, values in drawn.items()} for row in rows]
        return np.stack([changed_image(image.astype(np.float32), place) for image, place in zip(images, places)])


def changed_image(image, drawn):
    """keras_random of recipes_data.py, from Curie's draws instead.

    Curie turns Keras' coordinates, of which the first runs along the columns: rows and columns are exchanged here, and the
    angle changes its sign with them.
    """

    def between(limit, name):
        return -limit + 2 * limit * drawn[name]

    theta = np.deg2rad(between(recipes_data.ROTATION, "theta"))
    zoom_columns, zoom_rows = (1 + between(recipes_data.ZOOM, name) for name in ("zx", "zy"))
    image = recipes_data.keras_affine(image, -theta, 0.0, 0.0, zoom_rows, zoom_columns)
    return image[:, ::-1] if drawn["flip_horizontal"] < 0.5 else image


def differences(history, curie):
    """The relative difference of each loss, epoch by epoch, after printing both engines' figures."""
    found = {key: [] for key in LOSSES}
    for ours, theirs in zip(history, curie, strict=True):
        shown = ", ".join(f"{key} {ours[key]:.5f} {theirs[key]:.5f}" for key in (*LOSSES, "accuracy", "val_accuracy"))
        print(f"epoch {ours['epoch']:2d}, PyTorch and Curie: {shown}")
        for key in LOSSES:
            found[key].append(abs(ours[key] - theirs[key]) / theirs[key])
    return found


def read_run(folder):
    """The run's configuration, the logs of each epoch, its metrics and its model's tensors."""
    config, history, metrics = (json.loads((folder / f"{name}.json").read_text()) for name in ("config", "history", "metrics"))
    if config["recipe"] not in recipes_torch.FROZEN:
        raise SystemExit(f"{folder}: expected a run of one of {', '.join(recipes_torch.FROZEN)}, found {config['recipe']}")
    known = recipes_torch.RECIPES[config["recipe"]]
    for key, expected in (("batch_size", known.batch_size), ("augment", ""), ("class_weights", {}), ("math", "exact")):
        if config.get(key, expected) != expected:
            raise SystemExit(f'{folder}: expected "{key}" {expected!r}, as the recipe has it, found {config[key]!r}')
    logs = [dict(epoch["logs"]) for epoch in history["epochs"]]
    return config, logs, metrics, curie_random.read_safetensors(folder / "model.safetensors")[0]


def packed(path, own):
    """Curie's pixels of the images whose own pixels Pillow or OpenCV made, from a file of `curie pack`."""
    pixels = np.load(path)
    if pixels.shape != own.shape or pixels.dtype != own.dtype:
        found = f"expected {own.dtype} {own.shape}, found {pixels.dtype} {pixels.shape}"
        raise SystemExit(f"{path}: {found}; pack with the run's --recipe and --limit")
    apart = np.abs(pixels.astype(np.int16) - own)
    print(f"pixels that differ: {(apart > 0).mean():.2%}, by {apart.max()} at most")
    return pixels


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=pathlib.Path, help="folder of a finished run of `curie train`")
    parser.add_argument("--data", required=True)
    parser.add_argument("--epochs", type=int, help="default: as many as the run has")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pixels", metavar="FILE.npy", help="the images as `curie pack --recipe` makes them of DIR")
    parser.add_argument("--spoil", action="store_true", help="give PyTorch the masks of the next step, to see a difference")
    parser.add_argument("--out", required=True, help="JSON file to write")
    return parser.parse_args()


def main():
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    curie_random.check_known_answers()
    config, logs, metrics, tensors = read_run(args.run)
    name = config["recipe"]
    data, described = recipe.prepare(name, args.data, config["split_by"], config["split_seed"], config["limits"])
    if args.pixels:
        data = (packed(args.pixels, data[0]), *data[1:])
    run = Run(name, config["seed"], *data, tensors=tensors, spoil=args.spoil)
    described.update({"randoms": "curie", "pixels": "curie" if args.pixels else "own", "imported": bool(config.get("weights"))})
    result = {**described, **recipe.train(run, args.epochs or len(logs))}
    apart = differences(result["history"], logs[: result["epochs"]])
    result["differences"] = {
        "early": max(max(values[:EARLY]) for values in apart.values()),
        **{key: max(values) for key, values in apart.items()},
    }
    recipe.write_json(args.out, result)
    if result["epochs"] == len(logs):
        print(f"test accuracy: PyTorch {result['test']['accuracy']:.4f}, Curie {metrics['test']['accuracy']:.4f}")
    print("largest relative differences:", ", ".join(f"{key} {value:.1e}" for key, value in result["differences"].items()))
    agree = all(value <= (NEAR if key == "early" else FAR) for key, value in result["differences"].items())
    print("Curie and PyTorch agree" if agree else "Curie and PyTorch DIFFER")
    return 0 if agree else 1


if __name__ == "__main__":
    raise SystemExit(main())
