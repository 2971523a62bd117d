# SPDX-License-Identifier: GPL-2.0-or-later
"""snapshot, rollback and merge, on image files of all shapes: what 7-Zip and qemu-img read before and after, what
stands in the config, whether the volume is sound, and what is refused."""
import random
import shutil
import struct

import pytest

from files import read, sha256, write
from layers import (SECTORS, SIZE, Fixed, chain, child, config_of, dynamic, extents, flash, highest, holds, slack,
                    steps)
from ntfsdisk import MIB, spoil
from tools import FRAGMENT, mkimage, refused, run
from vhd_dynamic import SECTOR, DynamicVhd, checksum, flatten

pytestmark = pytest.mark.usefixtures("folder")


def test_usage():
    for verb in ("reserve", "snapshot", "rollback", "merge"):
        assert b"--dry-run" in mkimage(verb, "--help").stdout
        mkimage(verb, status=2)
        mkimage(verb, "x.img", "--no-such-option", status=2)
    mkimage("reserve", "x.img", status=2)
    mkimage("reserve", "x.img", "--size", "0", status=2)
    mkimage("rollback", "x.img", "--drop", "--size", "1M", status=2)
    mkimage("flash", "x.img", "--vhd", "a.vhd", "--reserve", "some", status=2)
    for verb in ("reserve", "snapshot", "rollback", "merge"):
        refused(verb, "x.img", *(["--size", "1M"] if verb == "reserve" else []), words="x.img")


VERBS = (["reserve", "f.img", "--size", "4M"], ["snapshot", "f.img", "--size", "4M"], ["rollback", "f.img"],
         ["merge", "f.img"], ["rollback", "f.img", "--drop"])


@pytest.mark.parametrize("what, words", [("dirty", "dirty"), ("hibernated", "hibernated"),
                                         ("full", "no room for .*are free")],
                         ids=["dirty", "hibernated", "full"])
def test_all_verbs_refuse_and_write_nothing_on_a_volume(what, words):
    rng = random.Random(7)
    base = dynamic("base", rng)
    child("leaf", base, "base", rng, 256 << 10)
    flash(["leaf", "base"])
    spoil("f.img", what)
    digest = sha256("f.img")
    for verb in VERBS:
        if what == "full" and verb[0] in ("rollback", "merge"):
            continue
        refused(*verb, words=words)
        assert sha256("f.img") == digest, verb


def test_all_verbs_refuse_and_write_nothing():
    dynamic("base", random.Random(7))
    flash(["base"])
    digest = sha256("f.img")
    for verb in VERBS[2:]:
        refused(*verb, words="no parent")
    for verb in VERBS:
        refused(*verb, "--entry", "nobody", words="nobody|no such entry")
    for verb in ("check", "map", "read"):
        refused(verb, "f.img", "--entry", "nobody", words="no such entry. mkimage list tells")
    refused("reserve", "f.img", "--size", "1M", "--file", "/nothing.vhd", words="nothing")
    refused("snapshot", "f.img", "--name", "base.vhd", words="exists already")
    refused("snapshot", "f.img", "--name", "a|b.vhd", words="no such name")
    refused("snapshot", "f.img", "--name", "\\nowhere\\x.vhd", words="cannot be made")
    mkimage("snapshot", "f.img", "--name", "x.bin", status=2)
    for verb in (["reserve", "f.img", "--size", "4M"], ["snapshot", "f.img"]):
        mkimage(*verb, "--dry-run")
    assert sha256("f.img") == digest
    run("qemu-img", "create", "-q", "-f", "vhdx", "x.vhdx", "8M")
    flash([], config="[x]\nvhd = \\x.vhdx\n")
    run(FRAGMENT, "f.img", "x.vhdx", "/x.vhdx", 1)
    mkimage("snapshot", "f.img", "--name", "y.vhd", status=2)
    mkimage("snapshot", "f.img", "--size", "1M")
    mkimage("merge", "f.img")
    with open("after.vhdx", "wb") as file:
        file.write(mkimage("cat", "f.img:/x.vhdx").stdout)
    run("qemu-img", "check", "-f", "vhdx", "after.vhdx")


