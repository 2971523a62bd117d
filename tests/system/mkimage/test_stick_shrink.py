# SPDX-License-Identifier: GPL-2.0-or-later
"""shrink: slack goes back to the volume or the host, what is stored stays, wherever it is cut."""
import json
import os
import random
import shutil

import pytest

from cuts import cut, cut_total, no_cluster_lost_to_two
from files import read, sha256
from layers import SECTORS, Fixed, child, dynamic, flash, holds, slack
from ntfsdisk import MIB, cut_out
from tools import mkimage, refused, run
from vhd_dynamic import flatten

pytestmark = pytest.mark.usefixtures("cutting")


@pytest.fixture(name="rng")
def _rng(request):
    return random.Random(request.node.name)


def size_of(path, name="f.img"):
    return json.loads(mkimage("extents", f"{name}:{path}", "--json").stdout)["size"]


def free(name="f.img"):
    return json.loads(mkimage("list", name, "--json").stdout)["volume"]["free"]


@pytest.mark.parametrize("kind", ["dynamic", "differencing"])
def test_on_a_flash(kind, rng):
    base = dynamic("base", rng)
    chain = [base]
    if kind == "differencing":
        chain = [child("leaf", base, "base", rng), base]
        flash(["leaf", "base"])
        path = "/vhd/leaf.vhd"
    else:
        flash(["base"])
        path = "/vhd/base.vhd"
    size, room = size_of(path), free()
    mkimage("reserve", "f.img", "--size", "1M")
    assert slack("f.img")["bytes"] == MIB and free() < room - MIB
    grown = read("f.img")
    mkimage("shrink", "f.img", "--dry-run")
    assert read("f.img") == grown
    mkimage("shrink", "f.img", "--size", "300K")
    assert slack("f.img")["bytes"] == MIB // 2 and size < size_of(path) < size + MIB
    holds("f.img", flatten(chain, SECTORS))
    mkimage("shrink", "f.img")
    assert slack("f.img")["bytes"] == 0 and size_of(path) <= size and free() >= room
    holds("f.img", flatten(chain, SECTORS))
    assert "has no slack to give back" in mkimage("shrink", f"f.img:{path}").stderr.decode()
    mkimage("reserve", "f.img", "--size", "1M")
    holds("f.img", flatten(chain, SECTORS))
    assert slack("f.img")["bytes"] == MIB


def test_on_the_host(rng):
    image = dynamic("a", rng)
    size = os.path.getsize("a.vhd")
    mkimage("reserve", "a.vhd", "--size", "2M")
    mkimage("shrink", "a.vhd")
    assert os.path.getsize("a.vhd") <= size
    mkimage("vhd", "check", "a.vhd")
    assert mkimage("vhd", "read", "a.vhd").stdout == flatten([image], SECTORS)


def test_a_fixed_vhdx_that_lacks_blocks_keeps_its_length():
    """qemu-img leaves out those of zeros."""
    with open("a.raw", "wb") as file:
        file.write(b"\xeb\xfe".ljust(510, b"\0") + b"\x55\xaa")
        file.truncate(8 * MIB)
    run("qemu-img", "convert", "-f", "raw", "-O", "vhdx", "-o", "subformat=fixed,block_size=1M", "a.raw", "a.vhdx")
    mkimage("flash", "f.img", "--vhd", "a.vhdx", "--size", 80 * MIB)
    before = sha256("f.img"), sha256("a.vhdx")
    assert slack("f.img")["bytes"] == 7 * MIB
    refused("shrink", "f.img", words="is a VHDX.* mkimage vhd convert")
    refused("shrink", "a.vhdx", words="is a VHDX.* mkimage vhd convert")
    assert (sha256("f.img"), sha256("a.vhdx")) == before


def test_refusals(rng):
    Fixed("fixed")
    flash(["fixed"])
    refused("shrink", "f.img", words="fixed")
    refused("shrink", "fixed.vhd", words="fixed")
    refused("shrink", "f.img", "--file", "/none.vhd", words="Check the name")
    assert mkimage("shrink", "f.img:/x", "--file", "/x", status=2).stderr


@pytest.mark.takes(6)
def test_cuts(rng):
    image = dynamic("base", rng)
    flash(["base"], pieces=3)
    mkimage("reserve", "f.img", "--size", "3M")
    content = flatten([image], SECTORS)
    shutil.copy("f.img", "d.img")
    assert not cut(-1, 0, ["shrink", "d.img"])
    total = cut_total()
    for count in range(total):
        shutil.copy("f.img", "d.img")
        assert cut(count, count % 2 and rng.randrange(1, 1 << 30), ["shrink", "d.img"])
        assert mkimage("read", "d.img").stdout == content, count
        no_cluster_lost_to_two(cut_out("d.img"))
        mkimage("shrink", "d.img")
        assert mkimage("read", "d.img").stdout == content and slack("d.img")["bytes"] == 0
