# SPDX-License-Identifier: GPL-2.0-or-later
"""Nothing that a name, a title or a label holds reaches the terminal raw."""
import json
import os
import unicodedata

import pytest

from layers import Fixed
from ntfsdisk import MIB, disk, volume
from tools import FRAGMENT, mkimage, run

pytestmark = pytest.mark.usefixtures("folder")
ESCAPE = "\x1b[31m"
RED = "<U+001B>[31m"


def clean(output):
    """The text; every line of it can be shown as it is."""
    text = output.decode()              # it is UTF-8
    for character in text:
        assert character == "\n" or unicodedata.category(character) not in ("Cc", "Zl", "Zp"), repr(text)
        assert unicodedata.bidirectional(character) not in ("RLO", "LRO", "RLE", "LRE", "RLI", "LRI", "FSI"), text
    return text


def said(*arguments, status=0):
    done = mkimage(*arguments, status=status)
    return clean(done.stdout), clean(done.stderr)


@pytest.fixture
def flash():
    """f.img, whose config is somebody's who plays with terminals."""
    Fixed("a")
    with open("cfg", "wb") as file:
        file.write(f"[x]\ntitle = {ESCAPE}T\u202e\u0085title\nvhd = \\a.vhd\n".encode()
                   + b"[y\x07]\nvhd = \\gone" + ESCAPE.encode() + b"\xff.vhd\n" + b"\x1b]0;key\x07 = 1\n")
    done = mkimage("flash", "f.img", "--vhd", "a.vhd", "--config", "cfg")
    assert "<U+001B>]0;key<U+0007>" in clean(done.stderr), done.stderr
    return "f.img"


def test_what_a_config_holds(flash):
    out, _ = said("check", flash)
    assert f"{RED}T<U+202E><U+0085>title" in out and "unknown key: <U+001B>]0;key<U+0007>" in out, out
    out, error = said("check", flash, "--all", status=1)
    assert f"gone{RED}<FF>.vhd" in error and "y<U+0007>: " in out, (out, error)
    _, error = said("read", flash, "--entry", "y\x07", status=1)
    assert RED in error, error


def test_names_on_a_volume():
    disk("d.img", volume("v.ntfs"))
    with open("data", "wb") as file:
        file.write(b"x" * 5000)
    name = f"n{ESCAPE}\u200f-ж-\u009b.bin"
    run(FRAGMENT, "d.img", "data", "/" + name, 1)
    shown = f"n{RED}<U+200F>-ж-<U+009B>.bin"
    out, _ = said("ls", "d.img:/")
    assert shown in out, out
    out, _ = said("extents", f"d.img:/{name}")
    assert shown in out, out
    done = mkimage("extents", f"d.img:/{name}", "--json")
    clean(done.stdout)
    assert json.loads(done.stdout)["path"].lstrip("\\") == name, done.stdout


@pytest.mark.parametrize("name", [b"h\x1b[2J.vhd", b"h\xff\xfe.vhd", "h\u2028\u202e.vhd".encode()])
def test_names_on_the_host(name):
    path = os.fsdecode(name)
    _, error = said("vhd", "info", path, status=1)
    assert "<" in error
    Fixed("a")
    os.rename("a.vhd", path)
    out, _ = said("vhd", "info", path)
    assert "<" in out and len(out.splitlines()) == 1, out
    said("vhd", "check", path)
    done = mkimage("vhd", "info", path, "--json")
    clean(done.stdout)
    shown = json.loads(done.stdout)["chain"][0]
    assert shown.endswith(name.decode(errors="replace")), shown


def test_a_wrong_command_line():
    for arguments in (["fro\x1bb"], ["check", "--\x1b"], ["check", "a", "\x9b"], ["read", "x", "--lba", "\x1b"]):
        _, error = said(*arguments, status=2)
        assert len(error.splitlines()) == 1 and "<" in error, error


def test_letters_of_every_script_stay_as_they_are():
    name = "Größe-жук-日本-😀-e\u0301.vhd"
    Fixed("a")
    os.rename("a.vhd", name)
    out, _ = said("vhd", "check", name)
    assert out == f"{name}: fixed VHD, clean\n", out
    assert os.path.getsize(name) > 4 * MIB
    long = "/".join(["жука" * 20] * 4)
    for shift in range(4):              # a name that is cut is cut between letters
        _, error = said("vhd", "info", "x" * shift + long, status=1)
        assert "жука" in error and "<" not in error, error
