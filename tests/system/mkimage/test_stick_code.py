# SPDX-License-Identifier: GPL-2.0-or-later
"""update, uninstall, and what install keeps on the volume: every cut leaves boot code and files that fit together."""
import os
import random
import shutil

import pytest

from cuts import cut, cut_total, no_cluster_lost_to_two
from files import read, write
from ntfsdisk import MIB, START, cut_out, disk, fixed_vhd, spoil, volume
from tools import BUILD, FRAGMENT, mkimage, refused, run

pytestmark = pytest.mark.usefixtures("cutting")
NONE = b"\xcd\x18"                      # int 18h


def ours(name):
    """Whose boot code is it? (MBR, boot record, vhdboot.bin)"""
    with open(f"{BUILD}/mbr.bin", "rb") as file:
        mbr = file.read()
    with open(f"{BUILD}/vbr.bin", "rb") as file:
        vbr = file.read()
    there = mkimage("cat", f"{name}:/vhdboot.bin", status=None)
    return read(name, 0, len(mbr)) == mbr, read(name, START + 84, 8192 - 84 - 512) == vbr[84:8192 - 512], \
        there.returncode == 0


def code(name):
    """Everything of boot code: the MBR's, and the boot record but for what belongs to the volume."""
    return read(name, 0, 440), read(name, START, 3), read(name, START + 84, 8192 - 84)


def listed(name, path="/"):
    return sorted(line.split()[-1] for line in mkimage("ls", f"{name}:{path}").stdout.decode().splitlines())


@pytest.fixture(name="stick")
def _stick():
    """f.img as somebody else made it, with code of their own, and an image."""
    volume("v.ntfs", 24 * MIB)
    write("v.ntfs", 84, b"\x90 somebody's code".ljust(300, b"."))
    write("v.ntfs", 1024, b"and more of it".ljust(2000, b"+"))
    disk("f.img", "v.ntfs")
    fixed_vhd("a.vhd", 2 * MIB)
    run(FRAGMENT, "f.img", "a.vhd", "/a.vhd", 1)
    return code("f.img")


@pytest.mark.parametrize("sector", [1024, 4096])
def test_the_boot_records_copy_is_a_sector_of_the_volume(sector):
    volume("v.ntfs", 24 * MIB, sector=sector)
    disk("f.img", "v.ntfs")
    end = START + 24 * MIB
    for verb in ("install", "uninstall"):
        mkimage(verb, "f.img")
        assert read("f.img", end - sector, sector) == read("f.img", START, sector)
        assert read("f.img", end, MIB) == bytes(MIB)
        assert b"alternate boot sector... OK" in run("ntfsfix", "-n", cut_out("f.img")).stdout
    mkimage("install", "f.img")
    assert b"copy" not in mkimage("check", "f.img", status=None).stdout
    write("f.img", end - sector + 512, bytes(512))      # as the first versions of this program left it
    assert b"its copy at the volume's end differs" in mkimage("check", "f.img", status=None).stdout
    mkimage("install", "f.img")
    assert b"copy" not in mkimage("check", "f.img", status=None).stdout


def test_uninstall_brings_back_what_was_there(stick):
    said = mkimage("install", "f.img").stderr.decode()
    assert "uninstall brings back" in said and listed("f.img") == ["a.vhd", "vhdboot.bin", "vhdboot.old"]
    assert ours("f.img") == (True, True, True) and mkimage("check", "f.img").returncode == 0
    mkimage("install", "f.img")         # a second one keeps the first one's
    mkimage("add", "f.img", "--vhd", "a.vhd", "--name", "/b.vhd")
    before = read("f.img")
    mkimage("uninstall", "f.img", "--dry-run")
    assert read("f.img") == before
    mkimage("uninstall", "f.img")
    assert code("f.img") == stick and listed("f.img") == ["a.vhd", "b.vhd"]
    no_cluster_lost_to_two(cut_out("f.img"))
    refused("uninstall", "f.img", words="vhdboot is not installed")
    refused("update", "f.img", words="vhdboot is not installed")


