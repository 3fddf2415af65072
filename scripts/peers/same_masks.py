#!/usr/bin/python3
"""Trains covid-cnn-64 in PyTorch with Curie's own initial weights, order of samples and dropout masks, step by step beside Curie.

  build/bench/curie_trace RUN --from-start --steps 82 --images images.safetensors --out trace.json
  scripts/peers/same_masks.py RUN --trace trace.json --images images.safetensors --data DIR --out same_masks.json

Without --from-start the trace goes on from the run's checkpoint, and so does PyTorch, with the weights and Adam's moments in it.
Random numbers come from numpy (curie_random.py): of Curie's only the seed is used. Training is repeated in float32, and its
first --exact-steps in float64. Where both engines do the same, Curie stays as close to float64 as PyTorch's float32 does,
while rounding grows from step to step; anything done differently (a mask, its scale, an arg-max, Adam, the order, the short
last batch) shows at once. How large "shows" is, `--spoil` tells: it gives PyTorch the masks of the next step.

Also compared: the validation loss at each epoch's end; with --data, the images with those that Pillow, scikit-learn and
imbalanced-learn make (covid_torch.prepare); with a finished RUN, the figures of its model on the test part. Exit status 1
when Curie's largest distance to float64 is over ten times that of PyTorch's float32, when Curie and PyTorch's float32 end
more than two parts in a hundred apart, when labels or more than one pixel in a hundred differ, or when test figures do.
"""

import argparse
import itertools
import json
import pathlib

import covid_cnn_64
import covid_torch
import curie_random
import curie_torch
import numpy as np
import torch
import torch.nn.functional as functional

# Kernels as Curie lays them out (KRSC; input x output) and their fans, in the order of CovidCnn64.layers().
KERNELS = (
    ((32, 3, 3, 1), 9, 288),
    ((64, 3, 3, 32), 288, 576),
    ((64, 3, 3, 64), 576, 576),
    ((9216, 64), 9216, 64),
    ((64, 1), 64, 1),
)
SHAPES = [shape for kernel, _, _ in KERNELS for shape in (kernel, kernel[:1] if len(kernel) == 4 else kernel[1:])]
DROPOUTS = {0.3: 2, 0.5: 5, 0.2: 9}  # rate -> number of the layer in the model
NOISE = 1e-7  # float32's rounding of one loss: the least distance that is expected of anybody
FAR = 0.02  # relative; other masks move single losses by more than this, and rounding in a hundred steps by less


class CurieDropout:
    """Dropout with the masks that Curie draws in one training step."""

    def __init__(self, seed, step):
        self.seed, self.step = seed, step

    def __call__(self, x, rate):
        return curie_torch.dropout(x, rate, self.seed, DROPOUTS[rate], self.step)


def torch_parameters(model):
    return [p for layer in model.layers() for p in (layer.weight, layer.bias)]


def set_weights(model, arrays):
    with torch.no_grad():
        for parameter, array in zip(torch_parameters(model), arrays, strict=True):
            parameter.copy_(curie_torch.to_torch(array, parameter.dtype))


def initial_weights(seed):
    arrays = []
    for number, (shape, fan_in, fan_out) in enumerate(KERNELS):
        arrays.append(curie_random.glorot_uniform(seed, 2 * number, shape, fan_in, fan_out))
        arrays.append(np.zeros(SHAPES[2 * number + 1], dtype=np.float32))
    return arrays


class Start:
    """Weights, Adam's moments and counters that the trace started from."""

    def __init__(self, run, trace):
        self.epoch, self.step, self.moments = trace["first_epoch"], 0, None
        if trace["from_start"]:
            self.weights = initial_weights(trace["seed"])
            return
        tensors, metadata = curie_random.read_safetensors(pathlib.Path(run) / "checkpoint.safetensors")
        state = next(json.loads(text) for text in metadata.values() if text.startswith("{") and '"step"' in text)
        self.step = state.get("state", state)["step"]
        self.weights, size = curie_random.split_flat(tensors["weights"], SHAPES)
        slots = tensors["optimizer"]
        self.moments = [curie_random.split_flat(part, SHAPES)[0] for part in (slots[:size], slots[size:])]


