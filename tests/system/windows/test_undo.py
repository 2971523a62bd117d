# SPDX-License-Identifier: GPL-2.0-or-later
"""mkimage windows tune --undo where Windows has run since: its own changes stay, what tune set goes, value by value."""
import hivex
import pytest

from hive import Key, binary, hive
from hivediff import BACKUP, EXPECTED, SET, SYSTEM, changes, number
from ntfsdisk import MIB
from tools import mkimage, refused
from winimage import inside, windows_tree, windows_vhd
from winregistry import old_log, software, system, system_tree, with_sequences


def system_of(build):
    """With a value of many pages, which libhivex and we read in different ways."""
    tree = system_tree(build)
    tree.keys.append(Key("More", [Key("Below", values=[binary("b", bytes(16000))])]))
    return hive(tree, minor=5, lists="lh")


def image_with(build, name, **files):
    tree = windows_tree(build, SOFTWARE=software(build, "Enterprise"), **files)
    return windows_vhd(name, tree, 48 * MIB)


def by_windows(data, edit):
    """The hive after `edit(hivex, node of a path, made where it is missing)`."""
    with open("windows.hive", "wb") as file:
        file.write(data)
    h = hivex.Hivex("windows.hive", write=True)

    def node(path):
        at = h.root()
        for part in path.strip("\\").split("\\"):
            at = h.node_get_child(at, part) or h.node_add_child(at, part)
        return at
    edit(h, node)
    h.commit(None)
    with open("windows.hive", "rb") as file:
        return file.read()


def dword(h, node, name, value):
    h.node_set_value(node, {"key": name, "t": 4, "value": value.to_bytes(4, "little")})


def tuned(build):
    """(before, after tune) of a hive."""
    before = system_of(build)
    image = image_with(build, "first.vhdx", SYSTEM=before)
    mkimage("windows", "tune", image)
    return before, inside(image, SYSTEM)


@pytest.mark.parametrize("build", [7601, 9600])
def test_windows_has_run_since(folder, build):
    del folder
    before, after = tuned(build)

    def edit(h, node):
        dword(h, node(SET + "Services\\new"), "Start", 2)                       # a driver was installed
        dword(h, node(SET + "Services\\atapi"), "Start", 3)                     # it was so before as well
        dword(h, node(SET + "Services\\FsDepends\\Parameters"), "VirtualDiskExpandOnMount", 2)
        h.node_delete_child(h.node_get_child(node(SET + "Services"), "iaStorV"))
    later = by_windows(after, edit)
    image = image_with(build, "a.vhdx", SYSTEM=later, **{"SYSTEM_vhdboot-backup": before})
    with open(image, "rb") as file:
        whole = file.read()
    listed = mkimage("windows", "tune", image, "--undo", "--dry-run").stdout.decode()
    with open(image, "rb") as file:
        assert file.read() == whole
    done = mkimage("windows", "tune", image, "--undo")
    assert done.stdout.decode() == listed and b"what Windows has changed since stays" in done.stderr
    undone = inside(image, SYSTEM)
    kept = changes(before, undone)
    assert kept.pop((SET + "Services\\new", "Start")) == number(2)
    assert kept.pop((SET + "Services\\FsDepends\\Parameters", "VirtualDiskExpandOnMount")) == number(2)
    assert kept.pop((SET + "Services\\atapi", "Start")) == number(3)
    assert {key for key, _ in kept if "iaStorV" not in key} == {SET + "Services\\new"}
    assert all(value is None or value == "" for value in kept.values())
    assert inside(image, BACKUP) is None
    set_by_tune = {place for place in EXPECTED[build] if "iaStorV" not in place[0] and place[1] not in (None, "0")
                   and place[1] != "VirtualDiskExpandOnMount"}
    assert all(f"{key[1:]}\\{value}" in listed for key, value in set_by_tune)
    refused("windows", "tune", image, "--undo", words="nothing to undo")


def test_nothing_left_to_undo(folder):
    """Windows has set all of it back itself: its hive stays as it is, the backup goes."""
    del folder
    before, after = tuned(7601)
    later = by_windows(before, lambda h, node: dword(h, node("New"), "v", 1))
    del after
    image = image_with(7601, "a.vhdx", SYSTEM=later, **{"SYSTEM_vhdboot-backup": before})
    assert b"0 values" in mkimage("windows", "tune", image, "--undo").stderr
    assert inside(image, SYSTEM) == later and inside(image, BACKUP) is None


def test_saved_once(folder):
    """The hive that is kept is the one from before the first time; one that is no hive is replaced."""
    del folder
    before, after = tuned(7601)
    image = image_with(7601, "a.vhdx", SYSTEM=after, **{"SYSTEM_vhdboot-backup": before})
    mkimage("windows", "tune", image, "--san-policy")
    assert inside(image, BACKUP) == before
    mkimage("windows", "tune", image, "--undo")
    assert changes(before, inside(image, SYSTEM)) == {}
    image = image_with(7601, "b.vhdx", SYSTEM=before, **{"SYSTEM_vhdboot-backup": before[:9000]})
    refused("windows", "tune", image, "--undo", words="SYSTEM.vhdboot-backup: ")
    mkimage("windows", "tune", image)
    assert inside(image, BACKUP) == before


def test_undo_needs_all_of_the_hive(folder):
    """Changes that wait in a log are taken up; without it, nothing is thrown away."""
    del folder
    before, after = tuned(7601)
    later = by_windows(after, lambda h, node: dword(h, node(SET + "Control"), "Own", 5))
    dirty = with_sequences(after[:40] + later[40:44] + after[44:], 9, 8).ljust(len(later), b"\0")
    log = old_log(dirty, later)
    files = {"SYSTEM": dirty, "SYSTEM_vhdboot-backup": before}
    image = image_with(7601, "a.vhdx", **files)
    refused("windows", "tune", image, "--undo", words="not up to date")
    assert inside(image, SYSTEM) == dirty
    image = image_with(7601, "b.vhdx", SYSTEM_LOG1=log, **files)
    mkimage("windows", "tune", image, "--undo")
    assert changes(before, inside(image, SYSTEM)) == {(SET + "Control", "Own"): number(5)}


def test_system_of_tests(folder):
    """tune on a plain hive, then undo: byte for byte, but for the number."""
    del folder
    image = image_with(7601, "a.vhd", SYSTEM=system(7601))
    mkimage("windows", "tune", image)
    mkimage("windows", "tune", image, "--undo")
    assert inside(image, SYSTEM) == system(7601)
