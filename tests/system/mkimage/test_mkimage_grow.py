#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""reserve, snapshot, rollback and merge, on image files of all shapes: what 7-Zip and qemu-img read before and
after, what stands in the config, whether the volume is sound, and what is refused."""
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from test_mkimage import (FRAGMENT, MIB, PATH, START, consistent, cut_out, disk, mkimage, read, refused,  # noqa: E402
                          run, sha256, spoil, volume, write)
from vhd_dynamic import SECTOR, DynamicVhd, checksum, flatten                         # noqa: E402
import vhd                                                                            # noqa: E402

SIZE = 9 * MIB + 5 * SECTOR
SECTORS = SIZE // SECTOR
BASE_ID = b"vhdboot's tests!"           # what vhd.make_fixed gives
tests = []


def test(function):
    tests.append(function)
    return function


def scatter(image, tag, rng, pieces=20):
    for _ in range(pieces):
        lba = rng.randrange(SECTORS)
        count = min(rng.choice((1, 2, 7, 64, 900)), SECTORS - lba)
        image.store(lba, b"".join(f"{tag} {n} ".encode().ljust(SECTOR, b"+") for n in range(lba, lba + count)))
    image.store(0, tag.encode().ljust(510) + b"\x55\xaa")
    return image


def dynamic(name, rng, block=512 << 10, **options):
    image = scatter(DynamicVhd(SIZE, block), name, rng)
    image.__dict__.update(options)
    image.write(name + ".vhd")
    return image


def child(name, parent, parent_name, rng, block=512 << 10, **options):
    image = scatter(DynamicVhd(SIZE, block, parent=parent), name, rng)
    image.locate("W2ru", ".\\" + parent_name + ".vhd")
    image.__dict__.update(options)
    image.write(name + ".vhd")
    return image


class Fixed:
    """A fixed VHD, as flatten() sees it."""
    def __init__(self, name):
        self.size, self.identity = SIZE, BASE_ID
        vhd.make_fixed(name + ".vhd", SECTORS)
        write(name + ".vhd", 0, b"".join(f"{name} {n} ".encode().ljust(SECTOR, b"-") for n in range(SECTORS)))
        write(name + ".vhd", 510, b"\x55\xaa")
        self.data = read(name + ".vhd", 0, SIZE)

    def content(self, lba, count):
        for n in range(lba, lba + count):
            yield self.data[n * SECTOR:(n + 1) * SECTOR]


def flash(images, folder="\\vhd", config=None, mib=48, cluster=4096, name="f.img", pieces=1):
    """A partitioned flash with the images, the first one the only entry's."""
    disk(name, volume("v.ntfs", mib * MIB, cluster=cluster))
    for image in images:
        run(FRAGMENT, name, image + ".vhd", f"{folder}\\{image}.vhd", pieces)
    if config is None:
        config = f"[work]\nvhd = {folder}\\{images[0]}.vhd\n"
    if config:
        with open("cfg", "wb") as file:
            file.write(config.encode() if isinstance(config, str) else config)
        run(FRAGMENT, name, "cfg", "/vhdboot.cfg", 1)
    mkimage("install", name)
    return name


def seven_zip(path):
    return run("7zz", "e", "-so", "-tvhd", path).stdout


def steps(name, which, *options):
    check = json.loads(mkimage("check", name, "--json", *options).stdout)
    return [s["text"] for s in check["steps"] if s["name"] == which]


def chain(name, *options):
    return [text.split(": ")[0] for text in steps(name, "image", *options)]


def exported(name, *options):
    """The entry's disk as 7-Zip reads it, out of copies of the chain's files."""
    shutil.rmtree("out", ignore_errors=True)
    os.mkdir("out")             # all in one folder: on Linux, 7zz does not take a backslash for a separator
    copies = ["out/" + path.rsplit("\\", 1)[1] for path in chain(name, *options)]
    for path, copy in zip(chain(name, *options), copies):
        with open(copy, "wb") as file:
            file.write(mkimage("cat", f"{name}:{path}").stdout)
    return seven_zip(copies[0])


