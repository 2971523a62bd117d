# SPDX-License-Identifier: GPL-2.0-or-later
"""Who stands on an image that merge or rollback is to change: other entries, other images by whatever name, on
whatever volume. What they read must stay as it is."""
import ctypes
import os
import random
import shutil
import struct

import pytest

from files import read, sha256, write
from layers import SECTORS, SIZE, chain, child, config_of, dynamic, flash, holds, sound
from ntfsdisk import MIB, START, cut_out, hard_link, volume
from tools import FRAGMENT, mkimage, refused, run
from vhd_dynamic import SECTOR, DynamicVhd, flatten

pytestmark = pytest.mark.usefixtures("folder")
VERBS = (["merge"], ["rollback", "--drop"])


def put(name, host, path, *options):
    run(FRAGMENT, name, host, path, 1, *options)


def family(seed=21):
    """base.vhd with two children, leaf.vhd and second.vhd."""
    rng = random.Random(seed)
    base = dynamic("base", rng)
    return base, child("leaf", base, "base", rng), child("second", base, "base", rng)


def all_refuse(name, words, *options):
    digest = sha256(name)
    for verb in VERBS:
        refused(verb[0], name, *verb[1:], *options, words=words)
        assert sha256(name) == digest, verb


@pytest.mark.parametrize("path", ["\\vhd\\second.vhd", "\\backup\\second.disk", "\\second", "\\other\\second.AVHD"])
def test_a_sibling_by_any_name(path):
    family()
    name = flash(["leaf", "base"])
    put(name, "second.vhd", path)
    all_refuse(name, "is the parent of " + path.replace("\\", r"\\") + " as well")


def test_a_sibling_whose_table_is_damaged():
    family()
    bat_at = struct.unpack(">Q", read("second.vhd")[528:536])[0]
    write("second.vhd", bat_at, struct.pack(">II", 3, 3))
    name = flash(["leaf", "base"])
    put(name, "second.vhd", "\\second.vhd")
    all_refuse(name, r"is the parent of \\second.vhd as well")


def test_a_copy_of_the_family_stands_by_itself():
    """The same ids in another folder, and on another volume: each child has its own parent beside it."""
    base, leaf, second = family()
    name = two_volumes()
    for image in ("leaf", "second", "base"):
        put(name, image + ".vhd", f"\\backup\\{image}.vhd")
        put(name, image + ".vhd", f"\\{image}.vhd", "--partition", 2)
    mkimage("merge", name)
    holds(name, flatten([leaf, base], SECTORS))
    for image in ("leaf", "second", "base"):
        assert mkimage("cat", f"{name}:/backup/{image}.vhd").stdout == read(image + ".vhd")
        assert mkimage("cat", f"{name}:/{image}.vhd", "--partition", 2).stdout == read(image + ".vhd")
    assert second


