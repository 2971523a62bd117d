# SPDX-License-Identifier: GPL-2.0-or-later
"""windows boot and doctor on stores that say more than one thing: entries for another disk, not shown, without a
default, pending in a log, of images on other volumes, gone; partitions of a GPT."""
import json
import struct
import subprocess

import bcd
import hivex
import pytest

from files import read
from hive import multi_sz
from ntfsdisk import MIB, disk
from tools import mkimage
from winimage import plant, windows_tree, windows_vhd
from winregistry import old_log, system, with_sequences

ONE, TWO = bcd.guid(1), bcd.guid(2)
PATH = r"\seven.vhd"
ABSENT = bcd.mbr(0x0badbeef, MIB)


@pytest.fixture(name="image")
def _image(folder):
    del folder
    return read(windows_vhd("seven.vhd", windows_tree(7601, SYSTEM=system(7601)), 24 * MIB))


def stick(image, store=None, name="s.img", **more):
    files = {"seven.vhd": image, **more}
    if store is not None:
        files["Boot/BCD"] = store
    disk(name, plant(files, 64 * MIB))
    return name


def store_of(target):
    """{object: {element: (type, data)}}, the default, the order."""
    with open("BCD", "wb") as file:
        file.write(mkimage("cat", target + ":/Boot/BCD").stdout)
    h = hivex.Hivex("BCD")
    found = {}
    for node in h.node_children(h.node_get_child(h.root(), "Objects")):
        elements = h.node_get_child(node, "Elements")
        found[h.node_name(node)] = {h.node_name(e): h.value_value(h.node_get_value(e, "Element"))
                                    for e in h.node_children(elements)}
    manager = found[bcd.MANAGER]
    order = manager["24000001"][1].decode("utf-16-le").strip("\0").split("\0")
    return found, manager["23000003"][1].decode("utf-16-le").strip("\0"), order


def findings(target, *more):
    return " ".join(json.loads(mkimage("windows", "doctor", target, *more, "--json", status=None).stdout)["findings"])


def test_the_default_stays_what_it_is_without_a_word(image):
    """A store without a default starts the first of its order: so it does afterwards."""
    first = bcd.vhd_entry(ONE, "Other", bcd.vhd(r"\other.vhd", bcd.boot()))
    target = stick(image, bcd.store([first]), **{"other.vhd": image})
    mkimage("windows", "boot", target)
    _, default, order = store_of(target)
    assert default == ONE and order[0] == ONE and len(order) == 2
    target = stick(image, bcd.store([bcd.vhd_entry(ONE, "It", bcd.vhd(PATH, bcd.boot()))]), "t.img")
    mkimage("windows", "boot", target)
    assert store_of(target)[1:] == (ONE, [ONE]), "the entry is there, and only its default is missing"


def test_an_entry_that_is_not_shown(image):
    ours = bcd.vhd_entry(ONE, "It", bcd.vhd(PATH, bcd.boot()))
    other = bcd.vhd_entry(TWO, "Gone", bcd.vhd(r"\gone.vhd", bcd.boot()))
    target = stick(image, bcd.store([ours, other], order=[TWO], default=TWO))
    done = mkimage("windows", "boot", target).stderr.decode()
    assert f"\\gone.vhd: is not there, but the entry {TWO} in \\Boot\\BCD starts it" in done
    assert store_of(target)[1:] == (TWO, [TWO, ONE]), "its own entry goes back into the menu"
    before = read(target)
    assert "everything was there already" in mkimage("windows", "boot", target).stderr.decode()
    assert read(target) == before


def test_an_entry_for_another_disk(image):
    """The store was copied from another stick: the path is the same, the disk is not."""
    old = bcd.vhd_entry(ONE, "Old", bcd.vhd(PATH, ABSENT))
    target = stick(image, bcd.store([old], default=ONE))
    assert "has entry " + ONE + " with its path, but for a disk that is not there" in findings(target)
    mkimage("windows", "boot", target)
    found, default, order = store_of(target)
    assert default == ONE and order[0] == ONE and len(order) == 2
    assert found[order[1]]["21000001"] == (3, bcd.vhd_locate(PATH))
    assert f"has entry {order[1]} for it" in findings(target)


@pytest.mark.parametrize("form, where", [(bcd.vhd, bcd.boot()), (bcd.qualified, bcd.locate(PATH)),
                                         (bcd.vhd, bcd.mbr(0x12345678, MIB))], ids=["boot", "locate", "mbr"])
def test_each_form_is_known(image, form, where):
    target = stick(image, bcd.store([bcd.vhd_entry(ONE, "\u4e2d\u6587", form(PATH, where))], default=ONE))
    assert f"has entry {ONE} for it" in findings(target)
    before = mkimage("cat", target + ":/Boot/BCD").stdout
    assert b"has the entry" in mkimage("windows", "boot", target).stderr
    assert mkimage("cat", target + ":/Boot/BCD").stdout == before


