#!/usr/bin/python3
"""Golden: five training steps of the nine recipes beside covid-cnn-64 (dropout off) by PyTorch, in float64 and in float32.

  scripts/goldens/five_steps_recipes.py [--only RECIPE ...] [--out tests/data/five_steps_recipes.json]

Nothing large is stored: parameters, images and labels follow from formulas that a test computes again. hash(stream, i) and
unit(stream, i) are those of scripts/goldens/five_steps.py.

Parameters: the JSON lists each one by Curie's name with `stream`, `centre` and `limit`. Element i, counted in the order that Curie
stores it, is float(centre + limit * (2 * unit(stream, i) - 1)), computed in double, then rounded once to float32. The order
is [filter][row][column][channel] for a convolution and [input][output] for a dense layer, whose inputs are flattened by
(row, column, channel). limit of a kernel: sqrt(6 / (fan_in + fan_out)) in the recipes that Keras initialises; sqrt(6 / fan_in)
in the VGG16 backbone and in ResNet18, where activations would fade else. Biases and betas: centre 0, limit .05; gammas: centre
1, limit .2; running means and variances start at 0 and 1.

Images: u8, height x width x channels as the recipe takes them. Label of image n: y[n] = floor(unit(10, n) * classes). Pixel
(r, c) in channel k of image n, all integer:
      block = hash(11, n * 64 + (r * 8 / height) * 8 + c * 8 / width) >> 25          0..127, one value a block
      grain = hash(12, ((n * height + r) * width + c) * channels + k) >> 26          0..63
      pixel = block + grain + (r * classes / height == y[n] ? 48 : 0)                0..238
Then normalised as in the recipe. The float64 run starts from the same float32 parameters.

Steps: the images in order, in batches of `batches`. Loss, optimizer and its settings are the recipe's; `learning_rate`, where it
is there, replaces the recipe's first rate. For float32 is not float64: among a million windows of a max pool a few hold two
values that differ by 1e-8, and rounding decides which of them gets the gradient; and Adam's first steps move every weight by
the full rate in the direction of its gradient's sign, rounding or not (behind batch norm many gradients are all rounding).
At the full rate that alone moves losses by more than 1e-4 within five steps (covid-batchnorm-224's by 17 %).
The running statistics are those of the recipe's convention; see recipes_torch.py.

JSON, for each recipe in float64: `losses` (of each step, before its update), `inference_loss`: the loss of the last batch
after the fifth step in inference mode (running statistics), and for each trained parameter after the fifth step `norm`,
`moved` (norm of the change) and `probe`, the sum of w[i] * (2 * unit(1000 + stream, i) - 1), which no permutation leaves alone.
For running statistics the same. `agreement`: the greatest relative difference of the float32 run's losses from these, and of its
inference loss; a parameter's `rounding`: the greatest difference of its three figures over `moved`. They say what float32
rounding alone does here.
"""

import argparse
import json
import math
import pathlib
import sys

import numpy as np
import torch
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "peers"))
import recipes_torch  # noqa: E402
from five_steps import BLOCK_STREAM, GRAIN_STREAM, LABEL_STREAM, hash32, stored_order, unit  # noqa: E402

