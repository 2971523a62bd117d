# SPDX-License-Identifier: GPL-2.0-or-later
"""add, replace and remove, cut off at writes picked at random, on drives with and without a write cache. After each
cut every entry starts what it started or what it shall start, ntfs-3g's tools find the volume sound, and the verb,
run again, ends.

MKIMAGE_CUTS: cuts a case (default 4). MKIMAGE_SEED: other random numbers."""
import json
import os
import random
import shutil

import pytest

from cuts import cut, cut_total, no_cluster_lost_to_two
from layers import SECTORS, child, dynamic, flash, sound
from ntfsdisk import cut_out
from tools import mkimage, refused
from vhd_dynamic import flatten

CUTS = int(os.environ.get("MKIMAGE_CUTS", "4"))
SEED = os.environ.get("MKIMAGE_SEED", "1")

pytestmark = [pytest.mark.usefixtures("cutting"), pytest.mark.takes(6), pytest.mark.timeout(300 + 10 * CUTS)]


@pytest.fixture(name="rng")
def _rng(request):
    return random.Random(f"{SEED} {request.node.name}")


def entries(target="d.img"):
    """Name -> what its disk holds, or None where it does not start."""
    found = {}
    for entry in json.loads(mkimage("list", target, "--json").stdout)["entries"]:
        found[entry["name"]] = mkimage("read", target, "--entry", entry["name"]).stdout if entry["boots"] else None
    return found


def cuts_of(rng, command, allowed, end, again=0):
    """`allowed` says whether these entries may be there after a cut; `end`: those that are there when the command,
    run again with the exit status `again` or 0, is through."""
    for lose in (0, 1):
        shutil.copy("f.img", "d.img")
        assert not cut(-1, lose, command)
        assert entries() == end
        total = cut_total()
        for _ in range(CUTS // 2):
            count = rng.randrange(total)
            where = f"cut at write {count} of {total}, lose {lose}"
            shutil.copy("f.img", "d.img")
            assert cut(count, lose and rng.randrange(1, 1 << 30), command), where
            sound_but_for_lost_clusters()
            assert allowed(entries()), where
            done = mkimage(*command, status=None)
            assert done.returncode in (0, again), done.stderr
            assert entries() == end, where
            sound_but_for_lost_clusters()


def sound_but_for_lost_clusters():
    no_cluster_lost_to_two(cut_out("d.img"))


def test_add(rng):
    one, base = dynamic("one", rng), dynamic("base", rng)
    leaf = child("leaf", base, "base", rng)
    flash(["one"], config=rng.choice((None, "")), folder="")
    name = "work" if mkimage("ls", "f.img:/").stdout.count(b"cfg") else "one.vhd"
    old = {name: flatten([one], SECTORS)}
    end = {**old, "leaf": flatten([leaf, base], SECTORS)}
    cuts_of(rng, ["add", "d.img", "--vhd", "leaf.vhd"], lambda found: found in (old, end), end)


def test_add_to_an_empty_menu(rng):
    one = dynamic("one", rng)
    flash(["one"], folder="\\other", config="")
    end = {"one": flatten([one], SECTORS)}
    cuts_of(rng, ["add", "d.img", "--vhd", "one.vhd"], lambda found: found in ({}, {"one": None}, end), end)


def test_remove(rng):
    one, two = dynamic("one", rng), dynamic("two", rng)
    flash(["one", "two"], config="default = two\n[one]\nvhd = \\vhd\\one.vhd\n# two\n[two]\nvhd = \\vhd\\two.vhd\n")
    end = {"one": flatten([one], SECTORS)}
    old = {**end, "two": flatten([two], SECTORS)}
    cuts_of(rng, ["remove", "d.img", "--entry", "two"], lambda found: found in (old, end), end, again=1)


def test_replace(rng):
    one, new = dynamic("one", rng), dynamic("new", rng)
    flash(["one"])
    old, end = {"work": flatten([one], SECTORS)}, {"work": flatten([new], SECTORS)}
    cuts_of(rng, ["replace", "d.img", "--entry", "work", "--vhd", "new.vhd"], lambda found: found in (old, end), end)


def test_replace_and_drop(rng):
    base, new = dynamic("base", rng), dynamic("new", rng)
    leaf = child("leaf", base, "base", rng)
    low = child("low", leaf, "leaf", rng)
    flash(["base", "leaf", "low"], config="[base]\nvhd = \\vhd\\base.vhd\nwrite = none\n[low]\nvhd = \\vhd\\low.vhd\n")
    was, under, now = flatten([base], SECTORS), flatten([low, leaf, base], SECTORS), flatten([new], SECTORS)
    cuts_of(rng, ["replace", "d.img", "--entry", "base", "--vhd", "new.vhd", "--children", "drop"],
            lambda found: found in ({"base": was, "low": under}, {"base": was, "low": was}, {"base": now, "low": now}),
            {"base": now, "low": now})


def test_a_cut_merge_comes_first(rng):
    """The child holds what its parent lacks: neither may go, nor change."""
    base = dynamic("base", rng)
    leaf = child("leaf", base, "base", rng)
    dynamic("new", rng)
    flash(["leaf", "base"])
    shutil.copy("f.img", "d.img")
    assert not cut(-1, 0, ["merge", "d.img"])
    total = cut_total()
    shutil.copy("f.img", "d.img")
    assert cut(total // 3, 0, ["merge", "d.img"])
    for command in (["remove", "d.img", "--entry", "work"], ["replace", "d.img", "--entry", "work", "--vhd", "new.vhd"],
                    ["replace", "d.img", "--file", "/vhd/base.vhd", "--vhd", "new.vhd", "--children", "drop"]):
        refused(*command, words="merge")
    mkimage("merge", "d.img")
    assert entries() == {"work": flatten([leaf, base], SECTORS)}
    sound("d.img")
