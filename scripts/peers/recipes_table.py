#!/usr/bin/env python3
"""Gathers what Curie, PyTorch and trivial methods reach on the recipes, and makes the tables of README.md and docs from it.

  scripts/peers/recipes_table.py --curie RUN ... --torch FILE ...      add runs, then write bench/results/recipes.json
  scripts/peers/recipes_table.py --print                               print the tables

--curie takes folders of `curie train`, --torch files of scripts/peers/recipe.py; bench/results/recipes/baselines.json is
scripts/peers/baselines.py's. A run of the same engine, recipe, way of splitting and seed replaces the one that is there.
covid-cnn-64's runs are those of bench/results/accuracy_patience4.json (scripts/peers/accuracy_table.py). Kept beside the runs
that drew for themselves: Curie's with --weights, which started from the backbone that PyTorch drew for the same seed
(scripts/peers/backbone.py), and PyTorch's with the random numbers of Curie's run (scripts/peers/same_randoms.py).
"""

import argparse
import json
import math
import pathlib
import random

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = ROOT / "bench" / "results" / "recipes.json"
HEADLINE = ROOT / "bench" / "results" / "accuracy_patience4.json"
BASELINES = ROOT / "bench" / "results" / "recipes" / "baselines.json"
NAMES = {"curie": "Curie", "torch": "PyTorch"}

# Recipe, the document's test accuracy, the data set that stands for its data, ways of splitting, whose baselines are its own.
RECIPES = (
    ("covid-cnn-64", 0.9634, "covid-radiography", ("random",), "covid-cnn-64"),
    ("pneumonia-cnn-70", 0.75, "kermany", ("random",), "pneumonia-cnn-70"),
    ("covid-basic-180", 0.8125, "cohen146", ("random", "patient"), "covid-basic-180"),
    ("covid-dropout-224", 0.96, "cohen146", ("random", "patient"), "covid-basic-180"),
    ("covid-batchnorm-224", 0.96, "cohen146", ("random", "patient"), "covid-basic-180"),
    ("covid-vgg16-224", 0.91, "cohen146", ("random", "patient"), "covid-basic-180"),
    ("radiography-lenet-128", 0.80, "radiography4", ("random",), "radiography-lenet-128"),
    ("radiography-lenet-128-augmented", 0.78, "radiography4", ("random",), "radiography-lenet-128"),
    ("radiography-resnet18", 0.849, "radiography4", ("random",), "radiography-lenet-128"),
    ("covid-vgg16-237", 0.9818, "cohen146", ("random", "patient"), "covid-vgg16-237"),
)
# What the documents report beside the test accuracy: recipe, figure, value, the class of an F1.
OTHER_FIGURES = (
    ("covid-cnn-64", "test loss", 0.1093, None),
    ("covid-cnn-64", "F1 of COVID", 0.93, "COVID"),
    ("pneumonia-cnn-70", "F1 of NORMAL", 0.69, "NORMAL"),
    ("pneumonia-cnn-70", "F1 of bacteria", 0.85, "PNEUMONIA BACTERIA"),
    ("pneumonia-cnn-70", "F1 of virus", 0.66, "PNEUMONIA VIRUS"),
    ("covid-vgg16-237", "test loss", 0.0345, None),
)
AUGMENTED = {
    "covid-basic-180", "covid-dropout-224", "covid-batchnorm-224", "covid-vgg16-224",
    "radiography-lenet-128-augmented", "radiography-resnet18",
}  # fmt: skip
SPLITS = {"random": "at random", "patient": "by patient"}


LATE = 10  # epochs: a last epoch's accuracy jumps with the threshold, their mean less
LATE_KEYS = ("loss", "val_loss", "val_accuracy")


def late(history):
    return {key: sum(epoch[key] for epoch in history[-LATE:]) / len(history[-LATE:]) for key in LATE_KEYS}


