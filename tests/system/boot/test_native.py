# SPDX-License-Identifier: GPL-2.0-or-later
"""`via = bootmgr`: Windows' boot manager gets the real drive, with the image chosen in its store in memory only.

Its place is taken by a program with the same marks (tests/guest/bootmgr.asm), which reads all of the drive through
INT 13h, reads and writes the sectors of the store, and says what it sees.
"""
import functools
import json
import os
import re
import struct
import subprocess

import bcd
import ntfsedit
import pytest
import vhd
from flash import MIB, START, extents, mkimage_json, run, tool
from winimage import windows_tree, windows_vhd

SIGNATURE = struct.unpack("<I", b"test")[0]
OURS = bcd.mbr(SIGNATURE, START * 512)
ABSENT = bcd.mbr(0x0BADBEEF, START * 512)
ONE, TWO = bcd.guid(0xa1), bcd.guid(0xb2)
A, B = r"\VM\a.vhd", r"\VM\b.vhdx"
CONFIG = "timeout = 0\n[w]\ntitle = Windows A\nvhd = \\VM\\a.vhd\nvia = bootmgr\n"
CHUNK = 64
WANTED = 16


def both(default=TWO, timeout=30, where=OURS, **options):
    return bcd.store([bcd.vhd_entry(ONE, "A", bcd.vhd(A, where)), bcd.vhd_entry(TWO, "B", bcd.vhd(B, where))],
                     default=default, timeout=timeout, **options)


@pytest.fixture
def stick(shop):
    """stick(store, config): a disk with two images, \\bootmgr and this \\Boot\\BCD."""
    def make(store, config=CONFIG, name="flash.img", files=None, mib=12):
        for part, sectors in (("a", 2048), ("b", 2048)):
            vhd.make_fixed(shop.path(part), sectors)
        run("nasm", "-f", "bin", "-Wall", "tests/guest/bootmgr.asm", "-o", shop.path("bootmgr"))
        with open(shop.path("BCD"), "wb") as file:
            file.write(store or b"\0")
        with open(shop.path("scratch"), "wb") as file:
            file.write(bytes(range(256)) * 32)
        with open(shop.path("sleeps"), "wb") as file:
            file.write(bytes(8192))
        all_files = {"/VM/a.vhd": shop.path("a"), "/VM/b.vhdx": shop.path("b"), "/bootmgr": shop.path("bootmgr"),
                     "/scratch": shop.path("scratch"), "/Boot/BCD": shop.path("BCD")}
        all_files.update(files or {})
        all_files = {k: shop.path(v) if v == "sleeps" else v for k, v in all_files.items() if v}
        return shop.stick(config, all_files, name=name, mib=mib)
    return make


