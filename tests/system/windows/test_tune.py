# SPDX-License-Identifier: GPL-2.0-or-later
"""mkimage windows tune: exactly the values that are listed change, as another program's export of the hive shows."""
import os
import re
import subprocess

import pytest

from files import read
from hive import Key, binary, hive
from hivediff import BACKUP, EXPECTED, SET, SYSTEM, changes, number
from ntfsdisk import MIB, disk, spoil
from tools import ENV, MKIMAGE, mkimage, refused, run
from winimage import inside, peek, plant, windows_tree, windows_vhd
from winregistry import as_left_by_windows, software, system, system_tree, yesterday


@pytest.mark.parametrize("build, kind", [(7601, "vhd"), (9600, "vhdx")])
def test_values(folder, build, kind):
    del folder
    image = windows_vhd("a." + kind, windows_tree(build, SYSTEM=system(build), SOFTWARE=software(build, "Enterprise")),
                        48 * MIB)
    before = inside(image, SYSTEM)
    whole = read(image)
    listed = mkimage("windows", "tune", image, "--dry-run").stdout.decode()
    assert read(image) == whole, "a dry run writes nothing"
    done = mkimage("windows", "tune", image)
    assert done.stdout.decode() == listed
    after = inside(image, SYSTEM)
    run("ntfsresize", "-i", "-f", "inside.ntfs")
    assert changes(before, after) == EXPECTED[build]
    assert inside(image, BACKUP) == before
    names = {key[1:] + ("\\" + value if value else "") for key, value in EXPECTED[build] if value != "0"}
    assert {re.split(r" = |: removed", line)[0] for line in listed.splitlines()} == names
    again = mkimage("windows", "tune", image)
    assert b"everything was set already" in again.stderr and not again.stdout
    assert inside(image, SYSTEM) == after
    more = mkimage("windows", "tune", image, "--san-policy", *(["--portable"] if build > 9000 else []))
    assert more.stdout.count(b"\n") == (2 if build > 9000 else 1)
    wanted = {(SET + "Services\\partmgr\\Parameters", "SanPolicy"): number(4)}
    if build > 9000:
        wanted[SET + "Control", "PortableOperatingSystem"] = number(1)
    assert changes(after, inside(image, SYSTEM)) == wanted
    assert inside(image, BACKUP) == before, "the hive that is kept is from before the first time"
    mkimage("windows", "tune", image, "--undo")
    undone = inside(image, SYSTEM)
    assert undone[4096:] == before[4096:] and undone[12:508] == before[12:508] and inside(image, BACKUP) is None
    refused("windows", "tune", image, "--undo", words="nothing to undo")
    for program in (["reged", "-x", "h.hive", "HKEY", "\\", "all.reg"], ["regfinfo", "h.hive"]):
        assert subprocess.run(program, env=ENV, stdout=subprocess.DEVNULL, check=False).returncode in (0, 2)
    if build < 9000:
        refused("windows", "tune", image, "--portable", words="cannot be marked as portable")


def test_logs_are_taken_up(folder):
    """A hive whose changes wait in its logs: they are in the new one, and in the backup."""
    del folder
    new = hive(system_tree(19045), minor=5, lists="lh")
    dirty, log1, log2 = as_left_by_windows(hive(yesterday(system_tree(19045)), minor=5, lists="lh"), new)
    tree = windows_tree(19045, SYSTEM=dirty, SYSTEM_LOG1=log1, SYSTEM_LOG2=log2, SOFTWARE=software(19045, "Pro"))
    image = windows_vhd("a.vhdx", tree, 48 * MIB)
    said = mkimage("windows", "tune", image).stderr.decode()
    assert "takes up 3 changes that waited in its logs" in said
    after = inside(image, SYSTEM)
    assert changes(new, after) == EXPECTED[9600]
    assert changes(new, inside(image, BACKUP)) == {}
    sequence = int.from_bytes(after[4:8], "little")
    assert sequence == int.from_bytes(after[8:12], "little") > 42, "no entry of the logs is later than the hive"
    assert inside(image, SYSTEM + ".LOG1") == log1
    del tree[SYSTEM + ".LOG1"], tree[SYSTEM + ".LOG2"]
    image = windows_vhd("b.vhdx", tree, 48 * MIB)
    whole = read(image)
    refused("windows", "tune", image, words="not up to date, and no log beside it holds the rest")
    assert read(image) == whole


def test_on_a_stick(folder):
    """An entry of a menu; a parent is refused; a child takes the change, its parent keeps its bytes."""
    del folder
    tree = windows_tree(7601, SYSTEM=system(7601), SOFTWARE=software(7601, "Ultimate"))
    image = windows_vhd("a.vhd", tree, 48 * MIB)
    mkimage("flash", "s.img", "--vhd", image, "--size", "200M")
    mkimage("windows", "tune", "s.img")
    assert b"ok   USB 2" in mkimage("windows", "doctor", "s.img").stdout, "and before:"
    mkimage("windows", "tune", "s.img", "--undo", "--entry", "a")
    assert b"no   USB 2" in mkimage("windows", "doctor", "s.img", status=1).stdout
    mkimage("snapshot", "s.img", "--size", "30M")
    parent = mkimage("cat", "s.img:/a.vhd").stdout
    refused("windows", "tune", "s.img:/a.vhd", words="is the parent of")
    mkimage("windows", "tune", "s.img")
    assert mkimage("cat", "s.img:/a.vhd").stdout == parent
    assert b"everything was set already" in mkimage("windows", "tune", "s.img").stderr
    mkimage("vhd", "create", "child.vhd", "--parent", image)
    refused("windows", "tune", image, words="is a child of")
    mkimage("windows", "tune", "child.vhd")


