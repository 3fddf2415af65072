"""Weights that torchvision itself wrote, in `curie predict`: the same answers as torchvision's.

  torchvision_weights.py --curie PROGRAM --work DIR

ResNet18 with four classes, every tensor of its state dict, and VGG16's features under the head of covid-vgg16-224; random
weights and running statistics, images of the network's size. Exit status 77 where a package is missing, after a line that
says so; 1 with the differences.
"""

import argparse
import json
import pathlib
import struct
import subprocess
import sys

from packages import need

BOUND = 1e-4
DEBIAN = "on Debian: apt-get install python3-"


def write_safetensors(path, state):
    """The layout of safetensors.torch.save_file, which Debian's Python does not have."""
    types = {"torch.float32": "F32", "torch.int64": "I64"}
    header, blobs, end = {"__metadata__": {"format": "pt"}}, [], 0
    for name, value in state.items():
        blob = value.contiguous().numpy().tobytes()
        offsets = [end, end + len(blob)]
        header[name] = {"dtype": types[str(value.dtype)], "shape": list(value.shape), "data_offsets": offsets}
        blobs.append(blob)
        end += len(blob)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def randomize_statistics(torch, module):
    """Batch normalization that does something."""
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            for values, low, high in ((layer.weight, 0.5, 1.5), (layer.bias, -0.3, 0.3),
                                      (layer.running_mean, -0.3, 0.3), (layer.running_var, 0.5, 2.0)):  # fmt: skip
                values.data.uniform_(low, high)


def resnet18(torch, torchvision):
    network = torchvision.models.resnet18(num_classes=4)
    randomize_statistics(torch, network)
    mean, stddev = ((torch.tensor(v).view(3, 1, 1)) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))

    def answer(image):
        return torch.softmax(network((image - mean) / stddev), 1)

    return "radiography-resnet18", 128, network, network.state_dict(), answer


def vgg16(torch, torchvision):
    """torchvision's features, for images of 224 x 224, under the recipe's head: its own 528 MB classifier left out."""
    nn = torch.nn
    features = torchvision.models.vgg16().features
    dense, dense_1 = nn.Linear(512, 64), nn.Linear(64, 1)
    head = nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), dense, nn.ReLU(), dense_1, nn.Sigmoid())
    network = nn.Sequential(features, head)
    state = {f"features.{name}": value for name, value in features.state_dict().items()}
    for name, layer in (("dense", dense), ("dense_1", dense_1)):
        state.update({f"{name}.{key}": value for key, value in layer.state_dict().items()})

    def answer(image):
        covid = network(image)
        return torch.cat([1 - covid, covid], 1)

    return "covid-vgg16-224", 224, network, state, answer


def predicted(curie, recipe, weights, image):
    """Probabilities in the order of the recipe's classes, as `curie summary` lists them."""
    command = [curie, "predict", str(weights), str(image), "--recipe", recipe, "--json"]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    by_name = json.loads(told)[0]["probabilities"]
    summary = subprocess.run([curie, "summary", str(weights), "--recipe", recipe], check=True, stdout=subprocess.PIPE,
                             text=True).stdout  # fmt: skip
    line = next(line for line in summary.splitlines() if line.startswith("Classes"))
    places = {name: line.find(f"= {name}") for name in by_name}
    return [by_name[name] for name in sorted(by_name, key=places.get)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ("--curie", "--work"):
        parser.add_argument(option, required=True)
    arguments = parser.parse_args()
    np, torch = need("numpy", DEBIAN + "numpy"), need("torch", DEBIAN + "torch")
    torchvision, pillow = need("torchvision", DEBIAN + "torchvision"), need("PIL.Image", DEBIAN + "pil")
    torch.manual_seed(20260103)
    work = pathlib.Path(arguments.work)
    work.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(3)
    failed = 0
    for make in (resnet18, vgg16):
        recipe, size, network, state, answer = make(torch, torchvision)
        network.eval()
        weights, image = work / f"{make.__name__}.safetensors", work / f"{make.__name__}.png"
        write_safetensors(weights, state)
        pixels = random.integers(0, 256, (size, size, 3), dtype=np.uint8)
        pillow.fromarray(pixels).save(image)
        with torch.no_grad():
            expected = answer(torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255)[0].tolist()
        found = predicted(arguments.curie, recipe, weights, image)
        worst = max(abs(a - b) for a, b in zip(found, expected, strict=True))
        wrong = worst > BOUND or max(expected) > 0.999
        failed += wrong
        print(f"{make.__name__} of torchvision {torchvision.__version__}: {len(state)} tensors, found {found}, "
              f"expected {expected}: {'differs' if wrong else 'ok'}", flush=True)  # fmt: skip
        weights.unlink()
        image.unlink()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
