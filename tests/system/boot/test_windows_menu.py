# SPDX-License-Identifier: GPL-2.0-or-later
"""The virtual disks of Windows' boot store (\\Boot\\BCD) as entries of the menu: on the host by `check` and `list`, as
they all are; in a machine what is chosen, and what a second drive holds."""
import json
import struct
import subprocess

import bcd
import pytest
import vhd
from flash import MIB, START, mkimage_json, tool

SIGNATURE = struct.unpack("<I", b"test")[0]     # Workshop.partitioned writes this one
OURS = bcd.mbr(SIGNATURE, START * 512)
ABSENT = bcd.mbr(0x0BADBEEF, START * 512)
ONE, TWO, THREE = (bcd.guid(n) for n in (1, 2, 3))
PATH = r"\VM\Win7.vhd"


@pytest.fixture
def stick(shop):
    """stick(store, config=None): a disk with \\VM\\Win7.vhd and this \\Boot\\BCD."""
    def make(store, config=None, name="flash.img", image=None, path="/VM/Win7.vhd", files=None):
        files = dict(files or {})
        if image is None:
            image = shop.path("small.vhd")
            vhd.make_fixed(image, 2048)
        if path:
            files[path] = image
        if store is not None:
            files["/Boot/BCD"] = shop.path("BCD")
            with open(files["/Boot/BCD"], "wb") as file:
                file.write(store)
        return shop.stick(config, files, name=name)
    return make


def entries(disk, *options):
    return mkimage_json("list", disk, *options)["entries"]


def one(disk, *options):
    (entry,) = entries(disk, *options)
    return entry


@pytest.mark.parametrize("where", [bcd.boot(), OURS, bcd.locate(PATH)], ids=["boot", "mbr", "locate"])
@pytest.mark.parametrize("form", [bcd.vhd, bcd.qualified], ids=["vhd", "qualified"])
def test_forms_that_mean_this_volume(stick, form, where):
    disk = stick(bcd.store([bcd.vhd_entry(ONE, "Windows 7", form(PATH, where))]))
    entry = one(disk)
    assert (entry["name"], entry["title"], entry["from"], entry["vhd"]) == (ONE, "Windows 7", "bcd", PATH)
    assert entry["images"] == 1 and "no boot record" in entry["error"]


def test_order_titles_and_what_is_no_virtual_disk(stick):
    """As the store says; what is not a Windows in a virtual disk, or not there, is left out."""
    where = bcd.vhd(PATH, bcd.boot())
    memory, wim = bcd.guid(7), bcd.guid(8)
    store = bcd.store(
        [bcd.vhd_entry(ONE, None, where), bcd.vhd_entry(TWO, "\u4e2d\u6587\nx", where),
         bcd.vhd_entry(THREE, "", bcd.vhd(r"\gone.vhd", bcd.boot())),
         bcd.vhd_entry(memory, "on a partition", bcd.NO_OPTIONS + OURS),
         bcd.vhd_entry(wim, "a WIM", bcd.ram_disk(r"\a.wim", bcd.boot())),
         bcd.vhd_entry(bcd.guid(9), "not in the order", where)],
        order=[TWO, bcd.MEMDIAG, memory, "rubbish", wim, ONE, bcd.guid(99), THREE, TWO, ONE.upper()])
    found = entries(stick(store))
    assert [e["name"] for e in found] == [TWO, ONE, THREE]
    assert [e["title"] for e in found] == ["\u4e2d\u6587 x", "Win7.vhd", "gone.vhd"]
    assert [e["error"] is None for e in found] == [False, False, False]
    assert "gone.vhd" in found[2]["error"]


def test_behind_our_own(stick):
    store = bcd.store([bcd.vhd_entry(ONE, "Windows", bcd.vhd(PATH, bcd.boot()))], default=ONE, timeout=7)
    disk = stick(store, config="[own]\nvhd = \\VM\\Win7.vhd\nwrite = none\n")
    assert [(e["name"], e["default"]) for e in entries(disk)] == [("own", True), (ONE, False)]
    disk = stick(store, config="timeout = 3\n", name="b.img", path="/Win7.vhd")
    assert [(e["name"], e["default"]) for e in entries(disk)] == [("Win7.vhd", False), (ONE, True)]
    disk = stick(store, config="windows = no\n[own]\nvhd = \\VM\\Win7.vhd\n", name="c.img")
    assert [e["name"] for e in entries(disk)] == ["own"]
    disk = stick(store, name="d.img", path="/Win7.vhd")
    assert [(e["name"], e["from"]) for e in entries(disk)] == [("Win7.vhd", "folder"), (ONE, "bcd")]


