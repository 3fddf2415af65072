#!/usr/bin/python3
"""Writes tests/data/layers.json: layers and losses as PyTorch computes them, forward and backward.

Run from anywhere: scripts/goldens/layers.py (needs torch). Inputs are made from a seed; the arithmetic is done in
float64 on float32 inputs and stored as float32, so the file is exact to float32's last digit. Tensors are stored as
Curie lays them out: images NHWC, convolution kernels KRSC, dense kernels (in, out).

A case: {"name", "config": of the layer, "mode": "training" or "frozen", "terms": products and sums behind one value,
"inputs": [tensor], "parameters": [tensor or null], "y", "dy", "dinputs", "gradients": [tensor or null],
"after": parameters after a training step, or null}; a tensor is {"shape", "values"}.
A loss case: {"name", "loss": config, "last": activation, "logits", "targets", "weights" or null, "value": mean over
the batch, "dlogits"}.
"""
import json
import pathlib

import torch
import torch.nn.functional as F

generator = torch.Generator().manual_seed(19)


def uniform(*shape):
    return torch.rand(shape, generator=generator) * 2 - 1


def number(value):
    return float(f"{float(torch.tensor(value, dtype=torch.float32)):.9g}")


def tensor(values):
    flat = values.detach().to(torch.float32).flatten().tolist()
    return {"shape": list(values.shape), "values": [number(v) for v in flat]}


def images(values):  # NCHW -> NHWC
    return tensor(values.permute(0, 2, 3, 1)) if values.dim() == 4 else tensor(values)


def case(name, config, compute, inputs, parameters=(), terms=1, layouts=(), state=(), mode="training"):
    """compute(inputs, parameters, state) -> y in PyTorch's layout; layouts turn parameters into Curie's; state: a list
    that compute replaces by its new values, stored behind the parameters."""
    inputs = [x.double().requires_grad_() for x in inputs]
    parameters = [p.double().requires_grad_() for p in parameters]
    state = [s.double() for s in state]
    before = [tensor(s) for s in state]
    y = compute(inputs, parameters, state)
    dy = uniform(*y.shape)
    y.backward(dy.double())
    layouts = list(layouts) or [lambda p: p] * len(parameters)
    frozen = mode == "frozen"
    return {
        "name": name,
        "config": dict(config, name=""),
        "mode": mode,
        "terms": terms,
        "inputs": [images(x) for x in inputs],
        "parameters": [tensor(lay(p)) for lay, p in zip(layouts, parameters)] + before,
        "y": images(y),
        "dy": images(dy),
        "dinputs": [images(x.grad) for x in inputs],
        "gradients": [None if frozen else tensor(lay(p.grad)) for lay, p in zip(layouts, parameters)] + [None] * len(state),
        "after": [tensor(s) for s in state],
    }


def krsc(w):
    return w.permute(0, 2, 3, 1)


def same(w):
    return w


def conv(name, x, w, b, stride, pad, config_padding, relu=False):  # pad: left, right, top, bottom
    config = {"kind": "Conv2D", "filters": w.shape[0], "kernel": list(w.shape[2:]), "stride": stride,
              "padding": config_padding, "activation": "relu" if relu else "linear", "bias": b is not None,
              "kernel_initializer": "glorot_uniform", "bias_initializer": "zeros"}

    def compute(inputs, parameters, _):
        y = F.conv2d(F.pad(inputs[0], pad), parameters[0], parameters[1] if b is not None else None, stride=stride)
        return F.relu(y) if relu else y

    return case(name, config, compute, [x], [w] if b is None else [w, b], terms=max(w[0].numel(), x.shape[0] * x.shape[2] * x.shape[3]),
                layouts=[krsc, same][: 1 if b is None else 2])


def pool(name, kind, x, window, stride, padding, compute, **more):
    config = dict({"kind": kind, "pool": window, "stride": stride, "padding": padding}, **more)
    return case(name, config, lambda inputs, *_: compute(inputs[0]), [x], terms=window[0] * window[1] + 1)


