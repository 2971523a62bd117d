#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""GRUB and Linux from every kind of image: the demo's disk as a dynamic VHD, as a chain of three VHDs, as a VHDX
and as a VHDX with a parent. GRUB compares the SHA-256 of what it reads through INT 13h."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from emulator import Qemu                                                   # noqa: E402
from flash import MIB, Workshop, run, tool                                  # noqa: E402
from report import end, need, test                                          # noqa: E402
from vhd_dynamic import SECTOR, DynamicVhd                                  # noqa: E402
from vhdx import Vhdx                                                       # noqa: E402

SIZE = 64 * MIB
JUNK = b"HIDDEN! " * (SECTOR // 8)


def demo_disk():
    with open(tool("demo.vhd"), "rb") as file:
        return file.read(SIZE)


def deal(layers, disk):
    """Pieces of 1,000 sectors to the layers in turn, leaf first; junk under every tenth."""
    for n, lba in enumerate(range(0, SIZE // SECTOR, 1000)):
        data = disk[lba * SECTOR:(lba + 1000) * SECTOR]
        owner = n % len(layers)
        if any(data):
            layers[owner].store(lba, data)
        for below in layers[owner + 1:]:
            below.store(lba + 500, JUNK)


def boots(shop, leaf):
    with Qemu(shop.flash(leaf), bus="virtio", limit=240) as pc:
        pc.wait(os.path.basename(leaf))
        pc.wait(r"GRUB: the SHA-256 sums are right\.")
        pc.wait(r"Linux \S+ is running")


with test("GRUB and Linux from a dynamic VHD"), Workshop() as shop:
    need("qemu-img")
    leaf = shop.path("dynamic.vhd")
    run("qemu-img", "convert", "-f", "vpc", "-O", "vpc", "-o", "subformat=dynamic,force_size",
        tool("demo.vhd"), leaf)
    boots(shop, leaf)

with test("GRUB and Linux from a chain of three VHDs"), Workshop() as shop:
    base = DynamicVhd(SIZE)
    middle = DynamicVhd(SIZE, 512 << 10, parent=base)
    middle.locate("W2ru", ".\\base.vhd")
    leaf = DynamicVhd(SIZE, parent=middle)
    leaf.locate("W2ru", ".\\middle.vhd")
    deal([leaf, middle, base], demo_disk())
    base.write(shop.path("base.vhd"))
    middle.write(shop.path("middle.vhd"))
    leaf.write(shop.path("leaf.vhd"))
    boots(shop, shop.path("leaf.vhd"))

with test("GRUB and Linux from a VHDX"), Workshop() as shop:
    need("qemu-img")
    leaf = shop.path("disk.vhdx")
    run("qemu-img", "convert", "-f", "vpc", "-O", "vhdx", tool("demo.vhd"), leaf)
    boots(shop, leaf)

with test("GRUB and Linux from a VHDX with a parent"), Workshop() as shop:
    base = Vhdx(SIZE, MIB)
    leaf = Vhdx(SIZE, 2 * MIB, parent=base, parent_path="base.vhdx")
    deal([leaf, base], demo_disk())
    base.write(shop.path("base.vhdx"))
    leaf.write(shop.path("leaf.vhdx"))
    boots(shop, shop.path("leaf.vhdx"))
end()
