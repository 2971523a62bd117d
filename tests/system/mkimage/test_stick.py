# SPDX-License-Identifier: GPL-2.0-or-later
"""A stick that lives: list, add, replace, remove. What they say, what they refuse, what stays as it was."""
import datetime
import json
import os
import random
import re
import time

import pytest

from files import read, write
from layers import SECTORS, Fixed, chain, child, config_of, dynamic, flash, holds, sound
from ntfsdisk import MIB, START, cut_out, disk, fixed_vhd, hard_link, spoil, volume
from tools import mkimage, refused, run
from vhd_dynamic import flatten

pytestmark = pytest.mark.usefixtures("folder")
CONFIG = b"# my stick\ntimeout = 7   # short\ndefault = leaf\n\n[base]\nvhd = \\vhd\\base.vhd # the master\n" \
         b"write = none\n\n# this one is mine\n[leaf]\ntitle = Mine  # really\n; odd\nvhd = \\vhd\\leaf.vhd\n"


@pytest.fixture(name="rng")
def _rng(request):
    return random.Random(request.node.name)


@pytest.fixture(name="stick")
def _stick(rng):
    """f.img: a base that nobody writes, and a child of it; and new.vhd beside it."""
    base = dynamic("base", rng)
    leaf = child("leaf", base, "base", rng)
    flash(["base", "leaf"], config=CONFIG)
    return base, leaf, dynamic("new", rng)


def listed(name="f.img"):
    return {e["name"]: e for e in json.loads(mkimage("list", name, "--json").stdout)["entries"]}


def names(name="f.img"):
    return list(listed(name))


def files(name="f.img", path="/vhd"):
    return sorted(line.split()[-1] for line in mkimage("ls", f"{name}:{path}").stdout.decode().splitlines())


def moment(text):
    return datetime.datetime.fromisoformat(text)


def test_list(stick):
    answer = json.loads(mkimage("list", "f.img", "--json").stdout)
    assert [e["name"] for e in answer["entries"]] == ["base", "leaf"]
    base, leaf = answer["entries"]
    assert base == {**base, "title": "base", "from": "config", "vhd": "\\vhd\\base.vhd", "write": "none",
                    "hidden": False, "boots": True, "free": None, "default": False, "images": 1, "size": stick[0].size}
    assert leaf == {**leaf, "title": "Mine", "write": "persistent", "boots": True, "free": 0, "default": True,
                    "images": 2}
    times = run("ntfsinfo", "-F", "/vhd/base.vhd", cut_out("f.img")).stdout.decode()
    day = moment(base["written"]).strftime("%a %b %e %H:%M:%S %Y UTC")
    assert re.search(r"File Altered Time:\s*" + day, times), times
    assert abs(moment(base["written"]).timestamp() - time.time()) < 3600
    mkimage("reserve", "f.img", "--entry", "leaf", "--size", "1M")
    assert listed()["leaf"]["free"] == MIB
    free = json.loads(mkimage("list", "f.img", "--json").stdout)["volume"]
    assert 0 < free["free"] < free["size"] <= 48 * MIB
    lines = mkimage("list", "f.img").stdout.decode().splitlines()
    assert lines[0].startswith("  base: \\vhd\\base.vhd, write = none, dynamic VHD, 9 MiB")
    assert lines[1].startswith("> leaf: Mine, \\vhd\\leaf.vhd, write = persistent, differencing VHD")
    assert lines[0].endswith(f"9 MiB, file of {base['written'][:10]}")
    assert lines[1].endswith("room for 1 MiB") and lines[2].startswith("2 entries, ")


def test_list_of_a_folder_and_of_what_does_not_start(rng):
    dynamic("a", rng)
    flash(["a"], folder="", config="")
    assert listed()["a.vhd"]["from"] == "folder"
    write("a.vhd", 0, bytes(2048))
    flash(["a"], folder="", config="[x]\nvhd = \\none.vhd\n[y]\nboot = next\n")
    found = listed()
    assert not found["x"]["boots"] and "none.vhd" in found["x"]["error"]
    assert found["y"]["boots"] and found["y"]["vhd"] is None and found["y"]["write"] is None
    flash(["a"], folder="\\b", config="")
    assert names() == []