def optimizer_for(model, start, dtype):
    """Keras' Adam with the hyper-parameters as float32 holds them."""
    lr, beta1, beta2, eps = (float(np.float32(value)) for value in (1e-3, 0.9, 0.999, 1e-7))
    optimizer = covid_torch.KerasAdam(torch_parameters(model), lr, beta1, beta2, eps)
    optimizer.step_count = start.step
    if start.moments:
        for own, arrays in zip((optimizer.m, optimizer.v), start.moments, strict=True):
            for tensor, array in zip(own, arrays, strict=True):
                tensor.copy_(curie_torch.to_torch(array, dtype))
    return optimizer


def replay(start, trace, x, y, dtype, steps, spoil):
    """PyTorch's losses of the trace's first steps, and its validation losses after each whole epoch among them."""
    model = covid_torch.CovidCnn64().to(dtype=dtype).to(memory_format=torch.channels_last)
    set_weights(model, start.weights)
    optimizer = optimizer_for(model, start, dtype)
    x = {part: pixels.to(dtype) for part, pixels in x.items()}
    losses, validations = [], []
    for epoch in itertools.count(start.epoch):
        order = torch.from_numpy(curie_random.epoch_order(len(x["train"]), trace["seed"], epoch))
        for batch in order.split(trace["batch_size"]):
            if len(losses) == steps:
                return {"losses": losses, "validations": validations}
            optimizer.zero_grad()
            drop = CurieDropout(trace["seed"], optimizer.step_count + (1 if spoil else 0))
            logits = model(x["train"][batch].contiguous(memory_format=torch.channels_last), drop)
            loss = functional.binary_cross_entropy_with_logits(logits, y["train"][batch].to(dtype))
            loss.backward()
            optimizer.step()
            losses.append(float(loss))
            print(f"{dtype} step {optimizer.step_count}: {losses[-1]:.7f}, Curie {trace['losses'][len(losses) - 1]:.7f}", flush=True)
        validations.append(covid_cnn_64.evaluate(model, x["val"], y["val"])["loss"])


def distances(found, expected):
    """Relative; of as many as there are of both."""
    return [abs(a - b) / b for a, b in zip(found, expected)]


def compare_test(run, x, y):
    """The run's saved model on the test part, in PyTorch and in the run's own metrics.json."""
    tensors, _ = curie_random.read_safetensors(pathlib.Path(run) / "model.safetensors")
    names = [f"{layer}/{kind}" for layer in ("conv2d", "conv2d_1", "conv2d_2", "dense", "dense_1") for kind in ("kernel", "bias")]
    model = covid_torch.CovidCnn64().to(memory_format=torch.channels_last)
    set_weights(model, [tensors[name] for name in names])
    figures = covid_cnn_64.evaluate(model, x["test"], y["test"])
    curie = json.loads((pathlib.Path(run) / "metrics.json").read_text())["test"]
    return {
        "curie": {"loss": curie["loss"], "accuracy": curie["accuracy"], "f1": curie["classes"]["COVID"]["f1"]},
        "torch": {"loss": figures["loss"], "accuracy": figures["accuracy"], "f1": figures["covid_f1"]},
    }


def test_agrees(test):
    one_image = 1.0 / 2762  # a logit that rounding moves over 0
    curie, peer = test["curie"], test["torch"]
    return abs(curie["loss"] - peer["loss"]) <= 1e-5 * peer["loss"] and abs(curie["accuracy"] - peer["accuracy"]) <= 1.5 * one_image