def two_volumes(label=None):
    """A flash with a second NTFS partition, which `put` reaches by --partition 2."""
    name = flash(["leaf", "base"], mib=72)
    volume("v2.ntfs", 48 * MIB)
    if label:
        run("ntfslabel", "v2.ntfs", label)
    size = len(read(name))
    with open(name, "ab") as file:
        file.write(read("v2.ntfs"))
    write(name, 462, bytes([0, 254, 255, 255, 7, 254, 255, 255]) + struct.pack("<II", size // 512, 48 * MIB // 512))
    return name


@pytest.mark.parametrize("label", [None, "SIBLINGS"])
def test_a_sibling_on_another_partition(label):
    family()
    name = two_volumes(label)
    put(name, "second.vhd", "\\second.vhd", "--partition", 2)
    all_refuse(name, rf"is the parent of {label or '[0-9A-F]{16}'}:\\second.vhd as well")


def test_a_sibling_on_another_drive():
    family()
    name = flash(["leaf", "base"])
    shutil.copy(name, "first.img")
    other = flash(["second"], name="other.img")
    all_refuse("first.img", r":\\vhd\\second.vhd as well", "--drive", other)


def test_a_sibling_that_an_entry_starts_by_its_own_parent_line():
    """Neither id nor place in the sibling would tell: the entry says where the parent lies."""
    rng = random.Random(22)
    base = dynamic("base", rng)
    leaf = child("leaf", base, "base", rng)
    middle = child("middle", leaf, "leaf", rng)
    name = flash(["leaf", "base", "middle"],
                 config="[work]\nvhd = \\vhd\\leaf.vhd\n[deep]\nvhd = \\far\\middle.vhd\nparent = \\vhd\\leaf.vhd\n")
    put(name, "middle.vhd", "\\far\\middle.vhd")
    content = flatten([middle, leaf, base], SECTORS)
    holds(name, content, "--entry", "deep")
    digest = sha256(name)
    for verb in (*VERBS, ["rollback"]):
        refused(verb[0], name, *verb[1:], words=r"leaf.vhd: is the parent of \\(vhd|far)\\middle.vhd")
        assert sha256(name) == digest


def test_a_hard_link_is_the_same_file():
    """The child by another name is no sibling; an entry that starts that name is changed too."""
    base, leaf, _ = family()
    name = flash(["leaf", "base"], config="[work]\nvhd = \\vhd\\leaf.vhd\n[twin]\nvhd = \\vhd\\twin.vhd\n")
    hard_link(name, "vhd/leaf.vhd", "vhd/twin.vhd")
    content = flatten([leaf, base], SECTORS)
    holds(name, content, "--entry", "twin")
    shutil.copy(name, "drop.img")
    mkimage("merge", name)
    for entry in ("work", "twin"):
        holds(name, content, "--entry", entry)
        assert chain(name, "--entry", entry) == ["\\vhd\\base.vhd"]
    mkimage("rollback", "drop.img", "--drop")
    for image in (name, "drop.img"):
        assert mkimage("ls", f"{image}:/vhd").stdout.decode().split()[1:] == ["base.vhd"]
    for entry in ("work", "twin"):
        holds("drop.img", flatten([base], SECTORS), "--entry", entry)


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_a_hard_link_in_another_folder(verb):
    """An entry that starts the leaf by a name elsewhere leads to the parent's own place then."""
    base, leaf, _ = family()
    config = "[work]\nvhd = \\vhd\\leaf.vhd\n[twin]\nvhd = \\twin.vhd\n[third]\nvhd = VHD/leaf.vhd\n"
    name = flash(["leaf", "base"], config=config)
    hard_link(name, "vhd/leaf.vhd", "/twin.vhd")
    mkimage(verb[0], name, *verb[1:])
    for entry in ("work", "twin", "third"):
        assert chain(name, "--entry", entry) == ["\\vhd\\base.vhd"]
        holds(name, flatten([base] if "--drop" in verb else [leaf, base], SECTORS), "--entry", entry)


@pytest.mark.parametrize("image", ["leaf", "base"])
def test_remove_takes_one_name_of_two(image):
    """The other one is somebody's who wants to keep it; in the root folder it would be a menu of its own."""
    family()
    config = f"[work]\nvhd = \\vhd\\{image}.vhd\n"
    name = flash(["leaf", "base"] if image == "leaf" else [image], config=config)
    hard_link(name, f"vhd/{image}.vhd", "vhd/kept.vhd")
    hard_link(name, f"vhd/{image}.vhd", "/kept.vhd")
    digest = sha256(name)
    refused("remove", name, "--entry", "work", words=r"kept\.vhd is one")
    assert sha256(name) == digest
    with open("cfg", "w", encoding="ascii") as file:
        file.write(config + "[other]\nvhd = \\none.vhd\n")
    put(name, "cfg", "/vhdboot.cfg")
    content = mkimage("cat", f"{name}:/kept.vhd").stdout
    mkimage("remove", name, "--entry", "work")
    left = {"kept.vhd", "base.vhd"} - {f"{image}.vhd"}
    assert set(mkimage("ls", f"{name}:/vhd").stdout.decode().split()[1::2]) == left
    for path in ("/kept.vhd", "/vhd/kept.vhd"):
        assert mkimage("cat", f"{name}:{path}").stdout == content
    sound(name)


@pytest.mark.parametrize("by", ["label", "serial"])
def test_a_path_with_the_volumes_own_name(by):
    base, leaf, _ = family()
    name = flash(["leaf", "base"])
    part = cut_out(name)
    run("ntfslabel", part, "OWN")
    write(name, START, read(part))
    serial = read(name, START + 72, 8)[::-1].hex().upper()
    own = "own" if by == "label" else serial
    config = f"[work]\nvhd = \\vhd\\leaf.vhd\n[named]\nvhd = {own}:\\vhd\\leaf.vhd\n"
    with open("cfg", "w", encoding="ascii") as file:
        file.write(config)
    put(name, "cfg", "/vhdboot.cfg")
    content = flatten([leaf, base], SECTORS)

    def both_hold(data):
        holds("f2.img", data, "--entry", "work")
        assert mkimage("read", "f2.img", "--entry", "named").stdout == data
    for entry in ("work", "named"):
        shutil.copy(name, "f2.img")
        both_hold(content)
        refused("snapshot", "f2.img", "--entry", entry, words="starts it as well")
        mkimage("rollback", "f2.img", "--entry", entry, "--drop")
        assert config_of("f2.img").decode() == config.replace("leaf", "base")
        both_hold(flatten([base], SECTORS))
        shutil.copy(name, "f2.img")
        mkimage("merge", "f2.img", "--entry", entry)
        both_hold(content)


@pytest.mark.parametrize("mode", ["write = discard", "write = none", "ram = yes", "write = persistent"])
def test_drop_beside_a_sibling_by_mode(mode):
    """Only an entry that writes damages the sibling."""
    base, _, second = family()
    config = f"[work]\nvhd = \\vhd\\leaf.vhd\n{mode}\n[other]\nvhd = \\vhd\\second.vhd\n"
    name = flash(["leaf", "base", "second"], config=config)
    digest = sha256(name)
    if "persistent" in mode:
        refused("rollback", name, "--drop", "--entry", "work", words="damaged by what entry work writes")
        assert sha256(name) == digest
        return
    said = mkimage("rollback", name, "--drop", "--entry", "work").stderr.decode()
    assert "warning" in said and "so it must not be written" in said, said
    holds(name, flatten([base], SECTORS), "--entry", "work")
    holds(name, flatten([second, base], SECTORS), "--entry", "other")


def test_drop_where_another_entry_would_write():
    family()
    name = flash(["leaf", "base", "second"], config="[work]\nvhd = /vhd/leaf.vhd\nwrite = discard\n"
                 "[other]\nvhd = /vhd/second.vhd\n[twin]\nvhd = /vhd/leaf.vhd\n")
    digest = sha256(name)
    refused("rollback", name, "--drop", words="damaged by what entry twin writes")
    assert sha256(name) == digest


def test_what_is_no_image_is_passed_over():
    base, leaf, _ = family()
    name = flash(["leaf", "base"])
    run("qemu-img", "create", "-q", "-f", "vhdx", "x.vhdx", "8M")
    put(name, "x.vhdx", "/x.vhdx")
    for number, data in enumerate((b"conectix" * 300, b"vhdxfile" + bytes(5000), b"x", bytes(1 << 20))):
        write_new(f"n{number}", data)
        put(name, f"n{number}", f"/odd/n{number}.bin")
    mkimage("merge", name)
    holds(name, flatten([leaf, base], SECTORS))


def test_an_entry_without_an_image_stands_on_none():
    """What `boot =` starts is no image, so there is nothing to warn of."""
    family()
    config = "[work]\nvhd = \\vhd\\leaf.vhd\n[own]\nboot = next\n[old]\nboot = \\bootmgr\n"
    name = flash(["leaf", "base"], config=config)
    for verb in VERBS:
        shutil.copy(name, "again.img")
        assert b"warning" not in mkimage(verb[0], "again.img", *verb[1:]).stderr, verb


def write_new(name, data):
    with open(name, "wb") as file:
        file.write(data)


# --- A master that was replaced


def replaced(size=SIZE):
    """The flash whose base.vhd is another image by now, and what it holds."""
    rng = random.Random(23)
    base = dynamic("base", rng)
    child("leaf", base, "base", rng)
    name = flash(["leaf", "base"], config="# mine\n[work]\nvhd = \\vhd\\leaf.vhd\n[twin]\nvhd = /vhd/LEAF.vhd\n")
    new = DynamicVhd(size, 512 << 10)
    new.store(5, b"the new master".ljust(SECTOR))
    new.store(0, b"new".ljust(510) + b"\x55\xaa")
    new.write("new.vhd")
    put(name, "new.vhd", "/vhd/base.vhd")
    return name, new


@pytest.mark.parametrize("size", [SIZE, SIZE + MIB])
def test_drop_after_the_master_was_replaced(size):
    name, new = replaced(size)
    digest = sha256(name)
    for verb in ("merge", "rollback", "snapshot"):
        refused(verb, name, words="has another id.*mkimage rollback --drop")
    said = mkimage("rollback", name, "--drop", "--dry-run").stderr.decode()
    assert "is another image by now" in said and "lost for good" in said, said
    assert sha256(name) == digest
    said = mkimage("rollback", name, "--drop").stderr.decode()
    assert "lost for good" in said
    for entry in ("work", "twin"):
        holds(name, flatten([new], size // SECTOR), "--entry", entry)
    assert config_of(name) == b"# mine\n[work]\nvhd = \\vhd\\base.vhd\n[twin]\nvhd = /vhd/base.vhd\n"
    assert mkimage("ls", f"{name}:/vhd").stdout.decode().split()[1:] == ["base.vhd"]


def test_drop_where_there_is_no_parent_at_all():
    name, _ = replaced()
    digest = sha256(name)
    write_new("junk", b"junk" * 5000)
    put(name, "junk", "/vhd/base.vhd")
    digest = sha256(name)
    refused("rollback", name, "--drop", words="base.vhd")
    assert sha256(name) == digest


def test_drop_beside_a_child_of_the_new_master():
    name, new = replaced()
    rng = random.Random(24)
    fresh = child("fresh", new, "base", rng)
    put(name, "fresh.vhd", "/vhd/fresh.vhd")
    digest = sha256(name)
    refused("rollback", name, "--drop", words=r"parent of \\vhd\\fresh.vhd as well")
    assert sha256(name) == digest and fresh


def test_drop_twice_where_the_masters_master_was_replaced():
    rng = random.Random(25)
    base = dynamic("base", rng)
    middle = child("middle", base, "base", rng)
    child("leaf", middle, "middle", rng)
    name = flash(["leaf", "middle", "base"])
    new = dynamic("new", rng)
    put(name, "new.vhd", "/vhd/base.vhd")
    said = mkimage("rollback", name, "--drop").stderr.decode()
    assert "run this again" in said, said
    mkimage("rollback", name, "--drop")
    holds(name, flatten([new], SECTORS))


# --- What cannot be, or is still in use


@pytest.mark.parametrize("mode", ["write = discard", "write = none", "ram = yes"])
def test_snapshot_of_an_entry_that_keeps_nothing(mode):
    dynamic("a", random.Random(26))
    name = flash(["a"], config=f"[work]\nvhd = \\vhd\\a.vhd\n{mode}\n")
    digest = sha256(name)
    refused("snapshot", name, words=f"entry work: has {mode}, so nothing would ever be written")
    assert sha256(name) == digest


def test_a_suspended_machine_keeps_its_disk():
    rng = random.Random(27)
    base = dynamic("base", rng)
    child("leaf", base, "base", rng, saved_state=1)
    name = flash(["leaf", "base"])
    digest = sha256(name)
    for verb in (*VERBS, ["rollback"], ["snapshot"]):
        refused(verb[0], name, *verb[1:], words="suspended virtual machine")
        assert sha256(name) == digest


def test_new_blocks_beside_a_batmap():
    """XenServer's map of full blocks, behind the BAT of an empty child's empty parent."""
    rng = random.Random(28)
    base = DynamicVhd(SIZE, 512 << 10)
    base.creator = b"tap\0"
    base.write("base.vhd")
    data = read("base.vhd")
    batmap = (b"tdbatmap" + struct.pack(">QIII", len(data), 9, 0x10002, 0)).ljust(512, b"\0") + b"\x5a" * 9 * 512
    write_new("base.vhd", data[:-512] + batmap + data[-512:])
    leaf = child("leaf", base, "base", rng)
    name = flash(["leaf", "base"])
    mkimage("merge", name)
    assert mkimage("read", name).stdout == flatten([leaf, base], SECTORS)
    merged = mkimage("cat", f"{name}:/vhd/base.vhd").stdout
    assert merged[len(data) - 512:len(data) - 512 + len(batmap)] == batmap
    sound(name)


def test_the_disk_is_held_throughout():
    """Between the steps of a merge nothing else gets the disk: an automounter would wake at each close."""
    family()
    name = flash(["leaf", "base"])
    libc = ctypes.CDLL(None)
    watch = libc.inotify_init1(os.O_NONBLOCK)
    close_write, modify, opened = 8, 2, 32                     # two events in a row that are alike become one
    assert watch >= 0 and libc.inotify_add_watch(watch, name.encode(), close_write | modify | opened) >= 0
    mkimage("merge", name)
    events = [mask for _, mask, _, _ in struct.iter_unpack("iIII", os.read(watch, 1 << 20))]
    os.close(watch)
    assert modify in events and events.count(close_write) == 1, "the disk was let go between two writes"