FIRST_STREAM, PROBE_STREAMS = 100, 1000
BATCHES = {"covid-vgg16-224": (2, 2, 2, 2, 1), "covid-vgg16-237": (2, 2, 2, 2, 1), "covid-batchnorm-224": (8, 8, 8, 8, 7)}
DEFAULT_BATCHES = (4, 4, 4, 4, 3)
RATES = {
    "covid-basic-180": 1e-4,
    "covid-dropout-224": 1e-4,
    "covid-batchnorm-224": 0.01 * 0.6**16,
    "radiography-resnet18": 3e-6,
}
MOST_ROUNDING = 5e-5  # of a loss, relative: half of what a float32 engine may differ by
CURIE_NAMES = {"weight": "kernel", "bias": "bias"}
CURIE_NORM_NAMES = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def make_images(count, size, channels, classes):
    """(count, size, size, channels) u8 and (count,) labels."""
    labels = (unit(LABEL_STREAM, count) * classes).astype(np.int64)
    n, r, c, k = np.ogrid[:count, :size, :size, :channels]
    block = hash32(BLOCK_STREAM, n * 64 + r * 8 // size * 8 + c * 8 // size) >> np.uint32(25)
    grain = hash32(GRAIN_STREAM, ((n * size + r) * size + c) * channels + k) >> np.uint32(26)
    lit = np.where(r * classes // size == labels[:, None, None, None], 48, 0)
    return (block + grain + lit).astype(np.uint8), labels


def curie_parameters(model):
    """(Curie's name, the tensor, its layer) of every parameter and running statistic, in the order of the layers."""
    found = []
    for path, layer in model.named_modules():
        name = path.split(".", 1)[1] if path.startswith(("backbone.", "head.")) else path
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            for member, curie_name in CURIE_NORM_NAMES.items():
                if curie_name != "gamma" or layer.weight.requires_grad:
                    found.append((f"{name}/{curie_name}", getattr(layer, member), layer))
        elif isinstance(layer, (nn.Conv2d, nn.Linear)):
            for member, curie_name in CURIE_NAMES.items():
                if getattr(layer, member) is not None:
                    found.append((f"{name}/{curie_name}", getattr(layer, member), layer))
    return found


def initial_range(name, tensor, he_initialised):
    """Centre and limit of a parameter's initial values."""
    part = name.rsplit("/", 1)[1]
    if part != "kernel":
        return {"gamma": (1.0, 0.2), "moving_mean": (0.0, 0.0), "moving_variance": (1.0, 0.0)}.get(part, (0.0, 0.05))
    window = tensor[0, 0].numel()
    fan_out, fan_in = tensor.shape[0] * window, tensor.shape[1] * window
    he = he_initialised and tensor.dim() == 4
    return 0.0, math.sqrt(6.0 / fan_in) if he else math.sqrt(6.0 / (fan_in + fan_out))


def flat(tensor):
    return (stored_order(tensor) if tensor.dim() > 1 else tensor).detach()


def set_flat(tensor, values):
    """Writes values, in Curie's order, into a PyTorch parameter."""
    values = torch.from_numpy(values).to(tensor.dtype)
    if tensor.dim() == 4:
        out, channels, rows, columns = tensor.shape
        values = values.reshape(out, rows, columns, channels).permute(0, 3, 1, 2)
    elif tensor.dim() == 2:
        values = values.reshape(tensor.shape[1], tensor.shape[0]).t()
    with torch.no_grad():
        tensor.copy_(values)


def train(name, dtype):
    recipe = recipes_torch.RECIPES[name]
    batches = BATCHES.get(name, DEFAULT_BATCHES)
    torch.manual_seed(0)
    model = recipe.build().to(dtype)
    he_initialised = isinstance(model, (recipes_torch.ResNet18, recipes_torch.Vgg16Head))
    parameters = []
    for number, (curie_name, tensor, _) in enumerate(curie_parameters(model)):
        stream = FIRST_STREAM + number
        centre, limit = initial_range(curie_name, tensor, he_initialised)
        set_flat(tensor, (centre + limit * (2.0 * unit(stream, tensor.numel()) - 1.0)).astype(np.float32))
        parameters.append(
            {"name": curie_name, "count": tensor.numel(), "stream": stream, "centre": centre, "limit": limit}
        )
    before = [flat(tensor).clone() for _, tensor, _ in curie_parameters(model)]

    pixels, labels = make_images(sum(batches), recipe.size, recipe.channels, recipe.classes)
    x = recipes_torch.normalise(pixels, recipe, dtype)
    y = torch.from_numpy(labels)
    model.train()
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.eval()
    optimizer = recipe.optimizer(model)
    if name in RATES:
        recipes_torch.set_rate(optimizer, RATES[name])
    losses = []
    for bx, by in zip(x.split(batches), y.split(batches)):
        optimizer.zero_grad()
        loss = recipe.loss(model(bx), by)
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    model.eval()
    with torch.no_grad():
        inference_loss = float(recipe.loss(model(x[-batches[-1] :]), y[-batches[-1] :]))

    for described, (_, tensor, _), start in zip(parameters, curie_parameters(model), before):
        change = (flat(tensor) - start).double().numpy()
        if not change.any():
            continue  # frozen
        values = flat(tensor).double().numpy()
        described["norm"] = float(np.linalg.norm(values))
        described["moved"] = float(np.linalg.norm(change))
        described["probe"] = float(values @ (2.0 * unit(PROBE_STREAMS + described["stream"], len(values)) - 1.0))
    return {
        "input": [recipe.size, recipe.size, recipe.channels],
        "classes": recipe.classes,
        "batches": batches,
        **({"learning_rate": RATES[name]} if name in RATES else {}),
        "losses": losses,
        "inference_loss": inference_loss,
        "parameters": parameters,
    }


def relative(exact, rounded):
    return abs(exact - rounded) / abs(exact)


def compare(exact, rounded):
    """Adds `rounding` to the trained parameters, and `agreement` to the whole."""
    for e, r in zip(exact["parameters"], rounded["parameters"]):
        if "moved" in e:
            e["rounding"] = max(abs(e[m] - r[m]) / e["moved"] for m in ("norm", "moved", "probe"))
    return {
        "losses": max(relative(e, r) for e, r in zip(exact["losses"], rounded["losses"])),
        "inference_loss": relative(exact["inference_loss"], rounded["inference_loss"]),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(recipes_torch.RECIPES), help="remake these, keep the others")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "tests" / "data" / "five_steps_recipes.json")
    args = parser.parse_args()
    torch.use_deterministic_algorithms(True)
    recipes = json.loads(args.out.read_text())["recipes"] if args.only and args.out.exists() else {}
    for name in args.only or recipes_torch.RECIPES:
        exact, rounded = train(name, torch.float64), train(name, torch.float32)
        recipes[name] = {**exact, "agreement": compare(exact, rounded)}
        print(name, exact["losses"], recipes[name]["agreement"], flush=True)
        if recipes[name]["agreement"]["losses"] > MOST_ROUNDING:
            raise SystemExit(f"{name}: float32 rounding alone moves a loss by more than {MOST_ROUNDING}; take a smaller rate")
        golden = {
            "made_by": f"scripts/goldens/five_steps_recipes.py, torch {torch.__version__}",
            "recipes": {known: recipes[known] for known in recipes_torch.RECIPES if known in recipes},
        }
        args.out.write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    main()
