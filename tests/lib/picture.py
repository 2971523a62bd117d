# SPDX-License-Identifier: GPL-2.0-or-later
"""Pictures for the documents, small: PNG with a palette of up to 16 colours. Of a machine's screen, or of what a
program printed, drawn with the letters of a VGA card."""
import struct
import zlib

VGA_BIOS = "/usr/share/vgabios/vgabios-stdvga.bin"
LETTER_A = bytes.fromhex("000010386cc6c6fec6c6c6c600000000")
BLACK, GREY, WHITE = b"\0\0\0", b"\xaa\xaa\xaa", b"\xff\xff\xff"


def png(path, width, height, pixels):
    """`pixels`: three bytes each, row by row."""
    places = [pixels[at:at + 3] for at in range(0, len(pixels), 3)]
    palette = sorted(set(places))
    assert len(palette) <= 16 and width % 2 == 0 and len(places) == width * height
    number = {colour: index for index, colour in enumerate(palette)}
    nibbles = [number[place] for place in places]
    packed = bytes(high << 4 | low for high, low in zip(nibbles[::2], nibbles[1::2]))
    rows = b"".join(b"\0" + packed[y * width // 2:(y + 1) * width // 2] for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 4, 3, 0, 0, 0))
                   + chunk(b"PLTE", b"".join(palette))
                   + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def vga_letters():
    """16 bytes a character of code page 437, a bit a pixel."""
    with open(VGA_BIOS, "rb") as file:
        bios = file.read()
    first = bios.index(LETTER_A) - 16 * ord("A")
    return [bios[first + 16 * n:first + 16 * n + 16] for n in range(256)]


def terminal(path, lines):
    """Lines as a terminal shows them: those that begin with $, which somebody typed, in white."""
    letters = vga_letters()
    lines = ["", *(" " + line for line in lines), ""]
    columns = max(map(len, lines)) + 1
    columns += columns % 2
    pixels = bytearray()
    for line in lines:
        ink = WHITE if line.startswith(" $") else GREY
        codes = line.ljust(columns).encode("cp437")
        for y in range(16):
            for code in codes:
                bits = letters[code][y]
                for x in range(8):
                    pixels += ink if bits << x & 0x80 else BLACK
    png(path, columns * 8, len(lines) * 16, bytes(pixels))
