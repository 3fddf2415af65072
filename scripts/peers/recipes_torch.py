"""The nine recipes beside covid-cnn-64 in PyTorch: models, optimizers, losses and rates, without any data.

Shared by scripts/peers/recipe.py, which trains them, and scripts/goldens/five_steps_recipes.py. Written for PyTorch 1.13, the
version Debian 12 packages. Inputs are (N, C, H, W), normalised; outputs are logits, (N, 1) for the recipes of two classes,
(N, K) for the others.

Modules are named as Curie names its layers ("conv2d_1", "block1_conv1", "layer2.0.downsample.0"), so that parameters of both
sides find each other by name. Flatten runs over (row, column, channel) as in Keras.
"""

import collections
import dataclasses
from typing import Callable, Optional

import torch
import torch.nn.functional as functional
from torch import nn

from covid_torch import KerasAdam

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class FlattenNhwc(nn.Module):
    def forward(self, x):
        return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1)


class DenseBatchNorm(nn.BatchNorm1d):
    """The running variance takes the batch's biased variance.

    Keras 2 does so behind a dense layer; behind a convolution its fused kernel takes the unbiased one, as PyTorch does.
    """

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        with torch.no_grad():
            self.running_mean.lerp_(x.mean(0), self.momentum)
            self.running_var.lerp_(x.var(0, unbiased=False), self.momentum)
        return functional.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)


def keras_batch_norm(kind, channels):
    """Keras' BatchNormalization(scale=False): momentum .99, epsilon 1e-3; gamma stays 1."""
    norm = kind(channels, eps=1e-3, momentum=0.01)
    norm.weight.requires_grad_(False)
    return norm


KERAS_KINDS = {
    nn.Conv2d: "conv2d",
    nn.Linear: "dense",
    DenseBatchNorm: "batch_normalization",
    nn.BatchNorm2d: "batch_normalization",
    nn.MaxPool2d: "max_pooling2d",
    nn.AvgPool2d: "average_pooling2d",
    nn.Dropout: "dropout",
    nn.ReLU: "re_lu",
    FlattenNhwc: "flatten",
}


def keras_named(layers):
    """Names as Keras gives them: the kind, then the kind with _1, _2, ..."""
    named, seen = collections.OrderedDict(), collections.Counter()
    for layer in layers:
        kind = KERAS_KINDS[type(layer)]
        named[f"{kind}_{seen[kind]}" if seen[kind] else kind] = layer
        seen[kind] += 1
    return named


def pneumonia_cnn_70():
    return nn.Sequential(
        keras_named(
            [
                nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
                nn.Conv2d(32, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
                nn.Dropout(0.25), FlattenNhwc(),
                nn.Linear(16 * 16 * 32, 128), nn.ReLU(),
                nn.Dropout(0.5), nn.Linear(128, 3),
            ]
        )
    )  # fmt: skip


def covid_cnn(size, normalised, dropout):
    """Experiments 1 to 3 of document 002: five convolutions with pools, Dense 128, Dense 64, Dense 1."""
    layers, channels = [], 1
    for number, filters in enumerate((32, 32, 32, 64, 64)):
        batch_norm = normalised and number >= 2
        layers.append(nn.Conv2d(channels, filters, 3, bias=not batch_norm))
        if batch_norm:
            layers.append(keras_batch_norm(nn.BatchNorm2d, filters))
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
        channels, size = filters, (size - 2) // 2
    layers += [FlattenNhwc(), nn.Linear(size * size * channels, 128, bias=not normalised)]
    if normalised:
        layers.append(keras_batch_norm(DenseBatchNorm, 128))
    layers += [nn.ReLU(), nn.Linear(128, 64), nn.ReLU()]
    if dropout:
        layers.append(nn.Dropout(dropout))
    layers.append(nn.Linear(64, 1))
    return nn.Sequential(keras_named(layers))


def lenet_128():
    return nn.Sequential(
        keras_named(
            [
                nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(8),
                nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(8),
                FlattenNhwc(),
                nn.Linear(16, 100), nn.ReLU(), nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 4),
            ]
        )
    )  # fmt: skip