def test_add(stick, rng):
    other = Fixed("other")
    before = config_of("f.img")
    mkimage("add", "f.img", "--vhd", "new.vhd,other.vhd")
    assert config_of("f.img") == before + b"\n[new]\nvhd = \\new.vhd\n\n[other]\nvhd = \\other.vhd\n"
    holds("f.img", flatten([stick[2]], SECTORS), "--entry", "new")
    holds("f.img", other.data, "--entry", "other")
    holds("f.img", flatten([stick[1], stick[0]], SECTORS), "--entry", "leaf")
    assert listed()["new"]["free"] > MIB                                # slack, as flash gives it
    again = mkimage("add", "f.img", "--vhd", "new.vhd").stderr.decode()
    assert "is there already" in again and "entry new starts it already" in again
    dynamic("b", rng)
    where = ["--write", "discard", "--name", "\\vhd\\new.vhd", "--reserve", "none"]
    refused("add", "f.img", "--vhd", "b.vhd", "--title", "A # title", *where, words="cannot be written in it")
    mkimage("add", "f.img", "--vhd", "b.vhd", "--title", "A title", *where)
    new = listed()["new-2"]
    assert (new["title"], new["vhd"], new["write"], new["free"]) == ("A title", "\\vhd\\new.vhd", "discard", None)


def test_add_takes_parents_along(rng):
    base = dynamic("base", rng)
    leaf = child("leaf", base, "base", rng)
    twin = child("twin", base, "base", rng)
    dynamic("a", rng)
    flash(["a"], folder="", config="")
    mkimage("add", "f.img", "--vhd", "leaf.vhd")
    assert chain("f.img", "--entry", "leaf") == ["\\leaf.vhd", "\\base.vhd"]
    assert names() == ["a.vhd", "leaf"]                                 # the folder's menu was written down
    said = mkimage("add", "f.img", "--vhd", "twin.vhd", "--write", "none").stderr.decode()
    assert "\\base.vhd: is there already" in said
    holds("f.img", flatten([leaf, base], SECTORS), "--entry", "leaf")
    holds("f.img", flatten([twin, base], SECTORS), "--entry", "twin")
    refused("add", "f.img", "--vhd", "base.vhd", words="would be the parent of .*damaged by what entry")
    mkimage("add", "f.img", "--vhd", "base.vhd", "--write", "none")
    assert listed()["base"]["write"] == "none"


def test_add_under_an_entry_that_writes(rng):
    base = dynamic("base", rng)
    child("leaf", base, "base", rng)
    flash(["base"], folder="")
    refused("add", "f.img", "--vhd", "leaf.vhd", words="entry work starts it as well")


def test_add_to_a_flash_without_a_menu(rng):
    a = dynamic("a", rng)
    flash(["a"], folder="\\b", config="# mine\n")
    assert names() == []
    mkimage("add", "f.img", "--vhd", "a.vhd")
    assert config_of("f.img") == b"# mine\n\n[a]\nvhd = \\a.vhd\n"
    holds("f.img", flatten([a], SECTORS))


def test_add_refuses(stick, rng):
    before = read("f.img")
    dynamic("base", rng)                                                # another one
    refused("add", "f.img", "--vhd", "base.vhd", "--name", "/vhd/base.vhd", words="is there already, with other")
    refused("add", "f.img", "--vhd", "gone.vhd", words="gone.vhd: cannot be opened")
    refused("add", "f.img", "--vhd", "new.vhd", "--name", "/no/new.vhd", words="Name a folder that is there")
    refused("add", "f.img", "--vhd", "new.vhd", "--name", "vhdboot.bin", words="vhdboot's own")
    refused("add", "f.img", "--vhd", "f.img", words="is TARGET itself")
    for arguments in (["--write", "ro"], ["--title", "x", "--vhd", "other.vhd"]):
        assert mkimage("add", "f.img", "--vhd", "new.vhd", *arguments, status=2).stderr
    mkimage("add", "f.img", "--vhd", "new.vhd", "--dry-run")
    mkimage("replace", "f.img", "--entry", "leaf", "--vhd", "new.vhd", "--dry-run")
    mkimage("remove", "f.img", "--entry", "leaf", "--dry-run")
    assert read("f.img") == before


@pytest.mark.parametrize("state", ["dirty", "hibernated", "full"])
def test_volumes_that_are_not_written(state, stick):
    spoil("f.img", state)
    before = read("f.img")
    words = {"dirty": "marked dirty", "hibernated": "hibernated", "full": "are needed|No space|room"}[state]
    for command in (["add", "--vhd", "new.vhd"], ["replace", "--entry", "leaf", "--vhd", "new.vhd"]):
        refused(command[0], "f.img", *command[1:], words=words)
    if state != "full":
        refused("remove", "f.img", "--entry", "leaf", words=words)
    assert read("f.img") == before


