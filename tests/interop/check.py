"""Opens what `curie convert` wrote with the programs that its users have.

  check.py CHECK --curie PROGRAM --models DIR --work DIR      CHECK: onnx, hdf5, safetensors, keras, torch

Exit status 77 where a package is missing, after a line that says so; 1 with the differences.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import zipfile

import packages

# tensorboard.py lies beside this file and would hide the package of that name, which TensorFlow needs.
HERE = pathlib.Path(__file__).resolve().parent
sys.path = [path for path in sys.path if pathlib.Path(path).resolve() != HERE]


def need(name):
    return packages.need(name, "scripts/interop installs it")


class Models:
    """The test models, and their conversions."""

    def __init__(self, arguments):
        self.curie = arguments.curie
        self.models = pathlib.Path(arguments.models)
        self.folder = pathlib.Path(arguments.work)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.names = sorted(path.stem for path in self.models.glob("*.json"))

    def expected(self, name):
        np = need("numpy")
        told = json.loads((self.models / f"{name}.json").read_text())
        pixels = np.array(told["pixels"], np.float32).reshape(told["shape"])
        outputs = np.array(told["outputs"], np.float32).reshape(told["shape"][0], -1)
        return told, pixels, outputs

    def own(self, name):
        return self.models / f"{name}.safetensors"

    def convert(self, source, out, to):
        out = self.folder / out
        subprocess.run(
            [self.curie, "convert", str(source), str(out), "--to", to, "--force"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return out

    def free(self, *paths):
        for path in paths:
            os.unlink(path)


def normalized(told, pixels):
    np = need("numpy")
    rule = told["normalization"]
    values = pixels.astype(np.float64) / rule["divisor"]
    if rule["mean"]:
        values -= rule["mean"]
    if rule["stddev"]:
        values /= rule["stddev"]
    return values.astype(np.float32)


def difference(found, expected):
    np = need("numpy")
    if found.shape != expected.shape:
        return f"shape {found.shape}, expected {expected.shape}"
    bound = 1e-5 * max(1.0, float(np.abs(expected).max()))
    worst = float(np.abs(found - expected).max())
    return None if worst <= bound else f"differs by {worst:g}, more than {bound:g}"


def check_onnx(models):
    onnxruntime = need("onnxruntime")
    for name in models.names:
        told, pixels, expected = models.expected(name)
        path = models.convert(models.own(name), f"{name}.onnx", "onnx")
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        metadata = session.get_modelmeta().custom_metadata_map
        if "curie.preprocessing" not in metadata or "curie.classes" not in metadata:
            yield name, "no preprocessing or classes in the metadata"
        yield name, difference(session.run(None, {"pixels": pixels})[0], expected)
        # Outputs that saturate, or that every image gets, would agree whatever the weights are.
        spread = float(abs(expected[0] - expected[1]).max())
        yield f"{name}, outputs", None if spread > 1e-4 else f"differ between images by {spread:g} only"
        yield f"{name}, one image", difference(session.run(None, {"pixels": pixels[:1]})[0], expected[:1])
        models.free(path)


def check_hdf5(models):
    h5py = need("h5py")
    for name in models.names:
        if not models.expected(name)[0]["keras"]:
            continue
        path = models.convert(models.own(name), f"{name}.h5", "keras")
        with h5py.File(path) as file:
            config = json.loads(file.attrs["model_config"])
            layers = [layer["config"]["name"] for layer in config["config"]["layers"]]
            listed = [str(text, "utf-8") if isinstance(text, bytes) else text for text in file["model_weights"].attrs["layer_names"]]
            yield f"{name}: layers", None if layers == listed else f"{listed}, expected {layers}"
            for layer in listed:
                group = file["model_weights"][layer]
                for weight in group.attrs["weight_names"]:
                    weight = str(weight, "utf-8") if isinstance(weight, bytes) else weight
                    if group[weight].dtype != "float32":
                        yield f"{name}: {weight}", f"is {group[weight].dtype}"
        archive = models.convert(models.own(name), f"{name}.keras", "keras")
        with zipfile.ZipFile(archive) as entries:
            yield f"{name}: archive", entries.testzip()
            missing = {"config.json", "metadata.json", "model.weights.h5"} - set(entries.namelist())
            yield f"{name}: archive", f"without {missing}" if missing else None
            with h5py.File(entries.open("model.weights.h5")) as file:
                yield f"{name}: archive's weights", None if "layers" in file else f"hold {list(file)}"
        models.free(path, archive)


def check_safetensors(models):
    need("numpy")
    need("safetensors")
    from safetensors.numpy import load_file

    for name in models.names:
        path = models.convert(models.own(name), f"{name}-torch.safetensors", "safetensors")
        tensors = load_file(path)
        kinds = {key.rsplit(".", 1)[1] for key in tensors}
        unknown = kinds - {"weight", "bias", "running_mean", "running_var"}
        yield f"{name}: names", f"unknown {unknown}" if unknown else None
        own = load_file(models.own(name))
        sums = [sum(float(abs(value).sum()) for value in values.values()) for values in (own, tensors)]
        yield f"{name}: values", None if abs(sums[0] - sums[1]) <= 1e-4 * sums[0] else f"sum to {sums[1]}, expected {sums[0]}"
        # And back: the same model, which answers the same.
        back = models.convert(path, f"{name}-back.safetensors", "curie")
        again = load_file(back)
        same = set(again) == set(own) and all((again[key] == own[key]).all() for key in own)
        yield f"{name}: back", None if same else "is another model"
        models.free(path, back)


def wrong_optimizer(optimizer, told):
    """Whether its class and its rates in the batches of the file are Curie's; None when they are."""
    if optimizer is None:
        return "missing"
    if type(optimizer).__name__.lower() != told["optimizer"]:
        return f"is {type(optimizer).__name__}, expected {told['optimizer']}"
    # A rate that moves is a schedule: what get_config holds makes it again.
    keras = sys.modules["keras"]
    rate = optimizer.get_config()["learning_rate"]
    schedule = keras.optimizers.schedules.deserialize(rate) if isinstance(rate, dict) else lambda step: rate
    for step, expected in told["rates"]:
        found = float(schedule(step))
        if abs(found - expected) > 1e-5 * expected + 1e-9:
            return f"has the rate {found:g} in batch {step}, expected {expected:g}"
    return None


