# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs that change images of the host, on a stick that is mounted: its menu and the whole of it are asked."""
import os
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))
import images                                                                   # noqa: E402
from images import mkimage                                                      # noqa: E402


@pytest.fixture(name="stick")
def fixture_stick(tmp_path):
    """A file system of its own with an image and its child."""
    folder = tmp_path / "stick"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=False).returncode:
        pytest.skip("only root may mount a file system")
    (folder / "vhd").mkdir()
    mkimage("vhd", "create", folder / "vhd" / "base.vhd", "--size", "4M")
    mkimage("vhd", "create", folder / "vhd" / "child.vhd", "--parent", folder / "vhd" / "base.vhd")
    yield folder
    images.run("umount", folder)


def said_with_menu(stick, menu, *words, status=0):
    (stick / "vhdboot.cfg").write_text(menu)
    return mkimage("vhd", *words, status=status).stderr.decode()


def test_merge_asks_the_menu_of_a_mounted_stick(stick):
    child, base = stick / "vhd" / "child.vhd", stick / "vhd" / "base.vhd"
    before = base.read_bytes()
    said = said_with_menu(stick, "[lab]\nvhd = \\VHD\\Child.vhd\n", "merge", child, status=1)
    assert f"{child}: entry lab of {stick}/vhdboot.cfg starts it, and would not find it any more" in said, said
    assert base.read_bytes() == before and child.exists()
    said = said_with_menu(stick, "[old]\nvhd = DATA:/vhd/base.vhd\nwrite = none\n", "merge", child)
    assert f"entry old of {stick}/vhdboot.cfg starts {base} itself, so it will start what is merged" in said, said
    assert f"no other child of it in {stick}, nor below" in said and not child.exists(), said


def test_a_menu_in_other_letters(stick):
    (stick / "VHDBoot.Cfg").write_text("[lab]\nvhd = \\vhd\\CHILD.VHD\n")
    said = mkimage("vhd", "merge", stick / "vhd" / "child.vhd", status=1).stderr.decode()
    assert "entry lab of " in said, said


def test_children_are_looked_for_on_all_of_a_mounted_stick(stick):
    child, base, other = stick / "vhd" / "child.vhd", stick / "vhd" / "base.vhd", stick / "else" / "where" / "x.vhd"
    other.parent.mkdir(parents=True)
    mkimage("vhd", "create", other, "--parent", base)
    said = said_with_menu(stick, "", "merge", child, status=1)
    assert f"{other}: is a child of {base} too" in said, said
    os.remove(child)
    said = said_with_menu(stick, "", "resize", base, "--size", "5M", status=1)
    assert f"{other}: is a child of {base}" in said, said
    os.remove(stick / "vhdboot.cfg")
    mkimage("vhd", "resize", base, "--size", "5M")      # no stick: in its folder there is none


def test_who_takes_an_entrys_slack_says_so(stick):
    child, base, other = stick / "vhd" / "child.vhd", stick / "vhd" / "base.vhd", stick / "other.vhd"
    mkimage("vhd", "create", other, "--size", "4M")
    for words in (["compact", child], ["rebase", child, "--parent", base], ["convert", other, child, "--yes"]):
        for mode, told in (("persistent", True), ("discard", False)):
            said = said_with_menu(stick, f"[lab]\nvhd = \\vhd\\child.vhd\nwrite = {mode}\n", *words)
            assert ("entry lab of " in said and "mkimage reserve makes some" in said) == told, said


def test_a_menu_of_a_mounted_stick_that_cannot_be_read(stick):
    child = stick / "vhd" / "child.vhd"
    assert "warning" not in said_with_menu(stick, "", "compact", child)
    said = said_with_menu(stick, "# " + "x" * 70000, "merge", child)
    assert "vhdboot.cfg: cannot be read, so what it leads to is not known" in said, said
