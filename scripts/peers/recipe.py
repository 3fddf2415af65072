#!/usr/bin/python3
"""Trains one of the recipes beside covid-cnn-64 in PyTorch, on the images and split that `curie train` uses.

  scripts/peers/recipe.py --recipe pneumonia-cnn-70 --data DIR --seed 1 --out run.json [--split-by patient] [--limit COVID=74]

Same as the recipe: images, split (recipes_data.py), model, loss, optimizer and rates (recipes_torch.py), augmentation, batches
shuffled each epoch with the last partial batch kept. Initial values: Glorot-uniform kernels and zero biases where the document
uses Keras, PyTorch's or torchvision's own where it uses PyTorch. `--seed` draws them, the order, the masks and the changes
to the images; `--split-seed` the split.

There are no ImageNet weights here: the VGG16 backbone is drawn once by the seed, uniform as He et al. 2015 (biases 0), and
frozen. The features of images that are not augmented (validation and test always) are computed once.

The JSON holds the history, the figures of the last epoch's weights on the test part, and those of the epoch that was best on
the validation part (by accuracy for pneumonia-cnn-70, whose validation part is the test part; by loss elsewhere).
"""

import argparse
import copy
import json
import os
import pathlib
import time

import numpy as np
import torch
from torch import nn

import recipes_data
import recipes_torch
from covid_torch import glorot_limit


def initialise(model, recipe, seed):
    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, 0])
    for name, layer in model.named_modules():
        if not isinstance(layer, (nn.Conv2d, nn.Linear)):
            continue
        shape = tuple(layer.weight.shape)
        with torch.no_grad():
            if name.startswith("backbone."):
                limit = (6.0 / np.prod(shape[1:])) ** 0.5
                nn.init.uniform_(layer.weight, -limit, limit)
                layer.bias.zero_()
            elif recipe.keras_initialised:
                limit = glorot_limit(layer)
                layer.weight.copy_(torch.from_numpy(rng.uniform(-limit, limit, shape)))
                if layer.bias is not None:
                    layer.bias.zero_()
            else:
                layer.reset_parameters()
                if isinstance(model, recipes_torch.ResNet18) and isinstance(layer, nn.Conv2d):
                    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")


def scores(matrix):
    """Accuracy, and precision, recall and F1 of each class, from a confusion matrix with the truth in rows."""
    hits, claimed, actual = np.diag(matrix), matrix.sum(0), matrix.sum(1)
    return {
        "accuracy": float(hits.sum() / matrix.sum()),
        "precision": (hits / np.maximum(claimed, 1)).tolist(),
        "recall": (hits / np.maximum(actual, 1)).tolist(),
        "f1": (2 * hits / np.maximum(claimed + actual, 1)).tolist(),
        "confusion": matrix.tolist(),
    }