def test_uninstall_of_what_flash_made(folder):
    fixed_vhd("a.vhd", 2 * MIB)
    mkimage("flash", "f.img", "--vhd", "a.vhd")
    signature = read("f.img", 440, 72)
    mkimage("uninstall", "f.img")
    assert code("f.img")[0].startswith(NONE) and code("f.img")[2].startswith(NONE)
    assert read("f.img", 440, 72) == signature
    assert listed("f.img") == ["a.vhd"] and ours("f.img") == (False, False, False)
    mkimage("install", "f.img")
    assert mkimage("check", "f.img").returncode == 0


def test_update(folder):
    fixed_vhd("a.vhd", 2 * MIB)
    mkimage("flash", "f.img", "--vhd", "a.vhd")
    said = mkimage("update", "f.img").stderr.decode()
    assert said.count("is of this version") == 3 and "everything was there already" in said
    write("f.img", 200, bytes(4))       # an older one, it seems
    write("f.img", START + 3000, b"old")
    with open("old", "wb") as file:
        file.write(b"old code")
    run(FRAGMENT, "f.img", "old", "/vhdboot.bin", 1)
    said = mkimage("update", "f.img").stderr.decode()
    assert said.count("is of another version") == 3, said
    assert ours("f.img") == (True, True, True) and "vhdboot.old" not in listed("f.img")
    assert mkimage("check", "f.img").returncode == 0


@pytest.mark.parametrize("loader", ["bootmgr", "ntldr"])
def test_windows_stays_in_the_menu(loader, stick):
    with open(loader, "wb") as file:
        file.write(b"MZ" + bytes(5000))
    run(FRAGMENT, "f.img", loader, "/" + loader, 1)
    said = mkimage("install", "f.img").stderr.decode()
    assert f"\\{loader} is there" in said and "mkimage add adds images" in said
    text = mkimage("cat", "f.img:/vhdboot.cfg").stdout.decode()
    assert f"[windows]\r\ntitle = Windows\r\nboot = \\{loader}\r\n" in text and "vhd = \\a.vhd" in text
    again = mkimage("install", "f.img").stderr.decode()
    assert "an entry with boot = that path" in again and mkimage("cat", "f.img:/vhdboot.cfg").stdout.decode() == text
    mkimage("uninstall", "f.img")
    assert code("f.img") == stick


def test_restore_takes_away_what_was_kept(stick):
    mkimage("install", "f.img", "--backup", "old.bin")
    with open("x", "wb") as file:
        file.write(os.urandom(40000))
    run(FRAGMENT, "f.img", "x", "/x", 3)                                # its metadata went on
    mkimage("restore", "f.img", "old.bin")
    assert code("f.img") == stick and listed("f.img") == ["a.vhd", "x"]


def test_a_damaged_backup_is_not_brought_back(stick):
    mkimage("install", "f.img")
    data = bytearray(mkimage("cat", "f.img:/vhdboot.old").stdout)
    data[700] ^= 1
    with open("old", "wb") as file:
        file.write(data)
    run(FRAGMENT, "f.img", "old", "/vhdboot.old", 1)
    refused("uninstall", "f.img", words="is no backup of mkimage, or is damaged")
    assert ours("f.img") == (True, True, True)


def test_dirty_volumes_are_left_alone(stick):
    mkimage("install", "f.img")
    spoil("f.img", "dirty")
    for verb in ("uninstall", "update"):
        refused(verb, "f.img", words="marked dirty")


@pytest.mark.takes(8)
@pytest.mark.parametrize("verb", ["install", "uninstall"])
def test_cuts(verb, stick, request):
    """The boot record is ours with vhdboot.bin there, or somebody's; run again, it ends."""
    rng = random.Random(request.node.name)
    if verb == "uninstall":
        mkimage("install", "f.img")
    shutil.copy("f.img", "d.img")
    assert not cut(-1, 0, [verb, "d.img"])
    total = cut_total()
    for number in range(4):
        shutil.copy("f.img", "d.img")
        count = rng.randrange(total)
        assert cut(count, number % 2 and rng.randrange(1, 1 << 30), [verb, "d.img"])
        _, vbr, file = ours("d.img")
        assert file or not vbr, count
        no_cluster_lost_to_two(cut_out("d.img"))
        done = mkimage(verb, "d.img", status=None)
        assert done.returncode == 0 or b"not installed" in done.stderr, done.stderr
        if verb == "install":
            assert ours("d.img") == (True, True, True)
            mkimage("uninstall", "d.img")
        assert code("d.img")[1:] == stick[1:] and ours("d.img")[1:] == (False, False), count