def check(disk, *options):
    done = subprocess.run([tool("mkimage"), "check", disk, "--json", *options], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    answer = json.loads(done.stdout)
    assert done.returncode == (0 if answer["boots"] else 1)
    return answer


def content(disk):
    with open(disk, "rb") as file:
        return bytearray(file.read())


@functools.lru_cache(maxsize=None)
def pieces(disk, path):
    return extents(disk, path)


def where_of(disk, path, offset):
    """The byte of the drive that holds this one of the file."""
    for lba, count in pieces(disk, path):
        if offset < count * 512:
            return lba * 512 + offset
        offset -= count * 512
    raise AssertionError("beyond the file")


def chosen(disk, store, identity=ONE):
    """What the drive should be to the boot manager, and the sectors that differ."""
    data, before = content(disk), content(disk)
    def put(key, old, new):     # a value's data lie in front of its key
        at = store.rindex(old, 0, store.index(key))
        for i, byte in enumerate(new):
            data[where_of(disk, "/Boot/BCD", at + i)] = byte
    put(b"23000003", TWO.encode("utf-16-le"), identity.encode("utf-16-le"))
    put(b"25000004", struct.pack("<Q", 30), bytes(8))
    return data, sorted({i // 512 for i in range(len(data)) if data[i] != before[i]})


def sums(data):
    """As the program makes them."""
    sectors = [sum(words) for words in struct.iter_unpack("<128I", data)]
    found = []
    for first in range(0, len(sectors) - CHUNK + 1, CHUNK):
        total = 0
        for sector in sectors[first:first + CHUNK]:
            total = ((total << 5 | total >> 27) + sector) & 0xffffffff
        found.append(total)
    return found


def ask(disk, sectors, store=0, scratch=0, chunks=None):
    """Tells the program on the disk what to look at."""
    block = struct.pack("<II16III", chunks or len(content(disk)) // (CHUNK * 512), len(sectors),
                        *(list(sectors) + [0] * (16 - len(sectors))), store, scratch)
    at = where_of(disk, "/bootmgr", WANTED)
    assert at // 512 == (at + len(block) - 1) // 512
    with open(disk, "r+b") as file:
        file.seek(at)
        file.write(block)


def said(pc):
    pc.wait("bootmgr: done")
    log = pc.log[pc.log.rindex("bootmgr: drive="):]
    answer = {"drive": int(re.search(r"drive=(\w+)", log)[1], 16),
              "sums": [int(s, 16) for s in re.search(r"sums ([0-9a-f ]+)", log)[1].split()],
              "dumps": {int(n, 16): (bytes.fromhex(b), int(same, 16))
                          for n, b, same in re.findall(r"sector (\w{8}) (\w{1024}) (\w{8})", log)},
              "writes": {int(n, 16): (int(status, 16), bytes.fromhex(b))
                         for n, status, b in re.findall(r"write (\w{8}) (\w{8}) (\w{1024})", log)}}
    answer.update({name: int(value, 16) for name, value in
                   re.findall(r"\b(low|drives|type|sectors)=(\w+)", log[log.rindex("low="):])})
    return answer


def padded(length):
    """The values lie further behind: in front of them is a text of the manager's."""
    return both(manager=[bcd.text(0x12000005, "x" * length)])


def torn_store(stick, config):
    """A stick whose store lies in three pieces, its default over the border of a sector."""
    for length in range(1, 300, 4):
        store = padded(length)
        at = store.rindex(TWO.encode("utf-16-le"), 0, store.index(b"23000003"))
        if at // 512 != (at + 75) // 512:
            break
    else:
        raise AssertionError("no length does it")
    disk = stick(store, config)
    run(tool("tools/fragment"), disk, "-", "/Boot/BCD", 3)
    _, differ = chosen(disk, store)
    assert len(pieces(disk, "/Boot/BCD")) == 3 and len(differ) >= 2
    return disk, store, differ


@pytest.mark.takes(30)
@pytest.mark.parametrize("mode, bus", [("persistent", "ide"), ("none", "ahci")])
def test_the_boot_manager_sees_the_choice_and_else_the_drive(stick, qemu, mode, bus):
    disk, store, differ = torn_store(stick, CONFIG + f"write = {mode}\n")
    scratch = where_of(disk, "/scratch", 512) // 512
    ask(disk, [differ[0] - 1, *differ, differ[-1] + 1, 0], differ[0], scratch)
    before = content(disk)
    expected, differ = chosen(disk, store)
    pc = qemu(disk, bus=bus, write=True)
    pc.wait(r"\\VM\\a.vhd: chosen in \\Boot\\BCD in memory")
    pc.wait(r"\\bootmgr: bootmgr")
    pc.wait("starting Windows A")
    answer = said(pc)
    pc.close()
    assert answer["drive"] == 0x80 and answer["drives"] == 1 and answer["type"] == 3
    assert answer["sectors"] == len(expected) // 512 and answer["low"] < 639
    assert [i for i, (a, b) in enumerate(zip(answer["sums"], sums(expected))) if a != b] == []
    assert len(answer["sums"]) == len(expected) // (CHUNK * 512)
    assert len(answer["dumps"]) == len(differ) + 3
    for lba, (data, same) in answer["dumps"].items():
        assert data == expected[lba * 512:lba * 512 + 512] and same == 1, lba
    protected = mode == "none"
    inverted = bytes(0xff ^ b for b in expected[differ[0] * 512:differ[0] * 512 + 512])
    status, data = answer["writes"][differ[0]]
    assert status == (3 if protected else 0)
    assert data == (bytes(expected[differ[0] * 512:differ[0] * 512 + 512]) if protected else inverted)
    status, data = answer["writes"][scratch]
    assert status == (3 if protected else 0)
    after = content(disk)
    if not protected:           # what is not the store's goes to the drive, and nothing else does
        assert data == bytes(0xff ^ b for b in before[scratch * 512:scratch * 512 + 512])
        before[scratch * 512:scratch * 512 + 512] = data
    assert after == before


@pytest.mark.takes(15)
def test_on_a_drive_that_is_not_80h(shop, stick, qemu):
    """Our drive is the second one; the first one is the BIOS's, and leads here."""
    store = both(where=bcd.boot())
    second = stick(store, name="second.img")
    expected, differ = chosen(second, store)
    ask(second, differ)
    expected, differ = chosen(second, store)
    first = shop.stick("[s]\nboot = disk 1\n", name="first.img", mib=12)
    pc = qemu(first, extra=[(second, "ide")])
    pc.wait("starting Windows A")
    answer = said(pc)
    assert answer["drive"] == 0x81 and answer["drives"] == 2 and answer["sums"] == sums(expected)
    for lba, (data, same) in answer["dumps"].items():
        assert data == expected[lba * 512:lba * 512 + 512] and same == 1


@pytest.mark.takes(10)
def test_in_bochs(shop, stick, bochs):
    disk, store, differ = torn_store(stick, CONFIG)
    shop.whole_tracks(disk)
    ask(disk, differ, store=differ[0], chunks=8)
    expected, _ = chosen(disk, store)
    answer = said(bochs(disk))
    assert answer["drive"] == 0x80 and answer["drives"] == 1 and answer["type"] == 3
    for lba, (data, same) in answer["dumps"].items():
        assert data == expected[lba * 512:lba * 512 + 512] and same == 1
    assert answer["sums"] == sums(expected[:8 * CHUNK * 512])
    first = expected[differ[0] * 512:differ[0] * 512 + 512]
    assert answer["writes"][differ[0]] == (0, bytes(0xff ^ b for b in first))


# --- On the host


def changed(store):
    """How many sectors of the file hold the values."""
    default = store.rindex(TWO.encode("utf-16-le"), 0, store.index(b"23000003"))
    timeout = store.rindex(struct.pack("<Q", 30), 0, store.index(b"25000004"))
    differ = [default + i for i in range(76) if TWO.encode("utf-16-le")[i] != ONE.encode("utf-16-le")[i]] + [timeout]
    return len({at // 512 for at in differ})


def test_values_over_borders_of_sectors(stick):
    """As many sectors as differ, wherever the values lie."""
    stores = {changed(store): store for store in map(padded, range(1, 400, 5))}
    assert len(stores) > 1
    for count, store in stores.items():
        disk = stick(store, name=f"{count}.img")
        (step,) = [s for s in check(disk, "--entry", "w")["steps"] if s["name"] == "start"]
        assert count == len(chosen(disk, store)[1]) and f"of which {count} sector" in step["text"]


def test_a_hibernated_volume(stick):
    disk = stick(both(), files={"/hiberfil.sys": "sleeps"})
    with open(disk, "r+b") as file:
        file.seek(where_of(disk, "/hiberfil.sys", 0))
        file.write(b"hibr")
    answer = check(disk, "--entry", "w")
    assert not answer["boots"] and "hibernated" in answer["error"]


def test_check_says_what_starts(stick):
    (step,) = [s for s in check(stick(both()), "--entry", "w")["steps"] if s["name"] == "start"]
    assert step["ok"] and "\\bootmgr: bootmgr" in step["text"] and f"it starts {A}, entry {ONE}" in step["text"]


def test_entries_of_the_store_start_natively(stick):
    def stores(disk):           # install may have put \bootmgr itself into the menu
        return [e for e in mkimage_json("list", disk)["entries"] if e["from"] == "bcd"]
    assert [(e["name"], e["boots"]) for e in stores(stick(both(), config=None))] == [(ONE, True), (TWO, True)]
    # Without \bootmgr, it is our own disk that would start, and there is nothing on it.
    disk = stick(both(), config=None, files={"/bootmgr": None}, name="b.img")
    assert ["no boot record" in e["error"] for e in stores(disk)] == [True, True]


FORMS = {"boot": (bcd.vhd, bcd.boot()), "mbr": (bcd.vhd, OURS), "locate": (bcd.vhd, bcd.locate(A)),
         "qualified": (bcd.qualified, OURS)}


@pytest.mark.parametrize("form", FORMS)
def test_forms_that_mean_the_image(stick, form):
    make, where = FORMS[form]
    other = bcd.vhd_entry(TWO, "B", bcd.vhd(B, OURS))
    store = bcd.store([other, bcd.vhd_entry(ONE, "A", make(A.upper(), where))], default=TWO, timeout=b"\x0a")
    assert check(stick(store), "--entry", "w")["boots"]


REFUSED = {
    "no store": (None, {"files": {"/Boot/BCD": None}}, "is not there.*mkimage windows boot"),
    "no entry": (bcd.store([bcd.vhd_entry(TWO, "B", bcd.vhd(B, OURS))], default=TWO), {},
                 "no entry for the image: run mkimage windows boot"),
    "another disk": (both(where=ABSENT), {}, "no entry for the image"),
    "sequence numbers": (both(sequences=(5, 4)), {}, "sequence numbers differ"),
    "version": (both(minor=6), {}, "version is too new"),
    "no default": (both(default=None, order=[TWO, ONE]), {}, "no default that could be another"),
    "once": (both(manager=[bcd.texts(0x24000002, [TWO])]), {}, "for one time is set"),
    "to wake": (both(manager=[bcd.element(0x26000005, bcd.BINARY, b"\1")]), {}, "hibernated"),
    "discarded": (both(), {"config": CONFIG + "write = discard\n"}, "Windows drives the image itself"),
    "in memory": (both(), {"config": CONFIG + "ram = yes\n"}, "Windows drives the image itself"),
    "no bootmgr": (both(), {"files": {"/bootmgr": None}}, "bootmgr"),
    "no image": (both(), {"files": {"/VM/a.vhd": None}}, "a.vhd"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(stick, case):
    store, options, words = REFUSED[case]
    answer = check(stick(store, **options), "--entry", "w")
    assert not answer["boots"] and re.search(words, f'{answer["error"]} {answer["advice"]}'), answer["error"]


def test_without_default_the_first_of_the_order(stick):
    assert check(stick(both(default=None)), "--entry", "w")["boots"]


def test_a_wrong_sum_is_refused(stick):
    store = bytearray(both())
    store[60] ^= 1
    assert "checksum is wrong" in check(stick(bytes(store)), "--entry", "w")["error"]


@pytest.mark.takes(10)
def test_what_the_menu_says_when_it_cannot(stick, qemu):
    pc = qemu(stick(both(sequences=(5, 4))))
    pc.wait(r"error: \\Boot\\BCD: its sequence numbers differ")
    pc.wait("mkimage windows boot")


def test_a_compressed_store(shop, stick):
    """It can be listed; nothing can be laid over it. Needs root for a FUSE mount."""
    disk = stick(both())
    data = content(disk)
    with open(shop.path("volume"), "wb") as file:
        file.write(data[START * 512:])
    with ntfsedit.Mounted(shop.path("volume"), "compression") as root:
        os.remove(f"{root}/Boot/BCD")
        os.setxattr(f"{root}/Boot", "system.ntfs_attrib", struct.pack("<I", 0x810))
        with open(f"{root}/Boot/BCD", "wb") as file:
            file.write(both())
    with open(shop.path("volume"), "rb") as file:
        data[START * 512:] = file.read()
    with open(disk, "wb") as file:
        file.write(data)
    assert [e["name"] for e in mkimage_json("list", disk)["entries"]] == ["w", ONE, TWO]
    answer = check(disk, "--entry", "w")
    assert not answer["boots"] and "it is compressed: clear that attribute" in answer["error"]


@pytest.mark.takes(10)
def test_a_store_that_mkimage_made(folder):
    """`windows boot`'s own entries are found, in both of its forms."""
    for name in ("eins.vhd", "zwei.vhd"):
        windows_vhd(name, windows_tree(7601), 48 * MIB)
    (folder / "menu.cfg").write_text("default = z\n[z]\nvhd = \\zwei.vhd\nvia = bootmgr\n"
                                     "[e]\nvhd = \\eins.vhd\nvia = bootmgr\n")
    for form in ("--locate", "--exact"):
        run(tool("mkimage"), "flash", f"s{form}.img", "--vhd", "eins.vhd,zwei.vhd", "--config", "menu.cfg",
            "--size", "256M")
        run(tool("mkimage"), "windows", "boot", f"s{form}.img", form)
        found = {e["entry"]: e for e in check_all(f"s{form}.img")}
        assert len(found) == 4
        for name, entry in found.items():
            (step,) = [s for s in entry["steps"] if s["name"] == "start"]
            assert step["ok"], (name, step)
            assert "in memory" in step["text"]
        assert "it starts \\zwei.vhd" in json.dumps(found["z"]).replace("\\\\", "\\")


def check_all(disk):
    done = subprocess.run([tool("mkimage"), "check", disk, "--json", "--all"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    return json.loads(done.stdout)["entries"]
