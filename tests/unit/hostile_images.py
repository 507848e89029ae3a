"""Image files of a few hundred kilobytes that would take all memory or minutes of CPU time in a
decoder without limits.
"""

import struct
import zlib

PNG_START = b"\x89PNG\r\n\x1a\n"
DEPTHS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # samples of a pixel, by PNG's color type

# The passes of an interlaced PNG: first column and row, and the steps to the next. https://www.w3.org/TR/png-3/#8InterlaceMethods
ADAM7 = [
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
]


def chunk(kind, data=b""):
    """A PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth=8, color=2, interlace=0, extra=b""):
    """A PNG whose bytes are all zero. interlace: 1 for Adam7; extra: chunks between the header and
    the pixels.
    """
    pack, rows = zlib.compressobj(9), b""
    for left, top, across, down in ADAM7 if interlace else [(0, 0, 1, 1)]:
        columns, lines = len(range(left, width, across)), len(range(top, height, down))
        row = bytes(1 + (columns * DEPTHS[color] * depth + 7) // 8)
        rows += b"".join(
            pack.compress(row) for _ in range(lines if columns else 0)
        )  # a pass without pixels has no rows
    rows += pack.flush()
    palette = chunk(b"PLTE", bytes(768)) if color == 3 else b""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace))
    return PNG_START + header + palette + extra + chunk(b"IDAT", rows) + chunk(b"IEND")


def segment(marker, data=b""):
    """A JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def jpeg(width, height, scans=((1, 2, 3),), components=3, start_of_frame=0xC0, extra=b"", times=1):
    """A JPEG whose scans end before their first block: decoders take the blocks as zero.

    scans: the components of each, or (components, first, last coefficient, bits) of a progressive
        one.
    extra: segments after the start of the file. times: how often the scans are repeated.
    """
    frame = struct.pack(">BHHB", 8, height, width, components) + b"".join(
        bytes([at + 1, 0x11, 0]) for at in range(components)
    )
    tables = segment(0xDB, b"\0" + b"\1" * 64)
    for number in (0x00, 0x10):  # one code of one bit, for zero
        tables += segment(0xC4, bytes([number, 1, *[0] * 15, 0]))
    found = b""
    for scan in scans:
        of, *spectrum = scan if isinstance(scan[0], tuple) else (scan, 0, 63, 0)
        found += (
            segment(0xDA, bytes([len(of), *(byte for one in of for byte in (one, 0)), *spectrum]))
            + b"\0"
        )
    return (
        b"\xff\xd8" + extra + tables + segment(start_of_frame, frame) + found * times + b"\xff\xd9"
    )


def riff(*chunks):
    """A WebP file of chunks, (kind, data)."""
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
        for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


class Bits:
    """Bits in the order of VP8L, the least significant first."""

    def __init__(self):
        self._value, self._count, self._bytes = 0, 0, bytearray()

    def put(self, value, count):
        self._value |= value << self._count
        self._count += count
        while self._count >= 8:
            self._bytes.append(self._value & 255)
            self._value >>= 8
            self._count -= 8

    def done(self):
        self.put(0, 7)
        return bytes(self._bytes)


def webp_of_many_codes(side=1024):
    """A lossless WebP with a group of five Huffman codes for each 4x4 pixels: kilobytes in memory,
    3 bytes in the file.
    """
    bits = Bits()
    for value, count in (
        (0x2F, 8),
        (side - 1, 14),
        (side - 1, 14),
        (0, 1),
        (0, 3),
        (0, 1),
        (0, 1),
        (1, 1),
        (0, 3),
    ):
        bits.put(
            value,
            count,
            # signature, sizes, alpha, version, no transform, no color cache, many groups, of 4x4
            # pixels
        )
    groups = (side // 4) ** 2
    bits.put(0, 1)  # the image of group numbers has no color cache
    for symbols in (
        256 + 24,
        256,
    ):  # its green and red: all 256 values with 8 bits each, told by code lengths
        _put_bytes_of_eight_bits(bits, symbols)
    for _ in range(3):  # its blue, alpha and distance
        _put_single(bits)
    for group in range(groups):
        bits.put(_reversed(group & 255), 8)
        bits.put(_reversed(group >> 8), 8)
    for _ in range(groups * 5):
        _put_single(bits)
    return riff((b"VP8L", bits.done() + bytes(16)))


def _put_single(bits):
    bits.put(1, 1)  # a simple code
    bits.put(0, 1)  # of one symbol
    bits.put(0, 1)  # told in one bit
    bits.put(0, 1)  # which is 0


def _put_bytes_of_eight_bits(bits, symbols):
    bits.put(0, 1)  # a normal code
    order = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8]
    bits.put(len(order) - 4, 4)
    for symbol in order:
        bits.put({8: 1, 0: 1}.get(symbol, 0), 3)  # two lengths are used: 0 is coded as 0, 8 as 1
    bits.put(0, 1)  # as many as there are symbols
    for at in range(symbols):
        bits.put(1 if at < 256 else 0, 1)


def _reversed(value):
    return int(f"{value:08b}"[::-1], 2)
