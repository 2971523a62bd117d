# SPDX-License-Identifier: GPL-2.0-or-later
"""A master stick on further ones, of any size: every file is there, nothing that tells sticks apart is the same; and
one flash on several devices."""
import json
import os
import random
import struct
import uuid

import pytest

import bcd
from files import read, sha256, write
from layers import SECTORS, child, dynamic, flash
from ntfsdisk import MIB, START, consistent, cut_out, fixed_vhd, hard_link, spoil
from tools import FRAGMENT, mkimage, refused, run
from vhd_dynamic import flatten

pytestmark = pytest.mark.usefixtures("folder")
GIB = 1 << 30


@pytest.fixture(name="loops")
def _loops():
    """Makes loop devices of so many bytes."""
    made = []

    def loop(size):
        name = f"device{len(made)}.img"
        with open(name, "wb") as file:
            file.truncate(size)
        made.append(run("losetup", "--find", "--show", name).stdout.decode().strip())
        return made[-1]
    yield loop
    for one in made:
        run("losetup", "--detach", one)


def listed(name, path="/"):
    return sorted(line.split()[-1] for line in mkimage("ls", f"{name}:{path}").stdout.decode().splitlines())


def apart(name):
    """What tells two sticks apart: disk signature and the volume's serial number."""
    return read(name, 440, 4), read(name, START + 72, 8)


@pytest.mark.takes(10)
def test_a_stick_of_32_gib(loops):
    rng = random.Random(32)
    base = dynamic("base", rng)
    leaf = child("leaf", base, "base", rng)
    fixed_vhd("b.vhd", 2 * MIB)
    with open("cfg", "w", encoding="ascii") as file:
        file.write("# mine\n[lab]\nvhd = \\leaf.vhd\n[b]\nvhd = MASTER:\\b.vhd\nwrite = none\n")
    mkimage("flash", "master.img", "--vhd", "leaf.vhd,b.vhd", "--config", "cfg", "--size", "32G", "--label", "MASTER",
            "--reserve", "1M")
    with open("notes.txt", "wb") as file:
        file.write(b"some words")
    run(FRAGMENT, "master.img", "notes.txt", "/notes.txt", 1)
    devices = [loops(32 * GIB), loops(28 * GIB), loops(64 * GIB)]
    said = mkimage("clone", "master.img", *devices, "--yes").stderr.decode()
    assert said.count("read back, each as it was written") == 3
    seen = {apart("master.img")}
    for number, device in enumerate(devices):
        assert listed(device) == listed("master.img")
        for path in ("leaf.vhd", "base.vhd", "b.vhd", "notes.txt", "vhdboot.cfg"):
            assert mkimage("cat", f"{device}:/{path}").stdout == mkimage("cat", f"master.img:/{path}").stdout, path
        assert json.loads(mkimage("check", device, "--all", "--json").stdout)["boots"]
        assert mkimage("read", device, "--entry", "lab").stdout == flatten([leaf, base], SECTORS)
        seen.add(apart(f"device{number}.img"))
        assert mkimage("verify", device).returncode == 0
        volume = json.loads(mkimage("list", device, "--json").stdout)["volume"]
        assert volume["label"] == "MASTER" and volume["size"] > (27, 27, 60)[number] * GIB
    assert len(seen) == 4 and len({one for one, _ in seen}) == 4 and len({two for _, two in seen}) == 4


def test_clone_into_files():
    rng = random.Random(1)
    a = dynamic("a", rng)
    flash(["a"], mib=40)
    with open("empty", "wb"):
        pass
    volume_file = cut_out("f.img")
    run("ntfscp", "-q", volume_file, "empty", "empty")
    write("f.img", START, read(volume_file))
    mkimage("clone", "f.img", "g.img", "h.img", "--size", "60M", "--label", "COPY")
    for name in ("g.img", "h.img"):
        assert listed(name) == ["empty", "vhd/", "vhdboot.bin", "vhdboot.cfg", "vhdboot.sum"]
        assert mkimage("read", name).stdout == flatten([a], SECTORS) and os.path.getsize(name) == 60 * MIB
        consistent(cut_out(name))
    refused("clone", "f.img", "i.img", "--size", "9M", words="too small")
    refused("clone", "f.img", "f.img", "--yes", words="is itself one of the images, or holds one")
    refused("clone", "none.img", "i.img", words="Check the name")
    assert mkimage("clone", "f.img", status=2).stderr
    assert mkimage("clone", "f.img", "i.img", "i.img", status=2).stderr
    spoil("f.img", "dirty")
    refused("clone", "f.img", "i.img", words="marked dirty")
    assert not os.path.exists("i.img")


