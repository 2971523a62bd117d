# SPDX-License-Identifier: GPL-2.0-or-later
"""grow: partition and volume to the end of a drive that became larger; cut anywhere, what was there is there."""
import json
import os
import random
import shutil

import pytest

from cuts import cut, cut_total
from files import read, write
from layers import SECTORS, dynamic, flash, holds
from ntfsdisk import MIB, START, consistent, cut_out, volume
from tools import FRAGMENT, mkimage, refused, run
from vhd_dynamic import flatten

pytestmark = pytest.mark.usefixtures("cutting")


def room(name="f.img"):
    return json.loads(mkimage("list", name, "--json").stdout)["volume"]


def copies_agree(name="f.img"):
    """The boot record's copy lies in the partition's last sector."""
    sectors = int.from_bytes(read(name, 458, 4), "little")
    assert read(name, START + (sectors - 1) * 512, 512) == read(name, START, 512)
    assert int.from_bytes(read(name, START + 40, 8), "little") == sectors - 1


@pytest.mark.parametrize("cluster,mib,larger", [(4096, 40, 200), (512, 24, 180), (65536, 40, 47)])
def test_grow(cluster, mib, larger):
    image = dynamic("a", random.Random(cluster))
    flash(["a"], mib=mib, cluster=cluster)
    before, code = room(), read("f.img", 0, 440)
    os.truncate("f.img", larger * MIB)
    mkimage("grow", "f.img", "--dry-run")
    assert room() == before
    mkimage("grow", "f.img")
    now = room()
    assert now["size"] >= (larger - 2) * MIB and now["free"] - before["free"] >= (larger - mib - 4) * MIB
    assert read("f.img", 0, 440) == code
    copies_agree()
    holds("f.img", flatten([image], SECTORS))
    if larger > 100:                    # what is new can be used, by us and by ntfs-3g
        with open("big", "wb") as file:
            file.write(os.urandom(30 * MIB))
        run(FRAGMENT, "f.img", "big", "/big", 3)
        run("ntfscp", "-q", cut_out("f.img"), "big", "more")
        consistent("cut.ntfs")
        assert mkimage("cat", "f.img:/big").stdout == read("big")
    for options in (["--dry-run"], []):
        assert "reach as far as they can already" in mkimage("grow", "f.img", *options).stderr.decode()


def test_a_bare_volume():
    dynamic("a", random.Random(1))
    volume("v.ntfs", 24 * MIB, start=0)
    run(FRAGMENT, "v.ntfs", "a.vhd", "/a.vhd", 1)
    os.truncate("v.ntfs", 100 * MIB)
    mkimage("grow", "v.ntfs")
    consistent("v.ntfs")
    assert room("v.ntfs")["size"] > 99 * MIB


def test_what_is_in_the_way():
    dynamic("a", random.Random(1))
    flash(["a"])
    os.truncate("f.img", 100 * MIB)
    write("f.img", 462, bytes([0, 254, 255, 255, 131, 254, 255, 255]) + (60 * 2048).to_bytes(4, "little") +
          (2048).to_bytes(4, "little"))
    before = read("f.img")
    refused("grow", "f.img", words="partition 2 lies behind partition 1")
    assert read("f.img") == before


@pytest.mark.takes(6)
def test_cuts():
    """Cut between its two changes, what is new counts as used; that is all that may be wrong then."""
    rng = random.Random(3)
    image = dynamic("a", rng)
    flash(["a"], mib=24, cluster=512)
    os.truncate("f.img", 120 * MIB)
    content = flatten([image], SECTORS)
    shutil.copy("f.img", "d.img")
    assert not cut(-1, 0, ["grow", "d.img"])
    total = cut_total()
    assert total > 8
    for count in range(rng.randrange(2), total, 2):
        shutil.copy("f.img", "d.img")
        assert cut(count, rng.randrange(2) and rng.randrange(1, 1 << 30), ["grow", "d.img"])
        assert mkimage("read", "d.img").stdout == content, count
        said = run("ntfsresize", "-i", "-f", cut_out("d.img"), status=None)
        assert b"missing" not in said.stdout + said.stderr and b"orrupt" not in said.stdout + said.stderr, count
        mkimage("grow", "d.img")
        copies_agree("d.img")
        assert mkimage("read", "d.img").stdout == content and room("d.img")["size"] > 117 * MIB
