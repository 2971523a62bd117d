# SPDX-License-Identifier: GPL-2.0-or-later
"""VHDXs get new blocks on the machine: out of the slack that mkimage reserve, flash and snapshot leave. What is there
afterwards, and after power cuts in between, is judged by qemu-img (dynamic ones), by 7-Zip and by mkimage."""
import os
import random
import struct
import subprocess

import pytest
from emulator import Qemu
from flash import MIB, mkimage, mkimage_json, run, tool
from vhd_dynamic import SECTOR
from vhdx import BAT, ZERO, Vhdx

FAULTS = 5
BELOW = 2                               # of them over something, where there is a parent
CHILD_WRITES = 4 * BELOW + 2 * (FAULTS - BELOW)     # bitmap, BAT, data, bitmap; over nothing BAT and data
COOKIE = b"vhdbzero"
CONFIG = "[d]\nvhd = \\disk.vhdx\nquiet = yes\n"


def raw(shop, step, below=0):
    """A disk with the guest that writes single sectors (wbench.asm), to blocks of `step` sectors each, of which some
    hold something."""
    first = max(16384, step)
    sectors = first + FAULTS * step
    path = shop.path("wbench.raw")
    run(tool("tests/pattern"), "make", path, sectors, 2, tool("tests/wbench.bin"))
    with open(path, "r+b") as file:
        file.seek(16 * SECTOR - 32)
        file.write(struct.pack("<III", first, step, FAULTS))
        file.truncate(16384 * SECTOR)
        file.truncate(sectors * SECTOR)
        for n in range(below):
            file.seek((first + n * step + 9) * SECTOR)
            file.write(b"below".ljust(SECTOR))
    return path


