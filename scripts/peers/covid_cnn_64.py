#!/usr/bin/python3
"""Trains the recipe covid-cnn-64 in PyTorch, on the images and splits that `curie train --recipe covid-cnn-64` uses.

  scripts/peers/covid_cnn_64.py --data DIR --seed 1 --patience 4 12 --out run.json --cache prepared.npz

Same as the recipe: data and splits (covid_torch.prepare), model, Glorot-uniform initialisation, Keras' form of Adam
(lr 1e-3, eps 1e-7), binary cross-entropy on logits, batches of 256 shuffled each epoch with the last partial batch kept,
dropout .3/.5/.2, early stopping on val_loss (mode min), and the weights of the last epoch (no restore). `--seed` draws the
weights, the order and the masks; `--split-seed` the splits.

Stopping never changes what was trained before it, so one run answers for several patiences: the test figures are taken
at the epoch where each of them stops. JSON is written then, and again at the end. With `--state` the run goes on where a
run of the same seed stopped, with the same result as if it had never stopped.

Dropout masks compare 16 random bits with round(rate * 65536): the rate is off by at most 8e-6, and drawing is fast.
"""

import argparse
import json
import os
import pathlib
import time

import numpy as np
import torch
import torch.nn.functional as functional

import covid_torch


class Dropout:
    """Inverted dropout on values whose memory is (N, H, W, C) or (N, F)."""

    def __init__(self, rng):
        self.rng = rng

    def __call__(self, x, rate):
        shape = (x.shape[0], *x.shape[2:], x.shape[1]) if x.dim() == 4 else tuple(x.shape)
        bits = torch.from_numpy(self.rng.integers(-32768, 32768, shape, dtype=np.int16))
        mask = (bits >= round(rate * 65536) - 32768).to(torch.float32).mul_(1.0 / (1.0 - rate))
        return x * (mask.permute(0, 3, 1, 2) if x.dim() == 4 else mask)


def evaluate(model, x, y):
    """Mean loss, accuracy, the 2x2 confusion matrix (rows = truth) and precision, recall, F1 of COVID."""
    with torch.no_grad():
        logits = torch.cat([model(part) for part in x.split(512)])
    predicted = (logits > 0).long()
    truth = y.long()
    matrix = [[int(((truth == t) & (predicted == p)).sum()) for p in (0, 1)] for t in (0, 1)]
    hits, claimed, actual = matrix[1][1], matrix[0][1] + matrix[1][1], sum(matrix[1])
    return {
        "loss": float(functional.binary_cross_entropy_with_logits(logits.double(), y.double())),
        "accuracy": (matrix[0][0] + hits) / len(y),
        "confusion": matrix,
        "covid_precision": hits / claimed if claimed else 0.0,
        "covid_recall": hits / actual,
        "covid_f1": 2 * hits / (claimed + actual),
    }


def load_arrays(args):
    if args.cache and pathlib.Path(args.cache).exists():
        with np.load(args.cache) as stored:
            if int(stored["split_seed"]) != args.split_seed:
                raise SystemExit(f"{args.cache} holds split seed {stored['split_seed']}, not {args.split_seed}")
            return {name: stored[name] for name in stored.files if name != "split_seed"}
    arrays = covid_torch.prepare(args.data, args.split_seed)
    if args.cache:
        np.savez(args.cache, split_seed=args.split_seed, **arrays)
    return arrays


