# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that writes to its disk, on a flash with a snapshot: its writes go into the child, leave with a
rollback, and stay with a merge."""
import os
import shutil
import subprocess

import pytest

from emulator import Qemu
from flash import check_pattern, extents, mkimage, mkimage_json, outside, run, tool
from tools import FRAGMENT, need


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


def half_merged(flash, cut_library):
    """Cuts a merge off in the midst of the child's data."""
    env = {**os.environ, "LD_PRELOAD": str(cut_library), "CUT_FILE": flash, "CUT_SECTORS": "0"}
    for count in range(3, 1000):
        shutil.copy(flash + ".whole", flash)
        done = subprocess.run([tool("mkimage"), "merge", flash], env={**env, "CUT_AFTER": str(count)}, check=False)
        assert done.returncode == 99, "the merge was through"
        if subprocess.run([tool("mkimage"), "read", f"{flash}", "--entry", "parent", "--count", "1"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode:
            return


@pytest.mark.takes(22)
def test_a_guest_goes_on_after_its_merge_was_cut_off(shop, cut_library):
    """The machine warns and starts the child; it refuses the parent; what the guest writes is merged as well."""
    flash = shop.flash(shop.pattern_vhd("scribe", 16, rounds=100), options=("--reserve", "none"))
    mkimage("snapshot", flash, "--name", "child.vhd", "--size", "32M")
    with open(shop.path("cfg"), "w", encoding="ascii") as file:
        file.write("timeout = 0\n[child]\nvhd = \\child.vhd\n[parent]\nvhd = \\scribe.vhd\nwrite = none\n")
    run(FRAGMENT, flash, shop.path("cfg"), "/vhdboot.cfg", 1)
    boot(flash)
    written = check_pattern(flash)
    assert written > 0
    shutil.copy(flash, flash + ".whole")
    half_merged(flash, cut_library)
    with Qemu(flash, bus="ahci", write=True, limit=180) as pc:
        pc.wait("the merge of a child into this image is not finished: run")
        pc.guest()
    assert check_pattern(flash) >= written
    after = subprocess.run([tool("mkimage"), "read", flash], stdout=subprocess.PIPE, check=True).stdout
    shutil.copy(flash, flash + ".cut")
    with open(shop.path("cfg"), "w", encoding="ascii") as file:
        file.write("timeout = 0\n[parent]\nvhd = \\scribe.vhd\nwrite = none\n")
    run(FRAGMENT, flash, shop.path("cfg"), "/vhdboot.cfg", 1)
    with Qemu(flash, bus="ahci", limit=180) as pc:
        pc.wait(r"scribe\.vhd holds a part of what a merge writes into it")
    shutil.copy(flash + ".cut", flash)
    mkimage("merge", flash)
    assert subprocess.run([tool("mkimage"), "read", flash], stdout=subprocess.PIPE, check=True).stdout == after
    boot(flash)
