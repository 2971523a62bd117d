# SPDX-License-Identifier: GPL-2.0-or-later
"""Sticks in another state than a verb needs: each is told, with what can be done."""
import json

import pytest

from files import read, write
from layers import Fixed, flash
from ntfsdisk import MIB, START, cut_out, spoil
from tools import mkimage, refused, run

pytestmark = pytest.mark.usefixtures("folder")


def warnings(name):
    said = json.loads(mkimage("check", name, "--json").stdout)
    return " ".join(w for step in said["steps"] for w in step.get("warnings", []))


def put_volume(name, volume):
    write(name, START, read(volume))


def test_a_dirty_volume_names_ntfsfix_and_that_helps():
    Fixed("a")
    flash(["a"])
    spoil("f.img", "dirty")
    assert "ntfsfix -d" in warnings("f.img")
    refused("snapshot", "f.img", words="marked dirty.*chkdsk /f.*ntfsfix -d")
    run("ntfsfix", "-d", cut_out("f.img"))
    put_volume("f.img", "cut.ntfs")
    assert "ntfsfix" not in warnings("f.img")
    mkimage("snapshot", "f.img", "--size", "1M")


def test_after_ntfsresize():
    Fixed("a")
    flash(["a"], mib=40)
    volume = cut_out("f.img")
    run("ntfsresize", "-f", "-f", "-s", str(30 * MIB), volume)
    put_volume("f.img", volume)
    assert "ntfsresize had it last, ntfsfix -d" in warnings("f.img")
    refused("add", "f.img", "--vhd", "a.vhd", words="ntfsfix -d")
    run("ntfsfix", "-d", volume)
    put_volume("f.img", volume)
    mkimage("install", "f.img")         # the copy of the boot record lies elsewhere now
    mkimage("snapshot", "f.img", "--size", "1M")
    assert mkimage("check", "f.img").returncode == 0 and "ntfsfix" not in warnings("f.img")


def test_what_is_hibernated_is_no_matter_for_ntfsfix():
    Fixed("a")
    flash(["a"])
    spoil("f.img", "hibernated")
    assert "ntfsfix" not in refused("snapshot", "f.img", words="hibernated")


@pytest.mark.parametrize("label", ["dos", "gpt"])
def test_other_file_systems_are_named(label):
    with open("f.img", "wb") as file:
        file.truncate(40 * MIB)
    with open("table", "w", encoding="ascii") as file:
        file.write(f"label: {label}\n2048,40960,L\n45056,8192,L\n")
    with open("table", "rb") as table:
        run("sfdisk", "-q", "f.img", stdin=table)
    run("mke2fs", "-q", "-F", "-L", "HOLIDAYS", "-E", "offset=1048576", "f.img", "20M")
    for verb in (["install", "f.img"], ["remove", "f.img", "--entry", "x"]):
        said = refused(*verb, words="What is there: partition 1 is ext2, HOLIDAYS; partition 2 is of no known kind")
        assert "mkimage flash" in said
