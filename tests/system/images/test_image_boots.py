# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that boot from dynamic and differencing VHDs and from VHDXs, read every sector of their disk and
compare it. The chains mix sectors of all their layers, and what a child hides is poison."""
import hashlib
import os
import random
import struct

import pytest
from emulator import PATIENCE, Bochs, Qemu
from flash import MIB, mkimage, mkimage_json, run, tool
from vhd_dynamic import SECTOR, DynamicVhd
from vhdx import FULL, NOT_PRESENT, TIB, ZERO, Log, Vhdx

SECTORS = 8 * MIB // SECTOR
POISON = (b"POISON! " * 64)


def pattern(shop):
    """The pattern disk's contents, and its guest."""
    with open(shop.pattern_disk("pattern", SECTORS, rounds=100), "rb") as f:
        return f.read()


def runs(rng, longest):
    lba = 0
    while lba < SECTORS:
        count = min(rng.randint(1, longest), SECTORS - lba)
        yield lba, count
        lba += count


def layers(chain, data, rng, longest):
    """Deals the disk out to the layers, leaf first; below the one that has a sector lies poison."""
    for lba, count in runs(rng, longest):
        owner = rng.randrange(len(chain))
        chain[owner].store(lba, data[lba * SECTOR:(lba + count) * SECTOR])
        for below in chain[owner + 1:]:
            if rng.randrange(2):
                below.store(lba, POISON * count)


def dynamic_vhd(shop, data):
    disk = DynamicVhd(SECTORS * SECTOR, 2 * MIB)
    disk.store(0, data)
    disk.order = [2, 0, 3, 1]
    return [("disk.vhd", disk.write(shop.path("disk.vhd")))]


def vhd_chain(shop, data):
    rng = random.Random(5)
    base = DynamicVhd(SECTORS * SECTOR, 2 * MIB)
    middle = DynamicVhd(SECTORS * SECTOR, 512 << 10, parent=base)
    leaf = DynamicVhd(SECTORS * SECTOR, 2 * MIB, parent=middle)
    layers([leaf, middle, base], data, rng, 300)
    middle.locate("W2ku", "C:\\bases\\base.vhd")
    leaf.locate("W2ru", ".\\bases\\Middle.VHD")           # the file's name has other letters
    return [(name, disk.write(shop.path(os.path.basename(name)))) for name, disk in
            (("disk.vhd", leaf), ("bases/middle.vhd", middle), ("bases/base.vhd", base))]


def dynamic_vhdx(shop, data):
    disk = Vhdx(SECTORS * SECTOR, MIB)
    disk.store(0, data)
    path = shop.path("disk.vhdx")
    disk.write(path)
    return [("disk.vhdx", path)]


def unfinished():
    """The log of a file that was not closed: its entries wrap around, older and torn ones lie beside them,
    and in the file itself the block table is wrong."""
    return Log(start=254, entries=3, stale=True, torn=True)


def dirty_vhdx(shop, data):
    disk = Vhdx(SECTORS * SECTOR, MIB)
    disk.store(0, data)
    disk.log = unfinished()
    path = shop.path("disk.vhdx")
    disk.write(path)
    return [("disk.vhdx", path)]


def vhdx_chain(shop, data, base_log=None):
    rng = random.Random(6)
    base = Vhdx(SECTORS * SECTOR, MIB)
    base.log = base_log
    leaf = Vhdx(SECTORS * SECTOR, 2 * MIB, parent=base, parent_path="bases\\base.vhdx")
    layers([leaf, base], data, rng, 300)
    files = []
    for name, disk in (("disk.vhdx", leaf), ("bases/base.vhdx", base)):
        path = shop.path(os.path.basename(name))
        disk.write(path)
        files.append((name, path))
    return files


def dirty_parent(shop, data):
    return vhdx_chain(shop, data, unfinished())


