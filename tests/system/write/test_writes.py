# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes in each mode and to each kind of image: a guest writes at random, then compares all of its disk
(scribe.asm); then other programs read what it wrote, and the rest of the flash must not have changed.
WRITE_SECONDS is how long it writes in each; without it, it is 40 requests."""
import hashlib
import os
import random
import re
import subprocess

import powercut
import pytest
import scribe
from emulator import Bochs, Qemu
from flash import MIB, extents, mkimage, mkimage_json, outside, run, tool
from powercut import Case, make_flash, others_agree
from vhdx import HEADERS, Vhdx

KIB = 1 << 10
SECONDS = float(os.environ.get("WRITE_SECONDS", "0"))
FIXED, DYNAMIC = Case(0, 0, False), Case(1, 512 * KIB, False)
CHILD = Case(2, 2 * MIB, True)

pytestmark = pytest.mark.timeout(300 + 6 * SECONDS)


def config(write="persistent", more=""):
    return f"[disk]\nvhd = \\disk.vhd\nwrite = {write}\n{more}"


def whole(flash):
    total = hashlib.sha256()
    with open(flash, "rb") as file:
        while data := file.read(MIB):
            total.update(data)
    return total.hexdigest()


def boot(flash, write=True, bus="ahci", memory=64):
    """Rounds and refusals of the guest, and what the machine said."""
    with Qemu(flash, bus=bus, memory=memory, write=write, limit=180 + 2 * SECONDS) as pc:
        found = pc.wait(r"guest: rounds ([0-9a-f]+) refused ([0-9a-f]+)|guest: failed|^error: .*")
        assert found.group(1), f"the guest did not succeed:\n{pc.log[-2000:]}"
        pc.guest()
        return int(found.group(1), 16), int(found.group(2), 16), pc.log


def for_some_time(**guest):
    time = {"rounds": 0xFFFFFFFF, "ticks": int(SECONDS * 18.2)} if SECONDS else {"rounds": 40}
    return {**time, **guest}


def leaf_size(flash):
    return mkimage_json("extents", f"{flash}:/disk.vhd")["size"]


def written(shop, case, seed=1, conf=None, bus="ahci", **guest):
    """Boots a guest that writes to a flash; checks what must hold after every session."""
    flash, names = make_flash(shop, case, random.Random(seed), config=conf or config(),
                              **for_some_time(**guest))
    own, size = extents(flash), leaf_size(flash)
    rest = outside(flash, own)
    rounds, refused, log = boot(flash, bus=bus)
    assert (outside(flash, own), extents(flash), leaf_size(flash)) == (rest, own, size), (
        "the flash outside the image, the file's place, its size")
    assert rounds > 5, f"only {rounds} requests"
    return flash, names, rounds, refused, log


@pytest.mark.parametrize("case, bus", [
    (FIXED, "usb-xhci"), (Case(1, 2 * MIB, False), "ahci"), (Case(1, 512 * KIB, True), "ide"), (CHILD, "virtio"),
    (Case(4, 4 * MIB, False), "usb-ehci")], ids=str)
def test_persistent(shop, case, bus):
    flash, names, rounds, refused, _ = written(shop, case, bus=bus)
    assert refused == 0, "refused writes"
    others_agree(shop, flash, names, case)
    powercut.ntfs_is_clean(shop, flash)
    print(f"{rounds} requests")
    if case is CHILD:
        scribe.change(flash, seed=5)
        boot(flash)
        others_agree(shop, flash, names, case)


def test_persistent_in_bochs(shop):
    flash, names = make_flash(shop, CHILD, random.Random(2), 30)
    shop.whole_tracks(flash)
    with Bochs(flash, write=True) as pc:
        pc.guest()
    others_agree(shop, flash, names, CHILD)


@pytest.mark.parametrize("case", [FIXED, DYNAMIC, CHILD], ids=str)
def test_none(shop, case):
    flash, _ = make_flash(shop, case, random.Random(1), 50, config=config("none"),
                          flags=scribe.PROTECTED)
    before = whole(flash)
    rounds, refused, _ = boot(flash)
    assert (rounds, refused) == (50, 50), "requests, and those that got 03h"
    assert whole(flash) == before, "sha256 of the flash"


@pytest.mark.parametrize("case", [FIXED, DYNAMIC, CHILD], ids=str)
def test_discard(shop, case):
    flash, _ = make_flash(shop, case, random.Random(1), config=config("discard"),
                          **for_some_time())
    before = whole(flash)
    rounds, refused, _ = boot(flash, memory=128)
    assert rounds > 5 and not refused, f"{rounds} requests, {refused} refused"
    assert whole(flash) == before, "sha256 of the flash"
    boot(flash, memory=128)


def test_discard_until_memory_is_used_up(shop):
    flash, _ = make_flash(shop, DYNAMIC, random.Random(1), config=config("discard", "discard_max = 1M\n"),
                          **for_some_time(flags=scribe.FULL))
    before = whole(flash)
    rounds, refused, _ = boot(flash, memory=128)
    assert 0 < refused < rounds, f"{rounds} requests, {refused} of them refused"
    assert whole(flash) == before, "sha256 of the flash"


@pytest.mark.parametrize("case", [DYNAMIC, Case(3, 2 * MIB, True)], ids=str)
def test_slack_is_used_up(shop, case):
    flash, names, rounds, refused, log = written(shop, case, slack=2, flags=scribe.FULL)
    assert 0 < refused < rounds, f"{rounds} requests, {refused} of them refused"
    others_agree(shop, flash, names, case)
    blocks = mkimage_json("vhd", "info", f"{flash}:/disk.vhd")["allocated"]
    scribe.change(flash, seed=9)
    again, refused, log = boot(flash)
    assert 0 < refused < again, f"{again} requests, {refused} of them refused"
    assert re.search("slack|no room|no free", log), f"nothing says that there is no room:\n{log}"
    assert mkimage_json("vhd", "info", f"{flash}:/disk.vhd")["allocated"] == blocks, "allocated"
    others_agree(shop, flash, names, case)


EDGES = {                               # name: (kind of image, first sector behind the edge)
    "block edge, 512 KiB": (DYNAMIC, 9 * 1024),
    "block edge, 4 MiB": (Case(2, 4 * MIB, True), 2 * 8192),
    "bitmap sectors' edge, 4 MiB": (Case(2, 4 * MIB, False), 8192 + 4096),
    "bitmap sectors' edge, dynamic": (Case(1, 4 * MIB, True), 8192 + 4096),
    "end of the disk": (Case(2, 2 * MIB, False), powercut.SECTORS - 64),
}


@pytest.mark.parametrize("seed", (1, 2) if SECONDS else (1,))       # they differ in which blocks are there
@pytest.mark.parametrize("case, lba", EDGES.values(), ids=EDGES)
def test_across_the(shop, case, lba, seed):
    """Requests around one place, so that most of them lie across it."""
    count = min(260, powercut.SECTORS - (lba - 130))
    flash, names, _, refused, _ = written(shop, case, seed, first=lba - 130, count=count, rounds=40,
                                          ticks=0xFFFFFFFF)
    assert refused == 0, "refused writes"
    others_agree(shop, flash, names, case)


def take_out(shop, flash, name="disk.vhd"):
    path = shop.path("out-" + name)
    with open(path, "wb") as out:
        subprocess.run([tool("mkimage"), "cat", f"{flash}:/{name}"], stdout=out, check=True)
    return path


def qemu_writes(path, shop, rng, requests):
    """qemu-io writes patterns of generation 200 here and there; returns where."""
    commands = []
    for n in range(requests):
        count = rng.randint(1, 127)
        lba = rng.randrange(scribe.FIRST_LBA, powercut.SECTORS - count)
        source = shop.path(f"pattern{n}")
        with open(source, "wb") as out:
            out.write(b"".join(scribe.pattern(i, 200) for i in range(lba, lba + count)))
        commands += ["-c", f"write -s {source} {lba * 512} {count * 512}"]
    run("qemu-io", "-f", "vpc", *commands, path)


@pytest.mark.parametrize("case", (DYNAMIC, Case(1, 2 * MIB, False)) if SECONDS else (DYNAMIC,), ids=str)
def test_qemu_and_the_guest_write_in_turn(shop, case):
    rng = random.Random(4)
    flash, names, _, _, _ = written(shop, case, rounds=6, ticks=0xFFFFFFFF)
    for seed in (11, 12):
        image = take_out(shop, flash)
        size = os.path.getsize(image)
        qemu_writes(image, shop, rng, 3)            # leaves a stray footer in the slack
        assert os.path.getsize(image) == size, "size of the file after QEMU wrote to it"
        run(tool("tools/fragment"), flash, image, "/disk.vhd", 4)
        others_agree(shop, flash, names, case)
        scribe.change(flash, seed=seed, rounds=8)
        boot(flash)
        others_agree(shop, flash, names, case)


@pytest.mark.parametrize("case", [FIXED, DYNAMIC, CHILD], ids=str)
def test_ram_yes_and_the_drive_taken_away(shop, case):
    """The drive is gone once the guest runs."""
    flash, _ = make_flash(shop, case, random.Random(1), config=config("discard", "ram = yes\n"),
                          **for_some_time(flags=scribe.WAIT))
    before = whole(flash)
    with Qemu(flash, bus="ahci", memory=128, write=True, limit=180 + 2 * SECONDS) as pc:
        pc.wait("guest: scanned")
        reads = pc.stats()["rd_operations"]
        pc.qmp("human-monitor-command", **{"command-line": "drive_del disk0"})
        pc.send("x")
        pc.wait("guest: all written, comparing")
        pc.send("x")
        pc.guest()
    print(f"{reads} reads before the drive was gone")
    assert whole(flash) == before, "sha256 of the flash"


def vhdx_headers(path):
    """(sequence, data-write GUID) of both headers."""
    with open(path, "rb") as f:
        out = []
        for at in HEADERS:
            f.seek(at)
            head = f.read(64)
            out.append((int.from_bytes(head[8:16], "little"), head[32:48]))
    return sorted(out)


def test_a_vhdx_in_place(shop):
    guest = for_some_time(seed=3, count=8 * 2048 - scribe.FIRST_LBA)
    data = scribe.disk(shop, powercut.SECTORS, **guest)
    disk = Vhdx(powercut.SECTORS * 512, MIB)
    disk.store(0, data[:8 * MIB])               # the rest is not there
    path = shop.path("disk.vhdx")
    disk.write(path)
    child = Vhdx(powercut.SECTORS * 512, MIB, parent=disk, parent_path="out-disk.vhdx")
    child.write(shop.path("child.vhdx"))
    flash = shop.formatted(path, to="/disk.vhdx", pieces=4)
    own, headers = extents(flash, "/disk.vhdx"), vhdx_headers(path)
    rest = outside(flash, own)
    for turn in (1, 2):
        scribe.change(flash, seed=turn)
        rounds, refused, _ = boot(flash)
        assert rounds > 5 and not refused, f"{rounds} requests, {refused} refused"
        assert outside(flash, own) == rest, "the flash outside the image"
        image = take_out(shop, flash, "disk.vhdx")
        run("qemu-img", "check", "-f", "vhdx", image)
        run("qemu-img", "convert", "-f", "vhdx", "-O", "raw", image, shop.path("raw"))
        assert powercut.sha256(tool("mkimage"), "read", flash) == whole(shop.path("raw")), (
            "the disk, ours and qemu-img's")
        now = vhdx_headers(image)
        assert now[1][0] == headers[1][0] + 1, "sequence of the newest header"
        assert now[1][1] != headers[1][1], "the data-write GUID is the old one"
        assert now[0] == headers[1], "the header before"
        headers = now
    done = subprocess.run([tool("mkimage"), "vhd", "check", shop.path("child.vhdx")],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 1, f"mkimage vhd check of a child: {done.stdout.decode()}\nexit status"


def test_a_vhdx_in_place_blocks_that_are_not_there_refuse(shop):
    data = scribe.disk(shop, powercut.SECTORS, **for_some_time(flags=scribe.FULL))
    disk = Vhdx(powercut.SECTORS * 512, MIB)
    disk.store(0, data[:8 * MIB])
    disk.write(shop.path("disk.vhdx"))
    flash = shop.formatted(shop.path("disk.vhdx"), to="/disk.vhdx", pieces=4)
    rounds, refused, _ = boot(flash)
    assert 0 < refused < rounds, f"{rounds} requests, {refused} of them refused"
    run("qemu-img", "check", "-f", "vhdx", take_out(shop, flash, "disk.vhdx"))


def content(flash):
    return powercut.sha256(tool("mkimage"), "read", flash, "--lba", scribe.FIRST_LBA)


def test_flash_write_snapshot_write_rollback_write_merge_write(shop):
    """What a stick goes through: made by mkimage with slack, written, a snapshot, thrown away, merged."""
    (_, image), = powercut.images(shop, DYNAMIC, random.Random(3), slack=0, **for_some_time())
    flash = shop.flash(image)

    def session(seed):
        scribe.change(flash, seed=seed)
        before = content(flash)
        rounds, refused, _ = boot(flash)
        assert rounds > 5 and not refused, f"{rounds} requests, {refused} refused"
        assert content(flash) != before, "nothing was written"
        powercut.ntfs_is_clean(shop, flash)
    session(1)
    first = content(flash)
    mkimage("snapshot", flash, "--size", "32M")
    assert content(flash) == first, "the disk after snapshot"
    session(2)
    mkimage("rollback", flash)
    assert content(flash) == first, "the disk after rollback"
    session(3)
    second = content(flash)
    mkimage("merge", flash)
    assert content(flash) == second, "the disk after merge"
    session(4)


def slots(flash):
    """The drive table as the guest finds it."""
    with Qemu(flash, bus="ahci") as pc:
        pc.guest()
        table = [bytes.fromhex(h) for h in re.findall(r"guest: slot ([0-9a-f]{48})", pc.log)]
    assert len(table) == 8, "slots"
    return table


def test_the_drive_table_a_fixed_vhd_in_one_piece(shop):
    image = shop.pattern_vhd("slots", 16)
    flash = shop.flash(image)
    lba, count = extents(flash, "/slots.vhd")[0]
    table = slots(flash)
    first = table[0]
    assert first[:2] == b"\x80\x80", "from and to drive"
    assert first[5] & 0x80, f"no LBA flag: {first.hex()}"
    assert int.from_bytes(first[8:16], "little") == lba, "first sector"
    assert int.from_bytes(first[16:24], "little") == 16 * 2048, "sectors: the footer is none"
    assert count == 16 * 2048 + 1, "sectors of the file"
    assert not any(b"".join(table[1:])), "a second slot is used"


@pytest.mark.parametrize("options, conf", [
    pytest.param({"pieces": 3}, None, id="in pieces"),
    pytest.param({}, "[a]\nvhd=\\disk.vhd\nwrite=none\n", id="not to be written"),
    pytest.param({}, "[a]\nvhd=\\disk.vhd\nwrite=discard\n", id="discard"),
    pytest.param({}, "[a]\nvhd=\\disk.vhd\nram=yes\n", id="ram"),
    pytest.param({}, "[a]\nvhd=\\disk.vhd\nram=yes\nwrite=none\n", id="ram, write-protected")])
def test_the_drive_table_is_empty_for_a_fixed_vhd(shop, options, conf):
    flash = shop.formatted(shop.pattern_vhd("slots", 16), config=conf, **options)
    assert not any(b"".join(slots(flash))), "a slot is used"


def test_the_drive_table_is_empty_for_a_dynamic_vhd(shop):
    raw = shop.pattern_disk("slots", 4096)
    run("qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", "force_size=on", raw, shop.path("d.vhd"))
    assert not any(b"".join(slots(shop.formatted(shop.path("d.vhd"))))), "a slot is used"
