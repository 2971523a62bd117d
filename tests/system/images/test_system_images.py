# SPDX-License-Identifier: GPL-2.0-or-later
"""GRUB and Linux from every kind of image: the demo's disk as a dynamic VHD, as a chain of three VHDs, as a VHDX
and as a VHDX with a parent. GRUB compares the SHA-256 of what it reads through INT 13h."""
import os

import pytest
from emulator import Qemu
from flash import MIB, run, tool
from vhd_dynamic import SECTOR, DynamicVhd
from vhdx import Vhdx

SIZE = 64 * MIB
JUNK = b"HIDDEN! " * (SECTOR // 8)

pytestmark = pytest.mark.takes(20)


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


def test_grub_and_linux_from_a_dynamic_vhd(shop):
    leaf = shop.path("dynamic.vhd")
    run("qemu-img", "convert", "-f", "vpc", "-O", "vpc", "-o", "subformat=dynamic,force_size",
        tool("demo.vhd"), leaf)
    boots(shop, leaf)


def test_grub_and_linux_from_a_chain_of_three_vhds(shop):
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


def test_grub_and_linux_from_a_vhdx(shop):
    leaf = shop.path("disk.vhdx")
    run("qemu-img", "convert", "-f", "vpc", "-O", "vhdx", tool("demo.vhd"), leaf)
    boots(shop, leaf)


def test_grub_and_linux_from_a_vhdx_with_a_parent(shop):
    base = Vhdx(SIZE, MIB)
    leaf = Vhdx(SIZE, 2 * MIB, parent=base, parent_path="base.vhdx")
    deal([leaf, base], demo_disk())
    base.write(shop.path("base.vhdx"))
    leaf.write(shop.path("leaf.vhdx"))
    boots(shop, shop.path("leaf.vhdx"))
