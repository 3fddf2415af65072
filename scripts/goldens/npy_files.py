#!/usr/bin/python3
"""Makes tests/data/npy/*.npy and *.npz with NumPy (1.24 as packaged in Debian 12). Usage: scripts/goldens/npy_files.py"""
import shutil
import zipfile
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "data" / "npy"


def save(name, array, version=None):
    with open(FOLDER / f"{name}.npy", "wb") as file:
        if version is None:
            np.save(file, array)
        else:
            np.lib.format.write_array(file, array, version=version)


def fix_times(path):
    """The same bytes whenever this is run."""
    with zipfile.ZipFile(path) as archive:
        entries = [(info, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(path, "w") as archive:
        for info, contents in entries:
            fresh = zipfile.ZipInfo(info.filename, (1980, 1, 1, 0, 0, 0))
            archive.writestr(fresh, contents, info.compress_type)


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    bytes_ = (np.arange(24) * 10 % 256).astype(np.uint8).reshape(2, 3, 4, 1)
    floats = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
    save("u8", bytes_)
    save("i32", np.array([-2**31, 0, 2**31 - 1], np.int32))
    save("i64", np.array([[-2**63], [5], [2**63 - 1]], np.int64))
    save("f32", floats)
    save("f64", np.array([0.0, 1.0, -3.0, 2.5]))
    save("scalar", np.float32(7.25))
    save("empty", np.zeros((0, 3), np.float32))
    save("version2", floats, (2, 0))
    save("version3", floats, (3, 0))
    save("bad_fortran", np.asfortranarray(floats))
    save("bad_objects", np.array([1, "two"], dtype=object))
    save("bad_big_endian", floats.astype(">f4"))
    save("bad_records", np.zeros(2, dtype=[("x", "<f4"), ("y", "<i4")]))
    save("bad_text", np.array(["abc"]))
    save("bad_complex", np.zeros(2, np.complex64))
    save("bad_bool", np.zeros(2, bool))
    save("bad_half", np.zeros(2, np.float16))
    save("bad_rank", np.zeros((1, 1, 1, 1, 1, 1), np.uint8))
    arrays = {"X": bytes_, "Y": np.array([[0], [1]], np.int64), "mean/channel": floats}
    np.savez(FOLDER / "stored.npz", **arrays)
    np.savez_compressed(FOLDER / "deflated.npz", **arrays)
    for name in ("stored.npz", "deflated.npz"):
        fix_times(FOLDER / name)


if __name__ == "__main__":
    main()
