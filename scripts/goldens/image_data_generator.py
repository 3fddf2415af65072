#!/usr/bin/env python3
"""Makes tests/data/image_data_generator.json: what Keras' ImageDataGenerator makes of images, and how often it draws which
shift.

Needs Keras 3, whose legacy module still has it, or Keras 2; SciPy and Pillow: scripts/interop --keras makes a Python that
has Keras, into which `pip install scipy pillow` brings the rest.
Usage: scripts/goldens/image_data_generator.py [FILE]
"""
import json
import sys

import numpy as np
import PIL
import keras
import scipy

import augmentation

scipy.ndimage.interpolation = scipy.ndimage  # the name that Keras' code still uses
try:
    from keras.src.legacy.preprocessing.image import ImageDataGenerator
except ImportError:
    from keras.src.preprocessing.image import ImageDataGenerator

GENERIC = [{"theta": -17.3, "tx": 2.1, "ty": -3.3, "shear": 9, "zx": 1.21, "zy": 0.83, "flip_horizontal": True},
           {"theta": 31, "tx": -4.4, "ty": 0.9, "zx": 0.71, "zy": 0.93, "flip_vertical": True}]
FAR = [{"tx": 3}, {"ty": -4}, {"tx": 30.6, "ty": -41.3}, {"zx": 2.7, "zy": 5.1}, {"theta": 45}, *GENERIC]
TONES = [{"channel_shift": 40.25}, {"channel_shift": -71.5}, {"channel_shift": 300}, {"brightness": 0.3},
         {"brightness": 1.0}, {"brightness": 1.7}, {"brightness": 40}, {"channel_shift": -33.3, "brightness": 1.25}]
STANDARDIZATIONS = [[], ["samplewise_center"], ["samplewise_std_normalization"], ["featurewise_center"],
                    ["featurewise_std_normalization"],
                    ["samplewise_std_normalization", "featurewise_std_normalization"]]
DRAWS = 4000


def transform_of(case):
    return {**augmentation.NONE, "channel_shift": 0, "brightness": 1, **case}


def of_keras(case):
    """Keras' own parameters: None where the case does not ask for a tone."""
    return {**augmentation.NONE, **{k: v for k, v in case.items() if k not in ("channel_shift", "brightness")},
            "channel_shift_intensity": case.get("channel_shift"), "brightness": case.get("brightness")}


def picture(size):
    return augmentation.picture(*size, size[0]).astype(np.float32)


def row(size, style, case, fill_mode, result):
    return {"size": list(size), "style": style, "transform": transform_of(case),
            "tones": [name for name in ("channel_shift", "brightness") if name in case], "fill_mode": fill_mode,
            "hundredths": np.rint(result * 100).astype(int).ravel().tolist()}


def fill_cases():
    for size in augmentation.SIZES:
        x = picture(size)
        for case in FAR:
            for fill_mode in ("reflect", "wrap"):
                generator = ImageDataGenerator(fill_mode=fill_mode)
                yield row(size, "keras", case, fill_mode, generator.apply_transform(x, of_keras(case)))
                corrected = augmentation.warp(x, {**augmentation.NONE, **case}, "keras_corrected",
                                              fill_mode.replace("wrap", "grid-wrap"), 0)
                yield row(size, "keras_corrected", case, fill_mode, corrected)


def tone_cases():
    """-100 stands for a value that Keras cuts to a whole number where SciPy's last bits decide to which."""
    still = ({}, {"flip_horizontal": True})
    generator = ImageDataGenerator(fill_mode="reflect")
    for size in augmentation.SIZES:
        x = picture(size)
        for place in (*still, *GENERIC):
            for tone in TONES:
                result = generator.apply_transform(x, of_keras({**place, **tone}))
                if "brightness" in tone and place not in still:
                    uncut = generator.apply_transform(x, of_keras({**place, **tone, "brightness": None}))
                    result = np.where(np.abs(uncut - np.rint(uncut)) < .02, -1, result)
                yield row(size, "keras", {**place, **tone}, "reflect", result)


def standardized_cases():
    """In units of 1e-4; `fit` are channel means and deviations of ten pictures."""
    for size in augmentation.SIZES:
        pictures = np.stack([augmentation.picture(*size, seed) for seed in range(1, 11)]).astype(np.float32)
        for options in STANDARDIZATIONS:
            generator = ImageDataGenerator(rescale=1 / 255, fill_mode="reflect", **dict.fromkeys(options, True))
            generator.fit(pictures)
            for place in ({}, *GENERIC):
                x = generator.apply_transform(picture(size), of_keras({**place, "channel_shift": 20.5}))
                result = generator.standardize(x.copy())
                yield {"size": list(size), "options": options,
                       "transform": transform_of({**place, "channel_shift": 20.5}),
                       "values": np.rint(result * 1e4).astype(int).ravel().tolist()}
        both = ImageDataGenerator(rescale=1 / 255, featurewise_std_normalization=True)
        both.fit(pictures)
        yield {"size": list(size), "mean": both.mean.ravel().astype(float).tolist(),
               "stddev": (both.std.ravel().astype(float) + 1e-6).tolist()}


def draws():
    """How often Keras shifts a 100 x 200 image by how many pixels. The extent is the row's or the column's."""
    for shift in (1, 4, [1, 5.5], [.1, .25], [-3, 0], [-3, 1]):
        generator = ImageDataGenerator(height_shift_range=shift, width_shift_range=shift)
        np.random.seed(11)
        drawn = [generator.get_random_transform((100, 200, 1)) for _ in range(DRAWS)]
        counts = {}
        for name in ("tx", "ty"):
            values, times = np.unique([round(float(t[name]), 6) + 0.0 for t in drawn], return_counts=True)
            counts[name] = [[float(v), int(n)] for v, n in zip(values, times)]
        yield {"shift": shift, **counts}


def main():
    target = sys.argv[1] if len(sys.argv) > 1 else augmentation.DATA / "image_data_generator.json"
    golden = {"made_with": f"Keras {keras.__version__}, scipy {scipy.__version__}, Pillow {PIL.__version__}",
              "fill": list(fill_cases()), "tone": list(tone_cases()), "standardized": list(standardized_cases()),
              "draws": list(draws())}
    text = json.dumps(golden, separators=(",", ":"), sort_keys=True).replace("{\"", "\n{\"")
    with open(target, "w") as file:
        file.write(text.lstrip() + "\n")


if __name__ == "__main__":
    main()
