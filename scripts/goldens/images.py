#!/usr/bin/python3
"""Makes tests/data/resize.json, tests/data/images/* and tests/data/images.json with Pillow (9.4 as packaged in Debian 12).

Every picture is synthetic. Resized pixels are kept as CRC-32 sums, which is enough for equality.
Usage: scripts/goldens/images.py  (writes into tests/data of this checkout)
"""
import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image
import PIL

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
FILTERS = {"nearest": Image.NEAREST, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}


def noise(count, seed, kind):
    """The bytes that tests/data/pictures.h makes: a 32-bit linear congruential generator, its top byte."""
    values = np.empty(count, np.uint8)
    state = seed
    for i in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        values[i] = state >> 24
    if kind == "binary":  # extremes make bicubic overshoot, so that clipping matters
        values = np.where(values > 127, 255, 0).astype(np.uint8)
    return values


def picture(width, height, channels, seed, kind):
    pixels = noise(width * height * channels, seed, kind).reshape(height, width, channels)
    return Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)


def crc(image):
    return zlib.crc32(np.asarray(image).tobytes())


def resize_goldens():
    pairs = [((299, 299), (64, 64)), ((128, 128), (64, 64)), ((224, 224), (128, 128)), ((37, 53), (64, 64)),
             ((64, 64), (64, 64)), ((64, 64), (31, 64)), ((64, 64), (64, 31)), ((1, 1), (5, 3)), ((5, 3), (1, 1)),
             ((1, 40), (7, 9)), ((200, 3), (10, 10)), ((33, 77), (100, 20)), ((16, 17), (15, 16)), ((100, 75), (99, 76)),
             ((256, 190), (70, 70)), ((48, 48), (224, 224)), ((31, 29), (17, 113)), ((445, 140), (64, 64))]
    cases = []
    for number, ((w, h), (out_w, out_h)) in enumerate(pairs):
        for channels in (1, 3):
            for kind in ("noise", "binary"):
                image = picture(w, h, channels, number + 1, kind)
                for name, code in FILTERS.items():
                    cases.append({"in": [w, h], "out": [out_w, out_h], "channels": channels, "kind": kind,
                                  "seed": number + 1, "filter": name, "crc": crc(image.resize((out_w, out_h), code))})
    # Every pair of widths up to 64: one sum over the outputs of widths 1 .. 64 in turn.
    widths = []
    for name, code in FILTERS.items():
        sums = []
        for w in range(1, 65):
            image = picture(w, 2, 1, w, "noise")
            total = 0
            for out in range(1, 65):
                total = zlib.crc32(np.asarray(image.resize((out, 2), code)).tobytes(), total)
            sums.append(total)
        widths.append({"filter": name, "crcs": sums})
    small = picture(7, 5, 1, 99, "noise")
    readable = {name: np.asarray(small.resize((4, 3), code)).ravel().tolist() for name, code in FILTERS.items()}
    rgb = picture(97, 61, 3, 5, "noise")
    grey = {"width": 97, "height": 61, "seed": 5, "crc": crc(rgb.convert("L")),
            "resized_crc": crc(rgb.convert("L").resize((64, 64), Image.BICUBIC))}
    golden = {"made_with": f"Pillow {PIL.__version__}", "cases": cases, "widths": widths,
              "small": {"in": [7, 5], "out": [4, 3], "seed": 99, "pixels": readable}, "grey": grey}
    (DATA / "resize.json").write_text(json.dumps(golden, separators=(",", ":")).replace('{"in"', '\n{"in"') + "\n")


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def png(samples, depth, colour, interlaced=False, extra=b""):
    """A PNG of samples (height, width, channels), for the kinds that Pillow cannot write. Rows use filter `row mod 2`."""
    height, width, channels = samples.shape
    passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
    raw = b""
    for x0, y0, dx, dy in passes:
        part = samples[y0::dy, x0::dx]
        if part.size == 0:
            continue
        for y, row in enumerate(part):
            if depth < 8:
                bits = "".join(format(v, f"0{depth}b") for v in row.ravel())
                line = bytes(int(bits[i:i + 8].ljust(8, "0"), 2) for i in range(0, len(bits), 8))
                step = 1
            else:
                line = row.astype(">u2" if depth == 16 else np.uint8).tobytes()
                step = channels * depth // 8
            if y % 2 == 1:  # filter 1: each byte less the one a pixel to the left
                line = bytes((line[i] - (line[i - step] if i >= step else 0)) % 256 for i in range(len(line)))
            raw += bytes([y % 2]) + line
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(raw, 9)) +
            chunk(b"IEND", b""))