class Run:
    def __init__(self, name, seed, pixels, labels, parts):
        self.name, self.seed, self.recipe = name, seed, recipes_torch.RECIPES[name]
        self.model = self.recipe.build()
        self.initialise()
        self.model = self.model.to(memory_format=torch.channels_last)
        self.optimizer = self.recipe.optimizer(self.model)
        self.order, self.changes = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2])
        self.pixels = {part: pixels[indices] for part, indices in parts.items()}
        self.labels = {part: torch.from_numpy(labels[indices]) for part, indices in parts.items()}
        self.frozen, self.network, self.features = isinstance(self.model, recipes_torch.Vgg16Head), self.model, {}
        if self.frozen:
            self.network = self.model.head
            fixed = [part for part in parts if part != "train" or not recipes_data.augments(name)]
            self.features = {part: self.backbone_features(part) for part in fixed}

    def initialise(self):
        initialise(self.model, self.recipe, self.seed)

    def backbone_features(self, part):
        with torch.no_grad():
            return torch.cat([self.model.backbone(self.images(part, rows)) for rows in self.batches(part, 16)])

    def batches(self, part, size):
        return np.array_split(np.arange(len(self.labels[part])), -(-len(self.labels[part]) // size))

    def epoch_order(self, _epoch):
        return self.order.permutation(len(self.labels["train"]))

    def changed(self, rows, _epoch):
        """Training images as an epoch sees them."""
        return recipes_data.augment(self.name, self.pixels["train"][rows], self.changes)

    def images(self, part, rows, epoch=None):
        """Of the training part in an epoch, changed at random; of any part, as they are."""
        pixels = self.pixels[part][rows] if epoch is None else self.changed(rows, epoch)
        x = recipes_torch.normalise(np.ascontiguousarray(pixels), self.recipe)
        return x.contiguous(memory_format=torch.channels_last)

    def inputs(self, part, rows, epoch=None):
        """What `network` takes: images, or the frozen backbone's features of them."""
        if part in self.features:
            return self.features[part][rows]
        images = self.images(part, rows, epoch)
        if not self.frozen:
            return images
        with torch.no_grad():
            return self.model.backbone(images)

    def predicted(self, logits):
        return (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(1)

    def evaluate(self, part):
        self.network.eval()
        with torch.no_grad():
            logits = torch.cat([self.network(self.inputs(part, rows)) for rows in self.batches(part, 64)])
        truth, guess = self.labels[part], self.predicted(logits)
        matrix = np.zeros((self.recipe.classes, self.recipe.classes), dtype=np.int64)
        np.add.at(matrix, (truth.numpy(), guess.numpy()), 1)
        return {"loss": float(self.recipe.loss(logits.double(), truth)), **scores(matrix)}

    def train_epoch(self, epoch):
        """Mean loss and accuracy over the epoch, as they were while the weights moved."""
        if self.recipe.rate:
            recipes_torch.set_rate(self.optimizer, self.recipe.rate(epoch))
        self.network.train()
        truth = self.labels["train"]
        order = self.epoch_order(epoch)
        loss_sum, hits = 0.0, 0
        for first in range(0, len(order), self.recipe.batch_size):
            rows = order[first : first + self.recipe.batch_size]
            self.optimizer.zero_grad()
            logits = self.network(self.inputs("train", rows, epoch))
            loss = self.recipe.loss(logits, truth[rows])
            loss.backward()
            self.optimizer.step()
            loss_sum += float(loss) * len(rows)
            hits += int((self.predicted(logits) == truth[rows]).sum())
        return {"loss": loss_sum / len(order), "accuracy": hits / len(order)}


def write_json(path, value):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    part = f"{path}.part"
    with open(part, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.write("\n")
    os.replace(part, path)


def parse_limit(text):
    name, _, count = text.partition("=")
    return name, int(count)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", required=True, choices=list(recipes_torch.RECIPES))
    parser.add_argument("--data", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--split-seed", type=int, help="default: the recipe's")
    parser.add_argument("--split-by", choices=["random", "patient"], default="random")
    parser.add_argument("--limit", type=parse_limit, action="append", default=[], metavar="CLASS=N")
    parser.add_argument("--epochs", type=int, help="default: the recipe's")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", required=True, help="JSON file to write")
    return parser.parse_args()


def prepare(name, folder, split_by, split_seed, limits=None):
    """Pixels, labels and the indices of each part, as Run takes them, and what the JSON says of them."""
    pixels, labels, files, official = recipes_data.load(name, recipes_torch.RECIPES[name].size, folder, limits)
    groups = recipes_data.patients(folder, files) if split_by == "patient" else None
    parts = recipes_data.split(name, labels, official, split_seed, groups)
    classes = list(recipes_data.classes_of(name))
    counts = {part: np.bincount(labels[rows], minlength=len(classes)).tolist() for part, rows in parts.items()}
    print(name, classes, counts, flush=True)
    return (pixels, labels, parts), {"split_seed": split_seed, "split_by": split_by, "classes": classes, "counts": counts}


def train(run, epochs):
    """Trains and tests; the JSON's figures of it."""
    started = time.perf_counter()
    by_accuracy = run.name == "pneumonia-cnn-70"
    history, best = [], None
    for epoch in range(epochs):
        logs = run.train_epoch(epoch)
        validation = run.evaluate("val")
        logs.update({"val_loss": validation["loss"], "val_accuracy": validation["accuracy"]})
        history.append({"epoch": epoch + 1, **logs})
        quality = validation["accuracy"] if by_accuracy else -validation["loss"]
        if best is None or quality > best[0]:
            best = (quality, epoch + 1, copy.deepcopy(run.network.state_dict()))
        print(" ".join(f"{key} {value:.4g}" for key, value in history[-1].items()), flush=True)
    result = {
        "recipe": run.name,
        "framework": f"torch {torch.__version__}",
        "seed": run.seed,
        "parameters": sum(p.numel() for p in run.model.parameters() if p.requires_grad),
        "epochs": len(history),
        "test": run.evaluate("test"),
        "train": run.evaluate("train"),
    }
    run.network.load_state_dict(best[2])
    result["best"] = {"epoch": best[1], "monitor": "val_accuracy" if by_accuracy else "val_loss", "test": run.evaluate("test")}
    result.update({"history": history, "seconds": time.perf_counter() - started})
    print(f"test accuracy {result['test']['accuracy']:.4f}, of the best epoch ({best[1]}) {result['best']['test']['accuracy']:.4f}")
    return result


def main():
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    split_seed = args.split_seed or recipes_data.SPLIT_SEEDS.get(args.recipe, 1)
    data, described = prepare(args.recipe, args.data, args.split_by, split_seed, dict(args.limit))
    run = Run(args.recipe, args.seed, *data)
    write_json(args.out, {**described, **train(run, args.epochs or run.recipe.epochs)})


if __name__ == "__main__":
    main()
