# SPDX-License-Identifier: GPL-2.0-or-later
"""Flashes whose image holds a Linux with its root in it (tests/guest/linuxroot.py): made, started, looked at.

    flash = make_flash(shop, tool("tests/linuxroot.raw"))
    report = boot(shop, qemu, flash, "ahci", 280)       # what the system said on its second serial port
    check_outside(shop, flash, {"a": report.sum("write")})
"""
import hashlib
import os
import re
import subprocess
import sys

from flash import mkimage, run, tool

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "guest"))
import linuxdisk                                                                # noqa: E402

# New data, read back from the disk.
WRITE = """
step write sh -c 'dd if=/dev/urandom of=/a bs=1M count=24 && sync && echo 3 > /proc/sys/vm/drop_caches && md5sum /a'
"""


class Report:
    """What the system said on its second serial port: {step: (text, exit status)}."""

    def __init__(self, text):
        found = re.findall(r"^== (\S+)\n(.*?)^-- (\d+)$", text, re.MULTILINE | re.DOTALL)
        self.step = {name: (said, int(status)) for name, said, status in found}
        self.text = text

    def __getitem__(self, name):
        assert name in self.step, f"no {name} in:\n{self.text}"
        return self.step[name][0]

    def status(self, name):
        assert name in self.step, f"no {name} in:\n{self.text}"
        return self.step[name][1]

    def sum(self, name):
        """The MD5 sum that a step has printed."""
        found = re.search(r"^([0-9a-f]{32})  /", self[name], re.MULTILINE)
        assert found, self[name]
        return found[1]


def copy_disk(shop, raw, steps="", words="", name="disk.raw"):
    """A copy of a raw disk in the shop, with a test's own commands and words for its kernel."""
    copy = shop.path(name)
    run("cp", "--sparse=always", raw, copy)
    linuxdisk.steps(copy, steps)
    linuxdisk.kernel_words(copy, words)
    return copy


def add_program(raw, program, to):
    """One of the build's programs into the small system on a raw disk."""
    for line in (f"write {tool(program)} {to}", f"set_inode_field {to} mode 0100755"):
        run("debugfs", "-w", "-R", line, f"{raw}?offset={linuxdisk.system_start(()) * 512}")


def make_flash(shop, raw, config="", name="flash.img", size="32M", image="disk.vhd", options=()):
    """A flash with the raw disk as an image, dynamic unless the options for `vhd convert` say otherwise, and slack."""
    disk = shop.path(image)
    mkimage("vhd", "convert", raw, disk, *options)
    text = shop.path("vhdboot.cfg")
    with open(text, "w", encoding="ascii") as out:
        out.write(f"[linux]\nvhd = \\{image}\n" + config)
    path = shop.path(name)
    mkimage("flash", path, "--vhd", disk, "--config", text, "--reserve", size)
    os.unlink(disk)
    return path


def start(shop, qemu, flash, bus, seconds, memory=512, options=(), **more):
    """The machine, running; its report goes to the shop's file `report`."""
    report = shop.path("report")
    return qemu(flash, bus=bus, memory=memory, limit=seconds, write=True,
                options=["-serial", f"file:{report}", *options], **more)


def report_of(shop, pc, needs_end=True):
    with open(shop.path("report"), encoding="latin-1") as file:
        text = file.read()
    assert "== end" in text or not needs_end, text + pc.log[-3000:]
    return Report(text)


def boot(shop, qemu, flash, bus, seconds, **more):
    """Starts it, waits until it has powered off; its report."""
    pc = start(shop, qemu, flash, bus, seconds, **more)
    pc.wait_end(seconds)
    return report_of(shop, pc)


# --- What is there afterwards


def _ext4_sums(system, names, folder):
    run("e2fsck", "-fn", system)
    sums = {}
    for name in names:
        copy = os.path.join(folder, "copy")
        run("debugfs", "-R", f"dump /{name} {copy}", system)
        with open(copy, "rb") as file:
            sums[name] = hashlib.md5(file.read()).hexdigest()
    return sums


def _xfs_sums(system, names, folder):
    run("xfs_repair", "-n", system)
    at = os.path.join(folder, "mounted")
    os.makedirs(at, exist_ok=True)
    run("mount", "-o", "loop,ro,norecovery", system, at)
    try:
        return {name: run("md5sum", os.path.join(at, name)).split()[0] for name in names}
    finally:
        run("umount", at)


def check_system(shop, disk, sums, kinds=()):
    """The file system on a raw disk is clean without its journal, and holds what the system said."""
    system = shop.path("system.raw")
    run("dd", f"if={disk}", f"of={system}", "bs=1M", f"skip={linuxdisk.system_start(kinds) >> 11}", "conv=sparse",
        "status=none")
    found = (_xfs_sums if "xfs" in kinds else _ext4_sums)(system, sums, shop.folder)
    assert found == sums
    os.unlink(system)


def inner_disk(shop, flash, options=()):
    """What the virtual disk holds, as a raw disk."""
    inner = shop.path("inner.raw")
    with open(inner, "wb") as out:
        subprocess.run([tool("mkimage"), "read", flash, *options], stdout=out, check=True)
    return inner


def check_volume(shop, flash):
    volume = shop.path("volume.raw")
    run("dd", f"if={flash}", f"of={volume}", "bs=1M", "skip=1", "conv=sparse", "status=none")
    run("ntfsfix", "-n", volume)
    os.unlink(volume)


def check_outside(shop, flash, sums, image="disk.vhd", kinds=()):
    """Image, volume and file system are clean, and the files are what the system said."""
    mkimage("vhd", "check", f"{flash}:/{image}")
    inner = inner_disk(shop, flash)
    check_system(shop, inner, sums, kinds)
    check_volume(shop, flash)
    os.unlink(inner)
