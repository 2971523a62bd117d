# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs about Windows on volumes that they cannot read: encrypted by BitLocker, exFAT, ReFS, none at all; each is
named, and on a stick none of them stands in the way of another image. Images and sticks that are not there, or that
another program has open."""
import fcntl
import struct

import pytest

from files import read, write
from ntfsdisk import MIB, disk, spoil
from tools import mkimage, refused, run
from winimage import plant, windows_tree, windows_vhd
from winregistry import software, system

VERBS = (("doctor",), ("tune",), ("boot", "--inside"))


def raw_windows(name="raw.img"):
    tree = windows_tree(7601, SYSTEM=system(7601), SOFTWARE=software(7601, "Ultimate"))
    return disk(name, plant(tree, 24 * MIB))


@pytest.mark.parametrize("kind, words", [("bitlocker", "encrypted (by|with) BitLocker"),
                                         ("exfat", "the volume is exFAT, not NTFS"),
                                         ("refs", "the volume is ReFS, not NTFS"), ("zeros", "no NTFS")])
def test_named(folder, kind, words):
    del folder
    raw_windows()
    if kind == "bitlocker":
        spoil("raw.img", kind)
    else:
        record = {"exfat": b"\xeb\x76\x90EXFAT   ", "refs": b"\0\0\0ReFS\0\0\0\0", "zeros": bytes(512)}[kind]
        write("raw.img", MIB, record)
    mkimage("vhd", "convert", "raw.img", "a.vhd")
    whole = read("a.vhd")
    for verb in VERBS:
        done = refused("windows", verb[0], "a.vhd", *verb[1:], words=words)
        assert done is None or "a.vhd" in str(done)
    assert read("a.vhd") == whole


def test_windows_partition_locked(folder):
    """The system partition can be read, and has no Windows: what counts is the one behind it."""
    del folder
    raw_windows()
    spoil("raw.img", "bitlocker")
    plain = disk("two.img", plant({"readme.txt": b"System Reserved"}, 16 * MIB))
    start = 18 * MIB
    with open(plain, "r+b") as file:
        file.seek(446 + 16)
        file.write(bytes([0, 0, 0, 0, 7, 0, 0, 0]) + (start // 512).to_bytes(4, "little")
                   + (24 * MIB // 512).to_bytes(4, "little"))
        file.seek(start)
        file.write(read("raw.img", MIB, 24 * MIB))
    mkimage("vhd", "convert", plain, "a.vhd")
    for verb in VERBS:
        refused("windows", verb[0], "a.vhd", *verb[1:], words="encrypted (by|with) BitLocker")


def test_among_others(folder):
    """A stick with a Windows, an encrypted one, a Linux and nothing."""
    del folder
    good = windows_vhd("good.vhd", windows_tree(7601), 24 * MIB)
    raw_windows()
    spoil("raw.img", "bitlocker")
    mkimage("vhd", "convert", "raw.img", "locked.vhd")
    with open("linux.ext4", "wb") as file:
        file.truncate(16 * MIB)
    run("mkfs.ext4", "-q", "-F", "linux.ext4")
    disk("linux.img", "linux.ext4")
    mkimage("vhd", "convert", "linux.img", "linux.vhd")
    run("qemu-img", "create", "-q", "-f", "vpc", "empty.vhd", "16M")
    mkimage("flash", "s.img", "--vhd", f"{good},locked.vhd,linux.vhd,empty.vhd", "--size", "160M")
    said = mkimage("windows", "boot", "s.img").stderr.decode()
    assert "s.img:\\locked.vhd: encrypted by BitLocker, so it gets no entry" in said
    assert said.count("no Windows on it, so it gets no entry") == 2 and said.count("gets the entry {") == 1
    refused("windows", "doctor", "s.img", "--entry", "locked", words="encrypted (by|with) BitLocker")


def test_hibernated(folder):
    """Named by doctor; not written by the others."""
    del folder
    raw_windows()
    spoil("raw.img", "hibernated")
    mkimage("vhd", "convert", "raw.img", "a.vhd")
    assert "hibernated" in mkimage("windows", "doctor", "a.vhd", status=None).stdout.decode()
    whole = read("a.vhd")
    for verb in VERBS[1:]:
        refused("windows", verb[0], "a.vhd", *verb[1:], words="hibernated")
    assert read("a.vhd") == whole


def test_in_use(folder):
    """One sentence, with what helps: no drive is failing."""
    del folder
    raw_windows()
    mkimage("vhd", "convert", "raw.img", "a.vhd")
    mkimage("flash", "s.img", "--vhd", "a.vhd", "--size", "48M")
    for name in ("a.vhd", "s.img"):
        with open(name, "rb") as held:                                  # as QEMU does: nobody else may write
            fcntl.fcntl(held, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 201, 1, 0))
            for verb in VERBS[1:]:
                refused("windows", verb[0], name, *verb[1:], words=name + ": is in use .* End what uses it first: QEMU")
    for verb in VERBS[1:]:
        refused("windows", verb[0], "none.img:/a.vhd", *verb[1:], words="none.img: .* No such file .*Check the name")
