# SPDX-License-Identifier: GPL-2.0-or-later
"""vhdboot-attach grow: more room in the image that a system runs from. Here as its program sees it, with the memory of a
machine in a file; in the small Linux with its root on the disk."""
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import time

import boottable
import pytest
from flash import mkimage, run, tool
from test_linux_root import boot, check_outside, make_flash

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "guest"))
import linuxroot                                                                # noqa: E402

MIB = 1 << 20
ATTACH = tool("vhdboot-attach")


def stick(shop, name="disk.vhd", *create, reserve="8M", size="400M"):
    """A flash, and the memory of a machine that was started from it."""
    mkimage("vhd", "create", shop.path(name), "--size", "200M", *create)
    flash = shop.flash(shop.path(name), options=["--reserve", reserve, "--size", size, "--yes"])
    with open(flash, "rb") as file:
        signature, = struct.unpack("<I", file.read(512)[440:444])
        file.seek(2048 * 512 + 0x48)
        serial, = struct.unpack("<Q", file.read(8))
    return flash, memory(shop, boottable.make(["\\" + name], volume=(serial, 2048, signature), sectors=200 * 2048))


def memory(shop, table, at=0x200000):
    data = bytearray(at + 0x10000)
    struct.pack_into("<H", data, 0x413, 631)
    data[631 * 1024 + 0x103:631 * 1024 + 0x113] = boottable.SIGNATURE
    struct.pack_into("<I", data, 631 * 1024 + boottable.POINTER, at)
    data[at:at + len(table)] = table
    path = shop.path("memory")
    with open(path, "wb") as out:
        out.write(data)
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
    said = attach("grow", flash, memory, "100M").splitlines()
    assert len(said) == 2 and "got slack for 64 MiB" in said[0] and "got slack for 36 MiB" in said[1], said
    assert room(flash, memory) == before + 100
    mkimage("vhd", "check", f"{flash}:/{name}")
    run("ntfsfix", "-n", volume(shop, flash))


def volume(shop, flash):
    path = shop.path("volume")
    run("dd", f"if={flash}", f"of={path}", "bs=1M", "skip=1", "conv=sparse", "status=none")
    return path


def test_says_what_it_would_do(shop):
    flash, memory = stick(shop)
    shutil.copy(flash, shop.path("before"))
    assert "would get slack for 100 MiB" in attach("grow", flash, memory, "100M", "--dry-run")
    run("cmp", flash, shop.path("before"))
    assert "which is all that its disk can ever need" in attach("grow", *stick(shop, "all.vhd", reserve="200M"), "8M")


def test_refusals(shop):
    flash, memory = stick(shop)
    for words, said in ((("0",), "not understood"), ((), "needs a SIZE"), (("8M", "9M"), "not understood")):
        text = attach("grow", flash, memory, *words, status=2)
        assert len(text.splitlines()) == 1 and said in text, text
    full, other = stick(shop, "full.vhd", size="60M")
    shutil.copy(full, shop.path("before"))
    text = attach("grow", full, other, "150M", status=1)
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
    for i in range(8):
        shutil.copy(shop.path("before"), flash)
        job = subprocess.Popen([ATTACH, "grow", "60M", "--memory", memory, "--drive", flash], stderr=subprocess.DEVNULL)
        time.sleep(whole * (i + 1) / 9)
        job.kill()
        job.wait()
        mkimage("vhd", "check", f"{flash}:/disk.vhd")
        run("ntfsfix", "-n", volume(shop, flash))
        attach("grow", flash, memory, "60M")
    assert room(flash, memory) >= 68




# --- In the small Linux

STEPS = """
dd if=/dev/urandom of=/a bs=1M count=12; sync
i=0
while [ $i -lt 12 ] && ! dmesg | grep -q 'are left'; do i=$((i+1))
dd if=/dev/urandom of=/a$i bs=1M count=1; sync; sleep 6; done
step warned sh -c 'dmesg | grep vhdboot:'
dd if=/dev/urandom of=/b bs=64k count=240 &
step grown vhdboot-attach grow 70M
wait; sync
step data md5sum /a /b
step room vhdboot-attach info --json
step two sh -c 'vhdboot-attach grow 900G; dmesg | grep -c vhdboot:'
"""


def add_grow(raw):
    where = f"{raw}?offset={linuxroot.PARTITION * 512}"
    run("debugfs", "-w", "-R", f"write {tool('vhdboot-grow')} sbin/vhdboot-grow", where)
    run("debugfs", "-w", "-R", "sif sbin/vhdboot-grow mode 0100755", where)


@pytest.mark.takes(70)
@pytest.mark.timeout(600)
def test_grows_under_a_running_root_while_it_writes(shop, qemu):
    """It warns at a tenth, gets room while its disk is written to, and all of it is there afterwards."""
    raw = shop.path("disk.raw")
    run("cp", "--sparse=always", tool("tests/linuxroot.raw"), raw)
    linuxroot.steps(raw, STEPS)
    add_grow(raw)
    flash = make_flash(shop, raw, "", size="24M")
    run("truncate", "-s", "+300M", flash)
    mkimage("grow", flash)
    report = boot(shop, qemu, flash, "ahci", 280)
    assert re.search(r"vhdboot: root: only 2 MiB are left for new blocks of the image\. vhdboot-attach grow",
                     report["warned"]), report.text
    assert report["grown"].count("got slack for") == 2 and report.step["grown"][1] == 0, report["grown"]
    assert json.loads(report["room"])["room"] >= 56 * MIB
    sums = dict(re.findall(r"^([0-9a-f]{32})  /(\w)", report["data"], re.MULTILINE))
    check_outside(shop, flash, {name: total for total, name in sums.items()})
