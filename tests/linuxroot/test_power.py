# SPDX-License-Identifier: GPL-2.0-or-later
"""Power cuts under a load that syncs, at LINUX_ROOT_CUTS (200) random moments.

The system writes file after file with fsync, and after each says so on a sector of its disk that nothing else uses.
QEMU records all writes and flushes of the drive. A cut leaves what was flushed, and of the writes since then any: a
drive may keep each or lose it, in any order. What is left must be a whole image and a file system that its journal
alone puts right, with every file that was acknowledged.
"""
import os
import random
import re
import shutil
import struct

import linuxdisk
import pytest
from flash import extents, mkimage, run, tool
from rootdisk import boot, check_volume, copy_disk, inner_disk, make_flash

CUTS = int(os.environ.get("LINUX_ROOT_CUTS", "200"))
SEED = int(os.environ.get("SEED", "1"))
LOAD_SECONDS = 100
SECTOR = 512
ACK_AT = 2030
PAGE_SECTORS = 8                        # the kernel writes no less
FLUSH, DISCARD = 1, 4
MIB = 1 << 20
LOAD = r"""
mkdir /load
n=0
end=$(($(date +%s) + LOAD_SECONDS))
while [ $(date +%s) -lt $end ] && [ $n -lt 900 ]; do
n=$((n + 1))
yes $n | head -c $(((n * 7919 % 96 + 1) * 1024)) > /load/$n.new
dd if=/load/$n.new of=/load/$n bs=64k conv=fsync 2>/dev/null || break
printf 'vhdboot-ack %08d\n' $n | dd of=/dev/nbd0 bs=512 seek=ACK_AT conv=sync,fsync,notrunc 2>/dev/null
rm /load/$n.new
done
step load echo $n files
""".replace("LOAD_SECONDS", str(LOAD_SECONDS)).replace("ACK_AT", str(ACK_AT))


class Log:
    """QEMU's record (the format of Linux's dm-log-writes): [(sector, data, is a flush)], and acknowledgements."""

    def __init__(self, path):
        self.file = open(path, "rb")
        magic, version, count, size = struct.unpack("<QQQI", self.file.read(28))
        assert (magic, version, size) == (0x6a736677736872, 1, SECTOR)
        self.entries, self.acks = [], []
        at = SECTOR
        for number in range(count):
            self.file.seek(at)
            sector, length, flags, _ = struct.unpack("<QQQQ", self.file.read(32))
            assert not flags & DISCARD, "a discard: nothing of ours does that"
            self.entries.append((sector, length, flags, at + SECTOR))
            at += SECTOR * (1 + length)
            ack = length <= PAGE_SECTORS and re.search(rb"vhdboot-ack (\d{8})\n", self.data(number))
            if ack:
                self.acks.append((number, int(ack[1])))

    def data(self, number):
        _, length, _, at = self.entries[number]
        self.file.seek(at)
        return self.file.read(length * SECTOR)

    def apply(self, number, disk):
        disk.seek(self.entries[number][0] * SECTOR)
        disk.write(self.data(number))

    def acked(self, cut):
        """The last file that was acknowledged by one of the first `cut` entries."""
        return max((n for number, n in self.acks if number < cut), default=0)


def expected(number):
    size = (number * 7919 % 96 + 1) * 1024
    line = b"%d\n" % number
    return (line * (size // len(line) + 1))[:size]


def check_cut(shop, flash, image, acked):
    mkimage("vhd", "check", f"{flash}:/{image}")
    inner, system, files = inner_disk(shop, flash), shop.path("system.raw"), shop.path("files")
    run("dd", f"if={inner}", f"of={system}", "bs=1M", f"skip={linuxdisk.system_start(()) >> 11}", "conv=sparse",
        "status=none")
    run("e2fsck", "-y", "-E", "journal_only", system)
    run("e2fsck", "-fn", system)
    os.mkdir(files)
    run("debugfs", "-R", f"rdump /load {files}", system)
    for number in range(1, acked + 1):
        with open(os.path.join(files, "load", str(number)), "rb") as file:
            assert file.read() == expected(number), f"file {number} of {acked}"
    shutil.rmtree(files)
    os.unlink(inner)
    os.unlink(system)


def inside(start, count, image):
    """Every sector is one of the image's."""
    while count:
        piece = next((e for e in image if e[0] <= start < e[0] + e[1]), None)
        if piece is None:
            return False
        done = min(count, piece[0] + piece[1] - start)
        start, count = start + done, count - done
    return True


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("image, options", [("disk.vhd", ()), ("disk.vhdx", ("--block-size", "2M"))],
                         ids=["power", "power-vhdx"])
def test_cut(image, options, shop, qemu, record_property):
    raw = copy_disk(shop, tool("tests/linuxroot.raw"), LOAD)
    flash = make_flash(shop, raw, image=image, size="64M", options=options)
    whole, log = shop.path("whole.img"), shop.path("log")
    run("cp", "--sparse=always", flash, whole)
    boot(shop, qemu, whole, "ahci", 500, record=log)
    os.unlink(whole)
    record, places = Log(log), extents(flash, "/" + image)
    assert all(inside(sector, count, places) for sector, count, _, _ in record.entries), "a write outside the image"
    assert len(record.acks) > 20, "hardly any load"
    rng = random.Random(SEED)
    first, last = record.acks[0][0], record.acks[-1][0] + 2
    done = flushed = lost = 0                    # entries up to `flushed` are on the disk for good
    for cut in sorted(rng.choice((rng.randrange(first, last), rng.choice(record.acks)[0] + 1)) for _ in range(CUTS)):
        barrier = max((n + 1 for n in range(flushed, cut) if record.entries[n][2] & FLUSH), default=flushed)
        with open(flash, "r+b") as disk:
            for number in range(flushed, barrier):
                record.apply(number, disk)
        flushed = barrier
        now = shop.path("cut.img")
        run("cp", "--sparse=always", flash, now)
        with open(now, "r+b") as disk:
            keeps = rng.choice((0, 0.5, 1))
            for number in range(flushed, cut):
                if rng.random() < keeps:
                    record.apply(number, disk)
                else:
                    lost += 1
        acked = record.acked(cut)
        try:
            check_cut(shop, now, image, acked)
        except AssertionError as wrong:
            raise AssertionError(f"cut {cut} (SEED={SEED}), {done} were good: {wrong}") from None
        done += 1
    check_volume(shop, flash)
    record_property("seen", f"{done} cuts, {len(record.acks)} files acknowledged, {lost} writes lost")
