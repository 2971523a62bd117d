# SPDX-License-Identifier: GPL-2.0-or-later
"""Power cuts. A guest writes at random while all writes to the flash are recorded; then the record is cut
off after every sector, and what is there is judged: by judge.c for each cut, by mkimage, 7zz, qemu-img and
ntfsresize for some. From one of the cuts the machine starts once more and writes on.

matrix() has the image kinds, block sizes and kinds of slack for it, in an order that covers each value early.
tests/system/write/test_powercut.py goes through them."""
import hashlib
import os
import random
import re
import subprocess
from collections import Counter

import scribe
import vhd
from emulator import Qemu
from flash import MIB, mkimage_json, run, tool
from vhd_dynamic import SECTOR, DynamicVhd, note
from vhdx import ZERO, Vhdx, poison

SECTORS = 16 * MIB // SECTOR
KIB = 1 << 10
CONFIG = "[disk]\nvhd = \\{}\nwrite = persistent\n"
JUDGE = tool("powercut/judge")


class Case:
    """One cell of the matrix. depth: 0 fixed, 1 dynamic, then 1 + the number of parents."""

    def __init__(self, depth, block_size, junk, bus="ahci", pieces=5, clear_bits=False, note=None, kind="vhd"):
        self.depth = depth
        self.block_size = block_size
        self.junk = junk
        self.bus = bus
        self.pieces = pieces
        self.clear_bits = clear_bits                # of a dynamic one, over zeros
        self.note = note                            # about the slack, as vhd_dynamic.py has them
        self.kind = kind                            # or "vhdx", of which there are no fixed ones here

    def __str__(self):
        kind = ("fixed", "dynamic", *(f"differencing, {n} parents" for n in (1, 2, 3)))[self.depth]
        if not self.depth:
            return kind if self.bus == "ahci" else f"{kind}, {self.bus}"
        kind += ", VHDX" if self.kind == "vhdx" else ""
        return (f"{kind}, blocks of {self.block_size // KIB} KiB, {'junk' if self.junk else 'zeroed'} slack" +
                (f", a note {self.note}" if self.note else ""))