def curie_run(folder):
    folder = pathlib.Path(folder)
    config, metrics = (json.loads((folder / name).read_text()) for name in ("config.json", "metrics.json"))
    if config["recipe"] in AUGMENTED and "augmentation" not in config:
        raise SystemExit(f"{folder}: {config['recipe']} is trained on augmented images, this run was not")
    epochs = [dict(epoch["logs"]) for epoch in json.loads((folder / "history.json").read_text())["epochs"]]
    return config["recipe"], {
        "engine": "curie",
        **({"backbone": "torch"} if config.get("weights") else {}),
        "split_by": config.get("split_by", "random"),
        "seed": config["seed"],
        "split_seed": config["split_seed"],
        "epochs": metrics["epochs"],
        "accuracy": metrics["test"]["accuracy"],
        "loss": metrics["test"]["loss"],
        "f1": {name: metrics["test"]["classes"][name]["f1"] for name in sorted(metrics["test"]["classes"])},
        "best_val_accuracy": max(epoch["val_accuracy"] for epoch in epochs),
        "train_loss": epochs[-1]["loss"],
        "late": late(epochs),
    }


def torch_run(path):
    run = json.loads(pathlib.Path(path).read_text())
    if run.get("imported"):
        raise SystemExit(f"{path}: expected a repetition of a run as the tables have it, but that run began with --weights")
    return run["recipe"], {
        "engine": "torch",
        **({"randoms": run["randoms"], "differences": run["differences"]} if "randoms" in run else {}),
        "split_by": run["split_by"],
        "seed": run["seed"],
        "split_seed": run["split_seed"],
        "epochs": run["epochs"],
        "accuracy": run["test"]["accuracy"],
        "loss": run["test"]["loss"],
        "f1": dict(sorted(zip(run["classes"], run["test"]["f1"]))),
        "best_val_accuracy": max(epoch["val_accuracy"] for epoch in run["history"]),
        "train_loss": run["history"][-1]["loss"],
        "late": late(run["history"]),
    }


def shared(run):
    """What a run has of the other engine's for the same seed: its backbone, all its random numbers, or nothing."""
    return next((what for what in ("backbone", "randoms") if what in run), "")


def add(results, recipe, run):
    def key(run):
        return run["split_by"], run["engine"], run["seed"], shared(run)

    runs = [known for known in results["runs"].get(recipe, []) if key(known) != key(run)]
    results["runs"][recipe] = sorted([*runs, run], key=key)


def mean_and_error(values):
    """Mean, and its standard error where there are two values or more."""
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, None
    return mean, math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values))


def runs_of(results, recipe, split_by, engine, sharing=""):
    if recipe == "covid-cnn-64":
        return [] if sharing else json.loads(HEADLINE.read_text())[{"torch": "pytorch"}.get(engine, engine)]
    wanted = split_by, engine, sharing
    return [run for run in results["runs"].get(recipe, []) if (run["split_by"], run["engine"], shared(run)) == wanted]


def paired(results, recipe, split_by, sharing):
    """Pairs of runs, PyTorch's and Curie's, that share `sharing`: one a seed."""
    of_torch, of_curie = ("", sharing) if sharing == "backbone" else (sharing, "")
    curie = {run["seed"]: run for run in runs_of(results, recipe, split_by, "curie", of_curie)}
    return [(run, curie[run["seed"]]) for run in runs_of(results, recipe, split_by, "torch", of_torch) if run["seed"] in curie]


def mean_difference(pairs, value_of):
    """Curie's less PyTorch's, with its standard error."""
    return "{:+.3f} ± {:.3f}".format(*mean_and_error([value_of(curie) - value_of(torch) for torch, curie in pairs]))


def baselines_of(results, recipe, split_by):
    for entry in results["baselines"]:
        if (entry["recipe"], entry["split_by"]) == (recipe, split_by):
            return entry["accuracy"]
    return None


def spans(numbers):
    """1, 2, 3, 5 as "1-3, 5"."""
    found = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in found)


def cell(runs, key, digits=3):
    if not runs:
        return "not run"
    mean, error = mean_and_error([run[key] for run in runs])
    shown = f"{mean:.{digits}f}"
    if error is not None:
        shown += f" ± {error:.{digits}f}"
    return f"{shown} ({'seeds' if len(runs) > 1 else 'seed'} {spans(run['seed'] for run in runs)})"


def each_task(results):
    for recipe, document, data, splits, baseline in RECIPES:
        for split_by in splits:
            yield recipe, split_by, document, data, baselines_of(results, baseline, split_by)


