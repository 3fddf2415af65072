#!/usr/bin/python3
"""Makes tests/data/augmentation.json: images warped by SciPy as Keras' ImageDataGenerator asks it to, and images turned by
torchvision.

Needs scipy 1.10, torchvision 0.14 and Pillow 9.4 (python3-scipy, python3-torchvision of Debian 12).
Usage: scripts/goldens/augmentation.py
With --keras (needs Keras 3 too) it compares its own matrices with Keras' and writes nothing.
"""
import json
import sys
import zlib
from pathlib import Path

import numpy as np
import PIL
import scipy
from PIL import Image
from scipy.ndimage import affine_transform

from images import noise

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
NONE = {"theta": 0, "tx": 0, "ty": 0, "shear": 0, "zx": 1, "zy": 1, "flip_horizontal": False, "flip_vertical": False}
CASES = [{"theta": 90}, {"theta": -30}, {"tx": 3}, {"ty": -2.25}, {"tx": 1.5, "ty": 4.75}, {"shear": 20}, {"zx": 1.5},
         {"zy": 0.6}, {"zx": 0.5, "zy": 1.4}, {"flip_horizontal": True}, {"flip_vertical": True},
         {"theta": 180}, {"theta": 45, "flip_horizontal": True},
         {"theta": -17.3, "tx": 2.1, "ty": -3.3, "shear": 9, "zx": 1.21, "zy": 0.83, "flip_horizontal": True},
         {"theta": 31, "tx": -4.4, "ty": 0.9, "zx": 0.71, "zy": 0.93, "flip_vertical": True}]
SIZES = [(10, 10, 1), (7, 11, 1), (9, 6, 3)]


def picture(height, width, channels, seed):
    """Smooth enough that a small error of a place is a small error of a value."""
    values = noise(height * width * channels, seed, "noise").reshape(height, width, channels).astype(float)
    return ((values + np.roll(values, 1, 0) + np.roll(values, 1, 1) + np.roll(values, (1, 1), (0, 1))) / 4).astype(np.uint8)


def matrix(t, first_shift, second_shift, first_centre, second_centre):
    theta, shear = np.deg2rad(t["theta"]), np.deg2rad(t["shear"])
    rotation = np.array([[np.cos(theta), -np.sin(theta), 0], [np.sin(theta), np.cos(theta), 0], [0, 0, 1]])
    shift = np.array([[1, 0, first_shift], [0, 1, second_shift], [0, 0, 1]])
    shearing = np.array([[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]])
    zoom = np.diag([t["zx"], t["zy"], 1])
    centre = np.array([[1, 0, first_centre], [0, 1, second_centre], [0, 0, 1]])
    back = np.array([[1, 0, -first_centre], [0, 1, -second_centre], [0, 0, 1]])
    return centre @ rotation @ shift @ shearing @ zoom @ back


def warp(x, t, style, fill_mode, cval):
    height, width = x.shape[:2]
    middle_row, middle_column = height / 2 - .5, width / 2 - .5
    if style == "keras":
        m = matrix(t, t["tx"], t["ty"], middle_row, middle_column)
    else:
        m = matrix(t, t["ty"], t["tx"], middle_column, middle_row)
    m[:, [0, 1]] = m[:, [1, 0]]  # the first coordinate runs along columns
    m[[0, 1]] = m[[1, 0]]
    if t != {**NONE, "flip_horizontal": t["flip_horizontal"], "flip_vertical": t["flip_vertical"]}:
        x = np.stack([affine_transform(x[:, :, c], m[:2, :2], m[:2, 2], order=1, mode=fill_mode, cval=cval)
                      for c in range(x.shape[2])], 2)
    if t["flip_horizontal"]:
        x = x[:, ::-1]
    if t["flip_vertical"]:
        x = x[::-1]
    return x


def keras_cases():
    for height, width, channels in SIZES:
        x = picture(height, width, channels, height).astype(np.float32)
        for style in ("keras", "keras_corrected"):
            for number, case in enumerate(CASES):
                t = {**NONE, **case}
                # SciPy's constant mode hangs on the last bit where a row of places lies on the edge itself.
                generic = number >= 13
                for fill_mode, cval in [("nearest", 0)] + [("constant", 77)] * generic:
                    result = warp(x, t, style, fill_mode, cval)
                    yield {"size": [height, width, channels], "style": style, "transform": t, "fill_mode": fill_mode,
                           "fill": cval, "hundredths": np.rint(result * 100).astype(int).ravel().tolist()}


def torchvision_cases():
    from torchvision.transforms import functional
    for height, width, channels in [(10, 10, 1), (7, 11, 1), (9, 6, 3), (128, 128, 3), (64, 61, 1)]:
        pixels = picture(height, width, channels, height)
        image = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)
        for angle in (10, -10, 3.7, -0.4, 45, 137.5, -90.5):
            for flip in (False, True):
                turned = functional.rotate(image, angle)
                if flip:
                    turned = functional.hflip(turned)
                yield {"size": [height, width, channels], "angle": angle, "flip": flip,
                       "crc": zlib.crc32(np.asarray(turned).tobytes())}


def compare_with_keras():
    from keras.src.legacy.preprocessing.image import ImageDataGenerator
    scipy.ndimage.interpolation = scipy.ndimage  # the name that Keras' code still uses
    worst = 0
    for height, width, channels in SIZES:
        x = picture(height, width, channels, height).astype(np.float32)
        for case in CASES:
            t = {**NONE, **case}
            for fill_mode, cval in (("nearest", 0), ("constant", 77)):
                generator = ImageDataGenerator(fill_mode=fill_mode, cval=cval)
                theirs = generator.apply_transform(x, t)
                worst = max(worst, np.abs(theirs - warp(x, t, "keras", fill_mode, cval)).max())
    print("largest difference from Keras:", worst)
    assert worst < 1e-3


def main():
    if "--keras" in sys.argv:
        return compare_with_keras()
    import torchvision
    made_with = f"scipy {scipy.__version__}, torchvision {torchvision.__version__}, Pillow {PIL.__version__}"
    golden = {"made_with": made_with, "keras": list(keras_cases()), "torchvision": list(torchvision_cases())}
    text = json.dumps(golden, separators=(",", ":")).replace('{"size"', '\n{"size"')
    (DATA / "augmentation.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
