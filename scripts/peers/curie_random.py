#!/usr/bin/python3
"""Curie's random numbers in numpy, written from their description (src/tensor/random.h) and not from its code: Philox 4x32-10
addressed by element, initial weights, dropout masks, the order of samples, the draws of augmentation, and the layout of a
checkpoint's flat tensors.

  scripts/peers/curie_random.py    checks the generator against the known answers of Random123, the paper's own library
"""

import json
import math
import pathlib
import struct

import numpy as np

SHUFFLE_STREAM = 0x53485546
INITIAL_VALUES_STREAM = 0x80000000
PLACES_STREAM = 0x41756720  # of augmentation: eight draws an image
PLACES = ("theta", "tx", "ty", "shear", "zx", "zy", "flip_horizontal", "flip_vertical")
MASK32 = np.uint64(0xFFFFFFFF)
BLOCKS_AT_ONCE = 1 << 15  # as many counters as stay in the cache


def philox(counter, key):
    """Philox 4x32 with 10 rounds. counter: four arrays of u64 that hold 32-bit words; key: two ints. Returns four arrays."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        product0 = c0 * np.uint64(0xD2511F53)
        product1 = c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = (
            (product1 >> np.uint64(32)) ^ c1 ^ np.uint64(k0),
            product1 & MASK32,
            (product0 >> np.uint64(32)) ^ c3 ^ np.uint64(k1),
            product0 & MASK32,
        )
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c0, c1, c2, c3


def bits(seed, stream, step, count):
    """Elements 0 .. count - 1 of a stream: u32. Block q gives elements 4q .. 4q + 3."""
    blocks = (count + 3) // 4
    words = np.empty((blocks, 4), dtype=np.uint32)
    key = (seed & 0xFFFFFFFF, seed >> 32)
    for first in range(0, blocks, BLOCKS_AT_ONCE):
        quads = np.arange(first, min(first + BLOCKS_AT_ONCE, blocks), dtype=np.uint64)
        counter = (quads & MASK32, quads >> np.uint64(32), np.full_like(quads, step), np.full_like(quads, stream))
        for word, values in enumerate(philox(counter, key)):
            words[first : first + len(quads), word] = values
    return words.reshape(-1)[:count]


def uniform(seed, stream, step, count):
    """Elements 0 .. count - 1 of a stream on [0, 1): 24 bits each."""
    return (bits(seed, stream, step, count) >> np.uint32(8)) * 2.0**-24


def keep_mask(seed, layer, step, rate, count):
    """Which of `count` elements the dropout that is node number `layer` keeps in training step `step` (from 0)."""
    threshold = int(float(np.float32(rate)) * 4294967296.0)
    return bits(seed, layer, step, count) >= np.uint32(threshold)


def dropout_scale(rate):
    """What kept values are multiplied by, in float32."""
    return np.float32(1.0) / (np.float32(1.0) - np.float32(rate))


def epoch_order(samples, seed, epoch):
    """The permutation of an epoch (from 0): Fisher and Yates from the back, multiply-shift to a smaller range."""
    order = np.arange(samples)
    drawn = bits(seed, SHUFFLE_STREAM, epoch, samples).astype(np.uint64)
    for left in range(samples, 1, -1):
        chosen = int(drawn[samples - left] * np.uint64(left) >> np.uint64(32))
        order[left - 1], order[chosen] = order[chosen], order[left - 1]
    return order


def places(seed, epoch, images):
    """What augmentation draws for images 0 .. `images` - 1 in an epoch (from 0): by name, each uniform on [0, 1)."""
    drawn = uniform(seed, PLACES_STREAM, epoch, len(PLACES) * images)
    return dict(zip(PLACES, drawn.reshape(images, len(PLACES)).T, strict=True))


def glorot_uniform(seed, number, shape, fan_in, fan_out):
    """Initial values of parameter `number` (kernels and biases counted together): U(-limit, limit) of 24 random bits."""
    limit = math.sqrt(6.0 / (fan_in + fan_out))
    unit = uniform(seed, INITIAL_VALUES_STREAM | number, 0, math.prod(shape))
    return ((2.0 * unit - 1.0) * limit).astype(np.float32).reshape(shape)


def read_safetensors(path):
    """Tensors by name and the metadata."""
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        kind = {"F32": "<f4", "I32": "<i4", "U8": "u1"}[entry["dtype"]]
        tensors[name] = np.frombuffer(data[8 + length + first : 8 + length + last], kind).reshape(entry["shape"]).copy()
    return tensors, metadata


def split_flat(flat, shapes):
    """The parameters in a checkpoint's flat tensor: each begins at a multiple of 16 floats."""
    parts, at = [], 0
    for shape in shapes:
        count = math.prod(shape)
        parts.append(flat[at : at + count].reshape(shape))
        at += (count + 15) // 16 * 16
    return parts, at


def check_known_answers():
    """Random123's kat_vectors for philox4x32-10."""
    ones = 0xFFFFFFFF
    pi = ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0))
    for counter, key, expected in (
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ones,) * 4, (ones,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (*pi, (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
    ):
        found = tuple(int(word[0]) for word in philox([np.array([c], dtype=np.uint64) for c in counter], key))
        if found != expected:
            raise SystemExit(f"philox{counter}: expected {expected}, got {found}")


if __name__ == "__main__":
    check_known_answers()
    print("three known answers of philox4x32-10: as expected")
