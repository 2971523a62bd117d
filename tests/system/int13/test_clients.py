# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that use INT 13h in ways of their own, on the virtual disk: Debian's boot record, GRUB's commands, MEMDISK
with its hooks over ours, memtest86+."""
import os
import random
import re
import shutil
import struct
import subprocess

import disk
import gdb
import pytest
from emulator import Qemu
from flash import BUILD, extents, outside, run, tool

LOW_KIB, VECTOR_13 = 0x413, 0x4C
SECOND_SCRATCH = 1500                   # as osdisk.py has it
MEMORY = 8                              # MiB for memtest86+: a pass takes its time
REREAD, REREAD_LIST, REREAD_TO = 0x7C00, 0x8000, 0x10000       # as reread.asm has it


def memory(pc, start, size):
    """Physical memory."""
    path = os.path.join(pc.folder, "memory")
    pc.qmp("pmemsave", val=start, size=size, filename=path)
    with open(path, "rb") as file:
        return file.read()


def hidden(pc):
    """What the handler hides: [(start, end), (start, end)], the first its own segment."""
    vector = memory(pc, VECTOR_13, 4)
    header = (int.from_bytes(vector[2:], "little") << 4) + int.from_bytes(vector[:2], "little")
    fields = memory(pc, header + disk.Header(BUILD).offset["hidden"], 16)
    a = [int.from_bytes(fields[i:i + 4], "little") for i in range(0, 16, 4)]
    assert a[0] == int.from_bytes(memory(pc, LOW_KIB, 2), "little") << 10, "start of the handler"
    return [(a[0], a[1]), (a[2], a[3])]


def memory_map(text):
    """lsmmap's lines: [(start, end, type)]."""
    found = re.findall(r"base_addr = 0x([0-9a-f]+), length = 0x([0-9a-f]+), (.*)", text)
    return [(int(a, 16), int(a, 16) + int(n, 16), kind.strip()) for a, n, kind in found]


def check_hidden(lines, ranges):
    """The handler and the map are reserved, whole."""
    assert lines, "no memory map"
    for start, stop in ranges:
        assert not any(a < stop and start < b and kind.startswith("available") for a, b, kind in lines), (
            f"{start:x} to {stop:x} is shown as usable")
        assert any(a <= start < b and kind.startswith("reserved") for a, b, kind in lines), (
            f"{start:x} is not reserved: {lines}")


def reread(pc, image):
    """1000 sectors, half of them such that hold something, read by INT 13h in the machine as it is now."""
    with open(image, "rb") as file:
        sectors = [file.read(512) for _ in range((os.path.getsize(image) >> 9) - 1)]
    rng = random.Random(1)
    filled = [lba for lba, data in enumerate(sectors) if any(data)]
    lbas = [lba for _ in range(500) for lba in (rng.choice(filled), rng.randrange(len(sectors)))]
    with open(tool("tests/reread.bin"), "rb") as program:
        gdb.run_real(pc, {REREAD: program.read(), REREAD_LIST: struct.pack("<1001I", 1000, *lbas)}, REREAD)
    pc.guest()
    found = memory(pc, REREAD_TO, 1000 * 512)
    wrong = [lba for n, lba in enumerate(lbas) if found[n * 512:n * 512 + 512] != sectors[lba]]
    assert not wrong, f"wrong data from {len(wrong)} of 1000 sectors, the first is {wrong[:1]}"


def errors(pc):
    counts = re.findall(r"Errors: +(\d+)", pc.log)
    assert counts, "it never said how many errors there are"
    return int(counts[-1])


def test_debians_mbr_package_boots_extlinux(shop):
    image = shop.path("disk.vhd")
    shutil.copyfile(tool("tests/extlinux.vhd"), image)
    run("install-mbr", "--force", image)
    with Qemu(shop.formatted(image, pieces=20), bus="ahci", limit=120) as pc:
        pc.wait("EXTLINUX runs from the virtual disk")


@pytest.mark.takes(30)
def test_grub_lists_sums_reads_shows_memory_and_starts_memdisk_whose_hooks_lie_over_ours(shop):
    flash = shop.formatted(tool("tests/memdisk.vhd"), pieces=50, options=("--scatter",))
    image = extents(flash)
    others = outside(flash, image)
    with Qemu(flash, bus="ahci", memory=64, limit=240, write=True) as pc:
        pc.wait("GRUB runs from the virtual disk")
        ranges = hidden(pc)
        pc.wait(r"\bconformance\b")
        pc.wait(r"GRUB: the SHA-256 sums are right\.")
        pc.wait(r"(?i)speed: *[0-9.]+")
        start = pc.position
        pc.wait("^# drives 3$")
        check_hidden(memory_map(pc.log[start:]), ranges)
        pc.wait("^# end of all")
        said = dict(re.findall(r"^(\d+\w*) (ok)?", re.sub(r"(?m)^(not ok|ok) (\d+\w*).*", r"\2 \1", pc.log),
                               re.MULTILINE))
        for name in ("7", "42", "43", "70", "71", "72", "74", "81", "81b", "94", "96"):
            assert said.get(name) == "ok", f"check {name} on MEMDISK"
        pc.qmp("quit")
        pc.wait_end(20)
    assert outside(flash, image) == others, "the flash outside the image"
    with subprocess.Popen([tool("mkimage"), "read", flash, "--lba", str(SECOND_SCRATCH), "--count", "1"],
                          stdout=subprocess.PIPE) as reader:
        assert reader.stdout.read() == b"\x77" * 512, "what was written to our disk as 81h"


@pytest.mark.takes(160)
@pytest.mark.timeout(700)
def test_memtest86_runs_a_pass_over_all_memory_but_what_holds_handler_and_map(shop):
    """Then handler and map are as they were, and read the disk."""
    image = tool("tests/memtest.vhd")
    flash = shop.formatted(image, pieces=200, options=("--scatter",))
    with Qemu(flash, bus="ahci", memory=MEMORY, limit=600) as pc:
        pc.wait("GRUB runs from the virtual disk")
        ranges = hidden(pc)
        pc.wait(r"Pass +\d+%|Test #")
        check_hidden(memory_map(pc.log), ranges)
        before = [memory(pc, start, stop - start) for start, stop in ranges]
        pc.wait(r"Pass: +1 ")
        assert errors(pc) == 0, "errors"
        after = [memory(pc, start, stop - start) for start, stop in ranges]
        for old, new, (start, _) in zip(before, after, ranges):
            same = old == new
            assert same, f"memory from {start:x} on changed"
        reread(pc, image)
        print(f"    {pc.seconds:.0f} s, {pc.cpu_seconds:.0f} s of processor time")