def write_json(path, value):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    part = f"{path}.part"
    with open(part, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.write("\n")
    os.replace(part, path)


class Run:
    """One training run with everything that has to survive a pause."""

    def __init__(self, seed):
        torch.manual_seed(seed)
        self.model = covid_torch.CovidCnn64().to(memory_format=torch.channels_last)
        covid_torch.initialise_as_keras(self.model, seed)
        self.optimizer = covid_torch.KerasAdam(self.model.parameters())
        self.order_rng = np.random.default_rng([seed, 1])
        self.mask_rng = np.random.Generator(np.random.SFC64([seed, 2]))
        self.history = []
        self.stops = {}
        self.best, self.wait, self.seconds = float("inf"), 0, 0.0

    def save(self, path):
        torch.save(
            {
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "rngs": (self.order_rng.bit_generator.state, self.mask_rng.bit_generator.state),
                "rest": (self.history, self.stops, self.best, self.wait, self.seconds),
            },
            f"{path}.part",
        )
        os.replace(f"{path}.part", path)

    def load(self, path):
        state = torch.load(path)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.order_rng.bit_generator.state, self.mask_rng.bit_generator.state = state["rngs"]
        self.history, self.stops, self.best, self.wait, self.seconds = state["rest"]

    def train_epoch(self, x, y, batch_size):
        """Returns the mean loss and accuracy over the epoch, as they were while the weights moved."""
        drop = Dropout(self.mask_rng)
        loss_sum, hits = 0.0, 0
        for batch in torch.from_numpy(self.order_rng.permutation(len(x))).split(batch_size):
            bx, by = x[batch].contiguous(memory_format=torch.channels_last), y[batch]
            self.optimizer.zero_grad()
            logits = self.model(bx, drop)
            loss = functional.binary_cross_entropy_with_logits(logits, by)
            loss.backward()
            self.optimizer.step()
            loss_sum += float(loss) * len(batch)
            hits += int(((logits > 0) == (by > 0.5)).sum())
        return loss_sum / len(x), hits / len(x)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder with the class folders Normal and COVID (not needed with a filled --cache)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--split-seed", type=int, default=1)
    parser.add_argument("--patience", type=int, nargs="+", default=[4])
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache", help="npz file for the prepared images")
    parser.add_argument("--state", help="file to keep the run's state in and to go on from")
    parser.add_argument("--out", required=True, help="JSON file to write")
    return parser.parse_args()


def main():
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    arrays = load_arrays(args)
    x, y = {}, {}
    for part in ("train", "val", "test"):
        x[part] = covid_torch.to_input(arrays[f"x_{part}"])
        y[part] = torch.from_numpy(arrays[f"y_{part}"]).to(torch.float32)
        print(f"{part}: {tuple(x[part].shape)}, COVID {int(y[part].sum())}", flush=True)

    run = Run(args.seed)
    if args.state and pathlib.Path(args.state).exists():
        run.load(args.state)
        print(f"going on after epoch {len(run.history)}", flush=True)

    def report():
        result = {
            "framework": f"torch {torch.__version__}",
            "seed": args.seed,
            "split_seed": args.split_seed,
            "counts": {part: len(y[part]) for part in y},
            "parameters": sum(p.numel() for p in run.model.parameters()),
            **{f"at_patience_{p}": figures for p, figures in sorted(run.stops.items())},
            "history": run.history,
            "train_seconds": run.seconds,
        }
        write_json(args.out, result)

    def record(patiences, stopped_early):
        figures = {
            "stopped_early": stopped_early,
            "epochs": len(run.history),
            "test": evaluate(run.model, x["test"], y["test"]),
            "train": evaluate(run.model, x["train"], y["train"]),
            "train_seconds": run.seconds,
        }
        for patience in patiences:
            run.stops[patience] = figures
        report()

    def open_patiences():
        return [p for p in args.patience if p not in run.stops]

    while open_patiences() and len(run.history) < args.epochs:
        start = time.perf_counter()
        loss, accuracy = run.train_epoch(x["train"], y["train"], args.batch_size)
        validation = evaluate(run.model, x["val"], y["val"])
        seconds = time.perf_counter() - start
        run.seconds += seconds
        run.history.append(
            {
                "epoch": len(run.history) + 1,
                "loss": loss,
                "accuracy": accuracy,
                "val_loss": validation["loss"],
                "val_accuracy": validation["accuracy"],
                "seconds": seconds,
            }
        )
        run.wait = 0 if validation["loss"] < run.best else run.wait + 1
        run.best = min(run.best, validation["loss"])
        print(" ".join(f"{name} {value:.4f}" for name, value in run.history[-1].items()), flush=True)
        stopped = [p for p in open_patiences() if run.wait >= p]
        if stopped:
            record(stopped, True)
        if args.state:
            run.save(args.state)
    if open_patiences():
        record(open_patiences(), False)
    report()


if __name__ == "__main__":
    main()
