#!/usr/bin/python3
"""Writes tests/data/applications.json: outputs of torchvision's ResNet18 and VGG16 for weights from a formula.

Run from anywhere: scripts/goldens/applications.py (needs torch and torchvision). Parameter number j (in the order of
torchvision's state_dict, counters left out) has at flat position i, in PyTorch's layout, a value made from
hash32(j, i), a whole-number hash that any language computes alike; so no weights are stored. The arithmetic is float64.

{"resnet18": {"names": [parameters in order], "classes", "input": [n, h, w, c], "logits": n * classes values},
 "vgg16": {"names", "input", "features": every eighth value of block5_pool's output, NHWC}}
"""
import json
import math
import pathlib

import numpy as np
import torch
import torchvision

GOLDEN_RATIO = np.uint32(0x9E3779B9)
IMAGE_STREAM = 1000


def units(stream, count):
    """`count` numbers in [0, 1) of a stream."""
    with np.errstate(over="ignore"):
        x = np.arange(count, dtype=np.uint32) + np.uint32(stream) * GOLDEN_RATIO
        x ^= x >> np.uint32(16)
        x *= np.uint32(0x7FEB352D)
        x ^= x >> np.uint32(15)
        x *= np.uint32(0x846CA68B)
        x ^= x >> np.uint32(16)
    return x.astype(np.float64) * 2.0**-32


def initial_value(name, stream, shape):
    u = units(stream, math.prod(shape))
    if len(shape) > 1:  # He's uniform distribution
        u = (2 * u - 1) * math.sqrt(6 / math.prod(shape[1:]))
    elif name.endswith("running_mean") or name.endswith("bias"):
        u = 0.2 * (u - 0.5)
    else:  # running_var and the scale of a batch normalisation
        u = 0.5 + u
    return torch.from_numpy(u.astype(np.float32).astype(np.float64)).reshape(shape)


def fill(model):
    """Gives every parameter its formula's values; returns their names."""
    tensors = {name: t for name, t in model.state_dict().items() if not name.endswith("num_batches_tracked")}
    for stream, (name, tensor) in enumerate(tensors.items()):
        tensor.copy_(initial_value(name, stream, tensor.shape))
    return list(tensors)


def images(n, size):  # NCHW, of values that NHWC order numbers
    values = units(IMAGE_STREAM, n * size * size * 3).astype(np.float32).astype(np.float64)
    return torch.from_numpy(values.reshape(n, size, size, 3)).permute(0, 3, 1, 2)


def rounded(tensor):
    return [float(f"{v:.9g}") for v in tensor.flatten().tolist()]


@torch.no_grad()
def main():
    resnet = torchvision.models.resnet18(weights=None, num_classes=4).double().eval()
    resnet_names = fill(resnet)
    vgg = torchvision.models.vgg16(weights=None).features.double().eval()
    vgg_names = fill(vgg)
    features = vgg(images(1, 64)).permute(0, 2, 3, 1)
    golden = {
        "torchvision": torchvision.__version__,
        "resnet18": {
            "names": resnet_names,
            "classes": 4,
            "input": [2, 45, 45, 3],
            "logits": rounded(resnet(images(2, 45))),
        },
        "vgg16": {"names": vgg_names, "input": [1, 64, 64, 3], "features": rounded(features.flatten()[::8])},
    }
    path = pathlib.Path(__file__).resolve().parents[2] / "tests/data/applications.json"
    path.write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
