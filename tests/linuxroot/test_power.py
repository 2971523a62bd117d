# SPDX-License-Identifier: GPL-2.0-or-later
"""Power cuts under a load that syncs, at LINUX_ROOT_CUTS (200) random moments.

The system writes file after file with fsync, and after each says so on a sector of its disk that nothing else uses;
beside that another program writes and never syncs. QEMU records all writes and flushes of the drive. A cut leaves what
was flushed, and of the writes since then any: a drive may keep each or lose it, in any order. What is left must be a
whole image and a file system that its journal alone puts right, with every file that was acknowledged.
"""
import os
import random
import re
import shutil
import struct
import subprocess

import linuxdisk
import pytest
from cuts import no_cluster_lost_to_two
from flash import extents, mkimage, run, tool
from ntfsdisk import cut_out
from rootdisk import add_program, boot, check_volume, copy_disk, inner_disk, make_flash

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
echo 20 > /proc/sys/vm/dirty_writeback_centisecs; echo 50 > /proc/sys/vm/dirty_expire_centisecs
noise() { i=0; while i=$((i + 1)); do
dd if=/dev/urandom of=/noise bs=64k count=4 seek=$((i % 64 * 4)) conv=notrunc 2>/dev/null; usleep 100000; done; }
noise & noise=$!
GROW
n=0
end=$(($(date +%s) + LOAD_SECONDS))
while [ $(date +%s) -lt $end ] && [ $n -lt 900 ]; do
n=$((n + 1))
yes $n | head -c $(((n * 7919 % 96 + 1) * 1024)) > /load/$n.new
dd if=/load/$n.new of=/load/$n bs=64k conv=fsync 2>/dev/null || break
printf 'vhdboot-ack %08d\n' $n | dd of=/dev/nbd0 bs=512 seek=ACK_AT conv=sync,fsync,notrunc 2>/dev/null
rm /load/$n.new
done
kill $noise
step load echo $n files
""".replace("LOAD_SECONDS", str(LOAD_SECONDS)).replace("ACK_AT", str(ACK_AT))
# The disk's server gives way each time.
GROW = "while sleep 5; do vhdboot-attach grow 4M >> /run/grown 2>&1; done & grow=$!"
GROWN = "kill $grow; step grown cat /run/grown\n"


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


def check_system(shop, flash, acked):
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


def cuts(shop, flash, record, rng, lost):
    """[(the drive after a cut, the last file that was acknowledged, the cut's entry)]. `flash` follows the record."""
    first, last = record.acks[0][0], record.acks[-1][0] + 2
    flushed = 0                                 # entries up to this one are on the drive for good
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
                    lost.append(number)
        yield now, record.acked(cut), cut


def check_cuts(shop, flash, record, record_property, judge):
    lost, done = [], 0
    assert len(record.acks) > 20, "hardly any load"
    for now, acked, cut in cuts(shop, flash, record, random.Random(SEED), lost):
        try:
            judge(now)
            check_system(shop, now, acked)
        except AssertionError as wrong:
            raise AssertionError(f"cut {cut} (SEED={SEED}), {done} were good: {wrong}") from None
        done += 1
    record_property("seen", f"{done} cuts, {len(record.acks)} files acknowledged, {len(lost)} writes lost")


def recorded(shop, qemu, flash):
    """What happened to a copy of the flash, and what its system said."""
    whole, log = shop.path("whole.img"), shop.path("log")
    run("cp", "--sparse=always", flash, whole)
    report = boot(shop, qemu, whole, "ahci", 500, record=log)
    os.unlink(whole)
    return Log(log), report


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("image, options", [("disk.vhd", ()), ("disk.vhdx", ("--block-size", "2M"))],
                         ids=["power", "power-vhdx"])
def test_cut(image, options, shop, qemu, record_property):
    raw = copy_disk(shop, tool("tests/linuxroot.raw"), LOAD.replace("GROW", ""))
    flash = make_flash(shop, raw, image=image, size="80M", options=options)
    record, _ = recorded(shop, qemu, flash)
    places = extents(flash, "/" + image)
    assert all(inside(sector, count, places) for sector, count, _, _ in record.entries), "a write outside the image"
    check_cuts(shop, flash, record, record_property, lambda now: mkimage("vhd", "check", f"{now}:/{image}"))
    check_volume(shop, flash)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("image, options", [("disk.vhd", ()), ("disk.vhdx", ("--block-size", "2M"))],
                         ids=["power-grow", "power-grow-vhdx"])
def test_cut_while_it_grows(image, options, shop, qemu, record_property):
    """vhdboot-attach grow again and again meanwhile, which writes NTFS too: another file on the volume stays."""
    raw = copy_disk(shop, tool("tests/linuxroot.raw"), LOAD.replace("GROW", GROW) + GROWN)
    add_program(raw, "vhdboot-grow", "/sbin/vhdboot-grow")
    flash, other = make_flash(shop, raw, image=image, size="24M", options=options), shop.path("other")
    run("truncate", "-s", "+300M", flash)
    mkimage("grow", flash)
    with open(other, "wb") as out:
        out.write(random.Random(SEED).randbytes(3 * MIB))
    run(tool("tools/fragment"), flash, other, "/other", 7)
    record, report = recorded(shop, qemu, flash)
    assert report["grown"].count("got slack for 4 MiB") > 3, report["grown"]

    def judge(now):
        mkimage("vhd", "check", f"{now}:/{image}")
        check_volume(shop, now)
        no_cluster_lost_to_two(cut_out(now, shop.path("cut.ntfs")))
        with open(other, "rb") as file:
            assert subprocess.run([tool("mkimage"), "cat", f"{now}:/other"], stdout=subprocess.PIPE,
                                  check=True).stdout == file.read(), "another file"
    check_cuts(shop, flash, record, record_property, judge)