def test_check_looks_at_all(stick):
    store = bcd.store([bcd.vhd_entry(ONE, "Windows", bcd.vhd(PATH, ABSENT))])
    disk = stick(store)
    done = run_check(disk, "--all")
    (entry,) = done["entries"]
    assert entry["entry"] == ONE and entry["title"] == "Windows"
    assert any("the disk that \\Boot\\BCD names for it is not there" in w
               for step in entry["steps"] for w in step.get("warnings", []))
    assert "no boot record" in entry["error"]


def run_check(disk, *options):
    done = subprocess.run([tool("mkimage"), "check", disk, "--json", *options], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    return json.loads(done.stdout)


def damaged(data):
    data = bytearray(data)
    at = data.index(b"nk", 4096)
    struct.pack_into("<I", data, 0x24, at)
    return bytes(data)


GOOD = bcd.store([bcd.vhd_entry(ONE, "Windows", bcd.vhd(PATH, bcd.boot()))])
STORES = {
    "none": None, "tiny": b"r", "rubbish": bytes(range(256)) * 40, "a log": GOOD[:28] + b"\1" + GOOD[29:],
    "cut": GOOD[:6000], "root that is none": damaged(GOOD), "no order": bcd.store([], order=[]),
    "line ends": GOOD.replace(b"\n", b"\r\n").replace(b"nk", b"\r\n"),
    "large": GOOD[:40] + b"\0\0\0\1" + bytes(2 * MIB),
}


@pytest.mark.parametrize("store", STORES)
def test_a_store_never_stands_in_the_way(stick, store):
    disk = stick(STORES[store], config="[own]\nvhd = \\VM\\Win7.vhd\n")
    assert [e["name"] for e in entries(disk)] == ["own"]
    steps = run_check(disk)["steps"]
    (config,) = [step for step in steps if step["name"] == "config"]
    warned = any("boot store cannot be listed" in w for w in config.get("warnings", []))
    assert config["ok"] and warned == (store not in ("none", "no order"))


def test_old_store_in_a_newer_form(stick):
    """A hive of version 1.5 with other lists, changes pending, a file that is longer than it."""
    store = bcd.store([bcd.vhd_entry(ONE, "W", bcd.vhd(PATH, bcd.boot()))], lists="lh", minor=5, sequences=(3, 2))
    assert one(stick(store + bytes(100000)))["name"] == ONE


def test_no_store_costs_little(stick, shop):
    """Who has no \\Boot\\BCD pays no more than a look at the root folder, which was read before."""
    without = run_check(stick(None, config="[own]\nvhd = \\VM\\Win7.vhd\n"))
    off = run_check(stick(None, config="windows = no\n[own]\nvhd = \\VM\\Win7.vhd\n", name="b.img"))
    assert without["reads"] - off["reads"] <= 1 and without["sectors_read"] - off["sectors_read"] <= 8


def gpt_stick(shop, disk):
    """The same volume in a GPT; returns disk and partition id."""
    with open(disk, "r+b") as file:
        size = file.seek(0, 2)
        file.truncate(size + MIB)
    script = f"label: gpt\nlabel-id: 01020304-0506-0708-090A-0B0C0D0E0F10\nfirst-lba: 34\n" \
             f"start={START}, size={size // 512 - START}, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, " \
             "uuid=11121314-1516-1718-191A-1B1C1D1E1F20\n"
    subprocess.run(["/sbin/sfdisk", "-q", disk], input=script.encode(), check=True, stdout=subprocess.DEVNULL)


def guid_bytes(*numbers):
    return struct.pack("<IHH", *numbers[:3]) + bytes(numbers[3])


def test_gpt_partition(shop, stick):
    where = bcd.gpt(guid_bytes(0x01020304, 0x0506, 0x0708, range(9, 17)),
                    guid_bytes(0x11121314, 0x1516, 0x1718, range(0x19, 0x21)))
    other = bcd.gpt(bytes(16), bytes(16))
    disk = stick(bcd.store([bcd.vhd_entry(ONE, "right", bcd.vhd(PATH, where)),
                            bcd.vhd_entry(TWO, "elsewhere", bcd.vhd(PATH, other))]))
    gpt_stick(shop, disk)
    right, elsewhere = run_check(disk, "--all")["entries"]
    assert "is not there" not in json.dumps(right)
    assert "the disk that" in json.dumps(elsewhere) and "is not there" in json.dumps(elsewhere)


def second_drive(shop, files, signature=0x5EC0):
    """Another disk with these files."""
    disk = shop.stick(None, {"/x.txt": shop.path("BCD"), **files}, name="second.img")
    with open(disk, "r+b") as file:
        file.seek(0x1b8)
        file.write(struct.pack("<I", signature))
    return disk


def test_on_a_second_drive(shop, stick):
    """By its signature; by the file alone; and where it is nowhere."""
    there = bcd.mbr(0x5EC0, START * 512)
    other, gone = r"\other.vhd", r"\gone.vhd"
    store = bcd.store([bcd.vhd_entry(ONE, "there", bcd.vhd(other, there)),
                       bcd.vhd_entry(TWO, "searched", bcd.vhd_locate(other)),
                       bcd.vhd_entry(THREE, "fallen back", bcd.vhd(other, ABSENT)),
                       bcd.vhd_entry(bcd.guid(4), "ours first", bcd.vhd(PATH, there)),
                       bcd.vhd_entry(bcd.guid(5), "nowhere", bcd.vhd(gone, ABSENT)),
                       bcd.vhd_entry(bcd.guid(6), "lost", bcd.vhd_locate(gone))])
    disk = stick(store)
    vhd.make_fixed(shop.path("other.vhd"), 4096)
    second = second_drive(shop, {"/other.vhd": shop.path("other.vhd")})
    found = run_check(disk, "--all", "--drive", second)["entries"]
    text = [json.dumps(e) for e in found]
    assert "2 MiB" in text[0] and "is not there" not in text[0]
    assert "2 MiB" in text[1] and "is not there" not in text[1]
    assert "2 MiB" in text[2] and "was looked for on all volumes" in text[2]
    assert PATH.replace("\\", "\\\\") in text[3] and not found[3]["boots"]
    assert "no volume has this file" in found[4]["error"] and "is not there" in found[4]["error"]
    assert "no volume has this file" in found[5]["error"]


# --- In a machine


@pytest.mark.takes(15)
def test_the_stores_default_starts(shop, stick, qemu):
    """After the store's timeout, with no config at all."""
    image = shop.pattern_vhd("pattern", mib=8, rounds=100)
    store = bcd.store([bcd.vhd_entry(ONE, "The wrong one", bcd.vhd(r"\none.vhd", bcd.boot())),
                       bcd.vhd_entry(TWO, "Windows 7", bcd.vhd(PATH, OURS))], default=TWO, timeout=b"\1")
    pc = qemu(stick(store, image=image))
    pc.wait("The wrong one")
    pc.wait("starting Windows 7")
    pc.guest()


@pytest.mark.takes(15)
def test_an_image_on_a_second_drive_starts(shop, stick, qemu):
    image = shop.pattern_vhd("pattern", mib=8, rounds=100)
    where = bcd.vhd(r"\other.vhd", bcd.mbr(0x5EC0, START * 512))
    disk = stick(bcd.store([bcd.vhd_entry(ONE, "Windows 7", where)]))
    pc = qemu(disk, extra=[(second_drive(shop, {"/other.vhd": image}), "ide")])
    pc.wait("starting Windows 7")
    pc.guest()


@pytest.mark.takes(10)
def test_a_damaged_store_in_a_machine(shop, stick, qemu):
    image = shop.pattern_vhd("pattern", mib=8, rounds=100)
    pc = qemu(stick(damaged(GOOD), image=image, config="[own]\nvhd = \\VM\\Win7.vhd\n"))
    pc.wait("starting own")
    pc.guest()
