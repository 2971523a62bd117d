# SPDX-License-Identifier: GPL-2.0-or-later
"""The help, from one table: each verb on a line, each option of each verb, the nearest name to what is none."""
import os

import pytest

from tools import MKIMAGE, mkimage, run

GROUPS = ["Make a stick", "Keep it", "Look at it", "Images"]


def table():
    """[[verb's name, arguments, brief, about, {option: (value, text)}], ...]"""
    verbs = []
    for line in mkimage("help", "--table").stdout.decode().splitlines():
        kind, *fields = line.split("\t")
        if kind == "verb":
            verbs.append([*fields, None, {}])
        elif kind == "about":
            verbs[-1][3] = fields[0]
        elif kind == "option":
            verbs[-1][4][fields[0]] = fields[1], fields[2]
        else:
            assert kind == "group", line
    return verbs


def wrong(*arguments):
    """What is said of a command line that cannot be meant."""
    done = mkimage(*arguments, status=2)
    assert not done.stdout
    return done.stderr.decode()


def test_each_verb_has_a_line_below_its_group():
    said = mkimage("--help").stdout.decode()
    assert said == mkimage("help").stdout.decode() == mkimage("help", "--help").stdout.decode()
    assert all(len(line) < 80 for line in said.splitlines()), said
    verbs = table()
    assert len(verbs) > 20
    for name, _, brief, _, _ in verbs:
        assert sum(line.split("  ")[1:2] == [name] for line in said.splitlines()) == 1, name
        assert brief.split()[0] in said
    places = [said.index(f"\n{group}:\n") for group in GROUPS]
    assert places == sorted(places)
    assert said.index("  flash ") < said.index("Keep it:") < said.index("  snapshot ") < said.index("Look at it:")


def test_the_help_of_a_verb_tells_all_its_options():
    for name, arguments, _, about, options in table():
        said = mkimage("help", *name.split()).stdout.decode()
        assert said == mkimage(*name.split(), "--help").stdout.decode()
        assert said.startswith(f"usage: mkimage {name} {arguments}".rstrip())
        assert all(len(line) < 80 for line in said.splitlines()[1:]), said
        words = " ".join(said.split())
        assert " ".join(about.split()) in words
        for option, (value, text) in options.items():
            assert f" --{option} {value}".rstrip() + " " in words
            assert " ".join(text.split()) in words


def test_the_help_of_a_family_tells_its_verbs():
    said = mkimage("help", "vhd").stdout.decode()
    assert said == mkimage("vhd", "--help").stdout.decode()
    family = [name for name, *_ in table() if name.startswith("vhd ")]
    assert [line.split("  ")[1] for line in said.splitlines() if line.startswith("  ")] == family


@pytest.mark.parametrize("written, meant", [
    ("chekc", "check"), ("snapshto", "snapshot"), ("Flash", "flash"), ("snap", "snapshot"), ("info", "vhd info"),
    ("vhd conver", "vhd convert"), ("hlep", "help"), ("help instal", "install"), ("help vhd inof", "vhd info")])
def test_the_nearest_verb(written, meant):
    name = written.removeprefix("help ")
    assert wrong(*written.split()) == \
        f"mkimage: there is no verb {name}: the nearest is {meant}. See mkimage --help.\n"


@pytest.mark.parametrize("written", ["frobnicate", "x", "vhd frobnicate", "y" * 500, "help frobnicate"])
def test_no_verb_is_near(written):
    assert "there is no verb" in wrong(*written.split()) and "nearest" not in wrong(*written.split())


@pytest.mark.parametrize("written, meant", [
    ("--jsn", "--json"), ("--dirve=x", "--drive"), ("--entri", "--entry"), ("-json", "--json")])
def test_the_nearest_option(written, meant):
    said = wrong("check", "x.img", written)
    assert said == f"mkimage: check has no option {written.split('=')[0]}: the nearest is {meant}. " \
                   "See mkimage --help.\n"


@pytest.mark.parametrize("written", ["--frobnicate", "-z", "--", "--" + "y" * 500, "-"])
def test_no_option_is_near(written):
    assert "nearest" not in mkimage("check", "x.img", written, status=None).stderr.decode()


def test_messages_name_the_tool_as_it_was_called(folder):
    os.symlink(MKIMAGE, "vhdboot")
    assert run("./vhdboot", "--version").stdout.startswith(b"vhdboot ")
    said = run("./vhdboot", "help").stdout.decode() + run("./vhdboot", "help", "flash").stdout.decode()
    assert "usage: vhdboot flash" in said and "vhdboot help VERB" in said and "mkimage" not in said
    assert run("./vhdboot", "chekc", status=2).stderr == \
        b"vhdboot: there is no verb chekc: the nearest is check. See vhdboot --help.\n"


def test_advice_names_the_tool_as_it_was_called_and_files_keep_their_names(shop, folder):
    """`rollback` of an entry without a child tells which verb makes one."""
    os.symlink(MKIMAGE, "vhdboot")
    image = folder / "mkimage.vhd"
    mkimage("vhd", "create", image, "--size", "4M", "--kind", "fixed")
    flash = shop.flash(str(image))
    assert run("./vhdboot", "rollback", flash, status=1).stderr.decode().rstrip().endswith(
        ". vhdboot snapshot makes a child that can be rolled back.")
    said = run("./vhdboot", "check", folder / "a mkimage", status=1).stderr.decode()
    assert said.startswith("vhdboot: ") and "a mkimage: " in said


def test_options_in_any_place_and_form(flash_of_one):
    """Behind or in front of what they belong to, with = or a blank, cut short; all behind -- is no option."""
    told = mkimage("map", flash_of_one, "--json", "--entry", "disk").stdout
    for arguments in (["--json", "--entry=disk", flash_of_one], ["--ent", "disk", flash_of_one, "--js"],
                      ["--json", "--entry", "disk", "--", flash_of_one]):
        assert mkimage("map", *arguments).stdout == told
    assert run("env", "POSIXLY_CORRECT=1", MKIMAGE, "map", flash_of_one, "--json").stdout == told
    assert "one argument too many: --json." in wrong("map", "--", flash_of_one, "--json")
    assert wrong("map", flash_of_one, "--entry").startswith("mkimage: --entry needs a value: NAME.")
    assert wrong("map", flash_of_one, "--json=yes").startswith("mkimage: --json takes no value.")
    assert wrong("map", flash_of_one, "-json=yes").startswith("mkimage: map has no option -json: the nearest is --json")


@pytest.fixture
def flash_of_one(shop, folder):
    mkimage("vhd", "create", folder / "disk.vhd", "--size", "4M", "--kind", "fixed")
    return shop.flash("disk.vhd")
