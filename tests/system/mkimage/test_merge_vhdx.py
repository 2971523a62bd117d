# SPDX-License-Identifier: GPL-2.0-or-later
"""merge into a VHDX, whole and cut off, with data in parent and child. After each cut the child reads what it read,
`check` tells of what is unfinished, an entry that starts the half-merged parent itself is refused; 7-Zip reads the
chain, as the child still names its parent's id; qemu-img finds no fault with the parent; the verb, run again, ends.

MKIMAGE_CUTS: cuts a case (default 2; `all`: every write, on a drive without a cache, and as many on one with).
MKIMAGE_SEED: other random numbers."""
import json
import os
import random
import shutil
import struct
import uuid

import pytest

from cuts import cut, cut_total, no_cluster_lost_to_two, sweep, writes_of
from files import read, sha256, write
from layers import chain
from ntfsdisk import MIB, cut_out, disk, volume
from tools import FRAGMENT, mkimage, refused, run
from vhdx import HEADERS, PAGE, SECTOR, UNMAPPED, ZERO, Vhdx, crc32c, poke, reseal, sealed, sectors

CUTS = os.environ.get("MKIMAGE_CUTS", "2")
SEED = os.environ.get("MKIMAGE_SEED", "1")
MANY = 300 + 6000 * (CUTS == "all")
SIZE = 8 * MIB + 8 * SECTOR              # 7-Zip takes no other remainder
MARK = 4096

pytestmark = [pytest.mark.usefixtures("cutting"), pytest.mark.takes(20), pytest.mark.timeout(MANY)]

CONFIG = """[work]
vhd = \\vhd\\leaf.vhdx
[clean]
vhd = \\vhd\\base.vhdx
write = none
"""


