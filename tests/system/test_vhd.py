#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Dynamic and differencing VHDs on the host: what `mkimage vhd read` gives, against the model that made
the image and against other readers, each only for what it is known to read right: qemu-img for dynamic
images, 7zz for dynamic ones and for chains."""
import json
import os
import random
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from report import check, check_equal, end, need, test             # noqa: E402
from vhd_dynamic import SECTOR, DynamicVhd, checksum, flatten      # noqa: E402
import vhd                                                         # noqa: E402

MKIMAGE = os.path.join(os.environ.get("B", os.path.join(HERE, "..", "..", "build")), "mkimage")
MIB = 1 << 20


def run(*args):
    return subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)


def mkimage_read(path, *options):
    done = run(MKIMAGE, "vhd", "read", path, *options)
    check_equal(done.returncode, 0, f"mkimage vhd read: {done.stderr.decode()}")
    return done.stdout


def refused(path, *words):
    done = run(MKIMAGE, "vhd", "check", path)
    text = (done.stdout + done.stderr).decode()
    check_equal(done.returncode, 1, f"mkimage vhd check: {text}")
    for word in words:
        check(word in text, f"{word!r} is not in {text!r}")


def qemu_read(path):
    need("qemu-img")
    raw = path + ".raw"
    done = run("qemu-img", "convert", "-f", "vpc", "-O", "raw", path, raw)
    check_equal(done.returncode, 0, f"qemu-img: {done.stderr.decode()}")
    with open(raw, "rb") as f:
        data = f.read()
    os.unlink(raw)
    return data


def seven_zip_read(path):
    need("7zz")
    done = run("7zz", "e", "-so", "-tvhd", path)
    check_equal(done.returncode, 0, f"7zz: {done.stderr.decode()}")
    return done.stdout


def same(actual, expected, what):
    if actual == expected:
        return
    check_equal(len(actual), len(expected), f"{what}: bytes")
    for n in range(len(expected) // SECTOR):
        at = slice(n * SECTOR, (n + 1) * SECTOR)
        check(actual[at] == expected[at], f"{what}: sector {n} is {actual[at][:32]!r}, "
                                          f"expected {expected[at][:32]!r}")


def sectors(tag, lba, count):
    return b"".join(f"{tag} {n} ".encode().ljust(SECTOR, b"+") for n in range(lba, lba + count))


def scatter(disk, tag, rng, pieces, unit=1):
    """Stores runs of sectors at random places."""
    total = disk.size // SECTOR
    for _ in range(pieces):
        lba = rng.randrange(total // unit) * unit
        count = min(rng.choice((1, 3, 8, 64, 700)) * unit, total - lba)
        disk.store(lba, sectors(tag, lba, count))


def dynamic(rng, size, block_size):
    disk = DynamicVhd(size, block_size)
    scatter(disk, "dynamic", rng, 12)
    return disk


def variants():
    rng = random.Random(1)
    yield "2_mib_blocks", dynamic(rng, 12 * MIB, 2 * MIB)
    disk = dynamic(rng, 12 * MIB, 512 << 10)
    disk.order = sorted(disk.blocks)
    rng.shuffle(disk.order)
    yield "512_kib_blocks_shuffled", disk
    disk = dynamic(rng, 24 * MIB, 4 * MIB)
    disk.order = sorted(disk.blocks, reverse=True)
    yield "4_mib_blocks_reversed", disk
    yield "16_mib_blocks", dynamic(rng, 48 * MIB, 16 * MIB)
    yield "4_kib_blocks", dynamic(rng, 2 * MIB, 4096)
    yield "last_block_in_part", dynamic(rng, 5 * MIB + 3 * SECTOR, MIB)
    disk = dynamic(rng, 12 * MIB, 2 * MIB)
    disk.align = 4096
    yield "data_4_kib_aligned", disk
    disk = dynamic(rng, 12 * MIB, 2 * MIB)
    disk.gap = 5 * SECTOR
    yield "gaps_between_blocks", disk
    disk = dynamic(rng, 12 * MIB, 2 * MIB)
    disk.slack = 6 * MIB
    yield "zero_slack", disk
    disk = DynamicVhd(6 * MIB, 2 * MIB)
    disk.store(0, sectors("all", 0, 6 * MIB // SECTOR))
    yield "every_block_present", disk
    disk = dynamic(rng, 12 * MIB, 2 * MIB)
    disk.spare = 300
    yield "bat_with_300_spare_entries", disk
    disk = dynamic(rng, 12 * MIB, 2 * MIB)
    disk.bat_at = MIB
    yield "bat_at_1_mib", disk
    disk = dynamic(rng, 12 * MIB, 2 * MIB)
    disk.all_bits = False
    yield "clear_bits_over_zeros", disk
    yield "no_block_at_all", DynamicVhd(12 * MIB, 2 * MIB)


def test_variants(work):
    for name, disk in variants():
        with test(f"vhd_dynamic_{name}"):
            path = disk.write(os.path.join(work, "d.vhd"))
            expected = flatten([disk], disk.size // SECTOR)
            same(mkimage_read(path), expected, "mkimage")
            same(qemu_read(path), expected, "qemu-img")
            if name != "bat_with_300_spare_entries":          # 7zz refuses those
                same(seven_zip_read(path), expected, "7zz")
            check_equal(run(MKIMAGE, "vhd", "check", path).returncode, 0, "mkimage vhd check")


def test_made_by_qemu(work):
    with test("vhd_dynamic_made_by_qemu_img"):
        need("qemu-img")
        raw, path = os.path.join(work, "raw"), os.path.join(work, "q.vhd")
        rng = random.Random(2)
        with open(raw, "wb") as f:
            f.truncate(40 * MIB)
            for _ in range(30):
                f.seek(rng.randrange(40 * MIB - 9999))
                f.write(rng.randbytes(9999))
        done = run("qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", "force_size=on", raw, path)
        check_equal(done.returncode, 0, "qemu-img convert")
        with open(raw, "rb") as f:
            same(mkimage_read(path), f.read(), "mkimage")


def test_footers(work):
    disk = dynamic(random.Random(3), 12 * MIB, 2 * MIB)
    path = os.path.join(work, "f.vhd")
    expected = flatten([disk], disk.size // SECTOR)

    def spoiled(name, end_=None, copy=None):
        with open(disk.write(path), "r+b") as f:
            size = f.seek(0, 2)
            if end_:
                end_(f, size)
            if copy:
                f.seek(100)
                f.write(b"x")
        with test(f"vhd_dynamic_{name}"):
            if name.startswith("both"):
                refused(path, "checksum")
            else:
                same(mkimage_read(path), expected, "mkimage")

    def bad_sum(f, size):
        f.seek(size - 300)
        f.write(b"x")

    spoiled("end_sum_bad", bad_sum)
    spoiled("end_missing", lambda f, size: f.truncate(size - 512))
    spoiled("end_of_511_bytes", lambda f, size: f.truncate(size - 1))
    spoiled("copy_damaged", copy=True)
    spoiled("both_damaged", bad_sum, copy=True)
    with test("vhd_dynamic_footers_differ"):
        with open(disk.write(path), "r+b") as f:
            f.seek(-512, 2)
            foot = bytearray(f.read())
            foot[68] ^= 1
            f.seek(-512, 2)
            f.write(checksum(foot, 64))
        same(mkimage_read(path), expected, "mkimage")
        info = json.loads(run(MKIMAGE, "vhd", "info", "--json", path).stdout)
        check(any("differ" in w for w in info["warnings"]), f"no warning: {info}")


def test_2040_gib(work):
    with test("vhd_dynamic_2040_gib"):
        path = os.path.join(work, "big.vhd")
        disk = DynamicVhd(2040 << 30, 2 * MIB)
        last = disk.size // SECTOR - 8
        disk.store(last, sectors("end", last, 8))
        disk.store(0, sectors("start", 0, 8))
        disk.write(path)
        same(mkimage_read(path, "--lba", str(last), "--count", "8"), sectors("end", last, 8), "the end")
        same(mkimage_read(path, "--lba", str(last // 2), "--count", "8"), bytes(8 * SECTOR), "the middle")
        same(mkimage_read(path, "--count", "8"), sectors("start", 0, 8), "the start")


def chain_of(rng, depth, sizes, unit=1, mixed_blocks=True):
    """A chain, leaf first; every child but the first is made from the one before."""
    base = DynamicVhd(sizes[0], 2 * MIB, poison=b"POISON! ")
    scatter(base, "base", rng, 10, unit)
    chain = [base]
    for n in range(1, depth + 1):
        block = rng.choice((64 << 10, 512 << 10, 2 * MIB)) if mixed_blocks else 2 * MIB
        child = DynamicVhd(sizes[n % len(sizes)], block, parent=chain[0], poison=b"POISON! ")
        scatter(child, f"layer {n}", rng, 8, unit)
        child.store(16 * n, bytes(8 * SECTOR))      # zeros that hide what the parents hold there
        chain.insert(0, child)
    return chain


def write_chain(chain, folder):
    os.makedirs(folder, exist_ok=True)
    for n, disk in enumerate(reversed(chain)):
        if disk.parent:
            disk.parent_name = f"{n - 1}.vhd"
            disk.locators = []
            disk.locate("W2ru", f".\\{n - 1}.vhd")
        disk.write(os.path.join(folder, f"{n}.vhd"))
    return os.path.join(folder, f"{len(chain) - 1}.vhd")


def test_chains(work):
    rng = random.Random(4)
    for depth in (1, 3, 12, 64):
        with test(f"vhd_chain_of_{depth}"):
            chain = chain_of(rng, depth, [8 * MIB])
            leaf = write_chain(chain, os.path.join(work, f"chain{depth}"))
            expected = flatten(chain, chain[0].size // SECTOR)
            check(b"POISON" not in expected, "the model itself shows poison")
            same(mkimage_read(leaf), expected, "mkimage")
            if depth <= 12:
                same(seven_zip_read(leaf), expected, "7zz")
            info = json.loads(run(MKIMAGE, "vhd", "info", "--json", leaf).stdout)
            check_equal(len(info["chain"]), depth + 1, "files in the chain")
    with test("vhd_chain_of_65_is_refused"):
        chain = chain_of(rng, 65, [MIB])
        refused(write_chain(chain, os.path.join(work, "chain65")), "more than 64 parents")
    with test("vhd_chain_child_larger_than_parent"):
        chain = chain_of(rng, 3, [4 * MIB, 6 * MIB, 5 * MIB, 9 * MIB])
        leaf = write_chain(chain, os.path.join(work, "sizes"))
        same(mkimage_read(leaf), flatten(chain, chain[0].size // SECTOR), "mkimage")
    with test("vhd_chain_on_a_fixed_parent"):
        folder = os.path.join(work, "fixed")
        os.makedirs(folder)
        base = os.path.join(folder, "base.vhd")
        data = sectors("fixed", 0, 4 * MIB // SECTOR)
        with open(base, "wb") as f:
            f.write(data + vhd.footer(len(data) // SECTOR, identity=b"the fixed parent"))
        child = DynamicVhd(4 * MIB, 2 * MIB, parent=b"the fixed parent")
        child.store(9, sectors("child", 9, 3))
        child.locate("W2ru", "base.vhd")
        leaf = child.write(os.path.join(folder, "c.vhd"))
        expected = data[:9 * SECTOR] + sectors("child", 9, 3) + data[12 * SECTOR:]
        same(mkimage_read(leaf), expected, "mkimage")
        same(seven_zip_read(leaf), expected, "7zz")


def test_parents(work):
    folder = os.path.join(work, "parents", "sub")
    os.makedirs(folder)
    base = DynamicVhd(MIB, 512 << 10)
    base.store(0, sectors("right", 0, 4))
    wrong = DynamicVhd(MIB, 512 << 10)
    wrong.store(0, sectors("wrong", 0, 4))
    names = ["base.vhd", "bäse ü.vhd", "基盤.vhd", "\U0001d11e.vhd", "n" * 250 + ".vhd"]

    def child():
        disk = DynamicVhd(MIB, 512 << 10, parent=base)
        disk.store(2, sectors("child", 2, 1))
        return disk

    def reads(name, disk):
        path = disk.write(os.path.join(folder, "child.vhd"))
        with test(f"vhd_parent_{name}"):
            same(mkimage_read(path), flatten([disk, base], MIB // SECTOR), "mkimage")

    for n, name in enumerate(names):
        base.write(os.path.join(folder, "..", name))
        disk = child()
        disk.locate("W2ru", f"..\\{name}")
        reads(f"by_w2ru_name_{n}", disk)
        os.unlink(os.path.join(folder, "..", name))

    base.write(os.path.join(folder, "base.vhd"))
    wrong.write(os.path.join(folder, "..", "base.vhd"))
    absolute = os.path.join(folder, "base.vhd").replace("/", "\\")
    for name, code, path in (
            ("w2ru", "W2ru", ".\\base.vhd"), ("w2ku", "W2ku", "C:" + absolute),
            ("w2ku_that_is_relative", "W2ku", ".\\base.vhd"), ("macx_as_xen_writes_it", "MacX", b"file://./base.vhd"),
            ("macx", "MacX", b"file://" + folder.encode() + b"/base.vhd"), ("wi2r", "Wi2r", b".\\base.vhd"),
            ("wi2k", "Wi2k", b"C:" + absolute.encode())):
        disk = child()
        disk.locate(code, path)
        reads(f"by_{name}", disk)
    disk = child()
    disk.parent_name = "base.vhd"
    reads("by_header_name", disk)
    disk = child()
    disk.parent_name = "D:\\gone\\base.vhd"
    reads("by_last_part_of_its_name", disk)
    disk = child()
    disk.locate("W2ru", "..\\base.vhd")
    disk.locate("W2ku", "C:" + absolute)
    reads("wrong_one_first", disk)

    with test("vhd_parent_wrong_everywhere"):
        disk = child()
        disk.locate("W2ru", "..\\base.vhd")
        os.unlink(os.path.join(folder, "base.vhd"))
        refused(disk.write(os.path.join(folder, "child.vhd")), "child.vhd", "base.vhd",
                "has another id: it was changed or replaced; take the parent this disk was made from")
    with test("vhd_parent_missing"):
        os.unlink(os.path.join(folder, "..", "base.vhd"))
        refused(os.path.join(folder, "child.vhd"), "child.vhd: parent", "base.vhd is not there")


def warnings(path):
    done = run(MKIMAGE, "vhd", "info", path, "--json")
    check_equal(done.returncode, 0, f"mkimage vhd info: {done.stderr.decode()}")
    return json.loads(done.stdout)["warnings"]


def poke(path, offset, data):
    with open(path, "r+b") as f:
        f.seek(offset)
        f.write(data)


def test_oddities(work):
    """What can be read, but is told."""
    with test("vhd_clear_bit_over_data"):
        path = os.path.join(work, "masked.vhd")
        disk = DynamicVhd(4 * MIB)
        disk.store(4096, sectors("data", 4096, 100))        # the second block
        disk.write(path)
        check_equal(warnings(path), [], "warnings of a sound disk")
        with open(path, "rb") as f:
            f.seek(disk.bat_at + 4)
            block = int.from_bytes(f.read(4), "big") * SECTOR
        poke(path, block + 1, b"\xdf")                      # bit 2 of byte 1: sector 10
        check("sector 4106 is empty, but it holds data" in "".join(warnings(path)), warnings(path))
        same(mkimage_read(path)[4096 * SECTOR:4196 * SECTOR], sectors("data", 4096, 100), "data")
        poke(path, block + SECTOR + 10 * SECTOR, bytes(SECTOR))
        check_equal(warnings(path), [], "warnings of a clear bit over zeros")

    with test("vhd_parent_time"):
        base = DynamicVhd(MIB)
        base.write(os.path.join(work, "timed-base.vhd"))
        path = os.path.join(work, "timed.vhd")
        child = DynamicVhd(MIB, parent=base)
        child.locate("W2ru", ".\\timed-base.vhd")
        child.write(path)

        def note_down(seconds):
            with open(path, "rb") as f:
                f.seek(SECTOR)
                header = bytearray(f.read(1024))
            header[56:60] = seconds.to_bytes(4, "big")
            poke(path, SECTOR, checksum(header, 36))
        note_down(0x2A000000)                               # the footer's, as the builder writes it
        check_equal(warnings(path), [], "warnings for the footer's time")
        mtime = int(os.stat(os.path.join(work, "timed-base.vhd")).st_mtime)
        note_down(mtime - 946684800)
        check_equal(warnings(path), [], "warnings for the file's time")
        note_down(0x2A000001)
        check("has the parent been written since" in "".join(warnings(path)), warnings(path))
        check_equal(run(MKIMAGE, "vhd", "check", path).returncode, 0, "status of vhd check")


def main():
    with tempfile.TemporaryDirectory(prefix="vhd-") as work:
        test_variants(work)
        test_made_by_qemu(work)
        test_footers(work)
        test_2040_gib(work)
        test_oddities(work)
        test_chains(work)
        test_parents(work)
    end()


main()
