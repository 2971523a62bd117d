# SPDX-License-Identifier: GPL-2.0-or-later
"""windows boot, cut off on a stick of several entries with other files on it, or inside an image, and tune --undo:
after each cut the store (the hive) is the old or the new one, whole, as libhivex reads it; what else of the boot
manager is there is old or new, whole; ntfs-3g mounts the volume and finds every other file as it was; the verb, run
again, comes to the same end as if nothing had happened, with the attributes that Windows gives.

The volumes inside come from mkntfs, whose MFT has to grow for new files: between its own record and the copy of that
ntfs-3g mounts no volume. There the verb has to mend it, and so has any other that writes (docs/WRITES.md).

MKIMAGE_CUTS: cuts a case (default 3; `all`: every write, and each once more on a drive with a cache that loses some
of what was written)."""
import hashlib
import os
import re
import shutil
import subprocess

import hivex
import pytest

from cuts import cut, cut_total, no_cluster_lost_to_two
from files import read
from ntfsdisk import MIB, cut_out
from tools import ENV, FRAGMENT, mkimage, run
from winimage import inside, windows_tree, windows_vhd
from winregistry import software, system

CUTS = os.environ.get("MKIMAGE_CUTS", "3")
ALL = CUTS == "all"
STORE, KEPT, HIVE = "Boot/BCD", "Boot/BCD.vhdboot-backup", "Windows/System32/config/SYSTEM"
GUID = re.compile("{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}}")

pytestmark = [pytest.mark.usefixtures("cutting"), pytest.mark.takes(5), pytest.mark.timeout(300 + 5000 * ALL)]


def store(data, known=()):
    """The store's whole tree, with names instead of the GUIDs that were made by chance: all but the `known` ones."""
    with open("store.hive", "wb") as file:
        file.write(data)
    h = hivex.Hivex("store.hive")
    names = {}

    def placed(text):
        return GUID.sub(lambda m: m[0] if m[0] in known else names.setdefault(m[0], f"entry {len(names)}"), text)

    def values(node):
        found = {}
        for value in h.node_values(node):
            kind, content = h.value_value(value)
            text = content.decode("utf-16-le", "replace") if kind in (1, 7) else content.hex()
            found[h.value_key(value)] = (kind, placed(text))
        return found

    def below(node):
        return values(node), {placed(h.node_name(child)): below(child) for child in h.node_children(node)}

    objects = h.node_get_child(h.root(), "Objects")
    manager = h.node_get_child(objects, "{9dea862c-5cdd-4e70-acc1-f32b344d4795}")
    values(h.node_get_child(h.node_get_child(manager, "Elements"), "24000001")) # names in the menu's order
    return below(h.root())


def guids(data):
    return set(GUID.findall(data.decode("utf-16-le", "replace")) + GUID.findall(data.decode("latin-1"))) | \
        set(GUID.findall(data[1:].decode("utf-16-le", "replace")))


def files(volume_name):
    """{path: content} of the whole volume, as ntfs-3g mounts it: wimlib has it do so."""
    shutil.rmtree("all", ignore_errors=True)
    run("wimcapture", volume_name, "all.wim", "--compress=none")
    run("wimapply", "all.wim", "1", "all", "--no-attributes")
    found = {}
    for folder, _, names in os.walk("all"):
        for name in names:
            path = os.path.join(folder, name)
            data = read(path)
            found[path[4:]] = data if len(data) < 4 * MIB else hashlib.sha256(data).digest()
    return found