def test_one_flash_on_several_outputs(loops):
    fixed_vhd("a.vhd", 2 * MIB)
    loop = loops(20 * MIB)
    before = sha256("device0.img")
    refused("flash", "f.img", loop, "--vhd", "a.vhd", words="is a block device")
    assert not os.path.exists("f.img") and sha256("device0.img") == before
    mkimage("flash", "f.img", loop, "g.img", "--vhd", "a.vhd", "--yes", "--verify")
    assert len({apart(name) for name in ("f.img", "device0.img", "g.img")}) == 3
    for name in ("f.img", loop, "g.img"):
        assert mkimage("check", name).returncode == 0
    # one that fails does not stop the others
    mkimage("flash", "/dev/full/x", "h.img", "--vhd", "a.vhd", status=1)
    os.mkdir("closed")
    assert mkimage("flash", "no/x.img", "i.img", "--vhd", "a.vhd", status=1).stderr
    assert os.path.exists("i.img") and mkimage("check", "i.img").returncode == 0


# --- A clone beside its master: what names the master's volume there must not lead to the master's images


def put(disk, path, data):
    """A file onto the volume, instead of one that is there."""
    with open("put", "wb") as file:
        file.write(data)
    run(FRAGMENT, disk, "put", path, 1)


def mark_images(disk, paths):
    """Each image gets a sector that tells it from the clone's."""
    for path in paths:
        first = json.loads(mkimage("extents", f"{disk}:{path}", "--json").stdout)["extents"][0]["drive_lba"]
        write(disk, first * 512 + 40 * 512, b"the master's".ljust(512, b"."))


def starts_its_own(clone, master, entries):
    for entry in entries:
        there = mkimage("read", clone, "--entry", entry, "--drive", master, "--lba", 40, "--count", 1).stdout
        assert b"the master's" not in there and len(there) == 512, entry


@pytest.fixture(name="master")
def _master():
    """f.img, labelled MASTER; the volume's serial number."""
    for name in ("a.vhd", "b.vhd"):
        fixed_vhd(name, 2 * MIB)
    mkimage("flash", "f.img", "--vhd", "a.vhd,b.vhd", "--label", "MASTER", "--size", "24M")
    return f"{struct.unpack('<Q', read('f.img', START + 72, 8))[0]:016X}"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=["LF", "CR LF", "CR"])
def test_a_config_that_names_the_volume(newline, master):
    lines = ["\ufeff# mine", "timeout = 7", "[a]", f"  vhd = {master}:\\a.vhd  # as it was", "write = none", "", "[b]",
             f"parent = {master.lower()}:/old/b.vhd", f"vhd={master.lower()}:/b.vhd", "write = none", "[c]",
             "vhd = MASTER:\\a.vhd", "[d]", "vhd = OTHER:\\a.vhd",
             f"title = vhd = {master}:\\a.vhd", "[e]", "vhd = \\a.vhd", ""]
    text = newline.join(lines)
    put("f.img", "/vhdboot.cfg", text.encode())
    said = mkimage("clone", "f.img", "g.img").stderr.decode()
    assert "\\vhdboot.cfg: 3 paths of the master's volume go by its name no more" in said
    wanted = text.replace(f"  vhd = {master}:", "  vhd = ").replace(f"={master.lower()}:", "=") \
                 .replace(f"parent = {master.lower()}:", "parent = ")
    assert mkimage("cat", "g.img:/vhdboot.cfg").stdout.decode() == wanted != text
    said = mkimage("clone", "f.img", "h.img", "--label", "COPY").stderr.decode()
    assert "4 paths" in said
    assert mkimage("cat", "h.img:/vhdboot.cfg").stdout.decode() == wanted.replace("MASTER:", "")
    mark_images("f.img", ["/a.vhd", "/b.vhd"])
    starts_its_own("g.img", "f.img", ["a", "b", "e"])
    starts_its_own("h.img", "f.img", ["a", "b", "c", "e"])
    refused("read", "g.img", "--entry", "c", "--drive", "f.img", words="2 volumes have this name")


