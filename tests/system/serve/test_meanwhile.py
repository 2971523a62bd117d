# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs that make a file and give it its name when it is whole: what others do with that name meanwhile
(tests/tools/meanwhile.c) is not undone, and who is told to end leaves nothing beside it."""
import os
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))
from images import mkimage                                                      # noqa: E402
from tools import MKIMAGE, run                                                  # noqa: E402


@pytest.fixture(name="meanwhile")
def fixture_meanwhile(folder, pytestconfig):
    """meanwhile(command, words...) runs mkimage vhd, and the command just before the new file gets its name."""
    run("gcc", "-shared", "-fPIC", "-O1", pytestconfig.rootpath / "tests" / "tools" / "meanwhile.c",
        "-o", "meanwhile.so")

    def start(command, *words):
        env = {**os.environ, "LD_PRELOAD": str(folder / "meanwhile.so"), "MEANWHILE": command}
        return subprocess.run([MKIMAGE, "vhd", *words], env=env, timeout=60, capture_output=True, check=False)
    return start


def names():
    return {name for name in os.listdir(".") if "vhd" in name}


def holds(name, text):
    with open(name, encoding="ascii") as file:
        return file.read() == text


@pytest.mark.parametrize("known", ["noreplace", "fuse"])
@pytest.mark.parametrize("words", [["create", "new.vhd", "--size", "4M"], ["convert", "a.vhd", "new.vhd"]])
def test_a_file_that_others_made(words, known, meanwhile, monkeypatch):
    if known == "fuse":
        monkeypatch.setenv("WITHOUT_NOREPLACE", "1")
    mkimage("vhd", "create", "a.vhd", "--size", "4M")
    done = meanwhile("echo theirs > new.vhd", *words)
    assert done.returncode == 1 and b"new.vhd: was made by others meanwhile. " in done.stderr, done
    assert holds("new.vhd", "theirs\n") and names() == {"a.vhd", "new.vhd"}
    os.remove("new.vhd")
    assert meanwhile("true", *words).returncode == 0 and names() == {"a.vhd", "new.vhd"}
    mkimage("vhd", "check", "new.vhd")


@pytest.mark.parametrize("words", [["compact", "a.vhd"], ["convert", "b.vhd", "a.vhd", "--yes"]])
def test_a_file_that_others_replaced(words, meanwhile):
    mkimage("vhd", "create", "a.vhd", "--size", "4M")
    mkimage("vhd", "create", "b.vhd", "--size", "4M")
    done = meanwhile("echo theirs > other; mv other a.vhd", *words)
    assert done.returncode == 1 and b"a.vhd: was replaced or removed meanwhile. " in done.stderr, done
    assert holds("a.vhd", "theirs\n") and names() == {"a.vhd", "b.vhd"}
    os.rename("b.vhd", "a.vhd")
    mkimage("vhd", "create", "b.vhd", "--size", "4M")
    assert meanwhile("rm a.vhd", *words).returncode == 1
    assert names() == {"b.vhd"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_who_is_told_to_end(number, meanwhile):
    mkimage("vhd", "create", "a.vhd", "--size", "4M")
    for words in (["compact", "a.vhd"], ["create", "b.vhd", "--size", "4M"]):
        assert meanwhile(f"kill -{number:d} $PPID", *words).returncode == -number
        assert names() == {"a.vhd"}