def summary(results):
    yield "Test accuracy with the last epoch's weights: mean ± standard error over seeds."
    yield ""
    yield "| recipe | split | document | PyTorch | Curie | ridge | 5-NN | majority |"
    yield "|---|---|---|---|---|---|---|---|"
    for recipe, split_by, document, _, baselines in each_task(results):
        split = "official" if recipe == "pneumonia-cnn-70" else SPLITS[split_by]
        engines = [cell(runs_of(results, recipe, split_by, engine), "accuracy") for engine in ("torch", "curie")]
        trivial = [f"{baselines[name]:.3f}" for name in ("ridge", "nearest", "majority")]
        shown = f"{document:g}" if split_by == "random" else ""
        yield f"| `{recipe}` | {split} | {shown} | {' | '.join(engines)} | {' | '.join(trivial)} |"
        for sharing, what in (("backbone", "from PyTorch's backbones"), ("randoms", "with Curie's random numbers")):
            pairs = paired(results, recipe, split_by, sharing)
            if pairs:
                engines = [cell(runs, "accuracy") for runs in zip(*pairs)]
                yield f"| the same, {what} | {split} | | {' | '.join(engines)} | {' | '.join(trivial)} |"


def others(results):
    yield "| recipe | figure | document | PyTorch | Curie |"
    yield "|---|---|---|---|---|"
    for recipe, figure, document, name in OTHER_FIGURES:
        engines = []
        for engine in ("torch", "curie"):
            runs = runs_of(results, recipe, "random", engine)
            values = [run["loss"] if name is None else run["f1"][name] if isinstance(run["f1"], dict) else run["f1"] for run in runs]
            engines.append(cell([{"seed": run["seed"], "value": value} for run, value in zip(runs, values)], "value"))
        yield f"| `{recipe}` | {figure} | {document:g} | {' | '.join(engines)} |"
    yield "| `radiography-resnet18` | accuracy, from ImageNet's weights | 0.953 | not run: no weights | not run: no weights |"


def unevenness(runs, first):
    """Squared difference of the means of the first `first` runs and of the others, over its variance were they all alike."""
    one, other = runs[:first], runs[first:]
    mean = sum(runs) / len(runs)
    variance = sum((run - mean) ** 2 for run in runs) / (len(runs) - 1)
    difference = sum(one) / len(one) - sum(other) / len(other)
    return difference**2 / (variance * (1 / len(one) + 1 / len(other)))


def chance(results, draws=10000):
    """(rows, probability): how often the rows together would be as uneven as they are, or more, were the engines alike.

    A permutation test: which runs of a row are whose is drawn anew. Rows whose runs all end alike have no say.
    """
    rows = []
    for recipe, split_by, *_ in each_task(results):
        torch, curie = ([run["accuracy"] for run in runs_of(results, recipe, split_by, engine)] for engine in ("torch", "curie"))
        if len(torch) > 1 and len(curie) > 1 and len(set(torch + curie)) > 1:
            rows.append((torch + curie, len(torch)))
    observed = sum(unevenness(runs, first) for runs, first in rows)
    drawn = random.Random(1)
    as_uneven = sum(
        sum(unevenness(drawn.sample(runs, len(runs)), first) for runs, first in rows) >= observed * (1 - 1e-9)
        for _ in range(draws)
    )
    return len(rows), as_uneven / draws


METHODS = {
    "ridge": "ridge regression on 32 x 32 pixels reaches",
    "nearest": "5 nearest neighbours on 32 x 32 pixels reach",
}


def same_randoms(where, pairs):
    early, loss, val_loss = (max(torch["differences"][key] for torch, _ in pairs) for key in ("early", "loss", "val_loss"))
    same = sum(torch["accuracy"] == curie["accuracy"] for torch, curie in pairs)
    mean = mean_difference(pairs, lambda run: run["accuracy"])
    return (
        f"- {where}, PyTorch with the random numbers of Curie's runs (seeds {spans(curie['seed'] for _, curie in pairs)}): {same} of "
        f"{len(pairs)} end at Curie's very test accuracy; the mean of Curie's less PyTorch's is {mean}. No loss of the first five epochs "
        f"differs by more than {early:.0e} of it, later no training loss by more than {loss:.0e} and no validation loss by more than "
        f"{val_loss:.0e}."
    )


