#!/usr/bin/env python3
"""Writes tests/data/sampling.json: what numpy, scikit-learn and imbalanced-learn draw.

Needs numpy, scikit-learn 1.2 and imbalanced-learn 0.10 (or later ones that draw the same):
    python3 scripts/goldens/sampling.py tests/data/sampling.json
"""
import json
import sys

import imblearn
import numpy as np
import sklearn
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler
from sklearn.model_selection import train_test_split


def random_sequences(seed):
    draw = lambda: np.random.RandomState(seed)
    shuffled = np.arange(7) * 10
    draw().shuffle(shuffled)
    mixed = draw()
    return {
        "seed": seed,
        "uniform": draw().uniform(size=8).tolist(),
        "permutation": draw().permutation(23).tolist(),
        "permutation_of_one": draw().permutation(1).tolist(),
        "shuffle": shuffled.tolist(),
        "randint_10": draw().randint(low=0, high=10, size=20).tolist(),
        "randint_14465": draw().randint(low=0, high=14465, size=20).tolist(),
        "randint_2_32": draw().randint(low=0, high=2**32, size=6).tolist(),
        "randint_wide": draw().randint(low=-(2**40), high=2**45 + 1, size=6).tolist(),
        "randint_one": draw().randint(low=3, high=4, size=3).tolist(),
        "choice_30_9": draw().choice(30, size=9, replace=False).tolist(),
        # One generator through every kind of draw: each must consume as many words as numpy does.
        "mixed": [mixed.randint(0, 1000), float(mixed.uniform()), mixed.permutation(5).tolist(),
                  mixed.randint(0, 2**33), float(mixed.uniform())],
    }


def splits():
    for n in (2, 7, 10, 101, 500):
        for fraction in (0.1, 0.2, 0.25, 0.5):
            for seed in (0, 1, 42):
                train, test = train_test_split(np.arange(n), test_size=fraction, random_state=seed)
                yield {"n": n, "fraction": fraction, "seed": seed, "train": train.tolist(), "test": test.tolist()}


def stratified_splits():
    for counts in ((5, 5), (3, 2, 2), (30, 11, 7), (40, 3), (13, 13, 13, 13), (2, 2, 2, 2, 50)):
        for fraction in (0.2, 0.25, 0.5):
            for seed in (0, 1, 42):
                labels = np.repeat(np.arange(len(counts)), counts)
                labels = np.random.RandomState(7).permutation(labels)
                try:
                    train, test = train_test_split(np.arange(len(labels)), test_size=fraction, random_state=seed,
                                                   stratify=labels)
                except ValueError:
                    continue
                yield {"labels": labels.tolist(), "fraction": fraction, "seed": seed, "train": train.tolist(),
                       "test": test.tolist()}


def smote_cases():
    for seed, rows, others, features, k, ratio in ((0, 6, 20, 3, 5, 1.0), (1, 12, 31, 17, 5, 0.7), (42, 9, 30, 33, 3, 0.55)):
        random = np.random.RandomState(100 + seed)
        x = np.round(random.uniform(0, 255, (rows + others, features)), 3)
        y = random.permutation(np.repeat([1, 0], [rows, others]))
        grown, labels = SMOTE(sampling_strategy=ratio, k_neighbors=k, random_state=seed).fit_resample(x, y)
        assert (grown[: len(x)] == x).all() and (labels[len(x):] == 1).all()
        yield {"seed": seed, "k": k, "rows": rows, "features": features, "minority": x[y == 1].ravel().tolist(),
               "labels": y.tolist(), "ratio": ratio, "count": len(grown) - len(x), "new": grown[len(x):].ravel().tolist()}


def smote_of_pixels():
    """Whole pixels as float64, float32 and three classes; the first is rounded by the test as bytes are."""
    random = np.random.RandomState(5)
    x = random.randint(0, 256, (40, 12)).astype(np.float64)
    y = np.repeat([2, 0, 1], [20, 13, 7])
    two = y != 1
    grown, _ = SMOTE(sampling_strategy=0.95, k_neighbors=5, random_state=3).fit_resample(x[two], y[two])
    reals = (x / 255).astype(np.float32)
    grown_reals, _ = SMOTE(sampling_strategy=0.95, k_neighbors=5, random_state=3).fit_resample(reals[two], y[two])
    assert grown_reals.dtype == np.float32
    all_grown, all_labels = SMOTE(k_neighbors=4, random_state=9).fit_resample(x, y)
    return {"pixels": x.ravel().tolist(), "labels": y.tolist(), "features": 12,
            "two_classes": grown[two.sum():].ravel().tolist(),
            "two_classes_f32": grown_reals[two.sum():].astype(np.float64).ravel().tolist(),
            "all_classes": all_grown[len(x):].ravel().tolist(), "all_labels": all_labels.tolist()}


def undersamples():
    for counts, ratio in (((30, 9), 1.0), ((9, 30), 0.5), ((17, 13), 0.8), ((8, 8), 1.0), ((30, 9, 14), None)):
        for seed in (0, 1):
            labels = np.random.RandomState(8).permutation(np.repeat(np.arange(len(counts)), counts))
            sampler = RandomUnderSampler(sampling_strategy=ratio or "auto", random_state=seed)
            sampler.fit_resample(np.zeros((len(labels), 1)), labels)
            yield {"labels": labels.tolist(), "ratio": ratio or 0, "seed": seed, "kept": sampler.sample_indices_.tolist()}


def checksum(indices):
    """Order matters: sum of index * (position + 1)."""
    indices = np.asarray(indices, dtype=object)
    return int(sum(int(value) * (place + 1) for place, value in enumerate(indices)))


def pipeline():
    """covid-cnn-64: stratified 80/20, SMOTE to 0.7, undersampling to 1, then 10 % for validation."""
    labels = np.repeat([0, 1], [10192, 3616])
    everything = np.arange(len(labels))
    train, test = train_test_split(everything, test_size=0.2, random_state=1, stratify=labels)
    x = np.random.RandomState(0).uniform(size=(len(train), 2))
    grown, grown_labels = SMOTE(sampling_strategy=0.7, random_state=1).fit_resample(x, labels[train])
    sampler = RandomUnderSampler(sampling_strategy=1.0, random_state=1)
    sampler.fit_resample(grown, grown_labels)
    kept = sampler.sample_indices_
    last_train, validation = train_test_split(np.arange(len(kept)), test_size=0.1, random_state=1)
    return {"counts": [len(train), len(grown), len(kept), len(last_train), len(validation)],
            "train_classes": np.bincount(labels[train]).tolist(), "test_classes": np.bincount(labels[test]).tolist(),
            "grown_classes": np.bincount(grown_labels).tolist(), "train": checksum(train), "test": checksum(test),
            "kept": checksum(kept), "last_train": checksum(last_train), "validation": checksum(validation)}


def main():
    golden = {
        "versions": {"numpy": np.__version__, "sklearn": sklearn.__version__, "imblearn": imblearn.__version__},
        "random": [random_sequences(seed) for seed in (0, 1, 42, 4294967295)],
        "splits": list(splits()),
        "stratified": list(stratified_splits()),
        "smote": list(smote_cases()),
        "smote_pixels": smote_of_pixels(),
        "undersample": list(undersamples()),
        "pipeline": pipeline(),
    }
    with open(sys.argv[1], "w") as file:
        json.dump(golden, file, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