class Vgg16Head(nn.Module):
    """VGG16 without its top (Simonyan, Zisserman 2015), frozen, then average pool 4, Dense 64, dropout, Dense 1."""

    BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))

    def __init__(self, dropout):
        super().__init__()
        backbone, channels = collections.OrderedDict(), 3
        for block, (convolutions, filters) in enumerate(self.BLOCKS, 1):
            for number in range(1, convolutions + 1):
                backbone[f"block{block}_conv{number}"] = nn.Conv2d(channels, filters, 3, padding=1)
                backbone[f"block{block}_relu{number}"] = nn.ReLU()
                channels = filters
            backbone[f"block{block}_pool"] = nn.MaxPool2d(2)
        self.backbone = nn.Sequential(backbone)
        for parameter in self.backbone.parameters():
            parameter.requires_grad_(False)
        self.head = nn.Sequential(
            keras_named(
                [nn.AvgPool2d(4), FlattenNhwc(), nn.Linear(512, 64), nn.ReLU(), nn.Dropout(dropout), nn.Linear(64, 1)]
            )
        )

    def forward(self, x):
        return self.head(self.backbone(x))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, projected by 1x1 where the shape changes (He et al. 2016)."""

    def __init__(self, channels, filters, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.downsample = None
        if stride != 1 or channels != filters:
            self.downsample = nn.Sequential(nn.Conv2d(channels, filters, 1, stride, bias=False), nn.BatchNorm2d(filters))

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        y = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(y)) + shortcut)


class ResNet18(nn.Module):
    """As torchvision builds it, tensor names included; written out so that no script needs torchvision."""

    def __init__(self, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        channels = 64
        for number, filters in enumerate((64, 128, 256, 512), 1):
            first = BasicBlock(channels, filters, 1 if number == 1 else 2)
            setattr(self, f"layer{number}", nn.Sequential(first, BasicBlock(filters, filters, 1)))
            channels = filters
        self.fc = nn.Linear(512, classes)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


class KerasSgd:
    """v = momentum * v - rate * g;  w += v, with Keras' legacy decay: rate = lr / (1 + decay * updates so far)."""

    def __init__(self, parameters, lr, momentum, decay):
        self.parameters = [p for p in parameters if p.requires_grad]
        self.lr, self.momentum, self.decay, self.updates = lr, momentum, decay, 0
        self.velocity = [torch.zeros_like(p) for p in self.parameters]

    def zero_grad(self):
        for p in self.parameters:
            p.grad = None

    @torch.no_grad()
    def step(self):
        rate = self.lr / (1.0 + self.decay * self.updates)
        self.updates += 1
        for p, v in zip(self.parameters, self.velocity):
            v.mul_(self.momentum).add_(p.grad, alpha=-rate)
            p.add_(v)


def trained(model):
    return [p for p in model.parameters() if p.requires_grad]


def keras_adam(model):
    return KerasAdam(trained(model))


def set_rate(optimizer, rate):
    if isinstance(optimizer, (KerasAdam, KerasSgd)):
        optimizer.lr = rate
    else:
        for group in optimizer.param_groups:
            group["lr"] = rate


def binary_loss(logits, labels):
    return functional.binary_cross_entropy_with_logits(logits.squeeze(1), labels.to(logits.dtype))


def softmax_loss(logits, labels):
    return functional.cross_entropy(logits, labels)


def nll_loss(logits, labels):
    return functional.nll_loss(functional.log_softmax(logits, 1), labels)


@dataclasses.dataclass(frozen=True)
class Recipe:
    build: Callable[[], nn.Module]
    optimizer: Callable
    loss: Callable
    size: int
    channels: int
    classes: int
    batch_size: int
    epochs: int
    imagenet_normalised: bool = False
    keras_initialised: bool = True  # Glorot-uniform kernels and zero biases, else what PyTorch and torchvision do
    rate: Optional[Callable[[int], float]] = None  # of the epoch, counted from 0


def lenet_recipe():
    return Recipe(
        lenet_128,
        lambda model: torch.optim.SGD(trained(model), lr=0.01, momentum=0.9),
        nll_loss, 128, 3, 4, 32, 10, imagenet_normalised=True, keras_initialised=False,
    )  # fmt: skip


RECIPES = {
    "pneumonia-cnn-70": Recipe(
        pneumonia_cnn_70,
        lambda model: KerasSgd(trained(model), lr=0.01, momentum=0.9, decay=0.01 / 50),
        softmax_loss, 70, 3, 3, 32, 50,
    ),
    "covid-basic-180": Recipe(lambda: covid_cnn(180, False, 0.0), keras_adam, binary_loss, 180, 1, 2, 20, 30),
    "covid-dropout-224": Recipe(lambda: covid_cnn(224, False, 0.5), keras_adam, binary_loss, 224, 1, 2, 15, 30),
    "covid-batchnorm-224": Recipe(
        lambda: covid_cnn(224, True, 0.5),
        lambda model: KerasAdam(trained(model), lr=0.01),
        binary_loss, 224, 1, 2, 15, 25, rate=lambda epoch: 0.01 * 0.6**epoch,
    ),
    "covid-vgg16-224": Recipe(lambda: Vgg16Head(0.5), keras_adam, binary_loss, 224, 3, 2, 15, 25),
    "radiography-lenet-128": lenet_recipe(),
    "radiography-lenet-128-augmented": lenet_recipe(),
    "radiography-resnet18": Recipe(
        lambda: ResNet18(4),
        lambda model: torch.optim.Adam(trained(model), lr=3e-5),
        softmax_loss, 128, 3, 4, 32, 10, imagenet_normalised=True, keras_initialised=False,
    ),
    "covid-vgg16-237": Recipe(lambda: Vgg16Head(0.2), keras_adam, binary_loss, 237, 3, 2, 8, 50),
}  # fmt: skip
FROZEN = [name for name in RECIPES if "vgg16" in name]  # under a frozen backbone


def normalise(pixels, recipe, dtype=torch.float32):
    """(N, H, W, C) u8 to (N, C, H, W): divided by 255, and where the recipe says so less ImageNet's mean, over its deviation."""
    x = torch.from_numpy(pixels).to(dtype).div_(255.0)
    if recipe.imagenet_normalised:
        x.sub_(torch.tensor(IMAGENET_MEAN, dtype=dtype)).div_(torch.tensor(IMAGENET_STD, dtype=dtype))
    return x.permute(0, 3, 1, 2)
