# SPDX-License-Identifier: GPL-2.0-or-later
"""A master stick on further ones, of any size: every file is there, nothing that tells sticks apart is the same; and
one flash on several devices."""
import json
import os
import random

import pytest

from files import read, sha256, write
from layers import SECTORS, child, dynamic, flash
from ntfsdisk import MIB, START, consistent, cut_out, fixed_vhd, spoil
from tools import FRAGMENT, mkimage, refused, run
from vhd_dynamic import flatten

pytestmark = pytest.mark.usefixtures("folder")
GIB = 1 << 30


@pytest.fixture(name="loops")
def _loops():
    """Makes loop devices of so many bytes."""
    made = []

    def loop(size):
        name = f"device{len(made)}.img"
        with open(name, "wb") as file:
            file.truncate(size)
        made.append(run("losetup", "--find", "--show", name).stdout.decode().strip())
        return made[-1]
    yield loop
    for one in made:
        run("losetup", "--detach", one)


def listed(name, path="/"):
    return sorted(line.split()[-1] for line in mkimage("ls", f"{name}:{path}").stdout.decode().splitlines())


def apart(name):
    """What tells two sticks apart: disk signature and the volume's serial number."""
    return read(name, 440, 4), read(name, START + 72, 8)


@pytest.mark.takes(10)
def test_a_stick_of_32_gib(loops):
    rng = random.Random(32)
    base = dynamic("base", rng)
    leaf = child("leaf", base, "base", rng)
    fixed_vhd("b.vhd", 2 * MIB)
    with open("cfg", "w", encoding="ascii") as file:
        file.write("# mine\n[lab]\nvhd = \\leaf.vhd\n[b]\nvhd = MASTER:\\b.vhd\nwrite = none\n")
    mkimage("flash", "master.img", "--vhd", "leaf.vhd,b.vhd", "--config", "cfg", "--size", "32G", "--label", "MASTER",
            "--reserve", "1M")
    with open("notes.txt", "wb") as file:
        file.write(b"some words")
    run(FRAGMENT, "master.img", "notes.txt", "/notes.txt", 1)
    devices = [loops(32 * GIB), loops(28 * GIB), loops(64 * GIB)]
    said = mkimage("clone", "master.img", *devices, "--yes").stderr.decode()
    assert said.count("read back, each as it was written") == 3
    seen = {apart("master.img")}
    for number, device in enumerate(devices):
        assert listed(device) == listed("master.img")
        for path in ("leaf.vhd", "base.vhd", "b.vhd", "notes.txt", "vhdboot.cfg"):
            assert mkimage("cat", f"{device}:/{path}").stdout == mkimage("cat", f"master.img:/{path}").stdout, path
        assert json.loads(mkimage("check", device, "--all", "--json").stdout)["boots"]
        assert mkimage("read", device, "--entry", "lab").stdout == flatten([leaf, base], SECTORS)
        seen.add(apart(f"device{number}.img"))
        assert mkimage("verify", device).returncode == 0
        volume = json.loads(mkimage("list", device, "--json").stdout)["volume"]
        assert volume["label"] == "MASTER" and volume["size"] > (27, 27, 60)[number] * GIB
    assert len(seen) == 4 and len({one for one, _ in seen}) == 4 and len({two for _, two in seen}) == 4


def test_clone_into_files():
    rng = random.Random(1)
    a = dynamic("a", rng)
    flash(["a"], mib=40)
    with open("empty", "wb"):
        pass
    volume_file = cut_out("f.img")
    run("ntfscp", "-q", volume_file, "empty", "empty")
    write("f.img", START, read(volume_file))
    mkimage("clone", "f.img", "g.img", "h.img", "--size", "60M", "--label", "COPY")
    for name in ("g.img", "h.img"):
        assert listed(name) == ["empty", "vhd/", "vhdboot.bin", "vhdboot.cfg", "vhdboot.sum"]
        assert mkimage("read", name).stdout == flatten([a], SECTORS) and os.path.getsize(name) == 60 * MIB
        consistent(cut_out(name))
    refused("clone", "f.img", "i.img", "--size", "9M", words="too small")
    refused("clone", "f.img", "f.img", "--yes", words="is itself one of the images, or holds one")
    refused("clone", "none.img", "i.img", words="Check the name")
    assert mkimage("clone", "f.img", status=2).stderr
    assert mkimage("clone", "f.img", "i.img", "i.img", status=2).stderr
    spoil("f.img", "dirty")
    refused("clone", "f.img", "i.img", words="marked dirty")
    assert not os.path.exists("i.img")


def test_one_flash_on_several_outputs(loops):
    fixed_vhd("a.vhd", 2 * MIB)
    loop = loops(20 * MIB)
    before = sha256("device0.img")
    refused("flash", "f.img", loop, "--vhd", "a.vhd", words="is a block device")
    assert not os.path.exists("f.img") and sha256("device0.img") == before
    mkimage("flash", "f.img", loop, "g.img", "--vhd", "a.vhd", "--yes", "--verify")
    assert len({apart(name) for name in ("f.img", "device0.img", "g.img")}) == 3
    for name in ("f.img", loop, "g.img"):
        assert mkimage("check", name).returncode == 0
    # one that fails does not stop the others
    mkimage("flash", "/dev/full/x", "h.img", "--vhd", "a.vhd", status=1)
    os.mkdir("closed")
    assert mkimage("flash", "no/x.img", "i.img", "--vhd", "a.vhd", status=1).stderr
    assert os.path.exists("i.img") and mkimage("check", "i.img").returncode == 0
