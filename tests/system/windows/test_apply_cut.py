# SPDX-License-Identifier: GPL-2.0-or-later
"""windows apply, killed at writes all the way: the name is never there before the image is whole; what is left beside
it is gone after the next run, which comes to its end, and until then no other verb takes it for the image, nor for a
child that forbids a change.

MKIMAGE_CUTS=all: every write (default: ten of them)."""
import glob
import os
import subprocess

import pytest

from files import read
from tools import ENV, MKIMAGE, mkimage, refused, run
from winimage import inside, windows_tree
from winregistry import software, system

NAME = "n.vhd"
ALL = os.environ.get("MKIMAGE_CUTS") == "all"

pytestmark = pytest.mark.timeout(300 + 900 * ALL)


@pytest.fixture(name="wim")
def _wim(cutting):
    del cutting
    tree = windows_tree(7601, SYSTEM=system(7601), SOFTWARE=software(7601, "Enterprise"))
    for path, data in tree.items():
        os.makedirs("tree/" + os.path.dirname(path), exist_ok=True)
        with open("tree/" + path, "wb") as file:
            file.write(data)
    run("wimcapture", "tree", "w.wim", "--compress=none")
    return tree


def apply(after, cut_file="$NAME.$$.part", how="--size 64M"):
    """Its exit status: 99 where it was killed at that write."""
    env = {**ENV, "LD_PRELOAD": os.path.abspath("cut.so"), "CUT_AFTER": str(after), "CUT_SECTORS": "1",
           "CUT_TOTAL": os.path.abspath("total"), "NAME": NAME, "MKIMAGE": MKIMAGE}
    line = f'export CUT_FILE={cut_file}; exec "$MKIMAGE" windows apply w.wim "$NAME" {how}'
    return subprocess.run(["sh", "-c", line], env=env, timeout=60, check=False, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode


@pytest.mark.takes(15)
def test_each_cut(wim):
    assert apply(10 ** 9) == 0
    with open("total", encoding="ascii") as file:
        total = int(file.read())
    assert total > 100 and os.listdir(".").count(NAME) == 1 and not glob.glob("*.part")
    whole = mkimage("windows", "doctor", NAME).stdout
    os.unlink(NAME)
    some = (0, 1, 2, total // 8, total // 3, total // 2, total * 3 // 4, total - 20, total - 2, total - 1)
    for after in range(total) if ALL else some:
        assert apply(after) == 99, after
        assert not os.path.exists(NAME) and len(glob.glob(NAME + ".*.part")) == 1, f"cut {after} of {total}"
    refused("windows", "doctor", NAME, words="No such file")
    done = mkimage("windows", "apply", "w.wim", NAME, "--size", "64M").stderr
    assert b"a run that was cut off had left it" in done
    assert not glob.glob("*.part") and mkimage("windows", "doctor", NAME).stdout == whole
    mkimage("vhd", "check", NAME)
    for path in ("Windows/Boot/PCAT/bootmgr", "Windows/System32/winload.exe"):
        assert inside(NAME, path) == wim[path]
    run("ntfsresize", "-i", "-f", "inside.ntfs")


def test_no_write_to_the_name(wim):
    """It would be killed at the first write to a file of that name: there is none, only the change of the name."""
    del wim
    assert apply(0, "$NAME") == 0 and os.path.exists(NAME)


def test_a_child_cut_off(wim):
    """What is left of it names its parent, but is nobody's child: the parent may be changed, and is as it was."""
    del wim
    mkimage("windows", "apply", "w.wim", "parent.vhd", "--size", "64M")
    parent = read("parent.vhd")
    assert apply(10 ** 9, how="--parent parent.vhd") == 0
    with open("total", encoding="ascii") as file:
        total = int(file.read())
    os.unlink(NAME)
    for after in (2, total // 2, total - 1):
        assert apply(after, how="--parent parent.vhd") == 99
        assert not os.path.exists(NAME) and len(glob.glob(NAME + ".*.part")) == 1
        assert read("parent.vhd") == parent
    mkimage("windows", "tune", "parent.vhd", "--undo")
    mkimage("windows", "apply", "w.wim", NAME, "--parent", "parent.vhd")
    mkimage("vhd", "check", NAME)
    assert not glob.glob("*.part")
    refused("windows", "tune", "parent.vhd", words="n.vhd: is a child of .*parent.vhd")