def test_a_boot_store_that_names_the_disk(master):
    signature = struct.unpack("<I", read("f.img", 440, 4))[0]
    own, other = bcd.mbr(signature, START), bcd.mbr(signature ^ 1, START)
    elsewhere = bcd.mbr(signature, START + 512)
    entries = [bcd.vhd_entry(bcd.guid(1), "one", bcd.vhd("\\a.vhd", own)),
               bcd.vhd_entry(bcd.guid(2), "two", bcd.vhd_locate("\\b.vhd")),
               bcd.vhd_entry(bcd.guid(3), "three", bcd.vhd("\\a.vhd", bcd.boot())),
               bcd.vhd_entry(bcd.guid(4), "four", bcd.vhd("\\a.vhd", other)),
               bcd.vhd_entry(bcd.guid(5), "five", bcd.vhd("\\a.vhd", elsewhere))]
    manager = [bcd.element(0x11000001, bcd.BINARY, bcd.NO_OPTIONS + own)]
    store = bcd.store(entries, manager=manager)
    put("f.img", "/vhdboot.cfg", b"timeout = 3\n[a]\nvhd = \\a.vhd\nwrite = none\n")
    put("f.img", "/Boot/BCD", store)
    mkimage("clone", "f.img", "g.img", "h.img", "--size", "30M")
    for clone in ("g.img", "h.img"):
        its = struct.unpack("<I", read(clone, 440, 4))[0]
        wanted = store.replace(own, bcd.mbr(its, START))
        assert store.count(own) == 3 and mkimage("cat", f"{clone}:/Boot/BCD").stdout == wanted
        assert mkimage("verify", clone).returncode == 0
    mark_images("f.img", ["/a.vhd", "/b.vhd"])
    starts_its_own("g.img", "f.img", ["a", bcd.guid(1), bcd.guid(2), bcd.guid(3)])
    assert mkimage("cat", "f.img:/Boot/BCD").stdout == store


def test_a_boot_store_of_a_gpt_disk(master, folder):
    volume = cut_out("f.img")
    with open("gpt.img", "wb") as file:
        file.truncate(START + os.path.getsize(volume) + 4 * MIB)
    disk_id, part_id = "11111111-2222-3333-4455-66778899AABB", "0F0E0D0C-0B0A-0908-0706-050403020100"
    table = f"label: gpt\nlabel-id: {disk_id}\nstart=2048, size={os.path.getsize(volume) // 512}, uuid={part_id}, " \
            "type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7\n"
    with open("table", "w+", encoding="ascii") as file:
        file.write(table)
        file.seek(0)
        run("sfdisk", "-q", "gpt.img", stdin=file)
    write("gpt.img", START, read(volume))
    own = bcd.gpt(uuid.UUID(disk_id).bytes_le, uuid.UUID(part_id).bytes_le)
    store = bcd.store([bcd.vhd_entry(bcd.guid(1), "one", bcd.vhd("\\a.vhd", own))])
    put("gpt.img", "/Boot/BCD", store)
    mkimage("clone", "gpt.img", "g.img", "--size", "30M")
    its = struct.unpack("<I", read("g.img", 440, 4))[0]
    assert store.count(own) == 2
    assert mkimage("cat", "g.img:/Boot/BCD").stdout == store.replace(own, bcd.mbr(its, START))
    mark_images("gpt.img", ["/a.vhd"])
    starts_its_own("g.img", "gpt.img", [bcd.guid(1)])


def test_a_second_name_of_a_file_becomes_a_file(master):
    hard_link("f.img", "a.vhd", "/twin.vhd")
    said = mkimage("clone", "f.img", "g.img").stderr.decode()
    assert "warning: \\twin.vhd: is another name of \\a.vhd, and becomes a file of its own\n" in said, master
    content = mkimage("cat", "f.img:/a.vhd").stdout
    assert mkimage("cat", "g.img:/a.vhd").stdout == mkimage("cat", "g.img:/twin.vhd").stdout == content
    assert mkimage("extents", "g.img:/a.vhd").stdout != mkimage("extents", "g.img:/twin.vhd").stdout
