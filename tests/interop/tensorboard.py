#!/usr/bin/env python3
"""Opens the event files of interop_tensorboard with TensorBoard itself and compares them with what was logged.

  tensorboard.py FOLDER      FOLDER: what interop_tensorboard wrote

Exit status 77 where TensorBoard is missing, after a line that says so; 1 with the differences.
"""
import json
import pathlib
import sys

from packages import need

# This file's own name would hide the package.
sys.path = [p for p in sys.path if pathlib.Path(p or ".").resolve() != pathlib.Path(__file__).resolve().parent]
EventAccumulator = need(
    "tensorboard.backend.event_processing.event_accumulator", "scripts/interop --keras installs it"
).EventAccumulator
import numpy as np

failures = []


def check(what, found, expected, tolerance=1e-6):
    if not np.allclose(found, expected, rtol=tolerance, atol=tolerance):
        failures.append(f"{what}: {found} instead of {expected}")


def check_scalars(run, tag, expected):
    events = run.Scalars(tag)
    check(f"{tag}: steps", [event.step for event in events], list(range(len(expected))))
    check(tag, [event.value for event in events], expected)


def png_pixels(data):
    """Grey pixels of a PNG as stb_image_write makes it: 8 bits, no interlacing."""
    import struct
    import zlib

    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    stream, at = b"", 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            assert (depth, colour) == (8, 0)
        if kind == b"IDAT":
            stream += body
        at += 12 + length
    raw, rows, above = zlib.decompress(stream), [], [0] * width
    for r in range(height):
        method, line = raw[r * (width + 1)], raw[r * (width + 1) + 1:(r + 1) * (width + 1)]
        row = []
        for i, value in enumerate(line):
            left, up, corner = (row[i - 1] if i else 0), above[i], (above[i - 1] if i else 0)
            p = left + up - corner
            paeth = min((left, up, corner), key=lambda v: abs(p - v))
            row.append((value + [0, left, up, (left + up) // 2, paeth][method]) & 255)
        rows += row
        above = row
    return rows


def main(folder):
    expected = json.loads((folder / "expected.json").read_text())
    everything = {"images": 0, "histograms": 0, "scalars": 0}  # 0: keep all
    train = EventAccumulator(str(folder / "board/train"), everything).Reload()
    validation = EventAccumulator(str(folder / "board/validation"), everything).Reload()
    for name in ("loss", "accuracy", "learning_rate"):
        check_scalars(train, f"epoch_{name}", expected[name])
    for name in ("loss", "accuracy"):
        check_scalars(validation, f"epoch_{name}", expected[f"val_{name}"])
    for name, values in expected["kernels"].items():
        events = train.Histograms(f"{name}/histogram")
        check(f"{name}: steps", [event.step for event in events], list(range(5)))
        found = events[-1].histogram_value
        if found.min == found.max:
            check(f"{name}: one value", [found.bucket_limit[0], found.bucket[0]], [values[0], len(values)])
            continue
        counts, edges = np.histogram(values, bins=len(found.bucket), range=(found.min, found.max))
        check(f"{name}: extremes", [found.min, found.max], [min(values), max(values)])
        check(f"{name}: edges", found.bucket_limit, edges[1:], 1e-5)
        check(f"{name}: sums", [found.num, found.sum], [len(values), sum(values)], 1e-5)
        # A value on an edge may fall on either side.
        if np.abs(np.cumsum(found.bucket) - np.cumsum(counts)).max() > 1:
            failures.append(f"{name}: counts {found.bucket} instead of {counts}")
        if f"{name}/gradient/histogram" not in train.Tags()["histograms"]:
            failures.append(f"{name}: no histogram of its gradient")
    for i, pixels in enumerate(expected["examples"]):
        image = train.Images(f"examples/{i}")[0]
        check(f"examples/{i}: size", [image.width, image.height], [8, 8])
        check(f"examples/{i}", png_pixels(image.encoded_image_string), pixels)
    for failure in failures:
        print(failure)
    print(f"{len(failures)} differences")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