CONFIGS = {
    "plain": b"[work]\nvhd = \\vhd\\a.vhd\n",
    "crlf, a comment, blanks": b"# top\r\n timeout=3\r\n\r\n[work]\r\n\tVHD =  /vhd/a.vhd   # the one # two\r\n",
    "byte order mark, no end of line": b"\xef\xbb\xbf[work]\ntitle = The work\nvhd=\\VHD\\A.vhd",
    "the last line counts": b"[work]\nvhd = \\old.vhd\nvhd = \\vhd\\a.vhd\nwrite = persistent\nbogus = 1\n",
    "two entries": b"default = work\n[other]\nvhd = \\vhd\\b.vhd\n[work]\nhide = yes\nvhd = \\vhd\\a.vhd\n",
    "a section twice": b"[work]\ntitle = none\n[work]\nvhd = \\vhd\\a.vhd\n[work]\nvhd = \\vhd\\b.vhd\n",
    "the clean one beside it": b"[work]\nvhd = \\vhd\\a.vhd\n[clean]\nvhd = \\vhd\\a.vhd\nwrite = none\n",
}


@pytest.mark.parametrize("what", CONFIGS)
def test_snapshot_edits_the_config(what):
    text = CONFIGS[what]
    rng = random.Random(8)
    content = flatten([dynamic("a", rng)], SECTORS)
    dynamic("b", rng)
    name = flash(["a", "b"], config=text)
    mkimage("snapshot", name, "--entry", "work")
    new = config_of(name)
    old_name = b"A.vhd" if b"A.vhd" in text else b"a.vhd"
    start = text.index(b"a section") if what == "a section" else 0
    assert new.count(b"a-1.vhd") == 1, (what, new)
    at = new.index(b"a-1.vhd")
    assert new == text[:at] + b"a-1.vhd" + text[at + len(old_name):], (what, new)
    assert start == 0 and text[at:].startswith(old_name)
    assert chain(name, "--entry", "work") == ["\\vhd\\a-1.vhd", "\\vhd\\a.vhd"], what
    holds(name, content, "--entry", "work")
    if b"[clean]" in text:
        assert chain(name, "--entry", "clean") == ["\\vhd\\a.vhd"]


@pytest.mark.parametrize("config", ["", b"timeout = none\r\n"])
def test_snapshot_without_a_config(config):
    rng = random.Random(9)
    contents = {n: flatten([dynamic(n, rng)], SECTORS) for n in ("größe", "two=2", "z")}
    name = flash(list(contents), folder="", config=config)
    menu = steps(name, "config")[0]
    mkimage("snapshot", name, "--entry", "two=2.vhd")
    assert "3 entries" in steps(name, "config")[0] and "3 entries" in menu
    assert config_of(name).startswith(config or b"#")
    for n, content in contents.items():
        holds(name, content, "--entry", n + ".vhd")
    assert chain(name, "--entry", "two=2.vhd") == ["\\two=2-1.vhd", "\\two=2.vhd"]


def test_snapshot_of_a_name_that_no_config_can_hold():
    dynamic("z #1", random.Random(9))
    name = flash(["z #1"], folder="", config="")
    digest = sha256(name)
    refused("snapshot", name, words="cannot be written into a config")
    assert sha256(name) == digest


def test_letter_case_does_not_matter():
    rng = random.Random(17)
    content = flatten([dynamic("a", rng)], SECTORS)
    name = flash(["a"], config="")
    with open("cfg", "w", encoding="ascii") as file:
        file.write("[work]\nvhd = \\VHD\\A.vhd\n")
    run(FRAGMENT, name, "cfg", "/VHDBOOT.CFG", 1)
    mkimage("snapshot", name, "--name", "CHILD.VHD")
    mkimage("rollback", name)
    mkimage("reserve", f"{name}:/vhd/child.vhd", "--size", "9M")
    mkimage("reserve", name, "--file", "/VHD/a.VHD", "--size", "1M")
    holds(name, content)
    mkimage("merge", name)
    holds(name, content)
    names = [line.split(maxsplit=1)[1] for line in mkimage("ls", f"{name}:/").stdout.decode().splitlines()]
    assert sorted(names) == ["VHDBOOT.CFG", "vhd/", "vhdboot.bin", "vhdboot.old"], names
    assert mkimage("ls", f"{name}:/vhd").stdout.decode().split()[1:] == ["a.vhd"]