def test_remove(stick):
    said = mkimage("remove", "f.img", "--entry", "base").stderr.decode()
    assert "stays, as it is the parent of \\vhd\\leaf.vhd" in said
    assert config_of("f.img") == CONFIG.replace(b"[base]\nvhd = \\vhd\\base.vhd # the master\nwrite = none\n\n", b"")
    assert files() == ["base.vhd", "leaf.vhd"]
    refused("remove", "f.img", "--file", "/vhd/base.vhd", words="stays, as it is the parent of")
    refused("remove", "f.img", "--file", "/vhd/leaf.vhd", words="stays, as entry leaf starts it")
    refused("remove", "f.img", "--entry", "nobody", words="there is no entry nobody")
    holds("f.img", flatten(stick[1::-1], SECTORS))
    said = mkimage("remove", "f.img", "--entry", "LEAF").stderr.decode()
    assert "\\vhd\\leaf.vhd: is removed" in said and "mkimage remove --file" in said
    assert config_of("f.img") == b"# my stick\ntimeout = 7   # short\n\n# this one is mine\n"
    mkimage("remove", "f.img", "--file", "/vhd/base.vhd")
    assert files() == [] and names() == []
    sound("f.img")
    for path in ("/vhdboot.bin", "\\$MFT", "\\$Boot", "/none.vhd"):
        refused("remove", "f.img", "--file", path, words="none that can be opened|file system's own|not there")
    assert mkimage("remove", "f.img", status=2).stderr


def test_remove_keeps_the_image(rng):
    dynamic("a", rng)
    b = dynamic("b", rng)
    flash(["a", "b"], folder="", config="")
    mkimage("remove", "f.img", "--entry", "a.vhd", "--keep-image")
    assert names() == ["b.vhd"] and "a.vhd" in files(path="/")
    refused("remove", "f.img", "--entry", "b.vhd", words="the menu is made of the root folder's images")
    holds("f.img", flatten([b], SECTORS))
    mkimage("remove", "f.img", "--file", "a.vhd")
    mkimage("remove", "f.img", "--entry", "b.vhd")
    assert names() == []


def test_remove_of_a_folder_without_a_config(rng):
    dynamic("a", rng)
    dynamic("b", rng)
    flash(["a", "b"], folder="", config="")
    mkimage("remove", "f.img", "--entry", "a.vhd")
    assert names() == ["b.vhd"] and files(path="/") == ["b.vhd", "vhdboot.bin", "vhdboot.old"]


def test_remove_of_what_is_shared_or_gone(rng):
    dynamic("a", rng)
    flash(["a"], config="[one]\nvhd = \\vhd\\a.vhd\n[two]\nvhd = /VHD/A.VHD\n[three]\nvhd = \\gone.vhd\n[four]\n"
                        "boot = next\n")
    assert "stays, as entry two starts it" in mkimage("remove", "f.img", "--entry", "one").stderr.decode()
    assert "was not there" in mkimage("remove", "f.img", "--entry", "three").stderr.decode()
    mkimage("remove", "f.img", "--entry", "four")
    assert names() == ["two"] and files() == ["a.vhd"]


def test_replace(stick):
    mkimage("replace", "f.img", "--entry", "leaf", "--vhd", "new.vhd")
    assert config_of("f.img") == CONFIG
    holds("f.img", flatten([stick[2]], SECTORS), "--entry", "leaf")
    holds("f.img", flatten([stick[0]], SECTORS), "--entry", "base")
    assert listed()["leaf"]["free"] > MIB
    said = mkimage("replace", "f.img", "--entry", "leaf", "--vhd", "new.vhd").stderr.decode()
    assert "has this content already" in said


def test_replace_cut_off_before_the_sum(stick):
    """Run again it finds the content there, and says what its sum is."""
    mkimage("replace", "f.img", "--entry", "leaf", "--vhd", "new.vhd")
    whole = mkimage("cat", "f.img:/vhdboot.sum").stdout
    lines = whole.splitlines(keepends=True)
    left = [line for line in lines if b"leaf.vhd" not in line]
    assert len(left) == len(lines) - 1
    with open("left", "wb") as file:
        file.writelines(left)
    part = cut_out("f.img")
    run("ntfscp", "-q", part, "left", "vhdboot.sum")
    write("f.img", START, read(part))
    refused("verify", "f.img", words="with the sum of an image")
    said = mkimage("replace", "f.img", "--entry", "leaf", "--vhd", "new.vhd").stderr.decode()
    assert "has this content already" in said
    assert mkimage("cat", "f.img:/vhdboot.sum").stdout == whole