def batch_norm(name, x, center, scale, momentum, epsilon, unbiased, frozen=False):
    """momentum in Keras' sense."""
    channels = x.shape[1]
    parameters = ([uniform(channels) / 2 + 1] if scale else []) + ([uniform(channels)] if center else [])
    state = [uniform(channels), uniform(channels) / 2 + 1]
    config = {"kind": "BatchNormalization", "momentum": momentum, "epsilon": epsilon, "center": center, "scale": scale,
              "unbiased_running_variance": unbiased}

    def compute(inputs, parameters, state):
        mean, variance = state[0].clone(), state[1].clone()
        y = F.batch_norm(inputs[0], mean, variance, parameters[0] if scale else None,
                         parameters[-1] if center else None, not frozen, 1 - momentum, epsilon)
        if not unbiased and not frozen:
            axes = [0, 2, 3] if x.dim() == 4 else [0]
            variance = momentum * state[1] + (1 - momentum) * inputs[0].detach().var(axes, unbiased=False)
        state[:] = [mean, variance]
        return y

    return case(name, config, compute, [x], parameters, terms=x.numel() // channels, state=state,
                mode="frozen" if frozen else "training")


def layer_cases():
    yield conv("stride 2, padding 1", uniform(2, 3, 7, 6), uniform(4, 3, 3, 3), uniform(4), [2, 2], (1, 1, 1, 1), [1, 1, 1, 1])
    yield conv("same, even kernel", uniform(2, 2, 5, 6), uniform(3, 2, 4, 2), uniform(3), [1, 1], (0, 1, 1, 2), "same")
    yield conv("valid, relu", uniform(2, 1, 8, 8), uniform(5, 1, 3, 3), uniform(5), [1, 1], (0, 0, 0, 0), "valid", relu=True)
    yield conv("uneven cells, no bias", uniform(1, 2, 6, 5), uniform(2, 2, 3, 2), None, [1, 2], (1, 0, 2, 1), [2, 1, 1, 0])

    # Small integers: most windows hold ties, and the first maximum takes the gradient.
    ties = torch.randint(0, 3, (2, 3, 6, 6), generator=generator).float()
    yield pool("max, ties", "MaxPooling2D", ties, [2, 2], [2, 2], "valid", lambda x: F.max_pool2d(x, 2))
    yield pool("max, stem of a ResNet", "MaxPooling2D", uniform(1, 2, 7, 6), [3, 3], [2, 2], [1, 1, 1, 1],
               lambda x: F.max_pool2d(x, 3, 2, 1))
    for count in (False, True):
        yield pool(f"average, padding counted {count}", "AveragePooling2D", uniform(2, 2, 5, 5), [3, 3], [2, 2],
                   [1, 1, 1, 1], lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=count), count_padding=count)
    yield pool("l2", "L2Pooling2D", uniform(2, 2, 6, 5), [2, 2], [2, 2], "valid", lambda x: F.lp_pool2d(x, 2.0, 2))
    yield case("global average", {"kind": "GlobalAveragePooling2D"}, lambda inputs, *_: inputs[0].mean([2, 3]),
               [uniform(2, 3, 4, 5)], terms=20)

    for activation, act in (("linear", lambda y: y), ("relu", F.relu)):
        config = {"kind": "Dense", "units": 5, "activation": activation, "bias": True,
                  "kernel_initializer": "glorot_uniform", "bias_initializer": "zeros"}
        yield case(f"dense {activation}", config, lambda inputs, p, _: act(F.linear(inputs[0], p[0], p[1])),
                   [uniform(4, 9)], [uniform(5, 9), uniform(5)], terms=10, layouts=[lambda w: w.t(), same])

    image = uniform(3, 4, 3, 3) * 2 + 0.5
    yield batch_norm("batch norm, Keras 2", image, True, True, 0.99, 1e-3, True)
    yield batch_norm("batch norm, Keras 3", image, True, False, 0.99, 1e-3, False)
    yield batch_norm("batch norm, PyTorch, rows", uniform(6, 5), True, True, 0.9, 1e-5, True)
    yield batch_norm("batch norm, no centre", uniform(6, 5), False, True, 0.9, 1e-5, True)
    yield batch_norm("batch norm, frozen", image, True, True, 0.99, 1e-3, True, frozen=True)

    wide = uniform(3, 7) * 8
    for kind, function in (("ReLU", torch.relu), ("Sigmoid", torch.sigmoid), ("Tanh", torch.tanh),
                           ("Softmax", lambda x: x.softmax(-1)), ("LogSoftmax", lambda x: x.log_softmax(-1))):
        yield case(kind, {"kind": kind}, lambda inputs, *_: function(inputs[0]), [wide], terms=12)
    yield case("add", {"kind": "Add"}, lambda inputs, *_: inputs[0] + inputs[1], [uniform(2, 3), uniform(2, 3)])


