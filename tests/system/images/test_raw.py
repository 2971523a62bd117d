# SPDX-License-Identifier: GPL-2.0-or-later
"""Raw disks as images: what is taken for one, read and written in place, and what is refused."""
import os
import subprocess

import flash
import pytest
import vhd
from files import read, write
from flash import MIB, mkimage, mkimage_json, tool
from tools import refused


@pytest.mark.takes(15)
@pytest.mark.parametrize("name", ["disk.img", "disk.iso", "disk"])
def test_a_raw_disk_boots_and_is_written_in_place(shop, qemu, name):
    disk = shop.path(name)
    os.rename(shop.pattern_disk("scribe", 16 * 2048, rounds=200), disk)
    stick = shop.flash(disk)
    places = flash.extents(stick, f"/{name}")
    before = flash.outside(stick, places)
    assert f"vhd = \\{name}" in mkimage("cat", f"{stick}:/vhdboot.cfg")
    pc = qemu(stick, write=True)
    pc.wait(rf"^\\{name}: raw disk, 16 MiB, 1 fragment$")
    pc.guest()
    pc.qmp("quit")
    pc.wait_end(30)
    assert flash.check_pattern(stick) > 1000                            # sectors that the guest wrote
    assert flash.outside(stick, places) == before


def test_vhd_verbs_take_a_raw_disk(shop):
    disk = shop.pattern_disk("pattern", 4 * 2048)
    info = mkimage_json("vhd", "info", disk)
    assert (info["format"], info["kind"], info["size"]) == ("raw", "fixed", 4 * MIB)
    assert info["ids"] == [None] and info["warnings"] == []
    assert "raw disk, 4 MiB" in mkimage("vhd", "info", disk)
    assert "raw disk, clean" in mkimage("vhd", "check", disk)
    mkimage("vhd", "read", disk, "--lba", "7", "--count", "1")
    # What is read is the file itself.
    out = shop.path("out")
    with open(out, "wb") as file:
        subprocess.run([tool("mkimage"), "vhd", "read", disk], stdout=file, check=True)
    assert read(out) == read(disk)


def test_a_raw_disk_has_neither_slack_nor_a_snapshot(shop):
    stick = shop.flash(shop.pattern_disk("pattern", 4 * 2048))
    assert "has no id: a child could not tell it" in refused("snapshot", stick, "--yes")
    assert "is a raw disk, which needs no slack" in refused("reserve", stick, "--size", "8M", "--yes")


def test_a_damaged_vhd_is_no_raw_disk(shop):
    disk = shop.pattern_vhd("pattern", mib=4)
    write(disk, 4 * MIB, b"x")                                          # the footer's cookie
    assert "lacks a VHD footer" in refused("vhd", "check", disk)
    write(disk, 4 * MIB, b"c")
    write(disk, 4 * MIB + 100, b"x")                                    # its sum
    named = shop.path("disk.img")
    os.rename(disk, named)
    assert "has a wrong checksum" in refused("vhd", "check", named)
    dynamic = shop.path("dynamic.img")
    flash.run("qemu-img", "create", "-q", "-f", "vpc", "-o", "force_size=on", dynamic, "64M")
    write(dynamic, os.path.getsize(dynamic) - 512, bytes(8))
    assert mkimage_json("vhd", "info", dynamic)["format"] == "vhd"      # by its copy
    write(dynamic, 0, bytes(512))
    assert "is lost at both ends" in refused("vhd", "check", dynamic)


def test_other_formats_by_such_a_name_are_named(shop):
    for kind, words in (("qcow2", "QCOW2"), ("vmdk", "VMDK"), ("vdi", "VDI")):
        path = shop.path(f"{kind}.img")
        flash.run("qemu-img", "create", "-q", "-f", kind, path, "8M")
        assert f"is a {words} image, not a VHD" in refused("vhd", "info", path)
    odd = shop.path("odd.img")
    with open(odd, "wb") as file:
        file.truncate(4097)
    assert "whole number of sectors, but the file has 4097 bytes" in refused("vhd", "info", odd)


def test_a_vhd_by_another_name_is_one(shop):
    disk = shop.path("disk.img")
    vhd.make_fixed(disk, 2048)
    assert mkimage_json("vhd", "info", disk)["format"] == "vhd"
