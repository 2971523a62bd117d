# SPDX-License-Identifier: GPL-2.0-or-later
"""--dry-run writes nothing, whatever the verb: no byte, not the same bytes again, no file beside. The same command
without it does something then, so that there was something not to be written."""
import os
import random

import pytest

from files import sha256
from layers import child, dynamic, flash
from ntfsdisk import MIB, START, disk, fixed_vhd, volume
from tools import mkimage, run
from winimage import windows_tree, windows_vhd
from winregistry import software, system

pytestmark = pytest.mark.usefixtures("folder")


def stick():
    """f.img: two entries, the first of which starts a child of the other one's image. new.vhd for it."""
    rng = random.Random(17)
    base = dynamic("base", rng)
    child("leaf", base, "base", rng)
    dynamic("new", rng)
    flash(["leaf", "base"], config="[work]\nvhd = \\vhd\\leaf.vhd\n[pure]\nvhd = \\vhd\\base.vhd\nwrite = none\n")


def larger():
    stick()
    os.truncate("f.img", os.path.getsize("f.img") + 64 * MIB)


def plain():
    disk("f.img", volume("v.ntfs", 24 * MIB))
    fixed_vhd("a.vhd", 2 * MIB)


def installed():
    plain()
    mkimage("install", "f.img", "--backup", "saved")


def gap():
    """Like `plain`, with sectors in front of the partition."""
    plain()
    mkimage("install", "f.img", "--place", "gap", "--backup", "saved")


def damaged():
    """A stick whose boot code is to be updated."""
    stick()
    with open("f.img", "r+b") as file:
        file.seek(START + 3000)
        file.write(b"old")


def reserved():
    stick()
    mkimage("reserve", "f.img", "--entry", "work", "--size", "2M")


def windows():
    tree = windows_tree(SYSTEM=system(7601), SOFTWARE=software(7601, "Enterprise"))
    windows_vhd("w.vhd", tree)
    mkimage("flash", "f.img", "--vhd", "w.vhd", "--size", "160M")


CASES = {
    "flash": (plain, ["new.img", "--vhd", "a.vhd"]),
    "clone": (stick, ["f.img", "new.img"]),
    "install": (plain, ["f.img", "--backup", "new.bin"]),
    "install gap": (plain, ["f.img", "--place", "gap", "--backup", "new.bin"]),
    "restore": (installed, ["f.img", "saved"]),
    "restore gap": (gap, ["f.img", "saved"]),
    "update": (damaged, ["f.img", "--backup", "new.bin"]),
    "uninstall": (stick, ["f.img"]),
    "uninstall gap": (gap, ["f.img"]),
    "add": (stick, ["f.img", "--vhd", "new.vhd"]),
    "replace": (stick, ["f.img", "--entry", "pure", "--vhd", "new.vhd", "--children", "drop"]),
    "replace keep": (stick, ["f.img", "--entry", "pure", "--vhd", "new.vhd", "--children", "keep"]),
    "remove": (stick, ["f.img", "--entry", "work"]),
    "reserve": (stick, ["f.img", "--entry", "work", "--size", "2M"]),
    "reserve host": (stick, ["leaf.vhd", "--size", "2M"]),
    "grow": (larger, ["f.img"]),
    "shrink": (reserved, ["f.img", "--entry", "work"]),
    "snapshot": (stick, ["f.img", "--entry", "work"]),
    "rollback": (stick, ["f.img", "--entry", "work"]),
    "rollback drop": (stick, ["f.img", "--entry", "work", "--drop"]),
    "merge": (stick, ["f.img", "--entry", "work"]),
    "windows tune": (windows, ["f.img"]),
    "windows tune host": (windows, ["w.vhd"]),
    "windows boot": (windows, ["f.img"]),
    "windows boot inside": (windows, ["w.vhd", "--inside"]),
}
ELSEWHERE = "guest"                     # needs a Linux inside: test_guest_linux.py
VARIANTS = ("gap", "host", "keep", "drop", "inside")


def verb_of(case):
    words = case.split()
    return words[:-1] if words[-1] in VARIANTS else words


def state():
    return {name: (sha256(name), os.stat(name).st_mtime_ns) for name in sorted(os.listdir()) if os.path.isfile(name)}


def test_every_verb_with_a_dry_run_is_tried():
    verbs, verb = set(), None
    for line in mkimage("help", "--table").stdout.decode().splitlines():
        kind, name = line.split("\t")[:2]
        verb = name if kind == "verb" else verb
        if (kind, name) == ("option", "dry-run"):
            verbs.add(verb)
    assert verbs == {" ".join(verb_of(case)) for case in CASES} | {ELSEWHERE}


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory):
    """made(make): its files in the current folder; they are made once."""
    places = {}

    def get(make):
        here = os.getcwd()
        if make not in places:
            places[make] = tmp_path_factory.mktemp("made")
            os.chdir(places[make])
            make()
            os.chdir(here)
        run("cp", "-a", "--sparse=always", f"{places[make]}/.", here)
    return get


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_written(case, made):
    make, arguments = CASES[case]
    made(make)
    before = state()
    done = mkimage(*verb_of(case), *arguments, "--dry-run")
    assert done.stderr and state() == before
    mkimage(*verb_of(case), *arguments)
    assert {name: one[0] for name, one in state().items()} != {name: one[0] for name, one in before.items()}