def scatter(image, tag, rng, pieces=14, blocks=None):
    """Pieces all over the disk, or in some blocks of it."""
    step = image.block_size // SECTOR
    for _ in range(pieces):
        lba = rng.randrange(SIZE // SECTOR) if blocks is None else rng.choice(blocks) * step + rng.randrange(step)
        count = min(rng.choice((1, 2, 7, 64, 900)), SIZE // SECTOR - lba)
        if count > 0:
            image.store(lba, sectors(tag, lba, count))
    image.store(0, tag.encode().ljust(510) + b"\x55\xaa")
    return image


def in_place(name, offset, data):
    """Overwrites bytes of a file on the flash d.img."""
    for x in json.loads(mkimage("extents", f"d.img:{name}", "--json").stdout)["extents"]:
        at = offset - x["file"] * SECTOR
        if 0 <= at < x["count"] * SECTOR:
            write("d.img", x["drive_lba"] * SECTOR + at, data)
            return
    raise AssertionError(f"byte {offset} of {name}")


def newest(data):
    """Where the header that counts lies, and the header."""
    return max(((at, data[at:at + PAGE]) for at in HEADERS), key=lambda h: struct.unpack_from("<Q", h[1], 8)[0])


def data_id(name, target="d.img"):
    return newest(mkimage("cat", f"{target}:{name}").stdout)[1][32:48]


def started(name):
    """What the machine writes before the guest of the VHDX starts: the next header, with new ids."""
    at, header = newest(mkimage("cat", f"d.img:{name}").stdout)
    new = bytearray(header)
    struct.pack_into("<Q", new, 8, struct.unpack_from("<Q", header, 8)[0] + 1)
    new[16:32], new[32:48] = uuid.uuid4().bytes_le, uuid.uuid4().bytes_le
    in_place(name, HEADERS[HEADERS[0] == at], sealed(new))


class Flash:
    """old.img, with the chain's files and what its disk holds by the model."""
    def __init__(self, layers, pieces=1, mib=44):
        self.names = ["leaf", "base", "root"][:len(layers)]
        for name, image in zip(self.names, layers):
            image.write(name + ".vhdx")
            for at in HEADERS:                  # files with one id are a circle to 7-Zip
                poke(name + ".vhdx", at + 16, uuid.uuid5(uuid.NAMESPACE_URL, name).bytes)
            reseal(name + ".vhdx")
        self.old, self.new = layers[1].content(), layers[0].content()
        assert self.old != self.new
        self.alone = len(layers) == 2
        disk("old.img", volume("v.ntfs", mib * MIB))
        for name in self.names:
            run(FRAGMENT, "old.img", name + ".vhdx", f"/vhd/{name}.vhdx", pieces)
        with open("cfg", "w", encoding="ascii") as file:
            file.write(CONFIG)
        run(FRAGMENT, "old.img", "cfg", "/vhdboot.cfg", 1)
        mkimage("install", "old.img")
        self.rest = {name: sha256(name + ".vhdx") for name in self.names[2:]}

    def files(self):
        """Copies of the chain's files in out/."""
        shutil.rmtree("out", ignore_errors=True)
        os.mkdir("out")
        for name in self.names:
            done = mkimage("cat", f"d.img:/vhd/{name}.vhdx", status=None)
            if not done.returncode:
                with open(f"out/{name}.vhdx", "wb") as file:
                    file.write(done.stdout)
        for name, digest in self.rest.items():
            assert sha256(f"out/{name}.vhdx") == digest, name

    def parent_holds(self):
        """The parent by itself, as others read it."""
        assert run("7zz", "e", "-so", "-tvhdx", "out/base.vhdx").stdout == self.expected(), "7zz, the parent"
        if self.alone:
            run("qemu-img", "convert", "-f", "vhdx", "-O", "raw", "out/base.vhdx", "out/raw")
            assert read("out/raw") == self.expected(), "qemu-img, the parent"

    def expected(self):
        return self.old if os.path.exists("out/leaf.vhdx") and not self.merged else self.new

    def judge(self):
        """(the menu starts the child, the merge is unfinished)"""
        no_cluster_lost_to_two(cut_out("d.img"))
        self.files()
        assert mkimage("read", "d.img", "--entry", "work").stdout == self.new, "work"
        text = mkimage("check", "d.img", "--entry", "work", "--json").stdout.decode()
        assert json.loads(text)["boots"], text
        unfinished = "mkimage merge" in text
        through_child = len(chain("d.img", "--entry", "work")) == len(self.names)
        clean = mkimage("read", "d.img", "--entry", "clean", status=None)
        if clean.returncode:
            assert unfinished and b"holds a part of what a merge writes" in clean.stderr, clean.stderr
            mkimage("check", "d.img", "--entry", "clean", status=1)
        else:
            self.merged = clean.stdout == self.new
            assert self.merged or (clean.stdout == self.old and through_child and not unfinished)
            self.parent_holds()
        if self.alone:
            run("qemu-img", "check", "-f", "vhdx", "out/base.vhdx")     # -r none: it must not want to repair
        if through_child:
            assert run("7zz", "e", "-so", "-tvhdx", "out/leaf.vhdx").stdout == self.new, "7zz, the chain"
        return through_child, unfinished

    def refuses(self):
        digest = sha256("d.img")
        for verb in (["rollback"], ["rollback", "--drop"], ["snapshot"]):
            refused(verb[0], "d.img", "--entry", "work", *verb[1:], words="Finish the merge first")
        assert sha256("d.img") == digest

    def finish(self):
        through_child, unfinished = self.judge()
        if unfinished and through_child:
            self.refuses()
        if through_child or unfinished:
            mkimage("merge", "d.img", "--entry", "work", "--dry-run")
            mkimage("merge", "d.img", "--entry", "work")
        assert self.judge() == (False, False) and self.merged
        assert not os.path.exists("out/leaf.vhdx") and read("out/base.vhdx", MARK, SECTOR) == bytes(SECTOR)
        assert data_id("/vhd/base.vhdx") != data_id("/vhd/base.vhdx", "old.img"), "its other children know another disk"


def dynamic(rng, block=2 * MIB):
    base = scatter(Vhdx(SIZE, block), "base", rng, blocks=[0, 2])
    base.state[1] = UNMAPPED
    return base


def child_of(base, rng, block, path="base.vhdx"):
    """Of a chain: zeros over what the parent holds, and over what it does not."""
    leaf = scatter(Vhdx(SIZE, block, parent=base, parent_path=path), "leaf", rng, blocks=[0, 1, 4])
    leaf.state.update({n: ZERO for n in (2, 3) if n not in leaf.data})
    return leaf


def middle(rng, block):
    root = scatter(Vhdx(SIZE, 2 * MIB), "root", rng, 20)
    base = scatter(Vhdx(SIZE, block, parent=root, parent_path="root.vhdx"), "base", rng, blocks=[0, 2])
    base.state[3] = ZERO
    base.order = sorted(base.data, reverse=True)
    return [base, root]


SHAPES = {
    "dynamic": lambda rng: [dynamic(rng)],
    "dynamic, small blocks": lambda rng: [dynamic(rng, MIB)],
    "fixed": lambda rng: [scatter(Vhdx(SIZE, MIB, fixed=True), "base", rng, 60)],
    "child": lambda rng: middle(rng, 2 * MIB),
    "child, small blocks": lambda rng: middle(rng, MIB),
}


def make(shape, **options):
    rng = random.Random(f"{SEED} {shape}")
    layers = SHAPES[shape](rng)
    leaf = child_of(layers[0], rng, MIB if shape == "dynamic" else 2 * MIB)
    return Flash([leaf, *layers], mib=28 + 16 * (1 + len(layers)), **options), rng


COMMAND = ["merge", "d.img", "--entry", "work"]


@pytest.mark.parametrize("shape", SHAPES)
def test_cut(shape):
    disks, rng = make(shape, pieces=3)
    totals = writes_of(COMMAND)
    disks.finish()

    def judge():
        state = disks.judge()
        disks.finish()
        return state
    sweep(COMMAND, totals, CUTS, rng, judge)


def left_by_cut(wanted):
    """Cuts the merge at the first write behind which it is as wanted: (through child, unfinished)."""
    disks, _ = make("dynamic")
    shutil.copy("old.img", "d.img")
    assert not cut(-1, 0, COMMAND)
    low, high = 0, cut_total()
    while low < high:                       # what is wanted lies in front of everything that is further
        half = (low + high) // 2
        shutil.copy("old.img", "d.img")
        assert cut(half, 0, COMMAND)
        told = b"mkimage merge" in mkimage("check", "d.img", "--entry", "work", "--json").stdout
        state = (len(chain("d.img", "--entry", "work")) == 2, told)
        if state == wanted:
            assert disks.judge() == wanted
            return disks
        low, high = (half + 1, high) if state == (True, False) or wanted < state else (low, half)
    raise AssertionError(f"no cut leaves {wanted}")


def test_the_child_goes_on_being_written():
    """Its ids are new at each start: the parent's mark names it all the same."""
    disks = left_by_cut((True, True))
    block = max(disks_places("leaf").items())
    started("/vhd/leaf.vhdx")
    in_place("/vhd/leaf.vhdx", block[1], b"written after the cut".ljust(SECTOR, b"!"))
    lba = block[0] * MIB // SECTOR
    disks.new = bytearray(disks.new)
    disks.new[lba * SECTOR:(lba + 1) * SECTOR] = b"written after the cut".ljust(SECTOR, b"!")
    disks.new = bytes(disks.new)
    disks.finish()


def disks_places(name):
    """Where the blocks of a copy's image lie whose first sector it stores."""
    data = read(f"out/{name}.vhdx")
    bat = next(struct.unpack_from("<Q", data, at + 16)[0] for at in range(0x30010, 0x30100, 32)
               if data[at:at + 4] == b"\x66\x77\xc2\x2d")
    entries = struct.unpack_from("<9Q", data, bat)
    bitmap = struct.unpack_from("<Q", data, bat + 8 * ((1 << 32) // MIB))[0] >> 20 << 20 \
        if name == "leaf" else 0
    return {n: e >> 20 << 20 for n, e in enumerate(entries)
            if e & 7 == 6 or (e & 7 == 7 and data[bitmap + n * MIB // SECTOR // 8] & 1)}


def test_the_parent_starts_before_the_child_is_gone():
    """The menu leads to it already, and its own start gives it an id that the child does not know."""
    disks = left_by_cut((False, True))
    if os.path.exists("out/leaf.vhdx"):
        started("/vhd/base.vhdx")
        refused("snapshot", "d.img", "--entry", "work", words="leaf.vhdx into it is not finished")
    disks.finish()


def test_another_child_is_refused():
    """It lay elsewhere while the merge was begun."""
    disks = left_by_cut((True, True))
    other = Vhdx(SIZE, MIB, parent=Vhdx(SIZE), parent_path="base.vhdx")
    other.locator[0] = ("parent_linkage", "{%s}" % uuid.UUID(bytes_le=data_id("/vhd/base.vhdx")))
    other.store(0, b"other".ljust(510) + b"\x55\xaa")
    other.write("other.vhdx")
    run(FRAGMENT, "d.img", "other.vhdx", "/vhd/other.vhdx", 1)
    with open("cfg", "a", encoding="ascii") as file:
        file.write("[other]\nvhd = \\vhd\\other.vhdx\n")
    run(FRAGMENT, "d.img", "cfg", "/vhdboot.cfg", 1)
    refused("read", "d.img", "--entry", "other", words="holds a part of what a merge writes")
    refused("merge", "d.img", "--entry", "work", words="is the parent of .*other.vhdx as well")
    assert mkimage("read", "d.img", "--entry", "work").stdout == disks.new


@pytest.mark.parametrize("verb", ["snapshot", "reserve"])
def test_a_mark_whose_child_is_gone_goes(verb):
    disks, _ = make("dynamic")
    shutil.copy("old.img", "d.img")
    mkimage(*COMMAND)
    mark = bytearray(b"vhdmerge" + bytes(4) + struct.pack("<I", 2) + b"whose child gone" + bytes(480))
    in_place("/vhd/base.vhdx", MARK, summed(mark))
    assert b"mkimage merge" in mkimage("check", "d.img", "--entry", "work", "--json").stdout
    mkimage("snapshot", "d.img", "--entry", "work", "--size", "1M") if verb == "snapshot" else \
        mkimage("reserve", "d.img", "--entry", "work", "--size", "1M")
    assert b"mkimage merge" not in mkimage("check", "d.img", "--entry", "work", "--json").stdout
    assert mkimage("read", "d.img", "--entry", "work").stdout == disks.new
    assert mkimage("cat", "d.img:/vhd/base.vhdx").stdout[MARK:MARK + SECTOR] == bytes(SECTOR)
    if verb == "snapshot":
        assert len(chain("d.img", "--entry", "work")) == 2


def summed(mark):
    mark[8:12] = bytes(4)
    mark[8:12] = struct.pack("<I", crc32c(bytes(mark)))
    return bytes(mark)


def test_a_damaged_mark_is_refused():
    disks = left_by_cut((True, True))
    data = bytearray(mkimage("cat", "d.img:/vhd/base.vhdx").stdout[MARK:MARK + SECTOR])
    data[20] ^= 1
    in_place("/vhd/base.vhdx", MARK, bytes(data))
    for entry in ("work", "clean"):
        refused("read", "d.img", "--entry", entry, words="the mark of a merge at byte 4096 of the VHDX is damaged")
    data[20] ^= 1
    data[12] = 9                            # a state of a later version
    in_place("/vhd/base.vhdx", MARK, summed(data))
    refused("read", "d.img", "--entry", "clean", words="holds a part")
    disks.finish()


def test_what_it_gets_and_leaves():
    """The slack's note after a merge that nothing cut; big blocks, which the loader would not add."""
    base = Vhdx(SIZE, 64 * MIB)
    base.store(0, b"base".ljust(510) + b"\x55\xaa")
    leaf = Vhdx(SIZE, 64 * MIB, parent=base, parent_path="base.vhdx")
    leaf.store(100, sectors("leaf", 100, 3000))
    leaf.store(0, b"leaf".ljust(510) + b"\x55\xaa")
    base.data, base.state, base.bits = {}, {}, {}
    disks = Flash([leaf, base], mib=250)
    shutil.copy("old.img", "d.img")
    assert b"which got 1 new block, and removed" in mkimage(*COMMAND).stderr
    disks.merged = False
    assert disks.judge() == (False, False)
    data = read("out/base.vhdx")
    assert data[-SECTOR:-SECTOR + 8] == b"vhdbzero" and data[-SECTOR + 32:-SECTOR + 48] == newest(data)[1][16:32]


def test_older_boot_code_would_not_know_the_mark():
    disks, _ = make("dynamic")
    shutil.copy("old.img", "d.img")
    code = bytearray(mkimage("cat", "d.img:/vhdboot.bin").stdout)
    code[5000] ^= 1
    in_place("/vhdboot.bin", 0, bytes(code))
    digest = sha256("d.img")
    refused(*COMMAND, words="boot code is of another version.* mkimage update first")
    assert sha256("d.img") == digest
    mkimage("update", "d.img")
    mkimage(*COMMAND)
    assert mkimage("read", "d.img", "--entry", "work").stdout == disks.new