def put_on_flash(shop, files):
    total = sum(os.path.getsize(path) for _, path in files)
    flash = shop.formatted(files[0][1], mib=3 * total // MIB + 64, to="/" + files[0][0], pieces=5)
    for name, path in files[1:]:
        run(tool("tools/fragment"), flash, path, "/" + name, 3)
    return flash


NOT_CLOSED = "the VHDX was not closed: 1 pages of its log count instead of what they replace"
KINDS = {
    "a dynamic VHD": (dynamic_vhd, ["disk.vhd: dynamic VHD"]),
    "a chain of three VHDs": (vhd_chain, ["disk.vhd: differencing VHD", "middle.vhd: differencing VHD",
                                          "base.vhd: dynamic VHD"]),
    "a dynamic VHDX": (dynamic_vhdx, ["disk.vhdx: dynamic VHDX"]),
    "a differencing VHDX": (vhdx_chain, ["disk.vhdx: differencing VHDX", "base.vhdx: dynamic VHDX"]),
    "a VHDX that was not closed": (dirty_vhdx, ["disk.vhdx: dynamic VHDX", NOT_CLOSED,
                                                "the log of the VHDX was not replayed: the disk is "
                                                "write-protected"]),
    "a differencing VHDX whose parent was not closed": (dirty_parent, ["disk.vhdx: differencing VHDX",
                                                                       "\\bases\\base.vhdx: " + NOT_CLOSED]),
}


@pytest.mark.parametrize("make, lines", KINDS.values(), ids=KINDS)
def test_boot(shop, make, lines):
    flash = put_on_flash(shop, make(shop, pattern(shop)))
    assert mkimage_json("check", flash)["boots"] is True, "mkimage check"
    with Qemu(flash, bus="ahci") as pc:
        pc.guest()
        for line in lines:
            assert line in " ".join(pc.log.split()), f"{line!r} is not on the screen:\n{pc.log}"
        assert "new blocks" not in pc.log, "all of its blocks are there"


def test_boot_a_dynamic_vhd_in_bochs(shop):
    flash = put_on_flash(shop, dynamic_vhd(shop, pattern(shop)))
    shop.whole_tracks(flash)
    with Bochs(flash) as pc:
        pc.guest()


def seconds_to_start(flash):
    """Processor time from stage2's first line to its last, on a machine with 256 MiB."""
    with Qemu(flash, bus="ahci", memory=256) as pc:
        pc.wait(r"vhdboot \d")
        begin = pc.cpu_seconds
        pc.wait(r"starting .*", 60)
        return pc.cpu_seconds - begin, pc.log


def full_2040_gib(shop):
    """A sparse dynamic VHD of 2040 GiB whose BAT names a place for every block; the first one boots."""
    disk = DynamicVhd(2040 << 30, 2 * MIB)
    path = disk.write(shop.path("disk.vhd"))
    count = disk.size // disk.block_size
    first = -(-(disk.bat_at + 4 * count) // SECTOR)
    with open(path, "r+b") as f:
        f.seek(-SECTOR, 2)
        foot = f.read()
        f.seek(disk.bat_at)
        f.write(struct.pack(f">{count}I", *range(first, first + count * 4097, 4097)))
        f.seek(first * SECTOR)
        f.write(b"\xff" * SECTOR + pattern(shop))
        f.seek((first + count * 4097) * SECTOR)
        f.write(foot)
    return path


def vast_vhdx(shop):
    """A sparse VHDX of 64 TiB: of every three blocks two are there, up to 2 TiB, and one is zeros."""
    disk = Vhdx(64 * TIB, 32 * MIB)
    disk.store(0, pattern(shop))
    path = shop.path("disk.vhdx")
    disk.write(path)
    first, stored = disk.place[0], 65536
    entries = [ZERO if n % 3 == 2 else first + n * disk.block_size | FULL if n < stored else NOT_PRESENT
               for n in range(disk.block_count)]
    with open(path, "r+b") as f:
        for n in range(0, disk.block_count, disk.ratio):        # a chunk's entries, and its bitmap's
            f.seek(disk.bat_offset + 8 * (n + n // disk.ratio))
            f.write(struct.pack(f"<{disk.ratio}Q", *entries[n:n + disk.ratio]))
        f.truncate(first + stored * disk.block_size)
    return path


def content(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).digest()


def test_force_does_not_write_into_a_vhdx_that_was_not_closed(shop):
    files = dirty_vhdx(shop, pattern(shop))
    flash = shop.formatted(files[0][1], mib=64, to="/disk.vhdx", pieces=5,
                           config="[a]\nvhd = \\disk.vhdx\nforce = yes\n")
    assert not any(r["writable"] for r in mkimage_json("map", flash)["runs"]), "the map has writable runs"
    before = content(flash)
    with Qemu(flash, bus="ahci") as pc:
        pc.guest()
        assert "its log" in pc.log and "was not replayed" in " ".join(pc.log.split()), pc.log
    assert content(flash) == before, "the drive was written"


def test_a_dynamic_vhd_of_2040_gib_with_every_block_starts_in_5_s(shop):
    volume = shop.volume(4400 * 1024, cluster=65536, start=0)
    run(tool("tools/fragment"), volume, full_2040_gib(shop), "/disk.vhd", 1)
    mkimage("install", volume, "--yes")
    steps = {s["name"]: s for s in mkimage_json("check", volume)["steps"]}
    assert "1044480 runs" in steps["map"]["text"], f"not a run a block: {steps['map']}"
    took, log = seconds_to_start(volume)
    print(f"    2040 GiB: {took:.1f} s")
    assert took < 5 * PATIENCE, f"{took:.1f} s:\n{log}"


def test_a_vhdx_of_64_tib_starts_in_5_s(shop):
    volume = shop.volume(4400 * 1024, cluster=65536, start=0)
    run(tool("tools/fragment"), volume, vast_vhdx(shop), "/disk.vhdx", 1)
    mkimage("install", volume, "--yes")
    steps = {s["name"]: s for s in mkimage_json("check", volume)["steps"]}
    assert "137438953472 sectors, 43692 runs, 16.5 MiB" in steps["map"]["text"], f"{steps['map']}"
    took, log = seconds_to_start(volume)
    print(f"    64 TiB: {took:.1f} s")
    assert took < 5 * PATIENCE, f"{took:.1f} s:\n{log}"


def test_a_chain_of_64_starts_in_5_s(shop):
    data = pattern(shop)
    chain = [DynamicVhd(SECTORS * SECTOR, 2 * MIB)]
    for n in range(64):
        child = DynamicVhd(SECTORS * SECTOR, 2 * MIB, parent=chain[0])
        child.locate("W2ru", f"..\\bases\\{n}.vhd")
        chain.insert(0, child)
    chain[0].locators[0] = ("W2ru", "bases\\63.vhd".encode("utf-16-le"))
    layers(chain, data, random.Random(7), 100)
    flash = put_on_flash(shop, [("disk.vhd" if n == 64 else f"bases/{n}.vhd",
                                 disk.write(shop.path(f"{n}.vhd")))
                                for n, disk in reversed(list(enumerate(reversed(chain))))])
    took, log = seconds_to_start(flash)
    print(f"    chain of 64: {took:.1f} s")
    assert took < 5 * PATIENCE, f"{took:.1f} s:\n{log}"
    with Qemu(flash, bus="ahci") as pc:
        pc.guest()
