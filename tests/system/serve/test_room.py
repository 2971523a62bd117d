# SPDX-License-Identifier: GPL-2.0-or-later
"""How much room for new blocks an image has left, and when a system that runs from it is warned."""
import os

import pytest
from flash import mkimage, run, tool

MIB = 1 << 20


def room(*words):
    return run(os.path.join(tool("attach"), "room"), *words).splitlines()


def judge(*left):
    return ["." if line == "." else "none" if "used up" in line else "low" for line in room("judge", *left)]


def test_is_said_once_at_a_tenth_and_once_at_the_end():
    assert judge(1000, 500, 101, 100, 99, 50, 1, 0, 0) == [".", ".", ".", "low", ".", ".", ".", "none", "."]
    assert judge(0, 0) == ["none", "."]
    assert judge(1000, 0) == [".", "none"], "the end, at one blow"


def test_is_said_again_only_after_there_was_much_more():
    assert judge(1000, 100, 150, 100, 0, 100, 0) == [".", "low", ".", ".", "none", ".", "."]
    assert judge(1000, 0, 5000, 501, 500) == [".", "none", ".", ".", "low"], "after it was made longer"
    assert judge(1000, 90, "-", 90) == [".", "low", ".", "low"]


def test_sentences():
    low, = [line for line in room("judge", str(40 * MIB), str(4 * MIB)) if line != "."]
    assert low == "only 4 MiB are left for new blocks of the image. vhdboot-attach grow makes more."


def stick(shop, name, reserve, *create):
    mkimage("vhd", "create", shop.path(name), "--size", "40M", *create)
    return shop.flash(shop.path(name), options=["--reserve", reserve]) + ":/" + name


@pytest.mark.parametrize("name, step", [("disk.vhd", 2), ("disk.vhdx", 2)])
def test_of_an_image_on_a_volume(shop, name, step):
    block = ("--block-size", "2M")
    lines = room("fill", stick(shop, name, "8M", *block))
    left = [int(line.split()[1]) // MIB for line in lines[:-1]]
    assert left == list(range(left[0], -1, -step)) and left[0] >= 8
    assert all(line.startswith("1 ") for line in lines[:-1])
    assert lines[-1] == "error ENOSPC"


def test_where_none_is_needed(shop):
    assert room("fill", stick(shop, "all.vhd", "40M"))[0].startswith("0 "), "room for all that it can need"
    mkimage("vhd", "create", shop.path("fixed.vhd"), "--size", "8M", "--kind", "fixed")
    assert room("fill", shop.path("fixed.vhd"))[0] == "0 0"
    mkimage("vhd", "create", shop.path("host.vhd"), "--size", "40M")
    assert room("fill", shop.path("host.vhd"))[0].startswith("0 "), "the file grows"
