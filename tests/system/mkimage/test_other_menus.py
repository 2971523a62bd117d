# SPDX-License-Identifier: GPL-2.0-or-later
"""The menus of other volumes lead to the images of TARGET too: a verb must not take away, or write under a child,
what one of their entries starts."""
import random
import struct

import pytest

from files import read, sha256, write
from layers import SECTORS, child, config_of, dynamic, flash, holds
from ntfsdisk import MIB, START, cut_out, volume
from tools import FRAGMENT, mkimage, refused, run
from vhd_dynamic import SECTOR, checksum, flatten

pytestmark = pytest.mark.usefixtures("folder")


def two_menus(far, label="MENUS", own=None, merged=False):
    """A flash of two volumes, OWN with base.vhd and leaf.vhd, the other one with the config `far` and nothing else;
    and the two images. `merged`: of the one merged into the other nothing is left to do but to remove it."""
    rng = random.Random(41)
    base = dynamic("base", rng)
    leaf = child("leaf", base, "base", rng)
    if merged:
        data = read("base.vhd")
        for at in (0, len(data) - SECTOR):
            footer = bytearray(data[at:at + SECTOR])
            footer[256:284] = b"vhdmerge" + struct.pack(">I", 2) + leaf.identity
            write("base.vhd", at, checksum(footer, 64))
    name = flash(["leaf", "base"], mib=72, config=own)
    part = cut_out(name)
    run("ntfslabel", part, "OWN")
    write(name, START, read(part))
    volume("v2.ntfs", 24 * MIB)
    if label:
        run("ntfslabel", "v2.ntfs", label)
    size = len(read(name))
    with open(name, "ab") as file:
        file.write(read("v2.ntfs"))
    write(name, 462, bytes([0, 254, 255, 255, 7, 254, 255, 255]) +
          struct.pack("<II", size // SECTOR, 24 * MIB // SECTOR))
    with open("far", "w", encoding="ascii") as file:
        file.write(far)
    run(FRAGMENT, name, "far", "/vhdboot.cfg", 1, "--partition", 2)
    return name, [leaf, base]


@pytest.mark.parametrize("label", ["MENUS", None])
def test_what_another_menu_starts_is_not_removed(label):
    name, _ = two_menus("[far]\nvhd = own:\\vhd\\leaf.vhd\nwrite = none\n", label)
    digest = sha256(name)
    for verb in (["merge"], ["rollback", "--drop"]):
        refused(verb[0], name, *verb[1:],
                words=rf"leaf.vhd: entry far of volume {label or '[0-9A-F]{16}'} starts it as well, and would find it")
        assert sha256(name) == digest, verb


def test_what_another_menu_starts_is_not_removed_where_it_was_merged():
    name, _ = two_menus("[far]\nvhd = own:\\vhd\\leaf.vhd\n", own="[work]\nvhd = \\vhd\\base.vhd\n", merged=True)
    digest = sha256(name)
    refused("merge", name, words="leaf.vhd: entry far of volume MENUS starts it as well, and would find it gone")
    assert sha256(name) == digest
    with open("far", "w", encoding="ascii") as file:
        file.write("[far]\nvhd = own:\\vhd\\base.vhd\n")
    run(FRAGMENT, name, "far", "/vhdboot.cfg", 1, "--partition", 2)
    mkimage("merge", name)
    assert mkimage("ls", f"{name}:/vhd").stdout.decode().split()[1:] == ["base.vhd"]


def test_what_another_menu_starts_of_a_parent_is_told():
    name, images = two_menus("[far]\nvhd = own:\\vhd\\base.vhd\nwrite = none\n")
    told = mkimage("merge", name).stderr.decode()
    assert "entry far of volume MENUS starts \\vhd\\base.vhd itself, so it will start what is merged into it" in told
    holds(name, flatten(images, SECTORS))


def test_what_another_menu_writes_to_gets_no_child():
    name, _ = two_menus("[far]\nvhd = own:\\vhd\\leaf.vhd\n")
    digest = sha256(name)
    refused("snapshot", name, words="leaf.vhd: entry far of volume MENUS starts it as well, and would damage its child")
    assert sha256(name) == digest


@pytest.mark.parametrize("mode", ["write = none", "write = discard", "ram = yes"])
def test_what_another_menu_only_reads_gets_a_child(mode):
    name, images = two_menus(f"[far]\nvhd = own:\\vhd\\leaf.vhd\n{mode}\n")
    mkimage("snapshot", name)
    holds(name, flatten(images, SECTORS))
    assert b"leaf-1.vhd" in config_of(name)


def test_another_menu_that_leads_elsewhere_is_no_hindrance():
    name, images = two_menus("[far]\nvhd = \\nothing.vhd\n[farther]\nvhd = own:\\vhd\\base.vhd\nwrite = none\n")
    mkimage("merge", name)
    holds(name, flatten(images, SECTORS))
