# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtual disks behind nbdkit with our plugin, and what they must hold.

    with Server(folder, "file=" + path) as server:
        disk = server.connect()             # a libnbd handle
        disk.pwrite(...)

    image = KINDS["dynamic VHDX"](folder)   # an image with content
    image.path, image.content               # and what a reader must give
"""
import contextlib
import os
import random
import socket
import subprocess
import time

import nbd

import vhd
import vhd_dynamic
import vhdx

SECTOR = 512
MIB = 1 << 20
BUILD = os.environ.get("B", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build"))
PLUGIN = os.path.join(os.path.abspath(BUILD), "nbdkit-vhdboot-plugin.so")


class Server:
    """nbdkit in the foreground; ends with the block, as a program that is told to end."""

    def __init__(self, folder, *parameters, options=()):
        self.socket = os.path.join(str(folder), f"nbd{time.monotonic_ns()}")
        self.clients = []
        self.log = self.socket + ".log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["nbdkit", "-f", "-U", self.socket, *options, PLUGIN, *parameters],
                                            stdin=subprocess.DEVNULL, stderr=log)
        while not self.answers():
            if self.process.poll() is not None:
                raise Refused(self.said())
            time.sleep(0.01)
        self.uri = "nbd+unix:///?socket=" + self.socket

    def answers(self):
        with socket.socket(socket.AF_UNIX) as one:
            return one.connect_ex(self.socket) == 0

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def connect(self):
        disk = nbd.NBD()
        disk.add_meta_context(nbd.CONTEXT_BASE_ALLOCATION)
        disk.connect_uri(self.uri)
        self.clients.append(disk)
        return disk

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(60)
        assert status in (0, -9), f"nbdkit ended with {status}: {self.said()}"

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        if failure:                                     # clients that are still there would keep it up
            self.kill()
        for disk in self.clients:
            with contextlib.suppress(nbd.Error):
                disk.shutdown()
        self.close()


class Refused(Exception):
    """nbdkit did not start; the text is what it said."""


class Image:
    """`chain` is the files' paths, leaf first; `reader` knows how another program reads it."""

    def __init__(self, chain, content, form):
        self.chain = chain
        self.path = chain[0]
        self.content = content
        self.form = form                                # "vpc", "vhdx"

    @property
    def size(self):
        return len(self.content)


def fixed_vhd(folder):
    path = os.path.join(folder, "fixed.vhd")
    sectors = 12345
    vhd.make_fixed(path, sectors)
    content = vhd_dynamic.sectors("fixed", 0, 2000)
    with open(path, "r+b") as f:
        f.write(content)
    return Image([path], content.ljust(sectors * SECTOR, b"\0"), "vpc")