def test_a_store_with_a_log(image):
    """Its change is taken up; without the log nothing is done."""
    entry = bcd.vhd_entry(ONE, "It", bcd.vhd(PATH, bcd.boot()))
    new = bcd.store([entry], default=ONE)
    old = bcd.store([bcd.vhd_entry(ONE, "It", bcd.vhd(r"\xxxxx.vhd", bcd.boot()))], default=ONE)
    assert len(old) == len(new)
    dirty = with_sequences(new[:4096] + old[4096:], 7, 6)
    target = stick(image, dirty)
    done = mkimage("windows", "boot", target, status=1).stderr.decode()
    assert "is not up to date, and no log beside it holds the rest" in done
    assert mkimage("cat", target + ":/Boot/BCD").stdout == dirty
    target = stick(image, dirty, "t.img", **{"Boot/BCD.LOG": old_log(dirty, new)})
    assert "a change waits in its log" in findings(target, "--entry", "seven.vhd")
    done = mkimage("windows", "boot", target).stderr.decode()
    assert "takes up 1 change that waited in its logs" in done and "has the entry " + ONE in done
    assert store_of(target)[1:] == (ONE, [ONE])
    data = mkimage("cat", target + ":/Boot/BCD").stdout
    assert data[4:8] == data[8:12] and struct.unpack_from("<I", data, 4)[0] > 7
    assert f"has entry {ONE} for it" in findings(target)


def gpt(target):
    """The same volume in a GPT: (disk id, partition id)."""
    with open(target, "r+b") as file:
        file.truncate(file.seek(0, 2) + MIB)
    script = ("label: gpt\nlabel-id: 01020304-0506-0708-090A-0B0C0D0E0F10\nfirst-lba: 34\nstart=2048, "
              f"size={64 * MIB // 512}, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, "
              "uuid=11121314-1516-1718-191A-1B1C1D1E1F20\n")
    subprocess.run(["/sbin/sfdisk", "-q", target], input=script.encode(), check=True, stdout=subprocess.DEVNULL)
    return (struct.pack("<IHH", 0x01020304, 0x0506, 0x0708) + bytes(range(9, 17)),
            struct.pack("<IHH", 0x11121314, 0x1516, 0x1718) + bytes(range(0x19, 0x21)))


def test_exact_on_a_gpt(image):
    target = stick(image)
    place = bcd.gpt(*gpt(target))
    mkimage("windows", "boot", target, "--exact")
    found, default, order = store_of(target)
    assert order == [default] and found[default]["21000001"] == (3, bcd.vhd(PATH, place))
    assert found[default]["11000001"] == (3, bcd.vhd(PATH, place, 0x12000002))
    assert found[bcd.MANAGER]["11000001"] == (3, bcd.NO_OPTIONS + place)
    assert f"has entry {default} for it" in findings(target)
    (entry,) = [e for e in json.loads(mkimage("list", target, "--json").stdout)["entries"] if e["from"] == "bcd"]
    assert "is not there" not in json.dumps(entry)
    bare = plant({"seven.vhd": image}, 64 * MIB, "bare.img")
    done = mkimage("windows", "boot", bare, "--exact", status=1).stderr.decode()
    assert "neither an MBR with a disk signature nor a GPT" in done


def two_volumes(first, second):
    """One disk, the second volume called DATA."""
    disk("s.img", plant(first, 64 * MIB))
    plant(second, 48 * MIB, "two.ntfs")
    subprocess.run(["ntfslabel", "-f", "two.ntfs", "DATA"], check=True, stdout=subprocess.DEVNULL)
    start = 66 * MIB
    with open("s.img", "r+b") as file:
        file.truncate(start + 48 * MIB)
        file.seek(446 + 16)
        file.write(struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", 7, b"\xfe\xff\xff", start // 512, 48 * MIB // 512))
        file.seek(start)
        file.write(read("two.ntfs"))
    return "s.img", bcd.mbr(struct.unpack("<I", read("s.img", 440, 4))[0], start)


@pytest.mark.parametrize("twice", [False, True])
def test_an_image_on_another_volume(image, twice):
    """By its path; by its partition where the store's own volume has such a file too."""
    config = b"[far]\r\nvhd = DATA:\\seven.vhd\r\n"
    first = {"vhdboot.cfg": config, **({"seven.vhd": b"something else"} if twice else {})}
    target, place = two_volumes(first, {"seven.vhd": image})
    mkimage("windows", "boot", target)
    found, default, order = store_of(target)
    assert order == [default]
    assert found[default]["21000001"] == (3, bcd.vhd(PATH, place) if twice else bcd.vhd_locate(PATH))
    before = read(target)
    assert b"everything was there already" in mkimage("windows", "boot", target).stderr
    assert read(target) == before
    assert f"has entry {default} for it" in findings(target)


def test_orders_that_are_none(image):
    """An order of another type, or longer than lists are, is not the end."""
    many = [bcd.guid(n) for n in range(100, 190)]
    target = stick(image, bcd.store([], order=many, default=many[0]))
    mkimage("windows", "boot", target)
    _, default, order = store_of(target)
    assert default == many[0] and order[:-1] == many
    assert multi_sz("x", many).data == "".join(m + "\0" for m in many).encode("utf-16-le") + b"\0\0"
