"""Images, splits and augmentation of the recipes, by Pillow, OpenCV, scikit-learn and SciPy; of covid-cnn-64 what
trivial methods need (covid_torch.py has its resampling).

Nothing here is Curie's code: the splits of both sides agree because both do what scikit-learn does for one random_state.
Needs python3-pil, python3-opencv, python3-sklearn and python3-scipy.
"""

import csv
import os
import pathlib
import re

import numpy as np
from PIL import Image
from scipy import ndimage
from sklearn.model_selection import GroupShuffleSplit, train_test_split

# Names of classes as the recipes have them; a label is a position. The second tuple: the folder, where it has another name,
# and the word that the file's name holds.
PNEUMONIA = {"NORMAL": ("NORMAL", ""), "PNEUMONIA BACTERIA": ("PNEUMONIA", "bacteria"), "PNEUMONIA VIRUS": ("PNEUMONIA", "virus")}
COVID = {"NORMAL": ("NORMAL", ""), "COVID": ("COVID", "")}
COVID_RADIOGRAPHY = {"Normal": ("Normal", ""), "COVID": ("COVID", "")}
RADIOGRAPHY = {name: (name, "") for name in ("Normal", "COVID", "Viral Pneumonia", "Lung_Opacity")}

SPLIT_SEEDS = {"covid-vgg16-237": 40}  # the document's random_state; 1 elsewhere


def classes_of(recipe):
    if recipe == "pneumonia-cnn-70":
        return PNEUMONIA
    if recipe == "covid-cnn-64":
        return COVID_RADIOGRAPHY
    return RADIOGRAPHY if recipe.startswith("radiography") else COVID


def opencv(path, size):
    """As cv2.imread and cv2.resize do: three channels in the order BGR, bilinear without antialiasing."""
    import cv2

    image = cv2.imread(str(path))
    if image is None:
        raise SystemExit(f"{path}: OpenCV cannot read it")
    return cv2.resize(image, (size, size))


def pillow(mode, resample):
    def read(path, size):
        with Image.open(path) as image:
            pixels = np.asarray(image.convert(mode).resize((size, size), resample), dtype=np.uint8)
        return pixels.reshape(size, size, -1)

    return read


def reader_of(recipe):
    if recipe in ("pneumonia-cnn-70", "covid-vgg16-237"):
        return opencv
    if recipe.startswith("radiography"):
        return pillow("RGB", Image.BILINEAR)
    return pillow("RGB" if "vgg16" in recipe else "L", Image.NEAREST)


def list_files(recipe, folder):
    """(path relative to the folder, label, is of the official test part), by class, part and name as bytes."""
    folder = pathlib.Path(folder)
    roots = [("train/", False), ("test/", True)] if recipe == "pneumonia-cnn-70" else [("", False)]
    files = []
    for label, (name, word) in enumerate(classes_of(recipe).values()):
        for root, official in roots:
            names = sorted(os.fsencode(entry) for entry in os.listdir(folder / root / name))
            files += [(f"{root}{name}/{os.fsdecode(n)}", label, official) for n in names if word in os.fsdecode(n)]
    return files


def load(recipe, size, folder, limits=None, read=None):
    """Pixels (N, H, W, C) u8, labels (N,), file names, and which are of the official test part.

    `read(path, size)` reads an image, by default as the recipe does.
    """
    files, taken = [], {}
    names = list(classes_of(recipe))
    for file in list_files(recipe, folder):
        key = (file[1], file[2])
        taken[key] = taken.get(key, 0) + 1
        if taken[key] <= (limits or {}).get(names[file[1]], taken[key]):
            files.append(file)
    read = read or reader_of(recipe)
    pixels = np.stack([read(pathlib.Path(folder) / name, size) for name, _, _ in files])
    return pixels, np.array([label for _, label, _ in files]), [name for name, _, _ in files], np.array([o for _, _, o in files])


def patients(folder, files):
    """The patient of each file: the one of metadata.csv, else that of Kermany's file names, else the file itself.

    Which patients a seed draws depends on the order of these names, so they are spelt as Curie spells them.
    """
    listed = {}
    table = pathlib.Path(folder) / "metadata.csv"
    if table.exists():
        with open(table, encoding="utf-8", newline="") as text:
            listed = {row["file"]: "patient " + row["patient"] for row in csv.DictReader(text)}
    found = []
    for file in files:
        named = re.fullmatch(r"(person\d+)_(?:bacteria|virus)_.*|((?:NORMAL\d*-)?IM-\d+)-\d+.*", file.rsplit("/", 1)[1])
        found.append(listed.get(file) or (named[1] or named[2] if named else file))
    return np.array(found)


def hold_back(labels, indices, size, seed):
    """`size` of each class, drawn class by class as train_test_split does for one random_state."""
    kept, held = [], []
    for label in np.unique(labels):
        train, test = train_test_split(indices[labels[indices] == label], test_size=size, random_state=seed)
        kept.append(train)
        held.append(test)
    return np.concatenate(kept), np.concatenate(held)