def remarks(results):
    """Where the engines differ, where trivial methods win, and what has not been run."""
    rows, probability = chance(results)
    yield (
        f"- Over all {rows} rows whose runs differ: were the engines alike, differences as large as these together, or larger, would "
        f"come about in {probability:.0%} of the draws of who ran which (permutations within each row)."
    )
    missing = {engine: [] for engine in NAMES}
    for recipe, split_by, document, _, baselines in each_task(results):
        where = f"`{recipe}`" + (" by patient" if split_by == "patient" else "")
        runs = {engine: runs_of(results, recipe, split_by, engine) for engine in NAMES}
        known = {engine: mean_and_error([run["accuracy"] for run in found]) for engine, found in runs.items() if found}
        for engine in NAMES:
            if engine not in known:
                missing[engine].append(where)
        if all(engine in known and known[engine][1] is not None for engine in NAMES):
            difference = known["curie"][0] - known["torch"][0]
            error = math.hypot(known["curie"][1], known["torch"][1])
            within = "within" if abs(difference) <= error else "more than"
            yield f"- {where}: Curie's mean less PyTorch's is {difference:+.3f}, {within} one standard error of a difference ({error:.3f})."
        pairs = paired(results, recipe, split_by, "backbone")
        if len(pairs) > 1:
            accuracy, loss = (mean_difference(pairs, lambda run: run[key]) for key in ("accuracy", "loss"))
            yield (
                f"- {where}, both from the backbones that PyTorch drew (seeds {spans(run['seed'] for run, _ in pairs)}): the mean of Curie's "
                f"accuracy less PyTorch's is {accuracy}, of the losses {loss} (standard errors of the paired differences)."
            )
        pairs = paired(results, recipe, split_by, "randoms")
        if len(pairs) > 1:
            yield same_randoms(where, pairs)
        best = max(METHODS, key=lambda name: baselines[name])
        beaten = [f"{NAMES[engine]}'s {mean:.3f}" for engine, (mean, _) in known.items() if mean < baselines[best]]
        if split_by == "random" and document < baselines[best]:
            beaten.append(f"the {document:g} of the document (on its own data)")
        if beaten:
            yield f"- {where}: {METHODS[best]} {baselines[best]:.3f}, above {' and '.join(beaten)}."
    pairs = [pair for recipe, split_by, *_ in each_task(results) for pair in paired(results, recipe, split_by, "backbone")]
    if len(pairs) > 1:
        differences = ", ".join(f"{key} {mean_difference(pairs, lambda run: run['late'][key])}" for key in LATE_KEYS)
        yield f"- Over all {len(pairs)} pairs from one backbone, and the last {LATE} epochs of each run, Curie's mean less PyTorch's: {differences}."
    for engine, tasks in missing.items():
        if tasks:
            yield f"- Not run with {NAMES[engine]}: {', '.join(tasks)}."


def by_seed(results):
    yield "| recipe | split | engine | seed | epochs | test accuracy | test loss | F1 of each class | best validation accuracy |"
    yield "|---|---|---|---|---|---|---|---|---|"
    names = {
        ("torch", ""): "PyTorch",
        ("torch", "randoms"): "PyTorch, Curie's random numbers",
        ("curie", ""): "Curie",
        ("curie", "backbone"): "Curie, PyTorch's backbone",
    }
    for recipe, split_by, *_ in each_task(results):
        for (engine, sharing), name in names.items():
            for run in runs_of(results, recipe, split_by, engine, sharing) if recipe != "covid-cnn-64" else ():  # results.md has them
                f1 = ", ".join(f"{name} {value:.3f}" for name, value in run["f1"].items())
                split = "official" if recipe == "pneumonia-cnn-70" else run["split_by"]
                yield (
                    f"| `{recipe}` | {split} | {name} | {run['seed']} | {run['epochs']} | "
                    f"{run['accuracy']:.4f} | {run['loss']:.4f} | {f1} | {run['best_val_accuracy']:.4f} |"
                )


def load():
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {"runs": {}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curie", nargs="*", default=[])
    parser.add_argument("--torch", nargs="*", default=[])
    parser.add_argument("--print", dest="show", action="store_true")
    arguments = parser.parse_args()
    results = load()
    if not arguments.show:
        for run in [curie_run(folder) for folder in arguments.curie] + [torch_run(path) for path in arguments.torch]:
            add(results, *run)
        results["baselines"] = json.loads(BASELINES.read_text())
        results["runs"] = dict(sorted(results["runs"].items()))
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    for lines in (summary, others, remarks, by_seed):
        print("\n".join(lines(results)), end="\n\n")


if __name__ == "__main__":
    main()
