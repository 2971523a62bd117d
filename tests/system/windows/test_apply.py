# SPDX-License-Identifier: GPL-2.0-or-later
"""mkimage windows apply: what a WIM holds is in the new image, as wimlib captures it again, and the image starts."""
import os
import re
import shutil
import subprocess

import pytest

from files import read
from ntfsdisk import MIB, volume
from tools import ENV, MKIMAGE, mkimage, refused, run
from winimage import inside, peek, windows_tree
from winregistry import software, system, with_sequences

OURS = {"/vhdboot.bin", "/vhdboot.cfg"}


def capture(source, name, *more):
    if os.path.exists(name):
        os.unlink(name)
    run("wimcapture", source, name, "--compress=none", *more)
    return name


def described(wim, number=1):
    """{path: what wimlib says of it}: attributes, security, times of change, reparse data, streams by their sums."""
    text = run("wimdir", wim, number, "--detailed").stdout.decode()
    files = {}
    for block in re.split(r"-{20,}\n", text):
        facts = re.findall(r"^\s*(.+?)\s+= (.*)$", block, re.M)
        path = dict(facts).get("Full Path", "").strip('"')
        # What a volume gives anew: its own numbers, when a file was read, what was made for a hard link.
        kept = sorted((k, v) for k, v in facts if k not in ("Last Access Time", "Hard Link Group", "WIM Part Number",
                                                             "Offset in WIM", "Reference Count", "Flags"))
        if path:
            files[path] = kept
    return files


@pytest.fixture(name="rich")
def _rich(folder):
    """A WIM out of a volume with what NTFS has."""
    del folder
    os.makedirs("src/deep/" + "/".join(["folder " * 12 + "x"] * 2))
    for name, size in {"a.txt": 300, "A.TXT": 5000, "empty": 0, "large": 3 * MIB, "ä€ name": 70000,
                       "long " * 40: 10}.items():
        with open("src/" + name, "wb") as file:
            file.write(os.urandom(size))
    os.link("src/large", "src/deep/linked")
    os.symlink("a.txt", "src/link")
    os.symlink("deep", "src/folder link")
    volume("v.ntfs", 64 * MIB)
    capture("src", "first.wim")
    run("wimapply", "first.wim", "1", "v.ntfs")
    for name, size in (("one", 40), ("zwei", 90000)):
        with open("stream", "wb") as file:
            file.write(os.urandom(size))
        run("ntfscp", "-q", "-N", name, "v.ntfs", "stream", "a.txt")
    return capture("v.ntfs", "rich.wim")


@pytest.mark.takes(10)
@pytest.mark.parametrize("name, kind", [("n.vhd", "dynamic"), ("n.vhd", "fixed"), ("n.vhdx", "dynamic")])
def test_all_is_there(rich, name, kind):
    said = mkimage("windows", "apply", rich, name, "--size", "128M", "--kind", kind).stderr.decode()
    assert "no Windows in it" in said and "applied" in said
    assert inside(name, "vhdboot.bin") == read(os.path.join(os.path.dirname(MKIMAGE), "vhdboot.bin"))
    run("ntfsresize", "-i", "-f", "inside.ntfs")
    run("ntfsfix", "-n", "inside.ntfs")
    one, two = described(rich), described(capture("inside.ntfs", "again.wim"))
    assert set(two) - set(one) == OURS and len(one) > 10
    for path, facts in one.items():
        other = two[path]
        if path == "/":
            facts, other = ([f for f in which if "Time" not in f[0]] for which in (facts, other))
        assert other == facts, path
    disk = read("inside.raw.vhd", 0, 512)
    assert disk[446] == 0x80 and disk[450] == 7 and disk[454:458] == (2048).to_bytes(4, "little")
    assert disk[440:444] != bytes(4)
    if name.endswith("vhd") and kind == "dynamic":
        run("qemu-img", "info", name)
        mkimage("vhd", "check", name)


@pytest.mark.takes(25)
def test_windows_starts_bootmgr(shop, qemu, monkeypatch):
    """The image of a WIM with a stand-in for the boot manager, as a machine's own disk and out of a stick's menu."""
    standin = shop.path("bootmgr")
    run("nasm", "-f", "bin", "-DFORM=1", "-DSIZE=413744", "tests/guest/standin.asm", "-o", standin)
    monkeypatch.chdir(shop.folder)
    tree = windows_tree(7601, SYSTEM=system(7601), SOFTWARE=software(7601, "Enterprise"))
    tree["Windows/Boot/PCAT/bootmgr"] = read("bootmgr")
    for path, data in tree.items():
        os.makedirs(os.path.dirname("t/" + path), exist_ok=True)
        with open("t/" + path, "wb") as file:
            file.write(data)
    run("wimcapture", "t", "w.wim", "Windows 7 Enterprise", "--compress=none")
    said = mkimage("windows", "apply", "w.wim:Windows 7 Enterprise", "n.vhd", "--size", "128M", "--kind", "fixed",
                   "--san-policy")
    assert b"SanPolicy = 4h" in said.stdout and b"gets the entry" in said.stderr
    assert inside("n.vhd", "bootmgr") == tree["Windows/Boot/PCAT/bootmgr"] and peek("Boot/BCD")
    assert b"everything was set already" in mkimage("windows", "tune", "n.vhd").stderr
    shutil.copy("inside.raw.vhd", "raw.img")
    pc = qemu(shop.path("raw.img"))
    pc.wait("standin: done")
    mkimage("flash", "s.img", "--vhd", "n.vhd", "--size", "300M")
    pc = qemu(shop.path("s.img"))
    pc.wait("standin: done")