def by_group(groups, indices, fraction, seed):
    splitter = GroupShuffleSplit(n_splits=1, test_size=fraction, random_state=seed)
    train, test = next(splitter.split(indices, groups=groups[indices]))
    return indices[train], indices[test]


def split(recipe, labels, official, split_seed, groups=None):
    """Indices of the parts train, val and test. With `groups` a group's samples stay together."""
    everything = np.arange(len(labels))
    if recipe == "pneumonia-cnn-70":
        test = everything[official]
        return {"train": everything[~official], "val": test, "test": test}
    if recipe == "covid-cnn-64":  # a tenth of the training part, once it is resampled, becomes the validation part
        train, test = train_test_split(everything, test_size=0.2, random_state=split_seed, stratify=labels)
        return {"train": train, "test": test}
    if recipe.startswith("radiography"):
        rest, test = train_test_split(everything, test_size=0.15, random_state=split_seed, stratify=labels)
        train, val = train_test_split(rest, test_size=0.15 / 0.85, random_state=split_seed, stratify=labels[rest])
    elif recipe == "covid-vgg16-237":
        if groups is None:
            rest, test = train_test_split(everything, test_size=0.2, random_state=split_seed)
            cut = int(len(rest) * (1.0 - 0.1))
            train, val = rest[:cut], rest[cut:]
        else:
            rest, test = by_group(groups, everything, 0.2, split_seed)
            train, val = by_group(groups, rest, 0.1, split_seed)
    elif groups is None:
        rest, test = hold_back(labels, everything, 16, split_seed)
        train, val = hold_back(labels, rest, 0.25, split_seed)
    else:
        rest, test = by_group(groups, everything, 32 / len(labels), split_seed)
        train, val = by_group(groups, rest, 0.25, split_seed)
    return {"train": train, "val": val, "test": test}


# ImageDataGenerator's settings of document 002; its shifts only in the first experiment.
KERAS_AUGMENTED = {"covid-basic-180": 0.15, "covid-dropout-224": 0.0, "covid-batchnorm-224": 0.0, "covid-vgg16-224": 0.0}
ROTATION, ZOOM = 45.0, 0.5
TORCHVISION_AUGMENTED = ("radiography-lenet-128-augmented", "radiography-resnet18")


def keras_affine(image, theta, shift_rows, shift_columns, zoom_rows, zoom_columns):
    """ImageDataGenerator's map from output to input: rotation, then shift, then zoom, about (h/2 - .5, w/2 - .5)."""
    rotation = np.array([[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0], [0, 0, 1]])
    shift = np.array([[1, 0, shift_rows], [0, 1, shift_columns], [0, 0, 1]])
    zoom = np.diag([zoom_rows, zoom_columns, 1.0])
    rows, columns = (extent / 2 - 0.5 for extent in image.shape[:2])
    to_centre = np.array([[1, 0, rows], [0, 1, columns], [0, 0, 1]])
    from_centre = np.array([[1, 0, -rows], [0, 1, -columns], [0, 0, 1]])
    matrix = to_centre @ rotation @ shift @ zoom @ from_centre
    channels = [
        ndimage.affine_transform(image[..., c], matrix[:2, :2], matrix[:2, 2], order=1, mode="nearest")
        for c in range(image.shape[2])
    ]
    return np.stack(channels, -1)


def keras_random(image, rng, shift):
    size = image.shape[0]
    theta = np.deg2rad(rng.uniform(-ROTATION, ROTATION))
    rows, columns = rng.uniform(-shift, shift, 2) * size
    zoom = rng.uniform(1 - ZOOM, 1 + ZOOM, 2)
    image = keras_affine(image, theta, rows, columns, *zoom)
    return image[:, ::-1] if rng.random() < 0.5 else image


def torchvision_random(image, rng):
    """RandomRotation(10): nearest pixel, black corners; RandomHorizontalFlip."""
    turned = Image.fromarray(image).rotate(rng.uniform(-10.0, 10.0), Image.NEAREST)
    pixels = np.asarray(turned)
    return pixels[:, ::-1] if rng.random() < 0.5 else pixels


def augment(recipe, images, rng):
    """(N, H, W, C) u8 or, where the recipe interpolates, f32 in [0, 255]: each image changed anew, or as it was."""
    if recipe in KERAS_AUGMENTED:
        shift = KERAS_AUGMENTED[recipe]
        return np.stack([keras_random(image.astype(np.float32), rng, shift) for image in images])
    if recipe in TORCHVISION_AUGMENTED:
        return np.stack([torchvision_random(image, rng) for image in images])
    return images


def augments(recipe):
    return recipe in KERAS_AUGMENTED or recipe in TORCHVISION_AUGMENTED
