# SPDX-License-Identifier: GPL-2.0-or-later
"""vhdboot-attach grow: more room in the image that a system runs from, with the memory of a machine in a file.

In a Linux whose root lies there: tests/linuxroot/test_grow.py.
"""
import json
import shutil
import struct
import subprocess
import time

import boottable
import pytest
from flash import mkimage, run, tool

MIB = 1 << 20
ATTACH = tool("vhdboot-attach")


def stick(shop, name="disk.vhd", *create, reserve="8M", size="250M"):
    """A flash, and the memory of a machine that was started from it."""
    mkimage("vhd", "create", shop.path(name), "--size", "120M", *create)
    flash = shop.flash(shop.path(name), options=["--reserve", reserve, "--size", size, "--yes"])
    with open(flash, "rb") as file:
        signature, = struct.unpack("<I", file.read(512)[440:444])
        file.seek(2048 * 512 + 0x48)
        serial, = struct.unpack("<Q", file.read(8))
    return flash, memory(shop, boottable.make(["\\" + name], volume=(serial, 2048, signature), sectors=120 * 2048))


def memory(shop, table):
    path = shop.path("memory")
    with open(path, "wb") as out:
        out.write(boottable.machine(table))
    return path


def attach(verb, flash, memory, *options, status=0):
    done = subprocess.run([ATTACH, verb, *options, "--memory", memory, "--drive", flash], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, timeout=60)
    assert done.returncode == status, done.stderr
    return (done.stdout + done.stderr).decode()


def room(flash, memory):
    return json.loads(attach("info", flash, memory, "--json"))["room"] // MIB


@pytest.mark.parametrize("name", ["disk.vhd", "disk.vhdx"])
def test_makes_room_in_steps(shop, name):
    flash, memory = stick(shop, name, "--block-size", "2M")
    before = room(flash, memory)
    said = attach("grow", flash, memory, "80M").splitlines()
    assert len(said) == 2 and "got slack for 64 MiB" in said[0] and "got slack for 16 MiB" in said[1], said
    assert room(flash, memory) == before + 80
    mkimage("vhd", "check", f"{flash}:/{name}")
    run("ntfsfix", "-n", volume(shop, flash))


def volume(shop, flash):
    path = shop.path("volume")
    run("dd", f"if={flash}", f"of={path}", "bs=1M", "skip=1", "conv=sparse", "status=none")
    return path


def test_says_what_it_would_do(shop):
    flash, memory = stick(shop)
    shutil.copy(flash, shop.path("before"))
    assert "would get slack for 80 MiB" in attach("grow", flash, memory, "80M", "--dry-run")
    run("cmp", flash, shop.path("before"))
    assert "which is all that its disk can ever need" in attach("grow", *stick(shop, "all.vhd", reserve="120M"), "8M")


def test_refusals(shop):
    flash, memory = stick(shop)
    for words, said in ((("0",), "not understood"), ((), "needs a SIZE"), (("8M", "9M"), "not understood")):
        text = attach("grow", flash, memory, *words, status=2)
        assert len(text.splitlines()) == 1 and said in text, text
    full, other = stick(shop, "full.vhd", size="60M")
    shutil.copy(full, shop.path("before"))
    text = attach("grow", full, other, "100M", status=1)
    assert len(text.splitlines()) == 1 and "free" in text, text
    run("cmp", full, shop.path("before"))
    with open(memory, "r+b") as file:
        file.write(bytes(1 << 20))
    assert "was not started by vhdboot" in attach("grow", flash, memory, "8M", status=1)


def test_killed_at_any_moment_leaves_a_good_image(shop):
    flash, memory = stick(shop)
    shutil.copy(flash, shop.path("before"))
    whole = time.monotonic()
    attach("grow", flash, memory, "60M")
    whole = time.monotonic() - whole
    for i in range(4):
        shutil.copy(shop.path("before"), flash)
        job = subprocess.Popen([ATTACH, "grow", "60M", "--memory", memory, "--drive", flash], stderr=subprocess.DEVNULL)
        time.sleep(whole * (i + 1) / 5)
        job.kill()
        job.wait()
        mkimage("vhd", "check", f"{flash}:/disk.vhd")
        run("ntfsfix", "-n", volume(shop, flash))
        attach("grow", flash, memory, "60M")
    assert room(flash, memory) >= 68