def dynamic(shop, block, slack="1T", below=0):
    source, path = raw(shop, block // SECTOR, below), shop.path("disk.vhdx")
    run("qemu-img", "convert", "-f", "raw", "-O", "vhdx", "-o", f"subformat=dynamic,block_size={block}", source, path)
    if slack:
        mkimage("reserve", path, "--size", slack)
    return path


def session(flash, record=None):
    """Sectors read and written while the guest added blocks."""
    with Qemu(flash, bus="ahci", write=True, limit=120, record=record) as pc:
        pc.wait("guest: waiting")
        before = pc.stats()
        pc.send("x")
        pc.wait("guest: spread")
        pc.guest()
        after = pc.stats()
    return [(after[name] - before[name]) // SECTOR for name in ("rd_bytes", "wr_bytes")]


def output(*command):
    return subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=True).stdout


def files(shop, flash):
    """Copies of the chain's files, leaf first."""
    texts = [s["text"] for s in mkimage_json("check", flash)["steps"] if s["name"] == "image"]
    out = []
    for name in (text.split(": ")[0].lstrip("\\") for text in texts):
        out.append(shop.path("copy-of-" + name) if len(texts) == 1 else shop.path(name))
        with open(out[-1], "wb") as file:
            file.write(output(tool("mkimage"), "cat", f"{flash}:/{name}"))
    return out


def content(shop, flash):
    """The disk, as all readers have it."""
    data = output(tool("mkimage"), "read", flash)
    copies = files(shop, flash)
    assert output("7zz", "e", "-so", "-tvhdx", copies[0]) == data, "7zz"
    run(tool("mkimage"), "vhd", "check", copies[0])
    if len(copies) == 1:
        run("qemu-img", "check", "-f", "vhdx", copies[0])       # -r none: it repairs nothing, and must not want to
        run("qemu-img", "convert", "-f", "vhdx", "-O", "raw", copies[0], copies[0] + ".raw")
        with open(copies[0] + ".raw", "rb") as file:
            assert file.read() == data, "qemu-img"
    return data, copies[0]


def noted(path):
    """Where the note in a VHDX's last sector says that zeros begin, which they do; None: there is none that counts."""
    with open(path, "rb") as file:
        headers = []
        for at in (1, 2):
            file.seek(at << 16)
            headers.append(file.read(64))
        newest = max(headers, key=lambda h: struct.unpack_from("<Q", h, 8)[0])
        file.seek(-SECTOR, os.SEEK_END)
        end = file.tell()
        note = file.read(SECTOR)
        if note[:8] != COOKIE or note[32:48] != newest[16:32] or struct.unpack_from(">Q", note, 24)[0] != end:
            return None
        return struct.unpack_from(">Q", note, 16)[0]


@pytest.mark.parametrize("block", [1, 2, 32], ids="{} MiB".format)
def test_new_blocks_of_a_dynamic_vhdx(shop, block):
    path = dynamic(shop, block * MIB)
    assert noted(path)
    before = output(tool("mkimage"), "vhd", "read", path)
    flash = shop.formatted(path, pieces=3, config=CONFIG, to="/disk.vhdx")
    free = mkimage_json("check", flash)["slack"]["blocks"]
    read, written = session(flash)
    print(f"{read} sectors read, {written} written")
    assert (read, written) == (FAULTS, 2 * FAULTS)          # the BAT's sector; it and the data
    after, copy = content(shop, flash)
    changed = [n for n in range(len(before) // SECTOR)
               if before[n * SECTOR:(n + 1) * SECTOR] != after[n * SECTOR:(n + 1) * SECTOR]]
    assert len(changed) >= FAULTS and noted(copy), "the note was not renewed with the header"
    assert mkimage_json("check", flash)["slack"]["blocks"] == free - FAULTS


def test_without_a_note_slots_are_looked_at(shop):
    """QEMU writes to the file: the note counts no more, and junk in the slack does not show."""
    path = dynamic(shop, 2 * MIB)
    with open(path, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(noted(path))
        while file.tell() < size - MIB:
            file.write(b"\xa5" * MIB)
    run("qemu-io", "-f", "vhdx", "-c", "write -P 7 1M 4k", path)
    assert noted(path) is None
    before = output(tool("mkimage"), "vhd", "read", path)
    flash = shop.formatted(path, pieces=3, config=CONFIG, to="/disk.vhdx")
    session(flash)
    after, _ = content(shop, flash)
    assert len(after) == len(before) and b"\xa5" * SECTOR not in after


def test_new_blocks_of_a_child(shop):
    """snapshot makes it, the machine writes to it, reserve gives it more, rollback empties it."""
    path = dynamic(shop, 32 * MIB, slack=None, below=BELOW)
    before = output(tool("mkimage"), "vhd", "read", path)
    flash = shop.formatted(path, pieces=3, mib=400, config=CONFIG, to="/disk.vhdx")
    mkimage("snapshot", flash, "--size", "60M", "--yes")
    base = output(tool("mkimage"), "cat", f"{flash}:/disk.vhdx")
    read, written = session(flash)
    assert (read, written) == (FAULTS, CHILD_WRITES)
    after, copy = content(shop, flash)
    changed = [n for n in range(len(before) // SECTOR)
               if before[n * SECTOR:(n + 1) * SECTOR] != after[n * SECTOR:(n + 1) * SECTOR]]
    assert changed and output(tool("mkimage"), "cat", f"{flash}:/disk.vhdx") == base and noted(copy)
    mkimage("reserve", flash, "--size", "20M", "--yes")
    assert mkimage_json("check", flash)["slack"]["blocks"] == 30 - FAULTS - 1 + 10
    session(flash)
    content(shop, flash)
    mkimage("rollback", flash, "--yes")
    assert content(shop, flash)[0] == before


@pytest.mark.parametrize("place", ["host", "flash"])
def test_reserve_makes_sector_bitmaps(shop, place):
    """A child of another program has none where it stores nothing: without one its blocks cannot grow."""
    base = Vhdx(5 << 30)                                    # two chunks
    base.store(0, b"base".ljust(510, b".") + b"\x55\xaa")
    child = Vhdx(5 << 30, parent=base, parent_path=".\\base.vhdx")
    child.state[9] = ZERO
    parent, leaf = shop.path("base.vhdx"), shop.path("disk.vhdx")
    base.write(parent)
    child.write(leaf)
    if place == "host":
        mkimage("reserve", leaf, "--size", "6M")
    flash = shop.formatted(leaf, pieces=3, mib=100, config=CONFIG, to="/disk.vhdx")
    run(tool("tools/fragment"), flash, parent, "/base.vhdx", 1)
    if place == "flash":
        mkimage("reserve", flash, "--size", "6M", "--yes")
    leaf = shop.path("after.vhdx")
    with open(leaf, "wb") as file:
        file.write(output(tool("mkimage"), "cat", f"{flash}:/disk.vhdx"))
    run(tool("mkimage"), "vhd", "check", leaf)
    with open(leaf, "rb") as file:
        data = file.read()
    tables = {data[at:at + 16]: struct.unpack_from("<Q", data, at + 16)[0] for at in range(0x30010, 0x30100, 32)}
    bat, places = tables[BAT.bytes_le], []
    for chunk in (0, 1):
        entry, = struct.unpack_from("<Q", data, bat + 8 * (2049 * chunk + 2048))
        assert entry & 7 == 6 and not any(data[entry >> 20 << 20:(entry >> 20 << 20) + MIB])
        places.append(entry >> 20)
    assert places[1] == places[0] + 1 and noted(leaf) and len(data) >= (places[1] + 1 + 6 + 1) * MIB
    assert mkimage_json("vhd", "info", leaf)["slack"] == 6 * MIB


@pytest.mark.parametrize("child", [False, True], ids=["dynamic", "differencing"])
def test_power_cuts(shop, child):
    """After every cut all readers agree, and each sector is what it was or what was being written."""
    path = dynamic(shop, 2 * MIB, slack=None if child else "1T", below=BELOW if child else 0)
    flash = shop.formatted(path, pieces=3, mib=200, config=CONFIG, to="/disk.vhdx")
    if child:
        mkimage("snapshot", flash, "--size", "60M", "--yes")
    start, record = shop.path("before.img"), shop.path("record")
    run("cp", "--sparse=always", flash, start)
    before = output(tool("mkimage"), "read", flash)
    session(flash, record)
    after, _ = content(shop, flash)
    total = 8 + 1 + (CHILD_WRITES if child else 2 * FAULTS)    # the header, the note, the blocks
    for cut in sorted(random.Random(child).sample(range(1, total), 8)):
        state = shop.path("cut.img")
        run("cp", "--sparse=always", start, state)
        run(tool("powercut/judge"), "apply", state, record, cut)
        data, _ = content(shop, state)
        for n in range(len(data) // SECTOR):
            at = slice(n * SECTOR, (n + 1) * SECTOR)
            assert data[at] in (before[at], after[at]), f"sector {n} after {cut} sectors"
