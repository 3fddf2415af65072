#!/usr/bin/python3
"""Writes the random VGG16 backbone that recipe.py draws from a seed, so that Curie can train on the same one.

  scripts/peers/backbone.py --recipe covid-vgg16-224 --seed 1 --out vgg16.safetensors
  curie train --recipe covid-vgg16-224 --data DIR --seed 1 --weights vgg16.safetensors

A safetensors file with torchvision's names (features.0.weight, ...; filters OIHW, float32).
"""

import argparse
import pathlib
import sys

from torch import nn

import recipe
import recipes_torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "goldens"))
from safetensors_files import file_bytes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", required=True, choices=recipes_torch.FROZEN)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="safetensors file to write")
    args = parser.parse_args()
    known = recipes_torch.RECIPES[args.recipe]
    model = known.build()
    recipe.initialise(model, known, args.seed)
    tensors = []
    for index, layer in enumerate(model.backbone):  # torchvision numbers activations and pools too
        if isinstance(layer, nn.Conv2d):
            for name, tensor in layer.named_parameters():
                values = tensor.detach().contiguous().numpy().astype("<f4").tobytes()
                tensors.append((f"features.{index}.{name}", "F32", list(tensor.shape), values))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_bytes(file_bytes(tensors, None))


if __name__ == "__main__":
    main()