def test_snapshot_names():
    rng = random.Random(10)
    content = flatten([dynamic("a", rng)], SECTORS)
    dynamic("b", rng)
    name = flash(["a", "b"], mib=96)
    expected = ["\\vhd\\a.vhd"]
    for options, path in (([], "\\vhd\\a-1.vhd"), ([], "\\vhd\\a-2.vhd"), (["--name", "größer.vhd"],
                          "\\vhd\\größer.vhd"),
                          (["--name", "\\top.vhd"], "\\top.vhd"), (["--name", "/vhd/deep.vhd"], "\\vhd\\deep.vhd")):
        said = mkimage("snapshot", name, "--size", "2M", *options).stderr.decode()
        expected.insert(0, path)
        assert chain(name) == expected and path in said, (chain(name), said)
        assert slack(name)["blocks"] == 1
        holds(name, content)
    # by the specification
    leaf = mkimage("cat", f"{name}:/vhd/deep.vhd").stdout
    parent = mkimage("cat", f"{name}:/top.vhd").stdout
    assert leaf[:512] == leaf[-512:] == checksum(leaf[:512], 64) and leaf[512:1536] == checksum(leaf[512:1536], 36)
    assert leaf[512 + 40:512 + 56] == parent[68:84] and leaf[512 + 56:512 + 60] == parent[24:28]
    assert leaf[512 + 64:].startswith("top.vhd".encode("utf-16-be") + b"\0\0")
    code, _, length, _, at = struct.unpack(">4sIIIQ", leaf[512 + 576:512 + 600])
    assert code == b"W2ru" and leaf[at:at + length].decode("utf-16-le") == "..\\top.vhd"
    assert leaf[48:56] == parent[48:56] and leaf[60:64] == b"\0\0\0\4" and leaf[68:84] != parent[68:84]
    # an entry that would write to the parent
    name = flash(["a"], config="[x]\nvhd = /vhd/a.vhd\n[y]\nvhd = \\VHD\\A.VHD\n")
    refused("snapshot", name, "--entry", "x", words="entry y starts it as well")


def test_snapshot_of_a_fixed_disk_and_of_all_its_needs():
    image = Fixed("big")
    name = flash(["big"], mib=40)
    said = mkimage("snapshot", name).stderr.decode()
    assert slack(name)["blocks"] == slack(name)["absent"] == 5, said
    holds(name, image.data)
    assert b"is what its disk" not in mkimage("snapshot", name, "--size", "1G").stderr
    holds(name, image.data)


@pytest.mark.parametrize("block, options", [(512 << 10, {"slack": 3 * MIB}), (2 * MIB, {})],
                         ids=["512 KiB, slack", "2 MiB"])
def test_rollback_empties_or_drops(block, options):
    rng = random.Random(11)
    base = Fixed("base")
    middle = child("middle", base, "base", rng, 1 * MIB)
    leaf = child("leaf", middle, "middle", rng, block, **options)
    name = flash(["leaf", "middle", "base"], config="# mine\n[a]\nvhd=\\vhd\\leaf.vhd\n[b]\nvhd = /VHD/LEAF.vhd #x\n")
    digest = sha256(name)
    mkimage("rollback", name, "--dry-run")
    mkimage("rollback", name, "--dry-run", "--drop")
    assert sha256(name) == digest
    holds(name, flatten([leaf, middle, base], SECTORS))
    shutil.copy(name, "drop.img")
    size = extents(name, "/vhd/leaf.vhd")["size"]
    mkimage("rollback", name, "--entry", "b")
    assert chain(name) == [f"\\vhd\\{n}.vhd" for n in ("leaf", "middle", "base")]
    holds(name, flatten([middle, base], SECTORS), "--entry", "b")
    now = extents(name, "/vhd/leaf.vhd")["size"]
    assert size - block - 5000 < now <= size or now > size and slack(name)["blocks"] == slack(name)["absent"]
    mkimage("rollback", name, "--size", "4M")
    assert slack(name)["bytes"] == 4 * MIB
    holds(name, flatten([middle, base], SECTORS))
    mkimage("rollback", "drop.img", "--drop")
    for entry in "ab":
        assert chain("drop.img", "--entry", entry) == ["\\vhd\\middle.vhd", "\\vhd\\base.vhd"]
    assert config_of("drop.img") == b"# mine\n[a]\nvhd=\\vhd\\middle.vhd\n[b]\nvhd = /VHD/middle.vhd #x\n"
    assert b"leaf" not in mkimage("ls", "drop.img:/vhd").stdout
    holds("drop.img", flatten([middle, base], SECTORS))


def test_rollback_where_there_is_hardly_room():
    rng = random.Random(12)
    base = dynamic("base", rng)
    leaf = child("leaf", base, "base", rng, 2 * MIB, slack=12 * MIB)
    name = flash(["leaf", "base"], mib=50)
    assert sum(e["count"] for e in extents(name, "/vhd/leaf.vhd")["extents"]) * 512 > 13 * MIB
    holds(name, flatten([leaf, base], SECTORS))
    mkimage("rollback", name)
    assert slack(name)["blocks"] == slack(name)["absent"] == 5
    holds(name, flatten([base], SECTORS))