def check_keras(models):
    keras = need("keras")
    two = keras.__version__.startswith("2.")
    for name in models.names:
        told, pixels, expected = models.expected(name)
        if not told["keras"] or (two and "lenet" in name):  # Keras 2 has no log_softmax
            continue
        for suffix in (".h5",) if two else (".h5", ".keras"):
            path = models.convert(models.own(name), name + suffix, "keras")
            # Keras 2 finds no AdamW in HDF5 files: for it the model comes without training.
            compiled = not (two and told["optimizer"] == "adamw")
            model = keras.models.load_model(path, compile=compiled)
            found = model.predict(normalized(told, pixels), verbose=0).reshape(expected.shape)
            yield name + suffix, difference(found, expected)
            if compiled and "lenet" not in name:  # its loss is not one of Keras'
                yield f"{name}{suffix}: optimizer", wrong_optimizer(model.optimizer, told)
            # What Keras makes of it comes back.
            again = models.folder / f"again{suffix}"
            model.save(again)
            back = models.convert(again, f"{name}-back.onnx", "onnx")
            onnxruntime = sys.modules.get("onnxruntime")
            if onnxruntime is None and not two:
                onnxruntime = need("onnxruntime")
            rule = told["normalization"]
            if onnxruntime is not None and not rule["mean"]:
                session = onnxruntime.InferenceSession(str(back), providers=["CPUExecutionProvider"])
                yield f"{name}{suffix}: back", difference(session.run(None, {"pixels": pixels})[0], expected)
            models.free(path, again, back)
    yield from check_going_on(models, keras, two)