def compare_images(images, args):
    """How Curie's prepared images differ from those of covid_torch.prepare, part by part.

    Curie's JPEG decoder and Pillow's round differently, by one grey level in few pixels. Where that makes SMOTE choose
    another neighbour, a whole synthetic image differs.
    """
    peer = covid_cnn_64.load_arrays(args)
    result = {}
    for part in ("train", "val", "test"):
        difference = np.abs(images[f"x_{part}"].reshape(peer[f"x_{part}"].shape).astype(int) - peer[f"x_{part}"])
        result[part] = {
            "images": len(difference),
            "labels_equal": bool((images[f"y_{part}"] == peer[f"y_{part}"]).all()),
            "pixels_that_differ": float((difference > 0).mean()),
            "images_that_differ_by_over_two": int((difference.reshape(len(difference), -1).max(axis=1) > 2).sum()),
        }
    return result


def images_agree(parts):
    return all(part["labels_equal"] and part["pixels_that_differ"] < 0.01 for part in parts.values())


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="folder of the run that the trace was taken from")
    parser.add_argument("--trace", required=True, help="JSON file of curie_trace")
    parser.add_argument("--images", required=True, help="safetensors file of curie_trace")
    parser.add_argument("--data", help="folder of images, to prepare them anew and compare")
    parser.add_argument("--cache", help="npz file for the images prepared anew")
    parser.add_argument("--exact-steps", type=int, default=20, help="steps repeated in float64 too, which is slow")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--spoil", action="store_true", help="give PyTorch the masks of the next step, to see a difference")
    parser.add_argument("--out", help="JSON file to write")
    return parser.parse_args()


def main():
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    curie_random.check_known_answers()
    trace = json.loads(pathlib.Path(args.trace).read_text())
    args.split_seed = trace["split_seed"]
    images, _ = curie_random.read_safetensors(args.images)
    x = {part: covid_torch.to_input(images[f"x_{part}"][..., 0]) for part in ("train", "val", "test")}
    y = {part: torch.from_numpy(images[f"y_{part}"].astype(np.int64)) for part in ("train", "val", "test")}

    start = Start(args.run, trace)
    steps = len(trace["losses"])
    single = replay(start, trace, x, y, torch.float32, steps, args.spoil)
    exact = replay(start, trace, x, y, torch.float64, min(args.exact_steps, steps), args.spoil)
    curie = {"losses": trace["losses"], "validations": [epoch["val_loss"] for epoch in trace["epochs"]]}
    result = {
        "seed": trace["seed"],
        "first_step": start.step,
        "steps": steps,
        "masks": "of the next step" if args.spoil else "Curie's",
        "losses": {"curie": curie["losses"], "torch float32": single["losses"], "torch float64": exact["losses"]},
        "validation": {"curie": curie["validations"], "torch float32": single["validations"]},
    }
    ok = True
    if args.data or args.cache:
        result["images"] = compare_images(images, args)
        print("images:", json.dumps(result["images"]))
        ok = images_agree(result["images"])
    ours, theirs = (distances(run["losses"], exact["losses"]) for run in (curie, single))
    apart = distances(curie["losses"], single["losses"])
    print("losses: largest relative distance")
    for last in sorted({n for n in (1, 5, 10, 20, 41, 82, 123, steps) if n <= steps}):
        to_exact = f"Curie to float64 {max(ours[:last]):.1e}, PyTorch's float32 to float64 {max(theirs[:last]):.1e}, " if last <= len(ours) else ""
        print(f"  in the first {last:3d} steps: {to_exact}Curie to PyTorch's float32 {max(apart[:last]):.1e}")
    for ours_after, theirs_after in zip(curie["validations"], single["validations"]):
        print(f"validation loss after an epoch: Curie {ours_after:.6f}, PyTorch {theirs_after:.6f}")
    apart += distances(curie["validations"], single["validations"])
    ok = ok and max(ours) <= 10 * max(max(theirs), NOISE) and max(apart) <= FAR
    if (pathlib.Path(args.run) / "metrics.json").exists():
        result["test"] = compare_test(args.run, x, y)
        print("the run's model on the test part:", json.dumps(result["test"]))
        ok = ok and test_agrees(result["test"])
    result["agrees"] = ok
    if args.out:
        covid_cnn_64.write_json(args.out, result)
    print("Curie and PyTorch agree" if ok else "Curie and PyTorch DIFFER")
    return 0 if ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