def merged(layers, base, rng, depth, slack_of, **options):
    """base.vhd and so many children with blocks of these sizes; merged one by one."""
    images, names = [base], ["base"]
    for i, block in enumerate(layers[:depth]):
        images.insert(0, child(f"layer{i}", images[0], names[0], rng, block, slack=slack_of, poison=b"junkJUNK"))
        names.insert(0, f"layer{i}")
    content = flatten(images, SECTORS)
    name = flash(names, **options)
    if depth == 1:
        digest = sha256(name)
        mkimage("merge", name, "--dry-run")
        assert sha256(name) == digest
    while len(names) > 1:
        mkimage("merge", name)
        gone = names.pop(0)
        assert chain(name)[0].endswith(f"\\{names[0]}.vhd") and len(chain(name)) == len(names)
        assert gone.encode() not in mkimage("ls", f"{name}:{options.get('folder', '/vhd') or '/'}").stdout
        holds(name, content)
    return content


@pytest.mark.parametrize("depth, layers", [(1, [512 << 10]), (2, [64 << 10, 2 * MIB]),
                                           (3, [1 * MIB, 4096 * 16, 512 << 10])], ids=str)
def test_merge_chains(depth, layers):
    rng = random.Random(13)
    merged(layers, Fixed("base"), rng, depth, 0)
    content = merged(layers, dynamic("base", rng, 256 << 10), rng, depth, 5 * SECTOR, pieces=3)
    with open("base.vhd", "wb") as file:
        file.write(mkimage("cat", "f.img:/vhd/base.vhd").stdout)
    run("qemu-img", "convert", "-f", "vpc", "-O", "raw", "base.vhd", "raw")
    assert read("raw") == content, "qemu-img"
    merged(layers, dynamic("base", rng, 4 * MIB, all_bits=False), rng, depth, 0, cluster=512)


def test_merge_into_junk_and_slack():
    rng = random.Random(14)
    base = dynamic("base", rng, 512 << 10, slack=9 * MIB)
    data = read("base.vhd")
    end = highest("base.vhd")[0] * SECTOR       # its slack is full of something
    write("base.vhd", end, b"JUNK" * ((len(data) - SECTOR - end) // 4))
    leaf = child("leaf", base, "base", rng, 2 * MIB)
    content = flatten([leaf, base], SECTORS)
    name = flash(["leaf", "base"])
    size = extents(name, "/vhd/base.vhd")["size"]
    mkimage("merge", name)
    assert extents(name, "/vhd/base.vhd")["size"] == size, "there was room"
    assert mkimage("read", name).stdout == content
    with open("base.vhd", "wb") as file:
        file.write(mkimage("cat", f"{name}:/vhd/base.vhd").stdout)
    run("qemu-img", "convert", "-f", "vpc", "-O", "raw", "base.vhd", "raw")
    assert read("raw") == content, "qemu-img"


def test_merge_refuses():
    rng = random.Random(15)
    base = dynamic("base", rng)
    child("leaf", base, "base", rng)
    child("second", base, "base", rng)
    name = flash(["leaf", "base"])
    run(FRAGMENT, name, "second.vhd", "/other/folder/second.AVHD", 1)
    digest = sha256(name)
    refused("merge", name, words=r"parent of \\other\\folder\\second.AVHD")
    holds(name, mkimage("read", name).stdout)
    mkimage("snapshot", name, "--name", "grandchild.vhd")
    write("cfg", 0, b"[work]\nvhd = \\vhd\\leaf.vhd\n")
    run(FRAGMENT, name, "cfg", "/vhdboot.cfg", 1)
    for verb in (["merge"], ["rollback"], ["rollback", "--drop"]):
        digest = sha256(name)
        refused(verb[0], name, *verb[1:], words=r"parent of \\vhd\\grandchild.vhd")
        assert sha256(name) == digest
    name = flash(["second", "base"])
    at = extents(name, "/vhd/base.vhd")["extents"][-1]
    write(name, (at["drive_lba"] + at["count"]) * 512 - 300, b"\xff")
    for verb in ("merge", "rollback"):
        refused(verb, name, words="footer at the end is damaged")
    larger = DynamicVhd(SIZE + MIB, 512 << 10, parent=base)
    larger.locate("W2ru", ".\\base.vhd")
    larger.store(3, bytes(SECTOR))
    larger.write("leaf.vhd")
    name = flash(["leaf", "base"])
    refused("merge", name, words="not as large as")
    refused("rollback", name, words="not as large as")
    base = dynamic("base", rng, saved_state=1)
    child("leaf", base, "base", rng)
    refused("merge", flash(["leaf", "base"]), words="suspended")
