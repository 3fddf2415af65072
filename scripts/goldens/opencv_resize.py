#!/usr/bin/python3
"""Makes tests/data/resize_opencv.json with OpenCV (4.6 as packaged in Debian 12: python3-opencv).

Pixels are kept as CRC-32 sums, which is enough for equality. Usage: scripts/goldens/opencv_resize.py
"""
import json
import zlib
from pathlib import Path

import cv2
import numpy as np

from images import noise

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
FILTERS = {"opencv_linear": cv2.INTER_LINEAR, "opencv_nearest": cv2.INTER_NEAREST}

# (width, height) before and after. Halves in both directions, in one only, of odd extents; thirds; enlargements;
# single rows, columns and pixels; the documents' sizes.
PAIRS = [((140, 140), (70, 70)), ((140, 142), (70, 71)), ((140, 141), (70, 70)), ((140, 70), (70, 70)),
         ((70, 140), (70, 70)), ((141, 141), (70, 70)), ((2, 2), (1, 1)), ((6, 4), (3, 2)), ((210, 210), (70, 70)),
         ((280, 280), (70, 70)), ((224, 224), (70, 70)), ((1200, 900), (70, 70)), ((299, 299), (237, 237)),
         ((320, 250), (224, 224)), ((64, 64), (70, 70)), ((35, 35), (70, 70)), ((33, 77), (100, 20)), ((1, 1), (5, 3)),
         ((5, 3), (1, 1)), ((1, 40), (7, 9)), ((200, 3), (10, 10)), ((16, 17), (15, 16)), ((100, 75), (99, 76)),
         ((31, 29), (17, 113)), ((7, 5), (7, 5)), ((999, 2), (331, 1)), ((2, 999), (1, 499))]


def picture(width, height, channels, seed, kind="noise"):
    return noise(width * height * channels, seed, kind).reshape(height, width, channels)


def main():
    cases = []
    for number, ((w, h), size) in enumerate(PAIRS):
        for channels in (1, 3):
            for kind in ("noise", "binary"):
                image = picture(w, h, channels, number + 1, kind)
                for name, code in FILTERS.items():
                    result = cv2.resize(image, size, interpolation=code)
                    cases.append({"in": [w, h], "out": size, "channels": channels, "kind": kind, "seed": number + 1,
                                  "filter": name, "crc": zlib.crc32(result.tobytes())})
    # Every pair of widths, and every pair of heights, up to 64: one sum over the outputs of widths 1 .. 64 in turn.
    grids = []
    for name, code in FILTERS.items():
        sums = []
        for w in range(1, 65):
            image = picture(w, 65 - w, 1, w)
            total = 0
            for out in range(1, 65):
                total = zlib.crc32(cv2.resize(image, (out, 65 - out), interpolation=code).tobytes(), total)
            sums.append(total)
        grids.append({"filter": name, "crcs": sums})
    golden = {"made_with": f"OpenCV {cv2.__version__}", "cases": cases, "grids": grids}
    text = json.dumps(golden, separators=(",", ":")).replace('{"in"', '\n{"in"')
    (DATA / "resize_opencv.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