def test_which_image(rich):
    run("wimexport", rich, "1", "two.wim", "First")
    run("wimexport", rich, "1", "two.wim", "Second: colon")
    assert "2 images, so name one: 1 (First), 2 (Second" in refused("windows", "apply", "two.wim", "n.vhd",
                                                                      "--size", "128M")
    refused("windows", "apply", "two.wim:3", "n.vhd", "--size", "128M", words="no image 3")
    mkimage("windows", "apply", "two.wim:First", "a.vhd", "--size", "128M")
    mkimage("windows", "apply", "two.wim:2", "b.vhd", "--size", "128M")
    run("wimsplit", rich, "s.swm", "1")
    assert os.path.exists("s2.swm")
    mkimage("windows", "apply", "s.swm", "c.vhd", "--size", "128M")
    run("wimexport", rich, "1", "solid.esd", "--solid")
    mkimage("windows", "apply", "solid.esd", "d.vhd", "--size", "128M")
    large = inside("a.vhd", "large")
    assert large and all(inside(name, "large") == large for name in ("b.vhd", "c.vhd", "d.vhd"))


def test_refusals_leave_nothing(rich):
    before = set(os.listdir("."))
    refused("windows", "apply", rich, "n.vhd", "--size", "24M", words="too small")
    refused("windows", "apply", "missing.wim", "n.vhd", "--size", "64M", words="missing.wim")
    refused("windows", "apply", "first.wim:7", "n.vhd", "--size", "64M", words="no image 7")
    refused("windows", "apply", "v.ntfs", "n.vhd", "--size", "64M", words="cannot be opened")
    refused("windows", "apply", rich, "/nowhere/n.vhd", "--size", "64M", words="cannot be made")
    data = bytearray(read(rich))
    data[len(data) // 2] ^= 1
    with open("bad.wim", "wb") as file:
        file.write(data)
    refused("windows", "apply", "bad.wim", "n.vhd", "--size", "64M", words="cannot be applied")
    os.unlink("bad.wim")
    assert set(os.listdir(".")) == before
    mkimage("windows", "apply", rich, "n.vhd", "--size", "64M")
    refused("windows", "apply", rich, "n.vhd", "--size", "64M", words="is there already")
    mkimage("vhd", "create", "base.vhd", "--size", "96M")
    mkimage("windows", "apply", rich, "child.vhd", "--parent", "base.vhd")
    assert b'"differencing"' in mkimage("vhd", "info", "child.vhd", "--json").stdout
    assert inside("child.vhd", "large") == inside("n.vhd", "large")


@pytest.mark.parametrize("hive, words", [(with_sequences(system(7601), 7, 6), b"SYSTEM: is not up to date"),
                                         (b"no hive" * 1000, b"SYSTEM: this is no registry hive")], ids=["old", "none"])
def test_a_registry_that_cannot_be_set(folder, hive, words):
    """The image stays, with all that the WIM holds, and a boot manager; what is missing is said."""
    del folder
    tree = windows_tree(7601, SYSTEM=hive, SOFTWARE=software(7601, "Enterprise"))
    for path, data in tree.items():
        os.makedirs("tree/" + os.path.dirname(path), exist_ok=True)
        with open("tree/" + path, "wb") as file:
            file.write(data)
    capture("tree", "w.wim")
    done = mkimage("windows", "apply", "w.wim", "n.vhd", "--size", "64M", status=1).stderr
    assert words in done and b"n.vhd: is kept, but not made ready to start. When that is mended: " in done
    mkimage("vhd", "check", "n.vhd")
    assert inside("n.vhd", "bootmgr") == tree["Windows/Boot/PCAT/bootmgr"] and peek("Boot/BCD")
    for path, data in tree.items():
        assert peek(path) == data, path
    assert not [name for name in os.listdir(".") if name.endswith(".part")]


def test_killed_anywhere(rich):
    """What is killed leaves no image under its name."""
    for milliseconds in (20, 60, 120, 250):
        child = subprocess.Popen([MKIMAGE, "windows", "apply", rich, "n.vhd", "--size", "64M"], env=ENV,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            child.wait(milliseconds / 1000)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            assert not os.path.exists("n.vhd")
        else:
            assert child.returncode == 0 and inside("n.vhd", "large")
            os.unlink("n.vhd")


def test_without_libwim(rich):
    """Where libwim is not, that is said; all else works."""
    with open("broken.c", "w", encoding="ascii") as file:
        file.write("#include <stddef.h>\nvoid *dlopen(const char *n, int f) { (void)n; (void)f; return NULL; }\n"
                   "char *dlerror(void) { return \"no libwim\"; }\n")
    run("gcc", "-shared", "-fPIC", "broken.c", "-o", "broken.so")
    done = subprocess.run([MKIMAGE, "windows", "apply", rich, "n.vhd", "--size", "64M"],
                          env={**ENV, "LD_PRELOAD": os.path.abspath("broken.so")}, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1 and b"libwim is not on this host: no libwim. Install" in done.stderr
    assert not os.path.exists("n.vhd")