def smooth(width, height, channels):
    """A soft blob with a little structure, as JPEG likes it."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    planes = [127 + 90 * np.sin(x / (5 + c) + c) * np.cos(y / (7 - c)) + 20 * ((x + y) % 9 < 2) for c in range(channels)]
    return np.clip(np.stack(planes, 2), 0, 255).astype(np.uint8)


def image_goldens():
    width, height = 23, 17
    rgb = smooth(width, height, 3)
    grey = rgb[:, :, 0]
    random = np.random.RandomState(7)
    wide = random.randint(0, 65536, (height, width, 4))
    alpha = random.randint(0, 256, (height, width), dtype=np.uint8)
    indices = (grey // 16).astype(np.uint8)
    palette = random.randint(0, 256, (16, 3), dtype=np.uint8)
    expected = {}

    def add(name, contents, pixels, tolerance=0):
        (DATA / "images" / name).write_bytes(contents)
        pixels = pixels if pixels.ndim == 3 else pixels[:, :, None]
        expected[name] = {"width": pixels.shape[1], "height": pixels.shape[0], "channels": pixels.shape[2],
                          "tolerance": tolerance, "pixels": pixels.astype(np.uint8).tobytes().hex()}

    def saved(image, **options):
        file = io.BytesIO()
        image.save(file, **options)
        return file.getvalue()

    def add_pillow(name, image, tolerance=0, mode=None, **options):
        """What Pillow reads back is what is expected."""
        contents = saved(image, **options)
        read = Image.open(io.BytesIO(contents))
        add(name, contents, np.asarray(read.convert(mode) if mode else read), tolerance)

    add_pillow("grey8.png", Image.fromarray(grey), format="PNG")
    add_pillow("rgb8.png", Image.fromarray(rgb), format="PNG")
    add_pillow("rgba8.png", Image.fromarray(np.dstack([rgb, alpha])), mode="RGB", format="PNG")
    add_pillow("grey_alpha8.png", Image.fromarray(np.dstack([grey, alpha]), "LA"), mode="L", format="PNG")
    add_pillow("one_bit.png", Image.fromarray(grey > 127), mode="L", format="PNG")
    table = chunk(b"PLTE", palette.tobytes())
    add("palette4.png", png(indices[:, :, None], 4, 3, extra=table), palette[indices])
    add("palette8_alpha.png", png(indices[:, :, None], 8, 3, extra=table + chunk(b"tRNS", bytes(range(16)))),
        palette[indices])
    add("grey16.png", png(wide[:, :, :1], 16, 0), wide[:, :, 0] >> 8)
    add("rgb16.png", png(wide[:, :, :3], 16, 2), wide[:, :, :3] >> 8)
    add("rgba16.png", png(wide, 16, 6), wide[:, :, :3] >> 8)
    add("grey2.png", png((grey // 64)[:, :, None], 2, 0), grey // 64 * 85)
    add("interlaced_grey8.png", png(grey[:, :, None], 8, 0, interlaced=True), grey)
    add("interlaced_rgb16.png", png(wide[:, :, :3], 16, 2, interlaced=True), wide[:, :, :3] >> 8)
    add("interlaced_one_bit.png", png((grey > 127).astype(int)[:, :, None], 1, 0, interlaced=True), (grey > 127) * 255)
    for name in ("palette4.png", "palette8_alpha.png", "interlaced_grey8.png", "interlaced_one_bit.png", "grey2.png"):
        read = Image.open(DATA / "images" / name).convert("L" if expected[name]["channels"] == 1 else "RGB")
        assert np.asarray(read).tobytes().hex() == expected[name]["pixels"], name

    # libjpeg and stb_image transform and upsample with different rounding.
    add_pillow("grey.jpg", Image.fromarray(grey), 1, format="JPEG", quality=90)
    add_pillow("grey_progressive.jpg", Image.fromarray(grey), 1, format="JPEG", quality=90, progressive=True)
    add_pillow("rgb444.jpg", Image.fromarray(rgb), 2, format="JPEG", quality=90, subsampling=0)
    add_pillow("rgb420.jpg", Image.fromarray(rgb), 3, format="JPEG", quality=90, subsampling=2)
    add_pillow("rgb422_progressive.jpg", Image.fromarray(rgb), 3, format="JPEG", quality=90, subsampling=1,
               progressive=True)
    # There stb_image weighs the last two colour samples of a row the wrong way round, in the column left of the edge
    # (of an odd width: at the edge).
    expected["rgb422_progressive.jpg"]["swapped_column"] = (width - 1) // 2 * 2
    add_pillow("cmyk.jpg", Image.fromarray(np.dstack([rgb, 255 - grey]), "CMYK"), 3, mode="RGB", format="JPEG",
               quality=95, subsampling=0)

    add_pillow("grey8.bmp", Image.fromarray(grey), mode="RGB", format="BMP")
    add_pillow("rgb8.bmp", Image.fromarray(rgb), format="BMP")
    add_pillow("one_bit.bmp", Image.fromarray(grey > 127), mode="RGB", format="BMP")
    (DATA / "images.json").write_text(json.dumps({"made_with": f"Pillow {PIL.__version__}", "files": expected},
                                                 indent=0) + "\n")


if __name__ == "__main__":
    (DATA / "images").mkdir(parents=True, exist_ok=True)
    resize_goldens()
    image_goldens()