def holds(name, content, *options):
    """The flash is sound and the entry's disk is this, by the block map and by 7-Zip."""
    check = json.loads(mkimage("check", name, "--json", *options).stdout)
    assert check["boots"], check
    assert mkimage("read", name, *options).stdout == content, "mkimage read"
    assert exported(name, *options) == content, "7zz"
    sound(name)


def sound(name):
    volume_file = cut_out(name)
    consistent(volume_file)
    said = run("ntfsfix", "-n", volume_file).stdout.decode()
    assert "FAILED" not in said, said


def slack(name, *options):
    return json.loads(mkimage("check", name, "--json", *options).stdout)["slack"]


def extents(name, path):
    return json.loads(mkimage("extents", f"{name}:{path}", "--json").stdout)


def config_of(name):
    return mkimage("cat", f"{name}:/vhdboot.cfg").stdout


# ---------------------------------------------------------------------------------------------------


@test
def usage():
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


def highest(path):
    """The sector behind the highest block of a VHD, and the sectors where blocks' data start."""
    data = read(path)
    bat_at, entries, block = struct.unpack(">Q", data[528:536])[0], *struct.unpack(">II", data[540:548])
    bitmap = -(-block // SECTOR // 4096)
    bat = [e for e in struct.unpack(f">{entries}I", data[bat_at:bat_at + 4 * entries]) if e != 0xFFFFFFFF]
    return max((e + bitmap + block // SECTOR for e in bat), default=0), [e + bitmap for e in bat]


@test
def reserve_on_the_host_keeps_the_content():
    rng = random.Random(1)
    for block, options in ((512 << 10, {}), (2 * MIB, {"slack": 3 * SECTOR}), (64 << 10, {"gap": SECTOR}),
                           (4 * MIB, {"all_bits": False}), (256 << 10, {"spare": 90, "align": 4096})):
        image = dynamic("d", rng, block, **options)
        content = flatten([image], SECTORS)
        before = read("d.vhd")
        mkimage("reserve", "d.vhd", "--size", "1M", "--dry-run")
        assert read("d.vhd") == before
        said = mkimage("reserve", "d.vhd", "--size", "1M").stderr.decode()
        after = read("d.vhd")
        old_end = len(before) - SECTOR
        absent = -(-SIZE // block) - len(image.blocks)
        assert after[:old_end] == before[:old_end] and after[-SECTOR:] == before[-SECTOR:]
        assert not any(after[old_end:-SECTOR]), "what is added is not zero"
        assert len(after) - len(before) >= min(absent * block, MIB) - options.get("slack", 0), said
        assert os.stat("d.vhd").st_blocks * 512 >= len(after) - len(before), "holes"
        assert mkimage("vhd", "read", "d.vhd").stdout == content
        if not options.get("spare"):
            assert seven_zip("d.vhd") == content
        run("qemu-img", "compare", "-f", "vpc", "-F", "vpc", "d.vhd", write_copy(before))
        info = json.loads(mkimage("vhd", "info", "d.vhd", "--json").stdout)
        assert info["slack"] >= min(absent * block, MIB), info
        mkimage("reserve", "d.vhd", "--size", "1T")
        said = mkimage("reserve", "d.vhd", "--size", "1M").stderr.decode()
        assert "all that its disk can ever need" in said, said
        assert len(read("d.vhd")) >= SECTOR * highest("d.vhd")[0] + absent * block
        assert mkimage("vhd", "read", "d.vhd").stdout == content


def write_copy(data):
    with open("copy.vhd", "wb") as file:
        file.write(data)
    return "copy.vhd"


@test
def qemu_writes_into_what_was_reserved():
    rng = random.Random(2)
    image = dynamic("d", rng)
    content = bytearray(flatten([image], SECTORS))
    mkimage("reserve", "d.vhd", "--size", "16M")
    size = os.path.getsize("d.vhd")
    for block in range(SIZE // image.block_size):
        if block not in image.blocks:
            run("qemu-io", "-f", "vpc", "-c", f"write -P {block + 1} {block * image.block_size} 4096", "d.vhd")
            content[block * image.block_size:][:0] = b""
            at = block * image.block_size
            content[at:at + 4096] = bytes([block + 1]) * 4096
    assert os.path.getsize("d.vhd") == size, "QEMU left the slack"
    assert mkimage("vhd", "read", "d.vhd").stdout == bytes(content)
    assert seven_zip("d.vhd") == bytes(content)


@test
def reserve_cleans_what_others_left():
    rng = random.Random(18)
    image = dynamic("d", rng, slack=2 * MIB)
    content = flatten([image], SECTORS)
    size = os.path.getsize("d.vhd")
    end = highest("d.vhd")[0] * SECTOR
    write("d.vhd", end, read("d.vhd", 0, SECTOR))
    write("d.vhd", size - SECTOR - 700, b"x")
    shutil.copy("d.vhd", "dirty.vhd")
    mkimage("reserve", "d.vhd", "--size", "1M", "--dry-run")
    assert read("d.vhd") == read("dirty.vhd")
    name = flash(["d"])
    mkimage("reserve", "d.vhd", "--size", "1M")
    mkimage("reserve", name, "--size", "1M")
    for data in (read("d.vhd"), mkimage("cat", f"{name}:/vhd/d.vhd").stdout):
        assert data[:end] == read("dirty.vhd", 0, end) and not any(data[end:-SECTOR])
    assert seven_zip("d.vhd") == content
    holds(name, content)


@test
def reserve_a_chain_on_the_host():
    rng = random.Random(3)
    base = dynamic("base", rng)
    leaf = child("leaf", base, "base", rng, 256 << 10)
    content = flatten([leaf, base], SECTORS)
    os.mkdir("elsewhere")
    shutil.move("base.vhd", "elsewhere/base.vhd")
    mkimage("reserve", "leaf.vhd", "--size", "2M")      # its parent need not be there
    shutil.move("elsewhere/base.vhd", "base.vhd")
    assert seven_zip("leaf.vhd") == content == mkimage("vhd", "read", "leaf.vhd").stdout


@test
def reserve_on_a_flash():
    rng = random.Random(4)
    for cluster, pieces in ((4096, 1), (512, 40), (65536, 3)):
        base = dynamic("base", rng, slack=700 * SECTOR)
        leaf = DynamicVhd(SIZE, 2 * MIB, parent=base)
        leaf.store(0, b"leaf".ljust(510) + b"\x55\xaa")
        leaf.store(SECTORS - 3, b"last" * 384)
        leaf.locate("W2ru", ".\\base.vhd")
        leaf.write("leaf.vhd")
        content = flatten([leaf, base], SECTORS)
        name = flash(["leaf", "base"], cluster=cluster, pieces=pieces)
        digest = sha256(name)
        mkimage("reserve", name, "--entry", "work", "--size", "3M", "--dry-run")
        assert sha256(name) == digest
        before = slack(name)
        said = mkimage("reserve", name, "--entry", "WORK", "--size", "3M").stderr.decode()
        after = slack(name)
        assert after["blocks"] - before["blocks"] == min(2, after["absent"]), (before, after, said)
        assert f"slack for {after['blocks'] * 2} MiB" in steps(name, "image")[0]
        for path in ("\\vhd\\leaf.vhd", "\\vhd\\base.vhd"):
            info = extents(name, path)
            assert info["initialized"] == info["size"] and None not in [e["drive_lba"] for e in info["extents"]]
        assert len(extents(name, "/vhd/leaf.vhd")["extents"]) <= pieces + 1, "it is contiguous where possible"
        data = mkimage("cat", f"{name}:/vhd/leaf.vhd").stdout
        old = read("leaf.vhd")
        assert data[:len(old) - SECTOR] == old[:-SECTOR] and not any(data[len(old) - SECTOR:-SECTOR])
        holds(name, content)
        mkimage("reserve", name, "--file", "/vhd/base.vhd", "--size", "1M")
        mkimage("reserve", f"{name}:/vhd/BASE.vhd", "--size", "1M")
        holds(name, content)


@test
def reserve_behind_the_file_is_one_fragment():
    rng = random.Random(5)
    dynamic("d", rng)
    mkimage("flash", "f.img", "--vhd", "d.vhd", "--reserve", "none", "--size", "64M")
    assert slack("f.img")["blocks"] == 0 and b"slack is used up" in mkimage("check", "f.img").stdout
    said = mkimage("reserve", "f.img", "--size", "4M").stderr
    assert b"1 fragment" in said and len(extents("f.img", "/d.vhd")["extents"]) == 1, said
    sound("f.img")


@test
def a_full_image_needs_no_slack():
    image = DynamicVhd(4 * MIB, 1 * MIB)
    image.store(0, b"".join(n.to_bytes(8, "little").ljust(510) + b"\x55\xaa" for n in range(8192)))
    image.write("d.vhd")
    mkimage("flash", "f.img", "--vhd", "d.vhd")
    assert slack("f.img")["absent"] == 0
    said = mkimage("check", "f.img").stdout
    assert b"every block is stored" in said and b"room" not in said, said
    said = mkimage("reserve", "f.img", "--size", "1M").stderr
    assert b"all that its disk can ever need" in said, said


@test
def reserve_refuses():
    rng = random.Random(6)
    size = ["--size", "1M"]
    Fixed("fixed")
    refused("reserve", "fixed.vhd", *size, words="fixed VHD.*no slack")
    run("qemu-img", "create", "-q", "-f", "vhdx", "x.vhdx", "8M")
    refused("reserve", "x.vhdx", *size, words="VHDX")
    dynamic("d", rng, saved_state=1)
    refused("reserve", "d.vhd", *size, words="suspended")
    dynamic("d", rng)
    good = read("d.vhd")
    write("d.vhd", len(good) - 500, b"\xff")
    refused("reserve", "d.vhd", *size, words="footer at the end is damaged")
    footer = bytearray(good[:SECTOR])
    footer[68] ^= 1
    write("d.vhd", 0, checksum(footer, 64))
    write("d.vhd", len(good) - SECTOR, good[-SECTOR:])
    refused("reserve", "d.vhd", *size, words="differ")
    with open("d.vhd", "wb") as file:
        file.write(good[:-1])
    refused("reserve", "d.vhd", *size, words="511")
    image = DynamicVhd(2000 << 30, 2 * MIB)
    image.store(0, bytes(SECTOR))
    image.write("d.vhd")
    data = read("d.vhd")
    with open("d.vhd", "wb") as file:           # a block just below 2 TiB
        file.write(data[:-SECTOR])
        at = ((2 << 40) - 3 * MIB) // SECTOR
        file.seek(1536)
        file.write(struct.pack(">I", at))
        file.seek(at * SECTOR + 2 * MIB + SECTOR)
        file.write(data[-SECTOR:])
    refused("reserve", "d.vhd", "--size", "4M", words="2 TiB")
    assert os.path.getsize("d.vhd") == at * SECTOR + 2 * MIB + 2 * SECTOR


@test
def all_verbs_refuse_and_write_nothing():
    rng = random.Random(7)
    verbs = (["reserve", "f.img", "--size", "4M"], ["snapshot", "f.img", "--size", "4M"], ["rollback", "f.img"],
             ["merge", "f.img"], ["rollback", "f.img", "--drop"])
    base = dynamic("base", rng)
    child("leaf", base, "base", rng, 256 << 10)
    for what, words in (("dirty", "dirty"), ("hibernated", "hibernated"), ("full", "no room for .*are free")):
        flash(["leaf", "base"])
        spoil("f.img", what)
        digest = sha256("f.img")
        for verb in verbs:
            if what == "full" and verb[0] in ("rollback", "merge"):
                continue
            refused(*verb, words=words)
            assert sha256("f.img") == digest, (verb, what)
    flash(["base"])
    digest = sha256("f.img")
    for verb in verbs[2:]:
        refused(*verb, words="no parent")
    for verb in verbs:
        refused(*verb, "--entry", "nobody", words="nobody|no such entry")
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
    refused("snapshot", "f.img", words="is a VHDX, and the loader adds no blocks")
    refused("merge", "f.img", words="is a VHDX")


CONFIGS = {
    "plain": b"[work]\nvhd = \\vhd\\a.vhd\n",
    "crlf, a comment, blanks": b"# top\r\n timeout=3\r\n\r\n[work]\r\n\tVHD =  /vhd/a.vhd   # the one # two\r\n",
    "byte order mark, no end of line": b"\xef\xbb\xbf[work]\ntitle = The work\nvhd=\\VHD\\A.vhd",
    "the last line counts": b"[work]\nvhd = \\old.vhd\nvhd = \\vhd\\a.vhd\nwrite = persistent\nbogus = 1\n",
    "two entries": b"default = work\n[other]\nvhd = \\vhd\\b.vhd\n[work]\nhide = yes\nvhd = \\vhd\\a.vhd\n",
    "a section twice": b"[work]\ntitle = none\n[work]\nvhd = \\vhd\\a.vhd\n[work]\nvhd = \\vhd\\b.vhd\n",
    "the clean one beside it": b"[work]\nvhd = \\vhd\\a.vhd\n[clean]\nvhd = \\vhd\\a.vhd\nwrite = none\n",
}


@test
def snapshot_edits_the_config():
    rng = random.Random(8)
    content = flatten([dynamic("a", rng)], SECTORS)
    dynamic("b", rng)
    for what, text in CONFIGS.items():
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


@test
def snapshot_without_a_config():
    rng = random.Random(9)
    contents = {n: flatten([dynamic(n, rng)], SECTORS) for n in ("größe", "two=2", "z")}
    for config in ("", b"timeout = none\r\n"):
        name = flash(list(contents), folder="", config=config)
        menu = steps(name, "config")[0]
        mkimage("snapshot", name, "--entry", "two=2.vhd")
        assert "3 entries" in steps(name, "config")[0] and "3 entries" in menu
        assert config_of(name).startswith(config or b"#")
        for n, content in contents.items():
            holds(name, content, "--entry", n + ".vhd")
        assert chain(name, "--entry", "two=2.vhd") == ["\\two=2-1.vhd", "\\two=2.vhd"]
    shutil.move("z.vhd", "z #1.vhd")            # no config can hold this name
    name = flash(["z #1"], folder="", config="")
    digest = sha256(name)
    refused("snapshot", name, words="cannot be written into a config")
    assert sha256(name) == digest


@test
def letter_case_does_not_matter():
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
    assert sorted(names) == ["VHDBOOT.CFG", "vhd", "vhdboot.bin"] or len(names) == 3, names
    assert mkimage("ls", f"{name}:/vhd").stdout.decode().split()[1:] == ["a.vhd"]


@test
def snapshot_names():
    rng = random.Random(10)
    content = flatten([dynamic("a", rng)], SECTORS)
    dynamic("b", rng)
    name = flash(["a", "b"], mib=96)
    expected = ["\\vhd\\a.vhd"]
    for options, path in (([], "\\vhd\\a-1.vhd"), ([], "\\vhd\\a-2.vhd"), (["--name", "größer.vhd"], "\\vhd\\größer.vhd"),
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


@test
def snapshot_of_a_fixed_disk_and_of_all_its_needs():
    image = Fixed("big")
    name = flash(["big"], mib=40)
    said = mkimage("snapshot", name).stderr.decode()
    assert slack(name)["blocks"] == slack(name)["absent"] == 5, said
    holds(name, image.data)
    assert b"is what its disk" not in mkimage("snapshot", name, "--size", "1G").stderr
    holds(name, image.data)


@test
def rollback_empties_or_drops():
    rng = random.Random(11)
    base = Fixed("base")
    middle = child("middle", base, "base", rng, 1 * MIB)
    for block, options in ((512 << 10, {"slack": 3 * MIB}), (2 * MIB, {})):
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


@test
def rollback_where_there_is_hardly_room():
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


@test
def merge_chains():
    rng = random.Random(13)
    for depth, layers in ((1, [512 << 10]), (2, [64 << 10, 2 * MIB]), (3, [1 * MIB, 4096 * 16, 512 << 10])):
        merged(layers, Fixed("base"), rng, depth, 0)
        content = merged(layers, dynamic("base", rng, 256 << 10), rng, depth, 5 * SECTOR, pieces=3)
        with open("base.vhd", "wb") as file:
            file.write(mkimage("cat", "f.img:/vhd/base.vhd").stdout)
        run("qemu-img", "convert", "-f", "vpc", "-O", "raw", "base.vhd", "raw")
        assert read("raw") == content, "qemu-img"
        merged(layers, dynamic("base", rng, 4 * MIB, all_bits=False), rng, depth, 0, cluster=512)


@test
def merge_into_junk_and_slack():
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


@test
def merge_refuses():
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


@test
def flash_leaves_slack():
    rng = random.Random(16)
    image = dynamic("d", rng)
    content = flatten([image], SECTORS)
    absent = -(-SIZE // image.block_size) - len(image.blocks)
    for options, blocks in (([], absent), (["--reserve", "none"], 0), (["--reserve", "1M"], 2), (["--reserve", "1T"], absent),
                            (["--size", "1G"], absent), (["--size", "64M", "--reserve", "2M"], 4)):
        mkimage("flash", "f.img", "--vhd", "d.vhd", "--yes", *options)
        assert slack("f.img") == {"blocks": blocks, "bytes": blocks * image.block_size, "absent": absent}, options
        holds("f.img", content)
        assert len(extents("f.img", "/d.vhd")["extents"]) == 1
    big = DynamicVhd(100 << 30, 2 * MIB)
    big.store(0, bytes(510) + b"\x55\xaa")
    big.write("big.vhd")
    mkimage("flash", "f.img", "--vhd", "big.vhd", "--yes")
    assert slack("f.img")["bytes"] == 1 << 30 and os.path.getsize("f.img") < 1200 * MIB
    mkimage("flash", "f.img", "--vhd", "big.vhd", "--yes", "--size", "1000M")
    assert 400 * MIB < slack("f.img")["bytes"] < 500 * MIB, slack("f.img")
    refused("flash", "g.img", "--vhd", "big.vhd", "--size", "100M", "--reserve", "200M", words="too small")
    with open("none.cfg", "w", encoding="ascii") as file:
        file.write("[a]\nvhd = /d.vhd\nwrite = discard\n[b]\nvhd = \\D.vhd\nwrite = none\n")
    mkimage("flash", "f.img", "--vhd", "d.vhd", "--yes", "--config", "none.cfg")
    assert slack("f.img")["blocks"] == 0
    base = Fixed("base")
    leaf = child("leaf", base, "base", rng)
    mkimage("flash", "f.img", "--vhd", "leaf.vhd", "--yes")
    mkimage("flash", "g.img", "--vhd", "f.img:/leaf.vhd", "--yes")
    for name in ("f.img", "g.img"):
        assert slack(name)["blocks"] == slack(name)["absent"] > 0
        holds(name, flatten([leaf, base], SECTORS))


def main():
    chosen = [t for t in tests if len(sys.argv) < 2 or t.__name__ in sys.argv[1:]]
    missing = [tool for tool in ("mkntfs", "7zz", "qemu-img", "ntfsfix") if not shutil.which(tool, path=PATH)]
    if missing:
        print(f"skip mkimage_grow: {' '.join(missing)} not installed")
        return 77
    failed = False
    for function in chosen:
        with tempfile.TemporaryDirectory(prefix="mkimage-") as folder:
            os.chdir(folder)
            try:
                function()
                print(f"ok {function.__name__}")
            except Exception as error:  # pylint: disable=broad-except
                failed = True
                print(f"not ok {function.__name__}: {type(error).__name__}: {error}"[:1500])
                if os.environ.get("MKIMAGE_TRACE"):
                    import traceback
                    traceback.print_exc()
            os.chdir("/")
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
