#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What users do by mistake: mkimage says so in one sentence, with exit status 1, and nothing has changed."""
import contextlib
import hashlib
import os
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import vhd                                                                  # noqa: E402
from flash import MIB, Workshop, mkimage, run, tool                         # noqa: E402
from report import Skip, check, check_equal, end, test                      # noqa: E402


def refused(*command, words):
    """The command fails with one sentence on standard error, which holds the words."""
    done = subprocess.run([tool("mkimage"), *command], stdin=subprocess.DEVNULL, capture_output=True,
                          check=False)
    said = done.stderr.decode(errors="replace")
    check_equal(done.returncode, 1, f"{command}: exit status ({said})")
    check(words in said and said.count("\n") == 1, f"{command}: said {said}")


def disk(shop, name="disk.vhd", start=b"\xeb\xfe"):
    """A VHD of 4 MiB with a boot record that begins so."""
    path = shop.path(name)
    raw = shop.path("disk.raw")
    with open(raw, "wb") as file:
        file.write(start.ljust(510, b"\0") + b"\x55\xaa")
        file.truncate(4 * MIB)
    vhd.make_fixed(path, 4 * MIB // 512, source=raw)
    return path


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def block_device(path):
    """A loop device over the file, with the partitions that the kernel finds."""
    try:
        device = run("losetup", "--find", "--show", path).strip()
    except (AssertionError, OSError):
        raise Skip("no loop device can be made here") from None
    try:
        run("partx", "--add", device)
        yield device
    finally:
        run("partx", "--delete", device)
        run("losetup", "--detach", device)


with Workshop() as shop:
    image, out = disk(shop), shop.path("flash.img")

    with test("a flash too small for NTFS' own files: how much is needed"):
        for size in ("10M", "12M", "16M", str(20 * MIB - 1)):
            refused("flash", out, "--vhd", image, "--size", size, words="20 MiB are needed")
        for size in (20 * MIB, 21 * MIB + 512, 24 * MIB):
            mkimage("flash", out, "--vhd", image, "--size", size, "--yes")
            mkimage("check", out)
        os.unlink(out)

    with test("names that the volume or vhdboot has for itself"):
        for name in ("vhdboot.bin", "VHDBOOT.CFG"):
            refused("flash", out, "--vhd", disk(shop, name), words="vhdboot's own")
        for name in ("$MFT", "$Secure"):
            refused("flash", out, "--vhd", disk(shop, name), words="the file system's own")
        for name in (os.fsdecode(b"no-utf8-\xff.vhd"), "a:b.vhd", "a?.vhd"):
            refused("flash", out, "--vhd", disk(shop, name), words="NTFS takes no such name")
        check(not os.path.exists(out), "a flash is there")

    with test("a name of 200 letters, which are 400 bytes, is none too long"):
        name = "ж" * 200 + ".vhd"
        mkimage("flash", out, "--vhd", image)
        mkimage("snapshot", out, "--name", name)
        check(name in mkimage("ls", f"{out}:/"), "it is not there")
        mkimage("check", out)
        refused("snapshot", out, "--name", "nowhere\\x.vhd", words="Name a folder that is there")
        refused("snapshot", out, "--name", "ж" * 252 + ".vhd", words="NTFS takes no such name")
        os.unlink(out)

    with test("a config in UTF-16"):
        config = shop.path("utf16.cfg")
        with open(config, "w", encoding="utf-16") as file:
            file.write("[a]\nvhd = \\disk.vhd\n")
        refused("flash", out, "--vhd", image, "--config", config, words="save it as UTF-8")

    with test("a disk that no BIOS can start: check says it"):
        for start, words in ((b"\0", "no boot code"), (b"\xeb\xfe", "would boot, ")):
            mkimage("flash", out, "--vhd", disk(shop, "other.vhd", start), "--yes")
            said = mkimage("check", out)
            check(words in said, said)

    mkimage("flash", out, "--vhd", image, "--yes")

    with test("the NTFS partition is a logical one, and marked active"):
        logical = shop.path("logical.img")
        with open(out, "rb") as file:
            file.seek(MIB)
            volume = file.read()
        with open(logical, "wb") as file:
            file.truncate(4 * MIB)
        entry = "<B3sB3sII"
        around = struct.pack(entry, 0, bytes(3), 5, bytes(3), 2048, len(volume) // 512 + 2048)
        inside = struct.pack(entry, 0x80, bytes(3), 7, bytes(3), 2048, len(volume) // 512)
        with open(logical, "r+b") as file:
            for at, one in ((0, around), (MIB, inside)):
                file.seek(at + 446)
                file.write(one + bytes(48) + b"\x55\xaa")
            file.seek(2 * MIB)
            file.write(volume)
        mkimage("install", logical)
        refused("check", logical, words="partition 5 is a logical one")

    with test("flash onto a partition"), block_device(out) as device:
        if not os.path.exists(device + "p1"):
            raise Skip("the kernel shows no partitions of loop devices")
        before = digest(out)
        refused("flash", device + "p1", "--vhd", image, "--yes", words="is a partition")
        check_equal(digest(out), before, "the disk")

    with test("a write-protected drive"), block_device(out) as device:
        before = digest(out)
        run("blockdev", "--setro", device)
        for command in (("flash", device, "--vhd", image), ("snapshot", device)):
            refused(*command, "--yes", words="is write-protected")
        mkimage("check", device)
        run("blockdev", "--setrw", device)
        check_equal(digest(out), before, "the disk")
end()
