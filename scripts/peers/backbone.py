#!/usr/bin/python3
"""Writes the random VGG16 backbone that recipe.py draws from a seed, so that Curie can train on the same one.

  scripts/peers/backbone.py --recipe covid-vgg16-224 --seed 1 --out vgg16.safetensors
  curie train --recipe covid-vgg16-224 --data DIR --seed 1 --weights vgg16.safetensors

A safetensors file with torchvision's names (features.0.weight, ...; filters OIHW, float32).
"""

import argparse
import json
import pathlib
import struct

from torch import nn

import recipe
import recipes_torch


def save(tensors, path):
    """Safetensors: the header's length (u64, little-endian), a JSON header padded to 8 bytes, the values without gaps."""
    header, values = {}, b""
    for name, tensor in tensors.items():
        data = tensor.detach().contiguous().numpy().astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(values), len(values) + len(data)]}
        values += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + values)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    frozen = [name for name in recipes_torch.RECIPES if "vgg16" in name]
    parser.add_argument("--recipe", required=True, choices=frozen)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path, required=True, help="safetensors file to write")
    args = parser.parse_args()
    known = recipes_torch.RECIPES[args.recipe]
    model = known.build()
    recipe.initialise(model, known, args.seed)
    tensors = {}
    for index, layer in enumerate(model.backbone):  # torchvision numbers activations and pools too
        if isinstance(layer, nn.Conv2d):
            tensors[f"features.{index}.weight"] = layer.weight
            tensors[f"features.{index}.bias"] = layer.bias
    save(tensors, args.out)


if __name__ == "__main__":
    main()