def deal(rng, chain, data):
    """Deals the disk out to the layers, leaf first; what a layer hides is poison in those below. Some of it
    nobody gets, and some blocks the leaf has none of."""
    per_block = chain[0].block_size // SECTOR
    absent = {b for b in range(1, SECTORS // per_block) if rng.randrange(2)}
    lba = 0
    while lba < SECTORS:
        count = min(rng.randint(1, 1000), SECTORS - lba, per_block - lba % per_block)
        layers = chain[1:] if lba // per_block in absent else chain
        owner = rng.randrange(len(layers) + 1) if layers and lba >= per_block else 0
        if owner < len(layers):
            layers[owner].store(lba, data[lba * SECTOR:(lba + count) * SECTOR])
            for below in layers[owner + 1:]:
                if rng.randrange(2):
                    below.store(lba, below.filler(count * SECTOR))
        lba += count


def images(shop, case, rng, rounds, slack=None, **guest):
    """Files of the chain, leaf first: (name, path). slack: blocks; else enough for all."""
    data = scribe.disk(shop, SECTORS, rounds, **{"seed": rng.randrange(1 << 32), **guest})
    if case.kind == "vhdx":
        return vhdx_images(shop, case, rng, data)
    leaf = shop.path("disk.vhd")
    if not case.depth:
        with open(leaf, "wb") as f:
            f.write(data)
        vhd.make_fixed(leaf + ".fixed", SECTORS, source=leaf)
        return [("disk.vhd", leaf + ".fixed")]
    chain = [DynamicVhd(SECTORS * SECTOR, case.block_size)]
    for n in range(1, case.depth):
        child = DynamicVhd(SECTORS * SECTOR, case.block_size if n == case.depth - 1 else
                           rng.choice((512 * KIB, 2 * MIB)), parent=chain[0])
        child.parent_name = f"base{n - 1}.vhd"
        child.locate("W2ru", f".\\base{n - 1}.vhd")
        chain.insert(0, child)
    deal(rng, chain, data)
    absent = SECTORS * SECTOR // case.block_size - len(chain[0].blocks)
    chain[0].slack = (absent if slack is None else slack) * (case.block_size + 4096 + 4096) + 4096
    chain[0].junk = case.junk
    chain[0].note = case.note
    chain[0].align = 4096
    chain[0].all_bits = not case.clear_bits
    names = ["disk.vhd"] + [f"base{n}.vhd" for n in range(case.depth - 2, -1, -1)]
    return [(name, image.write(shop.path(name))) for name, image in zip(names, chain)]


def vhdx_images(shop, case, rng, data):
    """The same of VHDXs; a child's leaf says of one block itself that it is zeros."""
    chain = [Vhdx(SECTORS * SECTOR, case.block_size)]
    for n in range(1, case.depth):
        chain.insert(0, Vhdx(SECTORS * SECTOR, case.block_size if n == case.depth - 1 else
                             rng.choice((MIB, 2 * MIB)), parent=chain[0], parent_path=f"base{n - 1}.vhdx"))
    deal(rng, chain, data)
    leaf = chain[0]
    absent = [b for b in range(leaf.block_count) if b not in leaf.data]
    if case.depth > 1 and absent:
        leaf.state[absent[0]] = ZERO
    names = ["disk.vhdx"] + [f"base{n}.vhdx" for n in range(case.depth - 2, -1, -1)]
    files = [(name, image.write(shop.path(name)) and shop.path(name)) for name, image in zip(names, chain)]
    vhdx_slack(files[0][1], case, len(absent) * case.block_size)
    return files


def vhdx_slack(path, case, slack):
    """Room for all blocks at the file's end, and behind it, in a MiB of its own, the note that the case has."""
    with open(path, "r+b") as file:
        first = file.seek(0, os.SEEK_END)
        junk = (slack // 2 // SECTOR * SECTOR if case.note == "of a part" else slack) * case.junk
        file.write(poison(junk))
        file.truncate(first + slack + MIB * bool(case.note))
        if not case.note:
            return
        file.seek(128 * KIB + 16)               # the header that counts
        identity = bytes(16) if case.note == "another file's" else file.read(16)
        place = file.seek(-SECTOR, os.SEEK_END)
        own = note(identity, first + junk * (case.note == "of a part"),
                   place + SECTOR * (case.note == "of another place"))
        file.write(own[:40] + bytes(472) if case.note == "half written" else own)


def make_flash(shop, case, rng, rounds, config=None, **guest):
    """A flash with the chain, made the same whenever `rng` is; and the files' names, leaf first."""
    files = images(shop, case, rng, rounds, **guest)
    total = sum(os.path.getsize(path) for _, path in files)
    flash = shop.formatted(files[0][1], mib=2 * total // MIB + 64, pieces=case.pieces, to="/" + files[0][0],
                           config=config or CONFIG.format(files[0][0]))
    for name, path in files[1:]:
        run(tool("tools/fragment"), flash, path, "/" + name, 2)
    for _, path in files:
        os.unlink(path)
    assert mkimage_json("check", flash)["boots"] is True, "mkimage check"
    return flash, [name for name, _ in files]


def session(flash, record, bus):
    with Qemu(flash, bus=bus, memory=64, write=True, record=record, limit=600) as pc:
        pc.guest()
        return pc.log


def judge(flash, record, leaf="disk.vhd", **options):
    """Numbers by name, and the cuts around which tables change."""
    command = [JUDGE, flash, record, "/" + leaf, str(scribe.NOTE_LBA)]
    for name, value in options.items():
        command += [name, str(value)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = done.stdout.decode(errors="replace")
    assert done.returncode == 0, f"{' '.join(command)}\n{text[-2000:]}\nexit status"
    metadata = [int(n) for n in re.findall(r"^metadata (\d+)$", text, re.MULTILINE)]
    text = re.sub(r"^metadata.*\n", "", text, flags=re.MULTILINE)
    return {name: int(n) for name, n in re.findall(r"(\w+) (\d+)", text)}, metadata


def copy(source, to):
    run("cp", "--sparse=always", source, to)
    return to


def state(shop, flash, record, cut):
    """The flash as it is when power fails after so many sectors."""
    out = copy(flash, shop.path("cut.img"))
    run(JUDGE, "apply", out, record, cut)
    return out


def sha256(*command):
    with subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as child:
        total = hashlib.sha256()
        while data := child.stdout.read(MIB):
            total.update(data)
        errors = child.stderr.read().decode(errors="replace")
    assert child.returncode == 0, f"{command}: {errors}\nexit status"
    return total.hexdigest()


def others_agree(shop, flash, names, case):
    """mkimage check is content; mkimage read, 7zz and, where it can, qemu-img read the same disk."""
    assert mkimage_json("check", flash)["boots"] is True, "mkimage check"
    wanted = sha256(tool("mkimage"), "read", flash)
    for name in names:
        with open(shop.path(name), "wb") as out:
            done = subprocess.run([tool("mkimage"), "cat", f"{flash}:/{name}"], stdout=out, check=False)
        assert done.returncode == 0, "mkimage cat"
    leaf = shop.path(names[0])
    assert sha256("7zz", "e", "-so", "-t" + case.kind, leaf) == wanted, "7zz's disk"
    if case.kind == "vhdx" and case.depth == 1:
        run("qemu-img", "check", "-f", "vhdx", leaf)            # -r none: it repairs nothing, and must not want to
    if case.depth == 1:                     # of a fixed one it takes whole cylinders only
        kind = "vpc" if case.kind == "vhd" else "vhdx"
        run("qemu-img", "convert", "-f", kind, "-O", "raw", leaf, shop.path("disk.raw"))
        assert sha256("cat", shop.path("disk.raw")) == wanted, "qemu-img's disk"


def ntfs_is_clean(shop, flash):
    start = 2048 * SECTOR
    volume = shop.path("volume.ntfs")
    run("dd", f"if={flash}", f"of={volume}", "bs=1M", f"skip={start // MIB}", "conv=sparse", "status=none")
    text = run("ntfsresize", "-i", "-f", volume)
    assert "Checking filesystem consistency" in text and "orrupt" not in text, text


def power_cuts(shop, case, rounds, every, oracles, seed=1):
    """Two sessions; the second one starts where power failed in the first. Returns what was counted."""
    rng = random.Random(f"{case} {seed}")
    total = Counter()
    flash, names = make_flash(shop, case, rng, rounds, note_lba=scribe.NOTE_LBA)
    for number in range(2):
        before, record = copy(flash, shop.path("before.img")), shop.path("record")
        session(flash, record, case.bus)
        counts, metadata = judge(before, record, names[0], every=every, torn=2, shuffled=2)
        total.update(counts)
        last = counts["sectors"]
        for cut in rng.sample(metadata, min(oracles, len(metadata))) + rng.sample(range(last), oracles):
            others_agree(shop, state(shop, before, record, cut), names, case)
            total["oracles"] += 1
        others_agree(shop, flash, names, case)
        ntfs_is_clean(shop, flash)
        if number == 0:
            cut = rng.choice(metadata + [rng.randrange(last)])
            flash = copy(state(shop, before, record, cut), flash)
            scribe.change(flash, seed=rng.randrange(1 << 32))
    return total


def matrix():
    """All cells; the first ones already have each value of each axis."""
    cells = []
    blocks = (512 * KIB, 2 * MIB, 4 * MIB)
    for turn in range(6):
        for depth in range(1, 5):
            which = (turn + 4 * depth + 5) % 6
            cells.append(Case(depth, blocks[which % 3], which >= 3))
    cells[3:3] = [Case(0, 0, False), Case(0, 0, False, bus="ide"),
                  Case(1, 512 * KIB, False, note="true"), Case(1, 512 * KIB, True, note="of another place")]
    cells[7:7] = [Case(1, MIB, False, note="true", kind="vhdx")]
    cells[12:12] = [Case(2, 2 * MIB, True, kind="vhdx")]
    cells += [Case(1, 2 * MIB, False, note="true"), Case(1, 512 * KIB, True, note="of a part"),
              Case(1, 512 * KIB, True, note="another file's"), Case(1, 512 * KIB, True, note="half written"),
              Case(2, 512 * KIB, True, note="another file's"), Case(2, 512 * KIB, False, note="true"),
              Case(1, 2 * MIB, True, note="of another place", kind="vhdx"), Case(1, MIB, True, kind="vhdx"),
              Case(1, 2 * MIB, True, note="of a part", kind="vhdx"),
              Case(1, 2 * MIB, True, note="another file's", kind="vhdx"),
              Case(1, MIB, True, note="half written", kind="vhdx"),
              Case(2, 4 * MIB, False, note="true", kind="vhdx"),
              Case(3, 2 * MIB, True, note="another file's", kind="vhdx"),
              Case(2, MIB, True, kind="vhdx"), Case(3, MIB, False, note="true", kind="vhdx")]
    return cells
