# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks with the guest scribe.asm: it reads all of its disk, writes at random and compares all.

    data = scribe.disk(shop, sectors, rounds=100, seed=7)       # bytes of the whole disk
    scribe.change(flash, rounds=20, seed=8)                     # the guest inside a flash's image
"""
import struct

from flash import mkimage_json, run, tool

SECTOR = 512
FIRST_LBA = 64                          # the guest does not write before it
NOTE_LBA = 100                          # of the flash: between MBR and first partition
WAIT, EDD_ONLY = 1, 2                   # flags
FULL, PROTECTED = 0xCC00, 0x0300        # and the one status, besides success, that a write may have
CONFIG = 16 * SECTOR - 32
FIELDS = ("seed", "ticks", "note_lba", "first", "count", "flags")
ROUNDS = 0x1A8


def disk(shop, sectors, rounds, **config):
    """The guest, then the pattern of generation 0."""
    path = shop.path("scribe.raw")
    run(tool("tests/pattern"), "make", path, sectors, rounds, tool("tests/scribe.bin"))
    with open(path, "rb") as f:
        data = bytearray(f.read())
    values = {"seed": 1, "ticks": 0xFFFFFFFF, "note_lba": 0, "first": FIRST_LBA,
              "count": sectors - FIRST_LBA, "flags": 0, **config}
    struct.pack_into("<6I", data, CONFIG, *(values[name] for name in FIELDS))
    return bytes(data)


def change(flash, entry=(), **config):
    """Changes fields (and `rounds`) of the guest that is inside the disk of a flash's entry."""
    runs = mkimage_json("map", flash, *entry)["runs"]

    def put(at, value):
        lba, offset = divmod(at, SECTOR)
        found = next(r for r in runs if r["lba"] <= lba < r["lba"] + r["count"])
        with open(flash, "r+b") as f:
            f.seek((found["drive_lba"] + lba - found["lba"]) * SECTOR + offset)
            f.write(struct.pack("<I", value))
    for name, value in config.items():
        put(ROUNDS if name == "rounds" else CONFIG + 4 * FIELDS.index(name), value)


def pattern(lba, generation):
    """A sector as the guests write it."""
    value = lba * 0x9E3779B1 + generation * 0x7F4A7C15
    step = 0x01000193 + 2 * generation
    return struct.pack("<128I", *((value + i * step) & 0xFFFFFFFF for i in range(128)))
