# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that writes to its disk, on a flash with a snapshot: its writes go into the child, leave with a
rollback, and stay with a merge."""
import subprocess

import pytest

from emulator import Qemu
from flash import check_pattern, extents, mkimage, mkimage_json, outside, run, tool
from tools import need


def boot(flash):
    with Qemu(flash, bus="ahci", write=True, limit=180) as pc:
        pc.guest()


def content(flash, path):
    return subprocess.run([tool("mkimage"), "cat", f"{flash}:{path}"], stdout=subprocess.PIPE, check=True).stdout


def images(flash):
    return sum(step["name"] == "image" for step in mkimage_json("check", flash)["steps"])


def session(shop, image):
    flash = shop.flash(image, options=("--reserve", "none"))
    mkimage("snapshot", flash, "--name", "child.vhd", "--size", "32M")
    before = content(flash, "/scribe.vhd")
    blocks = mkimage_json("check", flash)["slack"]["blocks"]
    child = extents(flash, "/child.vhd")
    rest = outside(flash, child)
    boot(flash)
    written = check_pattern(flash)
    assert written > 0, "the guest has written nothing"
    assert outside(flash, child) == rest, "the flash outside the child"
    assert content(flash, "/scribe.vhd") == before, "the parent"
    assert mkimage_json("check", flash)["slack"]["blocks"] < blocks, "the slack is as it was"

    mkimage("rollback", flash)
    assert check_pattern(flash) == 0, "sectors that the guest has written, after a rollback"
    boot(flash)
    assert check_pattern(flash) == written, "sectors that the guest has written"
    mkimage("snapshot", flash, "--name", "second.vhd", "--size", "4M")
    assert (images(flash), check_pattern(flash)) == (3, written), "images, and sectors written"
    for left in (2, 1):
        mkimage("merge", flash)
        assert (images(flash), check_pattern(flash)) == (left, written), "images, and sectors written"
    assert content(flash, "/scribe.vhd") != before, "the parent has got nothing"
    boot(flash)


@pytest.mark.takes(14)
def test_snapshot_rollback_merge_a_guest_on_a_fixed_vhd(shop):
    session(shop, shop.pattern_vhd("scribe", 16, rounds=100))


@pytest.mark.takes(14)
def test_snapshot_rollback_merge_a_guest_on_a_dynamic_vhd(shop):
    need("qemu-img")
    raw = shop.pattern_disk("scribe", 16 * 2048, rounds=100)
    run("qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", "force_size=on", raw, shop.path("scribe.vhd"))
    session(shop, shop.path("scribe.vhd"))
