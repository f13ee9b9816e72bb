#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make-inputs.py TARGET COUNT FOLDER: writes the kept inputs of a target, and COUNT changed ones, into FOLDER.

What is written follows from what is kept under Corpora, Regressions and Dictionaries and from nothing else: the same
inputs on every machine, whatever the program does with them."""

import pathlib
import random
import re
import sys

HERE = pathlib.Path(__file__).parent
LIMIT = 4096
NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]


def kept(target):
    files = [f for part in ("Corpora", "Regressions") for f in sorted((HERE / part / target).glob("*"))]
    return [f.read_bytes() for f in files]


def words(target):
    """The words of libFuzzer's dictionary for the target."""
    place = HERE / "Dictionaries" / f"{target}.dict"
    lines = re.findall(r'^[^#"\n]*"(.*)"\s*$', place.read_text(), re.M) if place.exists() else []
    escape = re.compile(rb'\\(x[0-9A-Fa-f]{2}|\\|")')
    one = lambda m: bytes([int(m[1][1:], 16)]) if m[1][:1] == b"x" else m[1]
    return [escape.sub(one, line.encode()) for line in lines]


def change(data, others, words, draw):
    """One change, as libFuzzer makes them."""
    at = draw.randrange(len(data) + 1)
    end = min(len(data), at + 1 + draw.randrange(16))
    kind = draw.randrange(9)
    if kind == 0 and at < len(data):  # a bit
        data[at] ^= 1 << draw.randrange(8)
    elif kind == 1:  # an octet
        data[at:at + 1] = [draw.randrange(256)]
    elif kind == 2:  # octets less
        del data[at:end]
    elif kind == 3:  # octets more
        data[at:at] = bytes(draw.randrange(256) for _ in range(1 + draw.randrange(8)))
    elif kind == 4:  # one octet many times
        data[at:at] = bytes([draw.randrange(256)]) * (1 + draw.randrange(64))
    elif kind == 5:  # the same again
        data[at:at] = data[at:end] * (1 + draw.randrange(3))
    elif kind == 6:  # a number at its edge
        size = draw.choice([1, 2, 4])
        number = draw.choice(NUMBERS) & ((1 << 8 * size) - 1)
        data[at:at + size] = number.to_bytes(size, draw.choice(["big", "little"]))
    elif kind == 7 and words:
        word = draw.choice(words)
        data[at:at + draw.choice([0, len(word)])] = word
    else:  # a piece of another input
        other = draw.choice(others)
        start = draw.randrange(len(other) + 1)
        piece = other[start:start + 1 + draw.randrange(64)]
        data[at:at + draw.choice([0, len(piece)])] = piece
    return data


def main(target, count, folder):
    draw = random.Random(f"IMX {target}")
    seeds, known = kept(target), words(target)
    folder.mkdir(parents=True)
    for number, data in enumerate(seeds):
        (folder / f"kept-{number:04}").write_bytes(data)
    for number in range(count):
        data = bytearray(draw.choice(seeds))
        for _ in range(1 << draw.randrange(5)):
            data = change(data, seeds, known, draw)
        (folder / f"{number:06}").write_bytes(data[:LIMIT])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), pathlib.Path(sys.argv[3]))
