# SPDX-License-Identifier: GPL-2.0-or-later
"""The note that a VHD's slack is empty, on the machine: with it new blocks cost no reads of what lies in their
slots; a wrong one changes nothing; and what other programs have put into the slack is found all the same."""
import os
import struct
import subprocess

import boottable
import pytest
from emulator import Qemu
from flash import MIB, mkimage, mkimage_json, run, tool
from vhd_dynamic import SECTOR, DynamicVhd, noted

FAULTS = 6
FIRST, STEP = 16384, 2 * MIB // SECTOR  # where the guest writes a sector each
SECTORS = FIRST + FAULTS * STEP


def image(shop, note, junk, slack=FAULTS):
    """A disk with the guest that writes single sectors (wbench.asm) to blocks that are not there."""
    raw = shop.path("wbench.raw")
    run(tool("tests/pattern"), "make", raw, SECTORS, 2, tool("tests/wbench.bin"))
    with open(raw, "rb") as file:
        data = bytearray(file.read(FIRST * SECTOR))
    struct.pack_into("<III", data, 16 * SECTOR - 32, FIRST, STEP, FAULTS)
    disk = DynamicVhd(SECTORS * SECTOR)
    disk.store(0, bytes(data))
    disk.align, disk.slack, disk.junk, disk.note = 4096, slack * (2 * MIB + 4096) + 4096, junk, note
    return disk.write(shop.path("disk.vhd")), bytes(data)


def session(flash, bus="ahci"):
    """Sectors read and written while the guest added blocks."""
    with Qemu(flash, bus=bus, write=True, limit=240) as pc:
        pc.wait("guest: waiting")
        before = pc.stats()
        pc.send("x")
        pc.wait("guest: spread")
        pc.guest()
        after = pc.stats()
    return [(after[name] - before[name]) // SECTOR for name in ("rd_bytes", "wr_bytes")]


def run_bytes(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


def content(flash):
    """The disk, by mkimage and by 7-Zip."""
    path = flash + ".vhd"
    with open(path, "wb") as file:
        file.write(run_bytes(tool("mkimage"), "cat", f"{flash}:/disk.vhd"))
    data = run_bytes(tool("mkimage"), "read", flash)
    assert run_bytes("7zz", "e", "-so", "-tvhd", path) == data, "7zz"
    return data, path


@pytest.mark.parametrize("note, junk", [
    ("true", False), ("of a part", True), ("another file's", True), ("of another place", True), ("half written", True),
    (None, True)], ids=str)
def test_new_blocks_with_a_note(shop, note, junk):
    path, start = image(shop, note, junk)
    flash = shop.formatted(path, pieces=3, config="[d]\nvhd = \\disk.vhd\nquiet = yes\n")
    read, written = session(flash)
    print(f"{read} sectors read, {written} written for {FAULTS} blocks")
    if note == "true":      # stage2 has looked at the first slot; the rest is the BAT's sector
        assert read <= FAULTS and written == 3 * FAULTS
    disk, _ = content(flash)
    assert disk[:FIRST * SECTOR][64 * SECTOR:] == (bytes(2 * 127 * SECTOR) + start[(64 + 254) * SECTOR:])
    assert not any(disk[FIRST * SECTOR:]), "what lay in the slots shows"


@pytest.mark.takes(15)
def test_what_the_handler_looks_at_itself(shop):
    """By PIO stage2 comes to look at a slot or two; for the others the handler takes a larger buffer, and says so."""
    path, _ = image(shop, None, True)
    flash = shop.formatted(path, pieces=3, config="[d]\nvhd = \\disk.vhd\nquiet = yes\n")
    steps = [step["text"] for step in mkimage_json("check", flash)["steps"] if step["name"] == "image"]
    said = f"no note that {FAULTS} of {FAULTS} slots for new blocks are empty: up to 40 KiB resident"
    assert steps[0].endswith(said), steps
    with Qemu(flash, bus="ide", write=True, limit=240) as pc:
        left, all_of_them = map(int, pc.wait(r"no note that (\d+) of (\d+) slots for new blocks are empty: "
                                             "40 KiB resident").groups())
        pc.wait("guest: waiting")
        assert 0 < left < all_of_them == FAULTS
        low = struct.unpack("<H", boottable.memory(pc, 0x413, 2))[0]
        assert low == 639 - 40, low
        before = pc.stats()
        pc.send("x")
        pc.wait("guest: spread")
        pc.guest()
        read = pc.stats()["rd_bytes"] - before["rd_bytes"]
    assert left * 2 * MIB <= read <= left * 2 * MIB + FAULTS * 2 * SECTOR, "each slot once, and the BAT's sectors"
    disk, _ = content(flash)
    assert not any(disk[FIRST * SECTOR:]), "what lay in the slots shows"


def test_qemu_in_between(shop):
    """QEMU adds blocks where the note says that there are zeros, and leaves a footer behind them."""
    path, _ = image(shop, None, False, 0)
    mkimage("reserve", path, "--size", "1T")
    with open(path, "rb") as file:
        first = noted(file.read())
    assert first
    size = os.path.getsize(path)
    for n in (1, 3):
        run("qemu-io", "-f", "vpc", "-c", f"write -P {n} {(FIRST + n * STEP + 5) * SECTOR} 3072", path)
    with open(path, "rb") as file:
        assert noted(file.read()) == first and os.path.getsize(path) == size
    flash = shop.formatted(path, pieces=3, config="[d]\nvhd = \\disk.vhd\nquiet = yes\n")
    free = mkimage_json("check", flash)["slack"]["blocks"]
    read, written = session(flash)
    assert free >= FAULTS - 2 and written == 3 * (FAULTS - 2) + 2 * 2, (read, written)
    disk, out = content(flash)
    for n in range(FAULTS):
        at = (FIRST + n * STEP) * SECTOR
        there = bytes(5 * SECTOR) + bytes([n]) * 3072 if n in (1, 3) else b""
        assert disk[at:at + STEP * SECTOR] == there.ljust(STEP * SECTOR, b"\0"), f"block {n}"
    run("qemu-img", "convert", "-f", "vpc", "-O", "raw", out, out + ".raw")
    with open(out + ".raw", "rb") as file:
        assert file.read(len(disk)) == disk, "qemu-img"
