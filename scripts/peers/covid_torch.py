"""The recipe covid-cnn-64 in PyTorch: model, Keras' Adam and the recipe's data preparation.

Shared by the scripts in this folder and by scripts/goldens/five_steps.py. Written for PyTorch 1.13, the version Debian 12
packages, and plain enough for later ones.
"""

import math
import os
import pathlib

import numpy as np
import torch
import torch.nn.functional as functional
from torch import nn

CLASSES = ("Normal", "COVID")  # label = index; COVID is the positive class
IMAGE_SIZE = 64


class CovidCnn64(nn.Module):
    """Conv32 - pool - drop .3 - Conv64 - pool - drop .5 - Conv64 - Flatten - Dense64 - drop .2 - Dense1, 645,697 parameters.

    Input (N, 1, 64, 64); output the logits (N,). The flatten runs over (row, column, channel) as in Keras, so that the first
    dense kernel is the transpose of the Keras one. `drop(x, rate)` applies dropout; None leaves it off.
    """

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3)
        self.conv2 = nn.Conv2d(32, 64, 3)
        self.conv3 = nn.Conv2d(64, 64, 3)
        self.dense1 = nn.Linear(12 * 12 * 64, 64)
        self.dense2 = nn.Linear(64, 1)

    def forward(self, x, drop=None):
        drop = drop or (lambda value, rate: value)
        x = drop(functional.max_pool2d(functional.relu(self.conv1(x), inplace=True), 2), 0.3)
        x = drop(functional.max_pool2d(functional.relu(self.conv2(x), inplace=True), 2), 0.5)
        x = functional.relu(self.conv3(x), inplace=True)
        x = x.permute(0, 2, 3, 1).reshape(x.shape[0], -1)
        x = drop(functional.relu(self.dense1(x), inplace=True), 0.2)
        return self.dense2(x).squeeze(1)

    def layers(self):
        """The five layers with weights, in forward order."""
        return (self.conv1, self.conv2, self.conv3, self.dense1, self.dense2)


def glorot_limit(layer):
    """Bound of Keras' glorot_uniform: sqrt(6 / (fan_in + fan_out)), fans of a convolution times its window."""
    window = layer.weight[0, 0].numel() if layer.weight.dim() == 4 else 1
    return math.sqrt(6.0 / ((layer.weight.shape[0] + layer.weight.shape[1]) * window))


def initialise_as_keras(model, seed):
    """Glorot-uniform kernels and zero biases, drawn from `seed`."""
    rng = np.random.default_rng([seed, 0])
    with torch.no_grad():
        for layer in model.layers():
            limit = glorot_limit(layer)
            layer.weight.copy_(torch.from_numpy(rng.uniform(-limit, limit, tuple(layer.weight.shape))))
            layer.bias.zero_()


class KerasAdam:
    """Adam as Keras computes it: w -= lr * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + eps), t counted from 1.

    torch.optim.Adam adds eps after the bias correction of v ("epsilon" of the paper); Keras before it ("epsilon hat").
    """

    def __init__(self, parameters, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-7):
        self.parameters = list(parameters)
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.step_count = 0
        self.m = [torch.zeros_like(p) for p in self.parameters]
        self.v = [torch.zeros_like(p) for p in self.parameters]

    def zero_grad(self):
        for p in self.parameters:
            p.grad = None

    @torch.no_grad()
    def step(self):
        self.step_count += 1
        alpha = self.lr * math.sqrt(1.0 - self.beta2**self.step_count) / (1.0 - self.beta1**self.step_count)
        for p, m, v in zip(self.parameters, self.m, self.v):
            m.mul_(self.beta1).add_(p.grad, alpha=1.0 - self.beta1)
            v.mul_(self.beta2).addcmul_(p.grad, p.grad, value=1.0 - self.beta2)
            p.addcdiv_(m, v.sqrt().add_(self.eps), value=-alpha)

    def state_dict(self):
        return {"step_count": self.step_count, "m": self.m, "v": self.v}

    def load_state_dict(self, state):
        self.step_count = state["step_count"]
        for own, stored in zip(self.m + self.v, state["m"] + state["v"]):
            own.copy_(stored)


def read_images(folder):
    """Every image of the two class folders: grey, 64x64 by Pillow's default resize. Returns (N, 64, 64) u8 and (N,) labels.

    Order: Normal first, then COVID, each sorted bytewise by file name.
    """
    from PIL import Image

    pixels, labels = [], []
    for label, name in enumerate(CLASSES):
        for path in sorted((pathlib.Path(folder) / name).iterdir(), key=lambda p: os.fsencode(p.name)):
            with Image.open(path) as image:
                pixels.append(np.asarray(image.convert("L").resize((IMAGE_SIZE, IMAGE_SIZE)), dtype=np.uint8))
            labels.append(label)
    return np.stack(pixels), np.asarray(labels, dtype=np.int64)


def prepare(folder, split_seed):
    """The recipe's split and resampling. Returns a dict of x_/y_ train, val and test; pixels u8 (N, 64, 64), labels i64.

    80/20 stratified split; on the training part SMOTE to .7 (k = 5, float64 pixels, new pixels rounded half to even), then
    random undersampling to 1:1; a tenth of that becomes the validation part.
    """
    from imblearn.over_sampling import SMOTE
    from imblearn.under_sampling import RandomUnderSampler
    from sklearn.model_selection import train_test_split

    x, y = read_images(folder)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, stratify=y, random_state=split_seed)
    flat = x_train.reshape(len(x_train), -1).astype(np.float64)
    flat, y_train = SMOTE(sampling_strategy=0.7, k_neighbors=5, random_state=split_seed).fit_resample(flat, y_train)
    flat = np.rint(flat).astype(np.uint8)
    flat, y_train = RandomUnderSampler(sampling_strategy=1.0, random_state=split_seed).fit_resample(flat, y_train)
    flat, flat_val, y_train, y_val = train_test_split(flat, y_train, test_size=0.1, random_state=split_seed)
    square = (-1, IMAGE_SIZE, IMAGE_SIZE)
    return {
        "x_train": flat.reshape(square), "y_train": y_train,
        "x_val": flat_val.reshape(square), "y_val": y_val,
        "x_test": x_test, "y_test": y_test,
    }  # fmt: skip


def to_input(pixels):
    """(N, 64, 64) u8 to (N, 1, 64, 64) f32 in [0, 1], channels last in memory."""
    x = torch.from_numpy(np.ascontiguousarray(pixels)).to(torch.float32).div_(255.0).unsqueeze(1)
    return x.contiguous(memory_format=torch.channels_last)
