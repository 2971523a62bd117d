# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of the boot records start from: volumes, disks, a BIOS that was made worse.

In place of stage2 there is fake_stage2.asm, which says what it was handed and whether all of it arrived.
shim.asm makes SeaBIOS worse. Volumes are bent by craft.py.
"""
import functools
import os
import random
import struct
import subprocess
import tempfile
import time

import craft
from emulator import Qemu
from flash import BUILD, tool

HERE = os.path.dirname(os.path.abspath(__file__))
LBA = 2048
NAME = "vhdboot.bin"
CANNOT = r"vhdboot: cannot load \\vhdboot\.bin: "
STAGE2 = r"stage2 drive (\w+) lba (\w+) sum (\w+) end"
NO_EDD, CLOBBER, PATCH, FAR, ENTRY = 1, 2, 4, 8, 16


@functools.cache
def assemble(name):
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        subprocess.run(["nasm", "-f", "bin", "-I", BUILD + "/", os.path.join(HERE, name + ".asm"), "-o", out],
                       check=True)
        with open(out, "rb") as code:
            return code.read()


@functools.cache
def load(name):
    """mbr.bin or vbr.bin, as it was built."""
    with open(tool(name), "rb") as file:
        return file.read()


def stage2(size=90000, serial=False):
    fake = assemble("fake_stage2")
    data = bytearray(fake + random.Random(size).randbytes(max(0, size - len(fake))))
    data += bytes(-len(data) % 4)
    struct.pack_into("<IIB", data, 8, len(data), 0, serial)
    total = sum(struct.unpack(f"<{len(data) // 4}I", data))
    struct.pack_into("<I", data, 12, -total & 0xFFFFFFFF)
    return bytes(data)


def copy_sparse(source, target, at):
    """Copies a file's data, not its holes."""
    end_of_file = os.path.getsize(source)
    with open(source, "rb") as src, open(target, "r+b") as dst:
        here = 0
        while here < end_of_file:
            try:
                here = os.lseek(src.fileno(), here, os.SEEK_DATA)
            except OSError:
                break
            stop = os.lseek(src.fileno(), here, os.SEEK_HOLE)
            src.seek(here)
            dst.seek(at + here)
            while here < stop:
                here += dst.write(src.read(min(1 << 20, stop - here)))


def partition(active, kind, lba, count):
    return struct.pack("<B3sB3sII", active, b"\0\x01\x01", kind, b"\0\x01\x01", lba, count)


class Records:
    """The volumes and disks of one test, in a folder of its own."""

    def __init__(self, folder):
        self.folder = str(folder)

    def volume(self, size=64 << 20, data=None, install=True, **how):
        v = craft.Volume(tempfile.mkdtemp(dir=self.folder), size, **how)
        if data is not False:
            v.put(NAME, stage2() if data is None else data)
        if install:
            v.install(load("vbr.bin"))
        return v

    def disk(self, v=None, lba=LBA, entries=None, signature=b"\x55\xaa"):
        """A disk with the volume at `lba`, in an active partition unless `entries` says otherwise."""
        v = v or self.volume()
        path = v.path + ".disk"
        size = os.path.getsize(v.path)
        with open(path, "wb") as out:
            out.truncate((lba << 9) + size + (1 << 20))
            table = b"".join(entries if entries is not None else [partition(0x80, 7, lba, size >> 9)])
            out.write(load("mbr.bin").ljust(440, b"\0") + b"disk\0\0" + table.ljust(64, b"\0") + signature)
        v.write(28, struct.pack("<I", lba & 0xFFFFFFFF))
        copy_sparse(v.path, path, lba << 9)
        return path

    def worse(self, flags=0, drive=0x81, fails=0, most=0, only=0, lba=0, entry=0):
        """A disk with the shim: see there."""
        code = bytearray(assemble("shim"))
        struct.pack_into("<BBBBHBBI", code, 0x10, flags, drive, fails, fails, most, only, 0, lba)
        struct.pack_into("<I", code, 0x28, entry)
        path = os.path.join(self.folder, "shim.disk")
        with open(path, "wb") as out:
            out.write(code + bytes(1 << 20))
        return path


def boots(image, drive=0x80, lba=0, calls=None, **machine):
    """stage2 is handed that drive and sector, and is whole; it took at most so many reads."""
    with Qemu(image, limit=60, **{"memory": 16, **machine}) as pc:
        found = pc.wait(STAGE2 + r"|vhdboot: .*\w")
        assert found.group(1) is not None, found.group(0)
        told = (int(found.group(1), 16), int(found.group(2), 16), found.group(3))
        assert told == (drive, lba, "00000000"), f"drive, LBA and sum: {told}"
        if calls is not None:
            made = pc.stats()["rd_operations"]
            print(f"{made} reads")
            assert made <= calls, f"{made} BIOS calls, at most {calls} were to be"


def says(image, sentence, **machine):
    """The machine says so, and halts."""
    with Qemu(image, limit=90, **{"memory": 16, **machine}) as pc:
        pc.wait(sentence)
        time.sleep(0.2)
        assert pc.running(), "the machine did not halt but started over"