def test_backup_is_guarded(folder):
    """A hive that only some may read is not laid open by its backup."""
    del folder
    place = plant(windows_tree(7601, SYSTEM=system(7601)), 32 * MIB)
    run("ntfssecaudit", place, "600", "/" + SYSTEM)
    disk("win.img", place)
    mkimage("vhd", "convert", "win.img", "a.vhd")
    mkimage("windows", "tune", "a.vhd")
    assert inside("a.vhd", BACKUP)
    run("wimcapture", "inside.ntfs", "after.wim", "--compress=none")
    rights = [re.findall(r"Security Descriptor = (.*)",
                         run("wimdir", "after.wim", "1", "--detailed", "--path=/" + path).stdout.decode())
              for path in (SYSTEM, BACKUP, "Windows/System32/winload.exe")]
    assert rights[0] == rights[1] != rights[2]


def test_no_slack(folder):
    """A dynamic VHD on a stick grows in its slack only: without any, that is said, and what helps."""
    del folder
    tree = system_tree(7601)
    tree.keys.append(Key("Big", [Key(f"k{i}", values=[binary("b", os.urandom(16000))]) for i in range(300)]))
    image = windows_vhd("a.vhd", windows_tree(7601, SYSTEM=hive(tree, minor=5, lists="lh")), 48 * MIB)
    mkimage("flash", "s.img", "--vhd", image, "--size", "120M", "--reserve", "none")
    done = mkimage("windows", "tune", "s.img", status=1).stderr.decode()
    assert "has no room for new data. Give it some (mkimage reserve)" in done
    mkimage("vhd", "check", "s.img:/a.vhd")
    mkimage("windows", "tune", "s.img", "--dry-run")
    mkimage("reserve", "s.img", "--size", "20M")
    mkimage("windows", "tune", "s.img")
    assert b"everything was set already" in mkimage("windows", "tune", "s.img").stderr


@pytest.mark.parametrize("what, words", [("dirty", "dirty"), ("hibernated", "hibernated"), ("full", "no room|space")])
def test_volume_refused(folder, what, words):
    del folder
    windows_vhd("a.vhd", windows_tree(7601, SYSTEM=system(7601)), 48 * MIB)
    mkimage("vhd", "convert", "a.vhd", "f.vhd", "--kind", "fixed")
    with open("raw.img", "wb") as file:
        file.write(read("f.vhd")[:-512])
    spoil("raw.img", what)
    mkimage("vhd", "convert", "raw.img", "b.vhd")
    whole = read("b.vhd")
    refused("windows", "tune", "b.vhd", words=words)
    assert read("b.vhd") == whole


@pytest.mark.takes(20)
@pytest.mark.parametrize("kind, verb, step", [("vhd", ("tune",), 1), ("vhdx", ("tune",), 4),
                                              ("vhd", ("tune", "--undo"), 2), ("vhd", ("boot", "--inside"), 50)])
def test_each_cut(cutting, kind, verb, step):
    """The power fails at each write to the image: the hive, or the store, is the old one or the new one."""
    del cutting
    old, new = "old." + kind, "d." + kind
    tree = windows_tree(7601, SYSTEM=system(7601), SOFTWARE=software(7601, "Ultimate"))
    windows_vhd(old, tree, 24 * MIB)
    if "--undo" in verb:
        mkimage("windows", "tune", old)
    before = inside(old, SYSTEM)
    kept = peek(BACKUP) or before
    run("cp", old, new)
    mkimage("windows", verb[0], new, *verb[1:])
    after = inside(new, SYSTEM)
    states = set()
    for count in range(0, 100000, step):
        run("cp", old, new)
        env = {**ENV, "LD_PRELOAD": os.path.abspath("cut.so"), "CUT_FILE": new, "CUT_AFTER": str(count),
               "CUT_SECTORS": str(count % 3)}
        done = subprocess.run([MKIMAGE, "windows", verb[0], new, *verb[1:]], env=env, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        assert done.returncode in (0, 99), done.stderr
        now = inside(new, SYSTEM)
        assert now in (before, after), f"cut {count}"
        states.add(now == after)
        text = run("ntfsresize", "-i", "-f", "inside.ntfs", status=None)
        assert b"missing" not in text.stdout and b"Corrupt" not in text.stdout, f"cut {count}: {text.stdout}"
        backup = peek(BACKUP)
        assert backup in (None, kept)
        assert now == before or verb != ("tune",) or backup == before, "changed, and nothing kept"
        if count % 5 == 0:
            assert peek("Windows/Boot/PCAT/bootmgr") == tree["Windows/Boot/PCAT/bootmgr"]
        if done.returncode == 0:
            break
        if "--undo" not in verb and count % 4 == 0:
            mkimage("windows", verb[0], new, *verb[1:])
            assert inside(new, SYSTEM) == after
    assert states == ({True, False} if verb[0] == "tune" else {True})


@pytest.mark.parametrize("words", [["tune", "f.img", "--entry", "w"],
                                   ["boot", "f.img:/w.vhd", "--inside"]], ids=["tune", "boot"])
def test_the_sum_of_an_image_that_no_entry_writes_to(words, folder):
    windows_vhd("w.vhd", windows_tree(SYSTEM=system(7601), SOFTWARE=software(7601, "Enterprise")), kind="fixed")
    with open("cfg", "w", encoding="ascii") as file:
        file.write("[w]\nvhd = \\w.vhd\nwrite = discard\n")
    mkimage("flash", "f.img", "--vhd", "w.vhd", "--config", "cfg", "--size", "100M")
    mkimage("windows", *words, "--dry-run")
    assert mkimage("verify", "f.img").stdout.decode().startswith("ok       \\w.vhd")
    mkimage("windows", *words)
    assert mkimage("verify", "f.img").stdout.decode().startswith("changed  \\w.vhd: as expected, it was written to")