def check_going_on(models, keras, two):
    """Keras goes on where Curie's training ended: the same count, the same losses in the next steps."""
    np = need("numpy")
    for told_file in sorted(models.models.glob("*.trained")):
        told = json.loads(told_file.read_text())
        x = np.array(told["pixels"], np.float32).reshape(told["shape"]) / 255
        y = np.array(told["labels"], np.int64)
        # From HDF5 Keras 3 takes no optimizer's state, not from its own files either.
        suffix = ".h5" if two else ".keras"
        if not told_file.with_suffix(suffix).exists():  # HDF5 has no place for some of it
            continue
        model = keras.models.load_model(told_file.with_suffix(suffix))
        # `iterations` counts updates.
        batches = int(model.optimizer._iterations)
        name = told_file.stem + suffix
        yield f"{name}: batches", None if batches == told["batches"] else f"{batches}, expected {told['batches']}"
        losses = []
        for first in range(0, len(x), told["batch"]):
            some = slice(first, first + told["batch"])
            # After loading and at the end of fit() weights and their averages are one buffer of JAX, with which it cannot train.
            for average in () if two else getattr(model.optimizer, "_model_variables_moving_average", ()):
                average.assign(average.numpy())
            history = model.fit(x[some], y[some], batch_size=told["batch"], shuffle=False, verbose=0)
            losses.append(history.history["loss"][0])
        yield f"{name}: going on", difference(np.array(losses, np.float32), np.array(told["losses"], np.float32))


def torch_residual(torch):
    """The network of residual_model() in tests/support/file_models.h, as torchvision would write it."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(4, 6, 3, 2, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(6)
            self.conv2 = nn.Conv2d(6, 6, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(6)
            self.downsample = nn.Sequential(nn.Conv2d(4, 6, 1, 2, bias=False), nn.BatchNorm2d(6))

        def forward(self, x):
            y = torch.relu(self.bn1(self.conv1(x)))
            return torch.relu(self.bn2(self.conv2(y)) + self.downsample(x))

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, 4, 7, 2, 3, bias=False)
            self.bn1 = nn.BatchNorm2d(4)
            self.layer1 = nn.Sequential(Block())
            self.fc = nn.Linear(6, 3)

        def forward(self, x):
            x = torch.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
            return torch.softmax(self.fc(self.layer1(x).mean((2, 3))), 1)

    return Residual()


def torch_lenet(torch):
    """radiography-lenet-128, whose first Linear reads a flattened image."""
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(8), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(8), nn.Flatten(),
        nn.Linear(16, 100), nn.ReLU(), nn.Linear(100, 50), nn.ReLU(), nn.Linear(50, 4), nn.LogSoftmax(1),
    )  # fmt: skip


def read_safetensors(torch, path):
    np = need("numpy")
    contents = path.read_bytes()
    length = int.from_bytes(contents[:8], "little")
    header = json.loads(contents[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        values = np.frombuffer(contents[begin:end], np.float32).reshape(entry["shape"])
        tensors[name] = torch.from_numpy(values.copy())
    return tensors


def check_torch(models):
    torch = need("torch")
    for name, network in (("residual", torch_residual(torch)), ("radiography-lenet-128", torch_lenet(torch))):
        told, pixels, expected = models.expected(name)
        path = models.convert(models.own(name), f"{name}-torch.safetensors", "safetensors")
        tensors = read_safetensors(torch, path)
        if name != "residual":  # layers in order, whatever their names are
            tensors = dict(zip(network.state_dict(), tensors.values()))
        network.load_state_dict(tensors)
        network.eval()
        with torch.no_grad():
            images = torch.from_numpy(normalized(told, pixels)).permute(0, 3, 1, 2)
            yield name, difference(network(images).numpy(), expected)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=("onnx", "hdf5", "safetensors", "keras", "torch"))
    for option in ("--curie", "--models", "--work"):
        parser.add_argument(option, required=True)
    arguments = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "jax")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    need({"onnx": "onnxruntime", "hdf5": "h5py"}.get(arguments.check, arguments.check))
    checked = failed = 0
    for what, wrong in globals()[f"check_{arguments.check}"](Models(arguments)):
        checked += 1
        failed += wrong is not None
        print(f"{what}: {wrong or 'ok'}", flush=True)
    print(f"{checked} checks, {failed} failed")
    return 1 if failed or checked == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
