#!/usr/bin/python3
"""What trivial methods reach on the recipes' data sets and splits: a network has to do better to have learned anything.

  scripts/peers/baselines.py --data DIR [--out bench/results/recipes/baselines.json]

DIR holds the data sets covid-radiography, kermany, radiography4 and cohen146. Images are grey, 32 x 32 by Pillow's default resize,
divided by 255. Trained on the training part (the validation part is left out, as it is for a network), tested on the
recipe's test part for its default split seed:
  majority  every image is of the most frequent class of the training part
  ridge     scikit-learn's RidgeClassifierCV on the 1,024 pixels: alpha is chosen within the training part
  nearest   5 nearest neighbours by Euclidean distance
  grey      RidgeClassifier on the image's mean, standard deviation and the 5, 25, 50, 75 and 95 % quantiles, standardised
"""

import argparse
import json
import pathlib

import numpy as np
from PIL import Image
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import RidgeClassifier, RidgeClassifierCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import recipes_data

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Recipes that share a data set and a split share a row; each is named by one of them.
TASKS = (
    ("covid-cnn-64", "covid-radiography", "random"),
    ("pneumonia-cnn-70", "kermany", "random"),
    ("radiography-lenet-128", "radiography4", "random"),
    ("covid-basic-180", "cohen146", "random"),
    ("covid-basic-180", "cohen146", "patient"),
    ("covid-vgg16-237", "cohen146", "random"),
    ("covid-vgg16-237", "cohen146", "patient"),
)


ALPHAS = (0.1, 1.0, 10.0, 100.0, 1000.0)


def grey(path, size):
    with Image.open(path) as image:
        return np.asarray(image.convert("L").resize((size, size)), dtype=np.uint8)


def grey_statistics(x):
    return np.column_stack([x.mean(1), x.std(1), np.quantile(x, (0.05, 0.25, 0.5, 0.75, 0.95), axis=1).T])


def accuracies(x, y, parts):
    train, test = parts["train"], parts["test"]
    methods = {
        "majority": (DummyClassifier(strategy="most_frequent"), x),
        "ridge": (RidgeClassifierCV(ALPHAS), x),
        "nearest": (KNeighborsClassifier(5), x),
        "grey": (make_pipeline(StandardScaler(), RidgeClassifier(alpha=1.0)), grey_statistics(x)),
    }
    return {
        name: float(np.mean(method.fit(features[train], y[train]).predict(features[test]) == y[test]))
        for name, (method, features) in methods.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "bench" / "results" / "recipes" / "baselines.json")
    args = parser.parse_args()
    results = []
    for recipe, data, split_by in TASKS:
        pixels, y, files, official = recipes_data.load(recipe, 32, args.data / data, read=grey)
        x = pixels.reshape(len(pixels), -1) / 255.0
        groups = recipes_data.patients(args.data / data, files) if split_by == "patient" else None
        seed = recipes_data.SPLIT_SEEDS.get(recipe, 1)
        parts = recipes_data.split(recipe, y, official, seed, groups)
        accuracy = accuracies(x, y, parts)
        counts = {part: len(indices) for part, indices in parts.items()}
        results.append(
            {"recipe": recipe, "data": data, "split_by": split_by, "split_seed": seed, "counts": counts, "accuracy": accuracy}
        )
        print(recipe, split_by, counts, {name: round(value, 4) for name, value in accuracy.items()}, flush=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
