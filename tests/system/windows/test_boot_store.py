# SPDX-License-Identifier: GPL-2.0-or-later
"""mkimage windows boot: the boot manager's files and its store, read back by the programs of others."""
import json
import os
import re
import struct
import subprocess

import hivex
import pytest

from files import read
from ntfsdisk import MIB, cut_out, spoil
from tools import ENV, mkimage, refused, run
from winimage import inside, windows_tree, windows_vhd

BOOTMGR = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}"
MEMDIAG = "{b2721d73-1db4-4c62-bf78-c548a880142d}"
GLOBAL = "{7ea2e1ac-2e61-4728-aaa3-896d9d0a9f0e}"
LOADERS = "{6efb52bf-1766-41db-a6b3-0ee5eff72bd7}"
SIGNATURE = b"\x78\x56\x34\x12"


class Store:
    """A boot store as libhivex reads it: type and elements of each object."""

    def __init__(self, path):
        self.hive = h = hivex.Hivex(path)
        self.objects = {}
        root = h.root()
        for node in h.node_children(h.node_get_child(root, "Objects")):
            elements = {}
            for element in h.node_children(h.node_get_child(node, "Elements")):
                value = h.node_get_value(element, "Element")
                elements[h.node_name(element)] = h.value_value(value)
            description = h.node_get_child(node, "Description")
            kind = h.value_dword(h.node_get_value(description, "Type")) & 0xffffffff
            self.objects[h.node_name(node)] = (kind, elements)

    def loaders(self):
        order = strings(self.objects[BOOTMGR][1]["24000001"])
        return [(id, self.objects[id][1]) for id in order]


def strings(value):
    kind, data = value
    assert kind in (1, 7)
    text = data.decode("utf-16-le")
    assert text.endswith("\0\0" if kind == 7 else "\0")
    return text[:-1 if kind == 1 else -2].split("\0")


def wide(text):
    return text.encode("utf-16-le") + b"\0\0"


def device(kind, body):
    return struct.pack("<IIII", kind, 0, 16 + len(body), 0) + body


def boot_device():
    return bytes(16) + device(5, bytes(56))


def partition(signature, offset):
    return device(6, struct.pack("<QQ", offset, 0) + struct.pack("<II", 0, 1) + signature + bytes(12) + bytes(16))


def vhd_device(path, element, volume=None):
    """As bedit writes it, made here by its own rules."""
    volume = volume or device(8, struct.pack("<III", 1, 0, 0) + wide(path))
    rest = volume + wide(path)
    file = device(0, struct.pack("<IIII", 5, 1, 12 + len(rest) - 0, 5) + rest)
    virtual = device(0, struct.pack("<I", 6) + bytes(20) + file)
    return bytes(16) + device(8, struct.pack("<III", 0, element, 0x1e) + b"\0\0" + virtual)


def stick(name, *images, **options):
    mkimage("flash", name, "--vhd", ",".join(images), *options.get("more", ()))
    return name


def fetch(target, path, name):
    data = mkimage("cat", f"{target}:{path}").stdout
    with open(name, "wb") as file:
        file.write(data)
    return data


def listed(target):
    """The loader's own view of the menu: where each entry is from, and whether it starts."""
    entries = json.loads(mkimage("list", target, "--json").stdout)["entries"]
    return [(entry["from"], entry["boots"]) for entry in entries]


def check_header(data):
    """What Windows' boot manager asks of the file."""
    assert data[:4] == b"regf" and data[4:8] == data[8:12]
    major, minor, kind, form, root, length = struct.unpack("<6I", data[20:44])
    assert (major, kind, form, root) == (1, 0, 1, 0x20) and 3 <= minor <= 5
    assert length % 4096 == 0 and len(data) == length + 4096
    total = 0
    for (v,) in struct.iter_unpack("<I", data[:508]):
        total ^= v
    assert struct.pack("<I", total) == data[508:512]


@pytest.fixture(name="seven")
def _seven(folder):
    return windows_vhd("seven.vhd", windows_tree(7601), 48 * MIB)