def test_replace_a_master(stick):
    before = read("f.img")
    refused("replace", "f.img", "--entry", "base", "--vhd", "new.vhd", words="is the parent of \\\\vhd\\\\leaf.vhd")
    assert read("f.img") == before
    said = mkimage("replace", "f.img", "--entry", "base", "--vhd", "new.vhd", "--children", "keep").stderr.decode()
    assert "leaf.vhd: starts no more" in said
    assert not listed()["leaf"]["boots"] and listed()["base"]["boots"]
    mkimage("replace", "f.img", "--entry", "base", "--vhd", "base.vhd")  # back again: all is as it was
    holds("f.img", flatten(stick[1::-1], SECTORS), "--entry", "leaf")
    mkimage("replace", "f.img", "--file", "/vhd/base.vhd", "--vhd", "new.vhd", "--children", "drop")
    assert files() == ["base.vhd"]
    for entry in ("base", "leaf"):
        holds("f.img", flatten([stick[2]], SECTORS), "--entry", entry)
    assert config_of("f.img") == CONFIG.replace(b"vhd = \\vhd\\leaf.vhd", b"vhd = \\vhd\\base.vhd")


def test_replace_drops_no_child_that_has_another_parent(stick):
    """The leaf's second name finds no base in its folder, so it may be one of the base's copy. By its first name it
    has its base, and would be gone with the second."""
    part = cut_out("f.img")
    run("ntfscp", "-q", part, "base.vhd", "copy.vhd")
    write("f.img", START, read(part))
    hard_link("f.img", "vhd/leaf.vhd", "/twin.vhd")
    before = read("f.img")
    change = ("replace", "f.img", "--file", "/copy.vhd", "--vhd", "new.vhd", "--children")
    refused(*change, "drop",
            words=re.escape(r"\twin.vhd: the same file is \vhd\leaf.vhd, which has another parent"))
    assert read("f.img") == before
    mkimage(*change, "keep")
    holds("f.img", flatten(stick[1::-1], SECTORS), "--entry", "leaf")


def test_replace_by_one_of_the_same_id(stick):
    """A master that went on: its children must not read it as what they were made from."""
    stick[0].store(3, b"changed".ljust(512))
    stick[0].write("base.vhd")
    refused("replace", "f.img", "--entry", "base", "--vhd", "base.vhd", "--children", "keep",
            words="has the id of the old one")
    mkimage("replace", "f.img", "--entry", "base", "--vhd", "base.vhd", "--children", "drop")
    holds("f.img", flatten([stick[0]], SECTORS), "--entry", "base")


def test_replace_refuses(stick):
    refused("replace", "f.img", "--entry", "leaf", "--vhd", "leaf.vhd", "--drive", "f.img", words="has a parent")
    os.rename("new.vhd", "new.raw")
    refused("replace", "f.img", "--entry", "leaf", "--vhd", "new.raw", words="programs go by the end of the name")
    refused("replace", "f.img", "--entry", "none", "--vhd", "new.raw", words="there is no entry none")
    refused("replace", "f.img", "--file", "/none.vhd", "--vhd", "new.raw", words="is no image that is there")
    for wrong in ([], ["--entry", "leaf", "--children", "eat"], ["--entry", "leaf", "--file", "x"]):
        assert mkimage("replace", "f.img", "--vhd", "new.raw", *wrong, status=2).stderr


def test_of_names_that_differ_only_in_case_the_one_that_is_meant():
    """Linux makes such names; the machine starts the one that the menu has to the letter."""
    with open("menu", "wb") as file:
        file.write(b"[a]\nvhd = \\disk.vhd\n[b]\nvhd = \\DISK.vhd\n[c]\nvhd = \\Disk.vhd\n")
    volume("v.ntfs")
    content = {}
    for number, one in enumerate(("disk.vhd", "DISK.vhd", "new.vhd")):
        fixed_vhd(one, 2 * MIB)
        write(one, MIB, bytes([number]) * MIB)
        content[one] = read(one)
    for source, target in (("disk.vhd", "disk.vhd"), ("DISK.vhd", "DISK.vhd"), ("menu", "vhdboot.cfg")):
        run("ntfscp", "-q", "v.ntfs", source, target)
    mkimage("install", disk("f.img", "v.ntfs"))

    mkimage("replace", "f.img", "--entry", "a", "--vhd", "new.vhd")
    assert mkimage("cat", "f.img:/disk.vhd").stdout == content["new.vhd"]
    assert mkimage("cat", "f.img:/DISK.vhd").stdout == content["DISK.vhd"]
    refused("clone", "f.img", "new.img", words=r"\\(disk|DISK).vhd: differs from .* only in case\.")
    refused("replace", "f.img", "--entry", "c", "--vhd", "new.vhd", words="differ only in case")
    mkimage("remove", "f.img", "--entry", "a")
    assert "disk.vhd" not in files(path="/")
    assert mkimage("cat", "f.img:/DISK.vhd").stdout == content["DISK.vhd"]
