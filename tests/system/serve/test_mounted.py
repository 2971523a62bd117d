# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs that change images of the host, on a stick that is mounted: its menu and the whole of it are asked."""
import hashlib
import os
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))
import images                                                                   # noqa: E402
from images import mkimage                                                      # noqa: E402
from served import Server                                                       # noqa: E402


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


HEAD = "# SHA-256 of the images, as mkimage wrote them: mkimage verify compares.\n"
WRITTEN = "# Written to since, or it may be:\n"


def sums(stick, *paths, head=HEAD, written=()):
    """\\vhdboot.sum with lines about `paths` and, below the second heading, about `written`; and those lines."""
    (stick / "vhdboot.cfg").write_text("")
    line = {path: f"{hashlib.sha256((stick / path).read_bytes()).hexdigest()}  {path}\n" for path in (*paths, *written)}
    (stick / "vhdboot.sum").write_text(head + "".join(line[path] for path in paths) +
                                       (WRITTEN + "".join(line[path] for path in written) if written else ""))
    return line


def test_the_sum_of_an_image_that_a_verb_changes_is_no_surprise(stick):
    child, base = "vhd/child.vhd", "vhd/base.vhd"
    mkimage("vhd", "create", stick / "free.vhd", "--size", "4M")
    text = (stick / "vhdboot.sum").read_text
    for words in (["compact", stick / child], ["rebase", stick / child, "--parent", stick / base],
                  ["convert", stick / "free.vhd", stick / child, "--yes"]):
        line = sums(stick, base, child)
        mkimage("vhd", *words)
        assert text() == HEAD + line[base] + WRITTEN + line[child], words
        mkimage("vhd", "compact", stick / child)                        # once is enough
        assert text() == HEAD + line[base] + WRITTEN + line[child], words
    line = sums(stick, child, written=[base])
    mkimage("vhd", "compact", stick / child)
    assert text() == HEAD + WRITTEN + line[base] + line[child]
    line = sums(stick, base)
    mkimage("vhd", "compact", stick / child)                            # no line is about it
    assert text() == HEAD + line[base]


def test_the_sums_of_a_merge_the_child_has_none_any_more(stick):
    child, base = "vhd/child.vhd", "vhd/base.vhd"
    line = sums(stick, child, base, "vhdboot.cfg")
    mkimage("vhd", "merge", stick / child)
    assert (stick / "vhdboot.sum").read_text() == HEAD + line["vhdboot.cfg"] + WRITTEN + line[base]
    line = sums(stick, base)                                            # by other hands, with a path as in Windows
    (stick / "vhdboot.sum").write_text(f"# mine\r\n{line[base][:64]} *VHD\\Base.vhd\r\njunk")
    mkimage("vhd", "compact", stick / base)
    assert (stick / "vhdboot.sum").read_bytes().decode() == "# mine\r\njunk\n" + WRITTEN + line[base][:64] + \
        " *VHD\\Base.vhd\r\n"


def test_shrink_says_it_where_there_was_slack(stick):
    line = sums(stick, "vhd/child.vhd")
    mkimage("shrink", stick / "vhd" / "child.vhd")
    assert (stick / "vhdboot.sum").read_text() == HEAD + line["vhd/child.vhd"]
    data = (stick / "vhd" / "child.vhd").read_bytes()
    (stick / "vhd" / "child.vhd").write_bytes(data[:-512] + bytes(4 << 20) + data[-512:])
    mkimage("shrink", stick / "vhd" / "child.vhd")
    assert (stick / "vhdboot.sum").read_text() == HEAD + WRITTEN + line["vhd/child.vhd"]


def test_the_plugin_says_that_it_may_write(stick):
    line = sums(stick, "vhd/child.vhd")
    for mode, told in (("none", False), ("discard", False), ("persistent", True)):
        with Server(stick.parent, f"file={stick}/vhd/child.vhd", "write=" + mode):
            assert (stick / "vhdboot.sum").read_text() == HEAD + WRITTEN * told + line["vhd/child.vhd"]


def test_sums_that_cannot_be_written_or_lead_elsewhere(stick):
    child, other = stick / "vhd" / "child.vhd", stick.parent / "other"
    sums(stick, "vhd/child.vhd")
    shutil.move(stick / "vhdboot.sum", other)
    before = other.read_bytes()
    os.symlink(other, stick / "vhdboot.sum")
    mkimage("vhd", "compact", child)
    assert other.read_bytes() == before
    os.remove(stick / "vhdboot.sum")
    os.mkfifo(stick / "vhdboot.sum")
    mkimage("vhd", "compact", child)
    os.remove(stick / "vhdboot.sum")
    (stick / "vhdboot.sum").write_bytes(before)
    images.run("mount", "--bind", stick / "vhdboot.sum", stick / "vhdboot.sum")
    images.run("mount", "-o", "remount,bind,ro", stick / "vhdboot.sum")
    said = mkimage("vhd", "compact", child).stderr.decode()
    images.run("umount", stick / "vhdboot.sum")
    assert "vhdboot.sum: cannot be written: " in said and f"mkimage verify may say that {child} differs" in said, said
