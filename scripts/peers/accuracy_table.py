#!/usr/bin/env python3
"""Puts Curie's and PyTorch's figures for covid-cnn-64 side by side: one row a seed, means and standard errors below.

  scripts/peers/accuracy_table.py --curie runs/seed1 runs/seed2 ... --torch torch_seed1.json ... --patience 4 --out results.json
  scripts/peers/accuracy_table.py --keep results.json --curie runs/seed9 --out results.json      # more runs beside those of a file
  scripts/peers/accuracy_table.py --print results.json

--curie takes folders of runs (metrics.json, config.json), --torch takes files of covid_cnn_64.py. Writes JSON and prints
the Markdown table of docs/results.md from it; --print only prints.
"""

import argparse
import json
import math
import pathlib
import platform


def curie_run(folder):
    folder = pathlib.Path(folder)
    config = json.loads((folder / "config.json").read_text())
    metrics = json.loads((folder / "metrics.json").read_text())
    history = json.loads((folder / "history.json").read_text())
    test = metrics["test"]
    return {
        "seed": config["seed"],
        "split_seed": config["split_seed"],
        "epochs": metrics["epochs"],
        "accuracy": test["accuracy"],
        "loss": test["loss"],
        "f1": test["classes"]["COVID"]["f1"],
        "seconds": sum(epoch["seconds"] for epoch in history["epochs"]),
    }


def torch_run(path, patience):
    run = json.loads(pathlib.Path(path).read_text())
    at = run[f"at_patience_{patience}"]
    return {
        "seed": run["seed"],
        "split_seed": run["split_seed"],
        "epochs": at["epochs"],
        "accuracy": at["test"]["accuracy"],
        "loss": at["test"]["loss"],
        "f1": at["test"]["covid_f1"],
        "framework": run["framework"],
    }


ENGINES = {"curie": "Curie", "pytorch": "PyTorch"}
FIGURES = (("accuracy", 4), ("loss", 4), ("f1", 3))  # and the digits that they are printed with


def mean_and_error(values):
    """Mean and standard error of the mean of two values or more."""
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean, math.sqrt(variance / len(values))


def rows(name, runs):
    for run in runs:
        yield f"| {name} | {run['seed']} | {run['epochs']} | {run['accuracy']:.4f} | {run['loss']:.4f} | {run['f1']:.3f} |"
    if len(runs) < 2:
        return
    cells = []
    for key, digits in FIGURES:
        mean, error = mean_and_error([run[key] for run in runs])
        cells.append(f"**{mean:.{digits}f}** ± {error:.{digits}f}")
    yield f"| **{name}, mean ± standard error** | | | {' | '.join(cells)} |"


def table(results):
    yield f"Early stopping with patience {results['patience']}; the last epoch's weights."
    yield ""
    yield "| engine | seed | epochs | test accuracy | test loss | COVID F1 |"
    yield "|---|---|---|---|---|---|"
    for name, title in ENGINES.items():
        if results[name]:
            yield from rows(title, results[name])


def means(results):
    """The last rows of `table` alone, and how far apart they are."""
    yield f"Early stopping with patience {results['patience']}; means ± standard errors."
    yield ""
    yield "| | seeds | test accuracy | test loss | COVID F1 |"
    yield "|---|---|---|---|---|"
    found = {name: [mean_and_error([run[key] for run in results[name]]) for key, _ in FIGURES] for name in ENGINES}
    for name, title in ENGINES.items():
        cells = [f"{mean:.{digits}f} ± {error:.{digits}f}" for (mean, error), (_, digits) in zip(found[name], FIGURES)]
        yield f"| {title} | {len(results[name])} | {' | '.join(cells)} |"
    cells = []
    for (ours, our_error), (theirs, their_error), (_, digits) in zip(*found.values(), FIGURES):
        cells.append(f"{ours - theirs:+.{digits}f} ± {math.hypot(our_error, their_error):.{digits}f}")
    yield f"| difference | | {' | '.join(cells)} |"


def by_seed(kept, added):
    """All runs in the order of their seeds; a seed that was run before must have ended as it did then."""
    runs = {run["seed"]: run for run in kept}
    for run in added:
        before = runs.setdefault(run["seed"], run)
        if (before["epochs"], before["accuracy"]) != (run["epochs"], run["accuracy"]):
            raise SystemExit(f"seed {run['seed']}: accuracy {run['accuracy']} after {run['epochs']} epochs, kept is "
                             f"{before['accuracy']} after {before['epochs']}")  # fmt: skip
    return [runs[seed] for seed in sorted(runs)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curie", nargs="*", default=[])
    parser.add_argument("--torch", nargs="*", default=[])
    parser.add_argument("--patience", type=int, default=4)
    parser.add_argument("--keep", help="a file of earlier results whose runs stay")
    parser.add_argument("--out")
    parser.add_argument("--print", dest="show", nargs="+")
    arguments = parser.parse_args()
    if arguments.show:
        for path in arguments.show:
            print("\n".join(table(json.loads(pathlib.Path(path).read_text()))))
            print()
        return
    kept = {"curie": [], "pytorch": []}
    if arguments.keep:
        kept = json.loads(pathlib.Path(arguments.keep).read_text())
        if kept["patience"] != arguments.patience:
            raise SystemExit(f"{arguments.keep} holds patience {kept['patience']}, not {arguments.patience}")
    results = {
        "recipe": "covid-cnn-64",
        "patience": arguments.patience,
        "machine": platform.processor() or platform.machine(),
        "curie": by_seed(kept["curie"], [curie_run(folder) for folder in arguments.curie]),
        "pytorch": by_seed(kept["pytorch"], [torch_run(path, arguments.patience) for path in arguments.torch]),
    }
    if arguments.out:
        pathlib.Path(arguments.out).write_text(json.dumps(results, indent=1) + "\n")
    print("\n".join(table(results)))


if __name__ == "__main__":
    main()