def half_grown(volume_name):
    """Is the MFT's own record not like its copy, and nothing else amiss?"""
    done = subprocess.run(["ntfsinfo", "-m", volume_name], env=ENV, check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert done.returncode == 0 or b"$MFTMirr does not match $MFT (record 0)" in done.stdout, done.stdout
    return done.returncode != 0


def attributes(volume_name, path):
    text = run("ntfsinfo", "-f", "-F", "/" + path, volume_name).stdout.decode()
    return re.findall(r"File attributes:\s*(.*)", text)[:1]


GUARDED = ("Boot", "bootmgr", "BOOTNXT")


class Case:
    """old.img, the verb, and what it makes of the volume."""
    def __init__(self, command, look, shown, grows):
        self.command, self.look, self.shown, self.grows = command, look, shown, grows
        self.old = files(look("old.img"))
        shutil.copy("old.img", "d.img")
        assert not cut(-1, 0, command)
        self.writes = cut_total()
        self.new = files(look("d.img"))
        guarded = [path for path in GUARDED if path in self.new or path == "Boot" and STORE in self.new]
        self.attributes = {path: attributes(look("d.img"), path) for path in guarded}
        self.changed = {path for path in {**self.old, **self.new} if self.old.get(path) != self.new.get(path)}
        shutil.copy("old.img", "d.img")
        mkimage(*command)
        self.known = set()
        if STORE in self.new:
            self.known = guids(self.new[STORE]) & guids(files(look("d.img"))[STORE]) # not made by chance

    def meaning(self, path, data):
        return store(data, self.known) if path == STORE and data is not None else data

    def check_cut(self, count, lose):
        shutil.copy("old.img", "d.img")
        through = not cut(count, lose, self.command)
        volume = self.look("d.img")
        if self.grows and half_grown(volume):
            self.again(count)
            return through, None
        no_cluster_lost_to_two(volume)
        now = files(volume)
        for path in {**self.old, **now}:
            data, where = now.get(path), f"{path}, cut {count}, lose {lose}"
            if path not in self.changed:
                assert path in self.old and data == self.old[path], where
            elif data != self.old.get(path):
                assert self.meaning(path, data) == self.meaning(path, self.new.get(path)), where
        if KEPT in self.new and STORE in self.old and now[STORE] != self.old[STORE]:
            assert now[KEPT] == self.old[STORE], "changed, and nothing kept"
        if "bootmgr" in now and now["bootmgr"] != self.old.get("bootmgr"):
            assert self.meaning(STORE, now[STORE]) == self.meaning(STORE, self.new[STORE]), "bootmgr before its store"
        if not through:
            self.again(count)
        return through, now.get(self.shown) != self.old.get(self.shown)

    def again(self, count):
        done = mkimage(*self.command, status=None)
        assert not done.returncode or ("--undo" in self.command and b"nothing to undo" in done.stderr), done.stderr
        volume = self.look("d.img")
        no_cluster_lost_to_two(volume)
        now = files(volume)
        assert set(now) == set(self.new), f"cut {count}"
        for path, data in now.items():
            assert self.meaning(path, data) == self.meaning(path, self.new[path]), f"{path}, again after cut {count}"
        assert {path: attributes(volume, path) for path in self.attributes} == self.attributes, f"cut {count}"

    def check(self):
        assert self.changed and self.writes > 5
        if ALL:
            places = [(count, lose) for lose in (0, 1) for count in range(self.writes)]
        else:
            n = int(CUTS)
            places = [((2 * i + 1) * self.writes // (2 * n), i % 2 * (i + 1)) for i in range(n)]
            places += [(1, 0), (self.writes - 1, 0)]
        states = set()
        for count, lose in places:
            through, new = self.check_cut(count, lose)
            assert not through
            states.add(new)
        assert states - {None} == {True, False}


def stick():
    """Two Windows, another image, a file in pieces."""
    seven = windows_vhd("seven.vhd", windows_tree(7601), 24 * MIB)
    eight = windows_vhd("eight.vhd", windows_tree(9600), 24 * MIB)
    data = windows_vhd("data.vhd", {"readme.txt": b"hello"}, 24 * MIB)
    mkimage("flash", "old.img", "--vhd", f"{seven},{eight},{data}", "--size", "48M")
    with open("keep", "wb") as file:
        file.write(os.urandom(MIB))
    run(FRAGMENT, "old.img", "keep", "/keep", 5)


@pytest.mark.parametrize("there", ["new_store", "store_that_exists"])
def test_boot(there):
    stick()
    if there == "store_that_exists":
        mkimage("windows", "boot", "old.img", "--entry", "seven")
    case = Case(("windows", "boot", "d.img"), cut_out, STORE, grows=False)
    assert {STORE, "bootmgr"} <= case.changed and (KEPT in case.changed) == (there != "new_store")
    case.check()
    shutil.copy("old.img", "d.img")
    mkimage("windows", "boot", "d.img")
    before = read("d.img")
    said = mkimage("windows", "boot", "d.img").stderr.decode()
    assert said.count("has the entry") == 2 and "everything was there already" in said
    assert read("d.img") == before, "the second time nothing changes"


def partition_inside(name):
    inside(name, HIVE)
    return "inside.ntfs"


@pytest.mark.parametrize("kind, verb", [("vhd", "boot"), ("vhdx", "boot"), ("vhd", "undo")])
def test_inside(kind, verb):
    tree = windows_tree(9600, SYSTEM=system(9600), SOFTWARE=software(9600, "Enterprise"))
    windows_vhd("old." + kind, tree, 16 * MIB)
    os.rename("old." + kind, "old.img")
    if verb == "undo":
        mkimage("windows", "tune", "old.img")
    command = ("windows", "boot", "d.img", "--inside") if verb == "boot" else ("windows", "tune", "d.img", "--undo")
    case = Case(command, partition_inside, STORE if verb == "boot" else HIVE, grows=verb == "boot")
    case.check()


@pytest.mark.parametrize("verb", [("tune",), ("tune", "--undo"), ("boot", "--inside")], ids="-".join)
def test_the_sum_tells_the_truth(verb):
    """Of an image that no entry writes to: before its first byte changes, it stands below the other heading."""
    tree = windows_tree(9600, SYSTEM=system(9600), SOFTWARE=software(9600, "Enterprise"))
    windows_vhd("w.vhd", tree, 16 * MIB, "fixed")
    if "--undo" in verb:
        mkimage("windows", "tune", "w.vhd")
    with open("cfg", "w", encoding="ascii") as file:
        file.write("[w]\nvhd = \\w.vhd\nwrite = discard\n")
    mkimage("flash", "old.img", "--vhd", "w.vhd", "--config", "cfg", "--size", "48M", "--reserve", "none")
    command = ("windows", verb[0], "d.img:/w.vhd", *verb[1:])
    shutil.copy("old.img", "d.img")
    assert not cut(-1, 0, command)
    writes = cut_total()
    states = set()
    for count in range(0, writes, 1 if ALL or writes < 30 else writes // 12):
        for lose in range(1 + ALL):
            shutil.copy("old.img", "d.img")
            assert cut(count, lose, command)
            said = mkimage("verify", "d.img", status=None)
            assert said.returncode == 0, f"cut {count} of {writes}, lose {lose}: {said.stdout.decode()}"
            states.add(said.stdout.split()[0])
    assert states == {b"ok", b"changed"}