def vhd_chain(folder, *, depth, size, block_size, seed, **attributes):
    """A dynamic VHD and `depth` children."""
    rng = random.Random(seed)
    disks, paths = [], []
    for level in range(depth + 1):
        parent = disks[-1] if disks else None
        disk = vhd_dynamic.DynamicVhd(size, block_size=block_size << level % 2, parent=parent)
        if parent:
            disk.parent_name = os.path.basename(paths[-1])
            disk.locate("W2ru", ".\\" + disk.parent_name)
        if level == depth:
            for name, value in attributes.items():
                setattr(disk, name, value)
        for _ in range(12):
            lba = rng.randrange(size // SECTOR - 64)
            disk.store(lba, vhd_dynamic.sectors(f"level {level}", lba, rng.randint(1, 64)))
        paths.append(disk.write(os.path.join(folder, f"level{level}.vhd")))
        disks.append(disk)
    content = vhd_dynamic.flatten(disks[::-1], size // SECTOR)
    return Image(paths[::-1], bytes(content), "vpc")


def vhdx_chain(folder, *, depth, size, seed, block_size=MIB):
    rng = random.Random(seed)
    disks, paths = [], []
    for level in range(depth + 1):
        parent = disks[-1] if disks else None
        disk = vhdx.Vhdx(size, block_size=block_size << level % 2, parent=parent,
                         parent_path=os.path.basename(paths[-1]) if paths else None)
        for _ in range(8):
            lba = rng.randrange(size // SECTOR - 64)
            disk.store(lba, vhdx.sectors(f"l{level}", lba, rng.randint(1, 64)))
        path = os.path.join(folder, f"level{level}.vhdx")
        disk.write(path)
        paths.append(path)
        disks.append(disk)
    return Image(paths[::-1], disks[-1].content(), "vhdx")


KINDS = {
    "fixed VHD": fixed_vhd,
    "dynamic VHD": lambda folder: vhd_chain(folder, depth=0, size=24 * MIB, block_size=512 << 10, seed=1),
    "dynamic VHD, exact bits": lambda folder: vhd_chain(folder, depth=0, size=8 * MIB, block_size=64 << 10, seed=2,
                                                        all_bits=False),
    "dynamic VHD, slack of junk": lambda folder: vhd_chain(folder, depth=0, size=16 * MIB, block_size=256 << 10,
                                                           seed=3, slack=3 * MIB + 512, junk=True),
    "dynamic VHD, large blocks": lambda folder: vhd_chain(folder, depth=0, size=40 * MIB, block_size=4 * MIB, seed=4),
    "differencing VHD": lambda folder: vhd_chain(folder, depth=1, size=16 * MIB, block_size=512 << 10, seed=5),
    "differencing VHD, depth 3": lambda folder: vhd_chain(folder, depth=3, size=8 * MIB, block_size=64 << 10, seed=6,
                                                          slack=MIB, junk=True),
    "dynamic VHDX": lambda folder: vhdx_chain(folder, depth=0, size=32 * MIB, seed=7),
    "dynamic VHDX, odd size": lambda folder: vhdx_chain(folder, depth=0, size=21 * MIB + 4096 * 3, seed=8,
                                                        block_size=2 * MIB),
    "differencing VHDX": lambda folder: vhdx_chain(folder, depth=1, size=24 * MIB, seed=9),
    "differencing VHDX, depth 3": lambda folder: vhdx_chain(folder, depth=3, size=16 * MIB, seed=10),
}


class Model:
    """Random requests on a disk, and what it must hold after each: two contents where a trim may do one or
    the other, until it was read."""

    def __init__(self, image, seed):
        self.content = bytearray(image.content)
        self.rng = random.Random(seed)
        self.number = 0

    def place(self, aligned):
        size = len(self.content)
        unit = 1 if not aligned and self.rng.random() < 0.2 else SECTOR
        longest = self.rng.choice([1, 8, 100, 3000]) * SECTOR
        at = self.rng.randrange(size // unit) * unit
        if self.rng.random() < 0.2:                     # whole blocks
            at = at // MIB * MIB
            longest = 3 * MIB
            return at, min(self.rng.randint(1, 3) * MIB, size - at)
        return at, min(self.rng.randint(1, max(longest // unit, 1)) * unit, size - at)

    def step(self, disk, aligned=False):
        """One request of any kind."""
        self.number += 1
        at, length = self.place(aligned)
        what = self.rng.random()
        fua = nbd.CMD_FLAG_FUA if self.rng.random() < 0.05 else 0
        if what < 0.5:
            data = self.rng.randbytes(16) + b"%d" % self.number
            data = (data * (length // len(data) + 1))[:length]
            disk.pwrite(data, at, fua)
            self.content[at:at + length] = data
        elif what < 0.62:
            disk.zero(length, at, fua | (nbd.CMD_FLAG_NO_HOLE if self.rng.random() < 0.5 else 0))
            self.content[at:at + length] = bytes(length)
        elif what < 0.74:
            disk.trim(length, at, fua)
            self.trimmed(disk.pread(length, at), at)
        elif what < 0.85:
            disk.flush()
        else:
            assert disk.pread(length, at) == self.content[at:at + length], f"request {self.number}"

    def trimmed(self, now, at):
        """Sectors are as they were, or zeros."""
        for start in range(at // SECTOR * SECTOR, at + len(now), SECTOR):
            low, high = max(start, at), min(start + SECTOR, at + len(now))
            piece = now[low - at:high - at]
            if piece.count(0) != len(piece):
                assert piece == self.content[low:high], f"trim at {low}"
        self.content[at:at + len(now)] = now

    def compare(self, disk):
        for at in range(0, len(self.content), MIB):
            n = min(MIB, len(self.content) - at)
            assert disk.pread(n, at) == self.content[at:at + n], f"the MiB at {at}"
