"""A camera's picture, made here: a small baseline JPEG encoder (ITU T.81), one grey value a block.

Its Huffman tables are its own: twelve 4-bit codes for the DC size, one 1-bit code "end of block"
for the AC part. So every block is one flat square of 8 by 8 pixels: a mosaic, and a valid JPEG."""

import math
import random
import struct


def jpeg(width=1280, height=720, size_bytes=0, seed=1):
    """A night scene with a bright figure; padded with comment segments up to `size_bytes`."""
    columns, rows = width // 8, height // 8
    values = _scene(columns, rows, random.Random(seed))
    head = b"\xff\xd8" + _segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    body = (
        _segment(0xDB, b"\0" + b"\1" * 64)
        + _segment(0xC0, struct.pack(">BHHB3B", 8, rows * 8, columns * 8, 1, 1, 0x11, 0))
        + _segment(0xC4, b"\x00" + bytes([0, 0, 0, 12]) + bytes(12) + bytes(range(12)))
        + _segment(0xC4, b"\x10" + bytes([1]) + bytes(15) + b"\0")
        + _segment(0xDA, b"\1\1\0\0\x3f\0")
        + _entropy(values)
        + b"\xff\xd9"
    )
    padding = b""
    missing = size_bytes - len(head) - len(body)
    noise = random.Random(seed + 1)
    while missing > 4:
        part = min(missing - 4, 65000)
        padding += _segment(0xFE, noise.randbytes(part))
        missing -= part + 4
    return head + padding + body


def _scene(columns, rows, noise):
    values = []
    for y in range(rows):
        for x in range(columns):
            sky = 40 + 60 * y / rows + noise.uniform(-6, 6)
            lamp = 120 * math.exp(-((x - columns * 0.8) ** 2 + (y - rows * 0.25) ** 2) / 60)
            dx, dy = (x - columns * 0.4) / 4, (y - rows * 0.62) / 14
            figure = 90 if dx * dx + dy * dy < 1 else 0
            values.append(int(max(0, min(255, sky + lamp + figure))))
    return values


def _segment(marker, payload):
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def _entropy(values):
    bits, before = [], 0
    for value in values:
        dc = (value - 128) * 8  # the DC coefficient of a flat block
        difference, before = dc - before, dc
        size = abs(difference).bit_length()
        bits.append(f"{size:04b}")
        if size:
            low = difference if difference > 0 else difference + (1 << size) - 1
            bits.append(f"{low:0{size}b}")
        bits.append("0")  # end of block
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    data = int(text, 2).to_bytes(len(text) // 8, "big")
    return data.replace(b"\xff", b"\xff\0")
