# SPDX-License-Identifier: GPL-2.0-or-later
"""Slack inside dynamic VHDs, by `mkimage reserve` and by `mkimage flash`, on the host and on a flash: what 7-Zip and
qemu-img read before and after, whether the volume is sound, and what is refused."""
import json
import os
import random
import shutil
import struct

import pytest

from files import read, sha256, write
from layers import (SECTORS, SIZE, Fixed, child, dynamic, extents, flash, highest, holds, seven_zip, slack, sound,
                    steps)
from ntfsdisk import MIB, START, volume
from tools import FRAGMENT, MKIMAGE, mkimage, refused, run
from vhd_dynamic import SECTOR, DynamicVhd, checksum, flatten, noted

pytestmark = pytest.mark.usefixtures("folder")


@pytest.mark.parametrize("block, options", [
    (512 << 10, {}), (2 * MIB, {"slack": 3 * SECTOR}), (64 << 10, {"gap": SECTOR}), (4 * MIB, {"all_bits": False}),
    (256 << 10, {"spare": 90, "align": 4096})])
def test_reserve_on_the_host_keeps_the_content(block, options):
    rng = random.Random(1)
    image = dynamic("d", rng, block, **options)
    content = flatten([image], SECTORS)
    before = read("d.vhd")
    mkimage("reserve", "d.vhd", "--size", "1M", "--dry-run")
    assert read("d.vhd") == before
    said = mkimage("reserve", "d.vhd", "--size", "1M").stderr.decode()
    after = read("d.vhd")
    old_end = len(before) - SECTOR
    absent = -(-SIZE // block) - len(image.blocks)
    assert after[:old_end] == before[:old_end] and after[-SECTOR:] == before[-SECTOR:]
    assert not any(after[old_end:-2 * SECTOR]), "what is added is not zero"
    if len(after) > len(before):
        assert noted(after) == SECTOR * highest("d.vhd")[0], "the note about it"
    assert len(after) - len(before) >= min(absent * block, MIB) - options.get("slack", 0), said
    assert os.stat("d.vhd").st_blocks * 512 >= len(after) - len(before), "holes"
    assert mkimage("vhd", "read", "d.vhd").stdout == content
    if not options.get("spare"):
        assert seven_zip("d.vhd") == content
    run("qemu-img", "compare", "-f", "vpc", "-F", "vpc", "d.vhd", write_copy(before))
    info = json.loads(mkimage("vhd", "info", "d.vhd", "--json").stdout)
    assert info["slack"] >= min(absent * block, MIB), info
    mkimage("reserve", "d.vhd", "--size", "1T")
    said = mkimage("reserve", "d.vhd", "--size", "1M").stderr.decode()
    assert "all that its disk can ever need" in said, said
    assert len(read("d.vhd")) >= SECTOR * highest("d.vhd")[0] + absent * block
    assert mkimage("vhd", "read", "d.vhd").stdout == content


def write_copy(data):
    with open("copy.vhd", "wb") as file:
        file.write(data)
    return "copy.vhd"


def test_qemu_writes_into_what_was_reserved():
    rng = random.Random(2)
    image = dynamic("d", rng)
    content = bytearray(flatten([image], SECTORS))
    mkimage("reserve", "d.vhd", "--size", "16M")
    size = os.path.getsize("d.vhd")
    for block in range(SIZE // image.block_size):
        if block not in image.blocks:
            run("qemu-io", "-f", "vpc", "-c", f"write -P {block + 1} {block * image.block_size} 4096", "d.vhd")
            content[block * image.block_size:][:0] = b""
            at = block * image.block_size
            content[at:at + 4096] = bytes([block + 1]) * 4096
    assert os.path.getsize("d.vhd") == size, "QEMU left the slack"
    assert mkimage("vhd", "read", "d.vhd").stdout == bytes(content)
    assert seven_zip("d.vhd") == bytes(content)


def test_reserve_cleans_what_others_left():
    rng = random.Random(18)
    image = dynamic("d", rng, slack=2 * MIB)
    content = flatten([image], SECTORS)
    size = os.path.getsize("d.vhd")
    end = highest("d.vhd")[0] * SECTOR
    write("d.vhd", end, read("d.vhd", 0, SECTOR))
    write("d.vhd", size - SECTOR - 700, b"x")
    shutil.copy("d.vhd", "dirty.vhd")
    mkimage("reserve", "d.vhd", "--size", "1M", "--dry-run")
    assert read("d.vhd") == read("dirty.vhd")
    name = flash(["d"])
    mkimage("reserve", "d.vhd", "--size", "1M")
    mkimage("reserve", name, "--size", "1M")
    for data in (read("d.vhd"), mkimage("cat", f"{name}:/vhd/d.vhd").stdout):
        assert data[:end] == read("dirty.vhd", 0, end) and not any(data[end:-2 * SECTOR])
        assert noted(data) == end
    assert seven_zip("d.vhd") == content
    holds(name, content)


def test_slack_that_cannot_be_read_is_what_is_blamed():
    dynamic("d", random.Random(19), slack=2 * MIB)
    name = flash(["d"])
    with open("short.c", "w", encoding="ascii") as file:
        file.write("""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <unistd.h>
ssize_t pread64(int fd, void *buf, size_t size, off64_t off)
{
    static ssize_t (*real)(int, void *, size_t, off64_t);
    *(void **)&real = dlsym(RTLD_NEXT, "pread64");
    errno = EIO;
    return size == 256 << 10 ? -1 : real(fd, buf, size, off);
}
""")
    run("gcc", "-shared", "-fPIC", "short.c", "-o", "short.so")
    for target in ("d.vhd", name):
        digest = sha256(target)
        done = run("env", "LD_PRELOAD=" + os.path.abspath("short.so"), MKIMAGE, "reserve", target, "--size", "1M",
                   status=1)
        assert f"mkimage: {target}: cannot be read: Input/output error" in done.stderr.decode(), done.stderr
        assert sha256(target) == digest


def test_reserve_a_chain_on_the_host():
    rng = random.Random(3)
    base = dynamic("base", rng)
    leaf = child("leaf", base, "base", rng, 256 << 10)
    content = flatten([leaf, base], SECTORS)
    os.mkdir("elsewhere")
    shutil.move("base.vhd", "elsewhere/base.vhd")
    mkimage("reserve", "leaf.vhd", "--size", "2M")      # its parent need not be there
    shutil.move("elsewhere/base.vhd", "base.vhd")
    assert seven_zip("leaf.vhd") == content == mkimage("vhd", "read", "leaf.vhd").stdout


@pytest.mark.parametrize("cluster, pieces", [(4096, 1), (512, 40), (65536, 3)])
def test_reserve_on_a_flash(cluster, pieces):
    rng = random.Random(4)
    base = dynamic("base", rng, slack=700 * SECTOR)
    leaf = DynamicVhd(SIZE, 2 * MIB, parent=base)
    leaf.store(0, b"leaf".ljust(510) + b"\x55\xaa")
    leaf.store(SECTORS - 3, b"last" * 384)
    leaf.locate("W2ru", ".\\base.vhd")
    leaf.write("leaf.vhd")
    content = flatten([leaf, base], SECTORS)
    name = flash(["leaf", "base"], cluster=cluster, pieces=pieces)
    digest = sha256(name)
    mkimage("reserve", name, "--entry", "work", "--size", "3M", "--dry-run")
    assert sha256(name) == digest
    before = slack(name)
    said = mkimage("reserve", name, "--entry", "WORK", "--size", "3M").stderr.decode()
    after = slack(name)
    assert after["blocks"] - before["blocks"] == min(2, after["absent"]), (before, after, said)
    assert f"slack for {after['blocks'] * 2} MiB" in steps(name, "image")[0]
    for path in ("\\vhd\\leaf.vhd", "\\vhd\\base.vhd"):
        info = extents(name, path)
        assert info["initialized"] == info["size"] and None not in [e["drive_lba"] for e in info["extents"]]
    assert len(extents(name, "/vhd/leaf.vhd")["extents"]) <= pieces + 1, "it is contiguous where possible"
    data = mkimage("cat", f"{name}:/vhd/leaf.vhd").stdout
    old = read("leaf.vhd")
    assert data[:len(old) - SECTOR] == old[:-SECTOR] and not any(data[len(old) - SECTOR:-2 * SECTOR])
    assert noted(data) == len(old) - SECTOR
    holds(name, content)
    mkimage("reserve", name, "--file", "/vhd/base.vhd", "--size", "1M")
    mkimage("reserve", f"{name}:/vhd/BASE.vhd", "--size", "1M")
    holds(name, content)


@pytest.mark.parametrize("by", ["label", "serial"])
def test_reserve_where_the_entry_names_its_own_volume(by):
    image = dynamic("d", random.Random(8))
    mkimage("flash", "f.img", "--vhd", "d.vhd", "--reserve", "none", "--size", "64M", "--label", "OWN")
    serial = read("f.img", START + 72, 8)[::-1].hex().upper()
    config("f.img", f"[a]\nvhd = {'own' if by == 'label' else serial}:\\d.vhd\n[b]\nvhd = nobody:\\d.vhd\n")
    assert slack("f.img", "--entry", "a")["blocks"] == 0
    mkimage("reserve", "f.img", "--entry", "a", "--size", "2M")
    assert slack("f.img", "--entry", "a")["blocks"] == 4
    refused("reserve", "f.img", "--entry", "b", "--size", "2M", words="no NTFS volume has this label")
    assert mkimage("read", "f.img", "--entry", "a").stdout == flatten([image], SECTORS)
    sound("f.img")


def test_reserve_says_of_an_image_that_it_lies_on_another_volume():
    dynamic("d", random.Random(8))
    mkimage("flash", "f.img", "--vhd", "d.vhd", "--size", "64M", "--label", "OWN")
    with open("f.img", "ab") as file:
        file.write(read(volume("v2.ntfs", 48 * MIB)))
    write("f.img", 462, bytes([0, 254, 255, 255, 7, 254, 255, 255]) +
          struct.pack("<II", (64 << 20) // SECTOR, 48 * MIB // SECTOR))
    config("f.img", "[far]\nvhd = own:\\d.vhd\n", "--partition", 2)
    refused("reserve", "f.img", "--partition", "2", "--size", "2M", words="own:.d.vhd: lies on another volume")


def config(name, text, *options):
    with open("cfg", "w", encoding="ascii") as file:
        file.write(text)
    run(FRAGMENT, name, "cfg", "/vhdboot.cfg", 1, *options)


def test_reserve_behind_the_file_is_one_fragment():
    rng = random.Random(5)
    dynamic("d", rng)
    mkimage("flash", "f.img", "--vhd", "d.vhd", "--reserve", "none", "--size", "64M")
    assert slack("f.img")["blocks"] == 0 and b"slack is used up" in mkimage("check", "f.img").stdout
    said = mkimage("reserve", "f.img", "--size", "4M").stderr
    assert b"1 fragment" in said and len(extents("f.img", "/d.vhd")["extents"]) == 1, said
    sound("f.img")


def test_a_full_image_needs_no_slack():
    image = DynamicVhd(4 * MIB, 1 * MIB)
    image.store(0, b"".join(n.to_bytes(8, "little").ljust(510) + b"\x55\xaa" for n in range(8192)))
    image.write("d.vhd")
    mkimage("flash", "f.img", "--vhd", "d.vhd")
    assert slack("f.img")["absent"] == 0
    said = mkimage("check", "f.img").stdout
    assert b"every block is stored" in said and b"room" not in said, said
    said = mkimage("reserve", "f.img", "--size", "1M").stderr
    assert b"all that its disk can ever need" in said, said


def test_reserve_refuses():
    rng = random.Random(6)
    size = ["--size", "1M"]
    Fixed("fixed")
    refused("reserve", "fixed.vhd", *size, words="fixed VHD.*no slack")
    run("qemu-img", "create", "-q", "-f", "vhdx", "-o", "block_size=64M", "x.vhdx", "128M")
    refused("reserve", "x.vhdx", *size, words="blocks of 64 MiB")
    dynamic("d", rng, saved_state=1)
    refused("reserve", "d.vhd", *size, words="suspended")
    dynamic("d", rng)
    good = read("d.vhd")
    write("d.vhd", len(good) - 500, b"\xff")
    refused("reserve", "d.vhd", *size, words="footer at the end is damaged")
    footer = bytearray(good[:SECTOR])
    footer[68] ^= 1
    write("d.vhd", 0, checksum(footer, 64))
    write("d.vhd", len(good) - SECTOR, good[-SECTOR:])
    refused("reserve", "d.vhd", *size, words="differ")
    with open("d.vhd", "wb") as file:
        file.write(good[:-1])
    refused("reserve", "d.vhd", *size, words="511")
    image = DynamicVhd(2000 << 30, 2 * MIB)
    image.store(0, bytes(SECTOR))
    image.write("d.vhd")
    data = read("d.vhd")
    with open("d.vhd", "wb") as file:           # a block just below 2 TiB
        file.write(data[:-SECTOR])
        at = ((2 << 40) - 3 * MIB) // SECTOR
        file.seek(1536)
        file.write(struct.pack(">I", at))
        file.seek(at * SECTOR + 2 * MIB + SECTOR)
        file.write(data[-SECTOR:])
    refused("reserve", "d.vhd", "--size", "4M", words="2 TiB")
    assert os.path.getsize("d.vhd") == at * SECTOR + 2 * MIB + 2 * SECTOR


@pytest.mark.parametrize("options, blocks", [
    ("", None), ("--reserve none", 0), ("--reserve 1M", 2), ("--reserve 1T", None), ("--size 1G", None),
    ("--size 64M --reserve 2M", 4)])
def test_flash_leaves_slack(options, blocks):
    image = dynamic("d", random.Random(16))
    absent = -(-SIZE // image.block_size) - len(image.blocks)
    blocks = absent if blocks is None else blocks
    mkimage("flash", "f.img", "--vhd", "d.vhd", "--yes", *options.split())
    assert slack("f.img") == {"blocks": blocks, "bytes": blocks * image.block_size, "absent": absent}
    holds("f.img", flatten([image], SECTORS))
    assert len(extents("f.img", "/d.vhd")["extents"]) == 1


def test_flash_leaves_slack_of_a_gib_at_the_most_and_what_there_is_room_for():
    big = DynamicVhd(100 << 30, 2 * MIB)
    big.store(0, b"\xeb\xfe".ljust(510, b"\0") + b"\x55\xaa")
    big.write("big.vhd")
    mkimage("flash", "f.img", "--vhd", "big.vhd", "--yes")
    assert slack("f.img")["bytes"] == 1 << 30 and os.path.getsize("f.img") < 1200 * MIB
    mkimage("flash", "f.img", "--vhd", "big.vhd", "--yes", "--size", "1000M")
    assert 400 * MIB < slack("f.img")["bytes"] < 500 * MIB, slack("f.img")
    refused("flash", "g.img", "--vhd", "big.vhd", "--size", "100M", "--reserve", "200M", words="too small")


def test_flash_puts_images_where_entries_name_its_own_volume():
    image = dynamic("d", random.Random(17))
    with open("own.cfg", "w", encoding="ascii") as file:
        file.write("[a]\nvhd = own:\\sub\\d.vhd\n[b]\nvhd = far:\\other\\d.vhd\n")
    said = mkimage("flash", "f.img", "--vhd", "d.vhd", "--config", "own.cfg", "--label", "OWN").stderr.decode()
    assert "entry b would not start: far:\\other\\d.vhd: no NTFS volume has this label" in said, said
    assert slack("f.img")["blocks"] > 0
    assert mkimage("read", "f.img").stdout == flatten([image], SECTORS)
    assert mkimage("cat", "f.img:/sub/d.vhd").stdout[:SECTOR] == read("d.vhd")[:SECTOR]


def test_flash_leaves_no_slack_where_nothing_is_written():
    dynamic("d", random.Random(16))
    with open("none.cfg", "w", encoding="ascii") as file:
        file.write("[a]\nvhd = /d.vhd\nwrite = discard\n[b]\nvhd = \\D.vhd\nwrite = none\n")
    mkimage("flash", "f.img", "--vhd", "d.vhd", "--yes", "--config", "none.cfg")
    assert slack("f.img")["blocks"] == 0


def test_flash_leaves_slack_in_a_child_and_in_one_from_a_flash():
    base = Fixed("base")
    leaf = child("leaf", base, "base", random.Random(16))
    mkimage("flash", "f.img", "--vhd", "leaf.vhd", "--yes")
    mkimage("flash", "g.img", "--vhd", "f.img:/leaf.vhd", "--yes")
    for name in ("f.img", "g.img"):
        assert slack(name)["blocks"] == slack(name)["absent"] > 0
        holds(name, flatten([leaf, base], SECTORS))
