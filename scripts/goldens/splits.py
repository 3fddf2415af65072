#!/usr/bin/python3
"""Makes tests/data/splits.json: three-way, group and per-class splits and class weights as scikit-learn has them.

Needs scikit-learn 1.2 (python3-sklearn of Debian 12). Usage: scripts/goldens/splits.py
"""
import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.model_selection import GroupShuffleSplit, train_test_split
from sklearn.preprocessing import LabelEncoder, OneHotEncoder
from sklearn.utils.class_weight import compute_class_weight

from sampling import checksum

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"


def three_way(labels, validation, test, seed):
    everything = np.arange(len(labels))
    rest, test_part = train_test_split(everything, test_size=test, random_state=seed, stratify=labels)
    train, validation_part = train_test_split(rest, test_size=validation / (1 - test), random_state=seed,
                                              stratify=labels[rest])
    return train, validation_part, test_part


def three_way_cases():
    for counts in ((30, 11, 7), (40, 13), (13, 13, 13, 13)):
        for seed in (0, 1, 42):
            labels = np.random.RandomState(7).permutation(np.repeat(np.arange(len(counts)), counts))
            parts = three_way(labels, .15, .15, seed)
            yield {"labels": labels.tolist(), "validation": .15, "test": .15, "seed": seed,
                   "parts": [part.tolist() for part in parts]}


def radiography():
    """The four classes of the Radiography Database, 70 : 15 : 15."""
    labels = np.repeat(np.arange(4), [10192, 3616, 1345, 6012])
    parts = three_way(labels, .15, .15, 1)
    return {"counts": [np.bincount(labels[part]).tolist() for part in parts],
            "checksums": [checksum(part) for part in parts]}


def group_cases():
    names = np.array(["patient 226", "IM-0115", "a/b.jpg", "patient 9", "é", "Zebra", "patient 10", "person1", "b", "person12"])
    for samples, groups in ((12, 2), (40, 10), (25, 7)):
        for fraction in (.1, .25, .5):
            for seed in (0, 1, 42):
                chosen = names[np.random.RandomState(samples).randint(0, groups, samples)]
                splitter = GroupShuffleSplit(n_splits=1, test_size=fraction, random_state=seed)
                train, test = next(splitter.split(chosen, groups=chosen))
                yield {"groups": chosen.tolist(), "fraction": fraction, "seed": seed, "train": train.tolist(),
                       "test": test.tolist()}


def per_class_cases():
    """Each class by itself: train_test_split with the same random_state for each."""
    for counts, size in (((146, 146), 16), ((130, 130), .25), ((7, 3, 12), 2), ((7, 3, 12), .4)):
        labels = np.random.RandomState(3).permutation(np.repeat(np.arange(len(counts)), counts))
        train, test = [], []
        for label in range(len(counts)):
            members = np.flatnonzero(labels == label)
            kept, held = train_test_split(members, test_size=size, random_state=5)
            train += kept.tolist()
            test += held.tolist()
        yield {"labels": labels.tolist(), "size": size, "seed": 5, "train": train, "test": test}


def class_weights():
    for counts in ((10192, 3616), (1340, 2512, 1338), (5, 5), (1, 2, 3, 4)):
        labels = np.repeat(np.arange(len(counts)), counts)
        weights = compute_class_weight("balanced", classes=np.unique(labels), y=labels)
        yield {"counts": counts, "weights": weights.tolist()}


def encoders():
    names = ["VIRUS", "NORMAL", "BACTERIA", "NORMAL", "virus", "", "é", "z", "VIRUS"]
    encoder = LabelEncoder()
    labels = encoder.fit_transform(names)
    table = OneHotEncoder(sparse_output=False).fit_transform(labels.reshape(-1, 1))
    return {"names": names, "classes": encoder.classes_.tolist(), "labels": labels.tolist(),
            "one_hot": table.astype(int).tolist()}


def main():
    golden = {"made_with": f"scikit-learn {sklearn.__version__}", "three_way": list(three_way_cases()),
              "radiography": radiography(), "groups": list(group_cases()), "per_class": list(per_class_cases()),
              "class_weights": list(class_weights()), "encoder": encoders()}
    (DATA / "splits.json").write_text(json.dumps(golden, separators=(",", ":"), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