@pytest.mark.takes(8)
def test_new_store(seven):
    stick("s.img", seven, more=("--size", "160M"))
    said = mkimage("windows", "boot", "s.img").stderr.decode()
    assert "gets the entry {" in said and "files of the boot manager copied" in said
    data = fetch("s.img", "/Boot/BCD", "BCD")
    check_header(data)
    store = Store("BCD")
    assert store.objects[BOOTMGR][0] == 0x10100002
    manager = store.objects[BOOTMGR][1]
    (entry, elements), = store.loaders()
    assert strings(manager["23000003"]) == [entry]
    assert manager["25000004"] == (3, (30).to_bytes(8, "little"))
    assert manager["11000001"] == (3, boot_device())
    assert strings(manager["14000006"]) == [GLOBAL] and strings(manager["24000010"]) == [MEMDIAG]
    assert "12000002" not in manager, "no path on a BIOS"
    assert store.objects[entry][0] == 0x10200003
    assert re.fullmatch(r"\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}", entry)
    assert elements == {
        "11000001": (3, vhd_device("\\seven.vhd", 0x12000002)),
        "21000001": (3, vhd_device("\\seven.vhd", 0x22000002)),
        "12000002": (1, wide("\\Windows\\system32\\winload.exe")), "22000002": (1, wide("\\Windows")),
        "12000004": (1, wide("seven")), "12000005": (1, wide("en-US")),
        "14000006": (7, wide(LOADERS) + b"\0\0"), "25000020": (3, bytes(8)), "26000010": (3, b"\1")}
    assert store.objects[MEMDIAG][0] == 0x10200005
    assert strings(store.objects[MEMDIAG][1]["12000002"]) == ["\\boot\\memtest.exe"]
    assert len(strings(store.objects[GLOBAL][1]["14000006"])) == 3
    for kind, elements in store.objects.values():
        assert kind in (0x10100002, 0x10200003, 0x10200005, 0x20100000, 0x20200003, 0x20200004)
    for line in (["hivexregedit", "--export", "BCD", "\\"], ["hivexml", "BCD"],
                 ["reged", "-x", "BCD", "HKEY", "\\", "all.reg"]):
        done = subprocess.run(line, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        assert done.returncode in (0, 2) and b"orrupt" not in done.stderr, done.stderr
    run("regfinfo", "BCD")
    assert listed("s.img") == [("config", True), ("bcd", True)], "and the loader starts \\bootmgr for it"


def test_files(seven):
    tree = windows_tree(9600)
    eight = windows_vhd("eight.vhd", tree, 48 * MIB)
    stick("s.img", seven, eight, more=("--size", "256M"))
    mkimage("windows", "boot", "s.img")
    for path, data in tree.items():
        if not path.startswith("Windows/Boot/"):
            continue
        place = path.removeprefix("Windows/").replace("Boot/PCAT/boot", "boot") if path.count("/") == 3 else \
            path.removeprefix("Windows/")
        place = place.replace("Boot/PCAT/", "Boot/").replace("bootnxt", "BOOTNXT")
        assert mkimage("cat", f"s.img:/{place}").stdout == data, "the newest Windows gives the boot manager: " + place
    cut_out("s.img")
    info = run("ntfsinfo", "-f", "-F", "/bootmgr", "cut.ntfs").stdout.decode()
    assert re.search(r"HIDDEN", info) and re.search(r"SYSTEM", info) and re.search(r"READONLY|READ_ONLY", info), info
    run("ntfsresize", "-i", "-f", "cut.ntfs")
    fetch("s.img", "/Boot/BCD", "BCD")
    entries = Store("BCD").loaders()
    assert [strings(e["12000004"]) for _, e in entries] == [["seven"], ["eight"]]
    assert "250000c2" not in entries[0][1] and entries[1][1]["250000c2"] == (3, bytes(8))
    before = read("s.img")
    said = mkimage("windows", "boot", "s.img").stderr.decode()
    assert said.count("has the entry") == 2 and "everything was there already" in said
    assert read("s.img") == before


def test_exact(seven):
    stick("s.img", seven, more=("--size", "160M"))
    before = read("s.img")
    assert "would get" in mkimage("windows", "boot", "s.img", "--exact", "--dry-run").stderr.decode()
    assert read("s.img") == before, "a dry run writes nothing"
    mkimage("windows", "boot", "s.img", "--exact")
    fetch("s.img", "/Boot/BCD", "BCD")
    store = Store("BCD")
    signature = read("s.img", 440, 4)
    own = partition(signature, MIB)
    (_, elements), = store.loaders()
    assert elements["21000001"] == (3, vhd_device("\\seven.vhd", 0x22000002, own))
    assert listed("s.img") == [("config", True), ("bcd", True)]
    assert store.objects[BOOTMGR][1]["11000001"] == (3, bytes(16) + own)


def test_store_that_exists(seven):
    """Entries are added; the rest stays, in content and order; the old file is kept beside it."""
    stick("s.img", seven, more=("--size", "160M"))
    mkimage("windows", "boot", "s.img")
    old = fetch("s.img", "/Boot/BCD", "BCD")
    with open("other.cfg", "w", encoding="utf-8") as file:
        file.write("[seven]\nvhd = \\seven.vhd\n[zweite Ü]\ntitle = Zweite Ü\nvhd = \\b\\zwei.vhd\n")
    zwei = windows_vhd("zwei.vhd", windows_tree(7601), 48 * MIB)
    mkimage("flash", "t.img", "--vhd", f"seven.vhd,{zwei}", "--config", "other.cfg", "--size", "240M")
    # a store with things in it that nobody here knows
    h = hivex.Hivex("BCD", write=True)
    objects = h.node_get_child(h.root(), "Objects")
    odd = h.node_add_child(objects, "{00000000-1111-2222-3333-444444444444}")
    description = h.node_add_child(odd, "Description")
    h.node_set_value(description, {"key": "Type", "t": 4, "value": struct.pack("<I", 0x10400008)})
    elements = h.node_add_child(odd, "Elements")
    element = h.node_add_child(elements, "12000004")
    h.node_set_value(element, {"key": "Element", "t": 1, "value": wide("Früher") + b"junk"})
    debug = h.node_get_child(objects, "{4636856e-540f-4170-a130-a84776f4c654}")
    element = h.node_get_child(h.node_get_child(debug, "Elements"), "15000011")
    h.node_set_value(element, {"key": "Element", "t": 3, "value": (7).to_bytes(8, "little")})
    h.commit("BCD")
    put_file("t.img", "BCD", "Boot/BCD")
    before = Store("BCD").objects
    mkimage("windows", "boot", "t.img")
    data = fetch("t.img", "/Boot/BCD", "NEW")
    check_header(data)
    after = Store("NEW").objects
    added = set(after) - set(before)
    assert len(added) == 1
    id, = added
    assert strings(after[id][1]["12000004"]) == ["Zweite Ü"]
    assert after[id][1]["11000001"] == (3, vhd_device("\\b\\zwei.vhd", 0x12000002))
    for name, (kind, elements) in before.items():
        if name == BOOTMGR:
            elements = {**elements, "24000001": (7, elements["24000001"][1][:-2] + wide(id) + b"\0\0")}
        assert after[name] == (kind, elements), name
    assert fetch("t.img", "/Boot/BCD.vhdboot-backup", "KEPT") == read("BCD")
    assert old != read("BCD")


def put_file(target, source, path):
    """A file onto TARGET's volume, by ntfs-3g and not by us; its folder is made by wimlib."""
    cut_out(target)
    os.makedirs("one/" + os.path.dirname(path), exist_ok=True)
    with open(source, "rb") as file, open("one/" + path, "wb") as out:
        out.write(file.read())
    run("wimcapture", "one", "one.wim", "--compress=none")
    run("wimapply", "one.wim", "1", "cut.ntfs")
    with open(target, "r+b") as file:
        file.seek(MIB)
        file.write(read("cut.ntfs"))


def test_inside(seven):
    said = mkimage("windows", "boot", seven, "--inside").stderr.decode()
    assert "gets the entry" in said and "boot record does not start" in said
    with open("BCD", "wb") as file:
        file.write(inside(seven, "Boot/BCD"))
    (_, elements), = Store("BCD").loaders()
    assert elements["11000001"] == elements["21000001"] == (3, boot_device())
    assert inside(seven, "bootmgr")
    run("ntfsresize", "-i", "-f", "inside.ntfs")
    mkimage("windows", "boot", seven, "--inside", "--exact")
    with open("BCD", "wb") as file:
        file.write(inside(seven, "Boot/BCD"))
    entries = Store("BCD").loaders()
    assert entries[1][1]["21000001"] == (3, bytes(16) + partition(SIGNATURE, MIB))


@pytest.mark.parametrize("kind", ["vhd", "vhdx"])
def test_inside_a_family(folder, kind):
    """A parent is not written: its child would be damaged. The child is, and its parent keeps its bytes."""
    del folder
    base, child = windows_vhd("base." + kind, windows_tree(7601), 24 * MIB), "child." + kind
    mkimage("vhd", "create", child, "--parent", base)
    before = read(base)
    refused("windows", "boot", base, "--inside", words="is a child of")
    assert read(base) == before
    mkimage("windows", "boot", child, "--inside")
    assert read(base) == before and inside(child, "bootmgr")
    assert b"everything was there already" in mkimage("windows", "boot", child, "--inside").stderr
    mkimage("flash", "s.img", "--vhd", child, "--size", "160M")
    refused("windows", "boot", f"s.img:/{base}", "--inside", words="is the parent of")
    mkimage("windows", "boot", "s.img", "--inside", "--exact")
    assert mkimage("cat", f"s.img:/{base}").stdout == before
    assert b"clean" in mkimage("vhd", "check", f"s.img:/{child}").stdout


def warned_of(done):
    """Which images `windows boot` says are parents."""
    return re.findall(r"warning: (\S+): the entry ({\S+}) in \\Boot\\BCD starts it, but it is the parent of (\S+), "
                      r"which would be damaged; remove that entry \(bcdedit /delete {\S+}\)\n", done.stderr.decode())


def test_parents_entry(seven):
    """An entry that Windows must not start any more: said by each run, and by no run where nothing is a parent."""
    stick("s.img", seven, more=("--size", "220M"))
    assert not warned_of(mkimage("windows", "boot", "s.img"))
    fetch("s.img", "/Boot/BCD", "BCD")
    (old, _), = Store("BCD").loaders()
    mkimage("snapshot", "s.img", "--size", "30M")
    expected = [("\\seven.vhd", old, "\\seven-1.vhd")]
    before = read("s.img")
    assert warned_of(mkimage("windows", "boot", "s.img", "--dry-run")) == expected and read("s.img") == before
    done = mkimage("windows", "boot", "s.img")
    assert warned_of(done) == expected and b"gets the entry" in done.stderr
    before = read("s.img")
    done = mkimage("windows", "boot", "s.img")
    assert warned_of(done) == expected and b"everything was there already" in done.stderr
    assert read("s.img") == before, "the second time nothing changes"


def test_refusals(folder, shop):
    del folder
    run("qemu-img", "create", "-q", "-f", "vpc", "none.vhd", "32M")
    data = windows_vhd("data.vhd", {"readme.txt": b"hello"}, 32 * MIB)
    stick("s.img", data, more=("--size", "80M"))
    refused("windows", "boot", data, "--inside", words="there is no Windows on it")
    done = mkimage("windows", "boot", "s.img", status=1).stderr.decode()
    assert "no image of its menu holds a Windows" in done
    assert mkimage("windows", "boot", "s.img", "--exact", "--locate", status=2)
    win = windows_vhd("win.vhd", windows_tree(7601), 32 * MIB)
    stick("t.img", win, more=("--size", "80M", "--reserve", "none"))
    for what, words in (("full", "no room|No space"), ("dirty", "dirty")):
        spoil("t.img", what)
        whole = read("t.img")
        refused("windows", "boot", "t.img", words=words)
        assert read("t.img") == whole, what
    bare = windows_vhd("bare.vhd", {"Windows/System32/winload.exe": b"x" * 5000}, 32 * MIB)
    refused("windows", "boot", bare, "--inside", words="PCAT.bootmgr, the boot manager for a BIOS")