def loss_case(name, kind, last, logits, targets, compute, from_logits=None, weights=None):
    """compute(prediction, targets) -> loss of each sample."""
    z = logits.double().requires_grad_()
    prediction = {"linear": lambda x: x, "sigmoid": torch.sigmoid, "softmax": lambda x: x.softmax(-1),
                  "log_softmax": lambda x: x.log_softmax(-1)}[last](z)
    losses = compute(prediction, targets)
    value = (losses if weights is None else losses * weights.double()).sum() / len(losses)
    value.backward()
    config = {"kind": kind}
    if from_logits is not None:
        config["from_logits"] = from_logits
    return {"name": name, "loss": config, "last": last, "logits": tensor(logits), "targets": tensor(targets.float()),
            "weights": None if weights is None else tensor(weights), "value": number(value.item()), "dlogits": tensor(z.grad)}


def loss_cases():
    rows, classes = 6, 4
    z1, z4 = uniform(rows, 1) * 4, uniform(rows, classes) * 4
    index = torch.randint(0, classes, (rows,), generator=generator)
    binary = torch.randint(0, 2, (rows, 1), generator=generator).double()
    many = torch.randint(0, 2, (rows, classes), generator=generator).double()
    one_hot = F.one_hot(index, classes).double()
    weights = torch.rand(rows, generator=generator) * 2
    bce = lambda p, t: F.binary_cross_entropy(p, t, reduction="none").mean(-1)
    bce_logits = lambda p, t: F.binary_cross_entropy_with_logits(p, t, reduction="none").mean(-1)
    cce = lambda p, t: -(t * (p / p.sum(-1, keepdim=True)).log()).sum(-1)
    ce = lambda p, t: F.cross_entropy(p, t, reduction="none")
    nll = lambda p, t: F.nll_loss(p, t, reduction="none")
    scce = lambda p, t: -(p / p.sum(-1, keepdim=True)).log().gather(-1, t[:, None])[:, 0]

    yield loss_case("sigmoid", "binary_crossentropy", "sigmoid", z1, binary, bce, False)
    yield loss_case("sigmoid, weighted", "binary_crossentropy", "sigmoid", z1, binary, bce, False, weights)
    yield loss_case("sigmoid, many columns", "binary_crossentropy", "sigmoid", z4, many, bce, False)
    yield loss_case("binary from logits", "binary_crossentropy", "linear", z1, binary, bce_logits, True)
    yield loss_case("binary behind softmax", "binary_crossentropy", "softmax", z4, one_hot, bce, False)
    yield loss_case("softmax", "categorical_crossentropy", "softmax", z4, one_hot, cce, False, weights)
    yield loss_case("categorical behind sigmoid", "categorical_crossentropy", "sigmoid", z4, one_hot, cce, False)
    yield loss_case("categorical from logits", "categorical_crossentropy", "linear", z4, index, ce, True)
    yield loss_case("sparse", "sparse_categorical_crossentropy", "softmax", z4, index, scce, False)
    yield loss_case("sparse behind sigmoid", "sparse_categorical_crossentropy", "sigmoid", z4, index, scce, False)
    yield loss_case("log-softmax and NLL", "negative_log_likelihood", "log_softmax", z4, index, nll)
    yield loss_case("NLL alone", "negative_log_likelihood", "linear", z4.log_softmax(-1), index, nll, None, weights)
    yield loss_case("mean squares", "mean_squared_error", "linear", z4, many, lambda p, t: ((p - t) ** 2).mean(-1))
    yield loss_case("mean squares behind sigmoid", "mean_squared_error", "sigmoid", z1, binary,
                    lambda p, t: ((p - t) ** 2).mean(-1), None, weights)


def main():
    path = pathlib.Path(__file__).resolve().parents[2] / "tests" / "data" / "layers.json"
    losses = list(loss_cases())
    for loss in losses:  # categorical targets are stored one-hot, whatever PyTorch took
        if loss["name"] == "categorical from logits":
            index = torch.tensor(loss["targets"]["values"]).long()
            loss["targets"] = tensor(F.one_hot(index, 4).float())
    text = json.dumps({"torch": torch.__version__, "layers": list(layer_cases()), "losses": losses})
    path.write_text(text.replace('}, {"name"', '},\n{"name"') + "\n")


if __name__ == "__main__":
    main()
