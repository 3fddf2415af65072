"""Writes tests/data/safetensors_*.safetensors from the format's description, with nothing but json and struct.

    python3 scripts/goldens/safetensors_files.py [--check FILE...]

--check needs the package of the format's authors (pip install 'safetensors>=0.8'): it proves that the package writes the
same bytes for the same tensors, and that it opens these files and every FILE.
"""

import argparse
import ctypes
import json
import pathlib
import struct

DATA = pathlib.Path(__file__).resolve().parents[2] / "tests" / "data"

# name, type in the file, shape, elements as bytes; in the package's order: by falling size of an element, then by name
PLAIN = [
    ("empty", "F32", [0, 5], b""),
    ("weights/\u00e9\"\\\t\x01", "F32", [2, 3], struct.pack("<6f", 0.0, -0.0, 1.5, -2.25, 3.4028234663852886e38, 1e-45)),
    ("step", "I32", [], struct.pack("<i", -2147483648)),
    ("brain", "BF16", [4], struct.pack("<4H", 0x3F80, 0xC000, 0x7F80, 0x7FC1)),
    ("pixels", "U8", [1, 1, 1, 1, 3], bytes([0, 127, 255])),
]
METADATA = {"note": "caf\u00e9 \u653e\u5c04 \"quoted\" \\ \n\t\x01\x7f/"}

# Types that are converted on reading, behind three bytes that leave the others unaligned.
CONVERTED = [
    ("odd", "U8", [3], bytes([1, 2, 3])),
    ("counts", "I64", [2, 1], struct.pack("<2q", -2147483648, 2147483647)),
    ("mask", "BOOL", [4], bytes([1, 0, 0, 1])),
    ("halves", "F16", [7], struct.pack("<7H", 0x0000, 0x8000, 0x3C00, 0x7BFF, 0x0001, 0x83FF, 0xFC00)),
    ("plain", "F32", [1], struct.pack("<f", 0.1)),
]


def file_bytes(tensors, metadata):
    header, offset = {}, 0
    if metadata:
        header["__metadata__"] = metadata
    for name, dtype, shape, data in tensors:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(data for *_, data in tensors)


def check(paths):
    import safetensors

    names = {"F32": "float32", "BF16": "bfloat16", "I32": "int32", "U8": "uint8"}
    blocks = [ctypes.create_string_buffer(data, max(len(data), 1)) for *_, data in PLAIN]
    tensors = {
        name: safetensors.TensorSpec(dtype=names[dtype], shape=shape, data_ptr=ctypes.addressof(block), data_len=len(data))
        for (name, dtype, shape, data), block in zip(PLAIN, blocks)
    }
    assert safetensors.serialize(tensors, METADATA) == file_bytes(PLAIN, METADATA), "the package writes other bytes"
    for path in paths:
        contents = safetensors.deserialize(pathlib.Path(path).read_bytes())
        print(f"{path}: {len(contents)} tensors, safetensors {safetensors.__version__}")
        for name, tensor in contents:
            print(f"  {name!r}: {tensor['dtype']} {tensor['shape']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", nargs="*", metavar="FILE")
    arguments = parser.parse_args()
    files = {DATA / "safetensors_plain.safetensors": file_bytes(PLAIN, METADATA),
             DATA / "safetensors_converted.safetensors": file_bytes(CONVERTED, None)}
    for path, contents in files.items():
        path.write_bytes(contents)
    if arguments.check is not None:
        check([*files, *arguments.check])


if __name__ == "__main__":
    main()
