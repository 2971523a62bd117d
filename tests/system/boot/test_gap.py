# SPDX-License-Identifier: GPL-2.0-or-later
"""`install --place gap`: vhdboot in front of the first partition, or in a BIOS boot partition; no volume is changed."""
import os
import random
import re
import shutil
import struct
import subprocess

import pytest
from cuts import cut, cut_total
from emulator import Bochs, read_error
from files import read, sha256, write
from flash import MIB, START, run, tool
from records import CLOBBER, NO_EDD, PATCH, boots, load, partition, stage2
from tools import BUILD, ENV, MKIMAGE, mkimage, refused

RECORD = 440 - 18                       # where, in the MBR's code, it says what lies where
FILE_MAX = int(re.search(r"STAGE2_FILE_MAX +(\w+)", read("stage2/layout.h").decode())[1], 0)
PLACE = 2 + FILE_MAX // 512             # sectors that each of the two places has
NEEDED = 2 - (-os.path.getsize(os.path.join(BUILD, "vhdboot.bin")) // 512)
OTHER = "an active partition's own boot record"


def record_of(disk):
    """(first sector, sectors, the volume's sector)"""
    magic, lba, count, volume = struct.unpack("<4sIHQ", read(disk, RECORD, 18))
    assert magic == b"vgap"
    return lba, count, volume


def loader_of(disk):
    """What the MBR would load, if it adds up; else None."""
    lba, count, _ = record_of(disk)
    data = read(disk, (lba + 1) * 512, (count - 1) * 512)
    assert read(disk, lba * 512, 512) == load("gap_loader.bin")
    size = struct.unpack_from("<I", data, 8)[0]
    words = struct.unpack(f"<{size // 4}I", data[:size])
    return data[:size] if data[4:8] == b"vhdb" and not sum(words) & 0xffffffff else None


# --- The code alone, with a stand-in for the loader


@pytest.fixture
def gap_disk(tmp_path):
    """A disk whose MBR loads the loader and this behind it, for a volume at 5,000,000,000."""
    def make(data=None, volume=5_000_000_000):
        data = load("gap_loader.bin") + (stage2() if data is None else data)
        path = str(tmp_path / "gap.disk")
        code = bytearray(load("gap.bin"))
        struct.pack_into("<4sIHQ", code, RECORD, b"vgap", 1, -(-len(data) // 512), volume)
        with open(path, "wb") as file:
            file.write(code + b"disk\0\0" + partition(0, 7, 2048, 2048).ljust(64, b"\0") + b"\x55\xaa" + data)
            file.truncate(4 * MIB)
        return path
    return make


def test_size_and_what_bioses_patch():
    code = load("gap.bin")
    assert len(code) == 440 and code[RECORD:] == bytes(18)
    assert code[0x0B:0x26] + code[0x40:0x42] == bytes(29), "fields that BIOSes patch"
    assert len(load("gap_loader.bin")) == 512


@pytest.mark.parametrize("how", [
    {"flags": NO_EDD}, {"flags": PATCH | CLOBBER, "drive": 0}, {"flags": 15, "fails": 2, "most": 16, "drive": 0}],
    ids=["no EDD", "patched and clobbered", "all of it"])
def test_it_survives_bad_bioses(records, gap_disk, how):
    boots(records.worse(**how), drive=0x81, lba=5_000_000_000, extra=[(gap_disk(), "ide")])


def test_it_takes_few_reads(gap_disk):
    boots(gap_disk(), lba=5_000_000_000, calls=8, bus="virtio")


@pytest.mark.parametrize("sector, sentence", [(0, "vhdboot: not found"), (1, "vhdboot: cannot read boot disk"),
                                              (2, "vhdboot: not found in its sectors"),
                                              (3, "vhdboot: cannot read its own sectors")])
def test_what_it_says(gap_disk, qemu, sector, sentence):
    disk = gap_disk(bytes(5000) if sector in (0, 2) else None)
    if not sector:
        write(disk, 512, bytes(512))
    qemu(disk, memory=16, blkdebug=read_error(sector) if sector % 2 else None).wait(sentence)


# --- A disk that another system boots from


@pytest.fixture
def two(shop):
    return two_systems(shop, 3)


def two_systems(shop, timeout):
    """Partition 1 is active and starts something of its own; the images are in partition 2."""
    vhd = shop.pattern_vhd("pattern", 1, rounds=10)
    volume = shop.volume(32, start=START + 4096)
    config = shop.path("vhdboot.cfg")
    with open(config, "w", encoding="ascii") as file:
        file.write(f"timeout = {timeout}\n[disk]\nvhd = \\disk.vhd\n[other]\nboot = partition 1\n")
    for name, source in (("/disk.vhd", vhd), ("/vhdboot.cfg", config)):
        run(tool("tools/fragment"), volume, source, name, 1)
    path = shop.path("two.img")
    with open(path, "wb") as file:
        table = partition(0x80, 7, START, 4096) + partition(0, 7, START + 4096, 32 * 2048)
        file.write(b"old code".ljust(440, b"\x90") + b"disk\0\0" + table.ljust(64, b"\0") + b"\x55\xaa")
        file.seek(START * 512)
        code = b"\xbe\x12\x7c\xb4\x0e\xbb\0\0\xac\x84\xc0\x74\x04\xcd\x10\xeb\xf7\xf4" + OTHER.encode() + b"\r\n\0"
        file.write(code.ljust(510, b"\0") + b"\x55\xaa")
        file.seek((START + 4096) * 512)
        file.write(read(volume))
        file.truncate(48 * MIB)
    shop.whole_tracks(path)
    return path


def test_both_systems_start(shop, qemu):
    two = two_systems(shop, "none")
    before = read(two, START * 512)
    mkimage("install", two, "--partition", 2, "--place", "gap")
    assert read(two, START * 512) == before, "a volume"
    assert record_of(two) == (1, NEEDED, START + 4096)
    said = mkimage("check", two, "--entry", "disk").stdout.decode()
    assert f"ok   mbr     boot code is there, for vhdboot in sectors 1 to {NEEDED}\n" in said
    assert f"ok   stage2  sectors 1 to {NEEDED}: " in said and " vbr " not in said
    pc = qemu(two)
    pc.wait("Enter starts")
    pc.send("2\r")
    pc.wait("starting other")
    pc.wait(OTHER)


@pytest.mark.parametrize("bus", ["ide", "ahci", "usb-ehci"])
def test_the_image_starts_on(two, qemu, bus):
    mkimage("install", two, "--partition", 2, "--place", "gap")
    qemu(two, bus=bus).guest()


def test_the_image_starts_in_bochs(two):
    mkimage("install", two, "--partition", 2, "--place", "gap")
    with Bochs(two, limit=120) as pc:
        pc.guest()


def test_restore_brings_every_byte_back(two, tmp_path):
    before = sha256(two)
    backup = tmp_path / "backup"
    mkimage("install", two, "--partition", 2, "--place", "gap", "--backup", backup)
    mkimage("restore", two, backup)
    assert sha256(two) == before
    mkimage("install", two, "--partition", 2, "--place", "gap")
    write(two, 440, b"DISK")
    refused("restore", two, backup, words="another disk signature")
    write(two, 440, b"disk")
    write(two, 446 + 32, partition(0, 0x83, (40 * MIB) // 512, 64))
    mkimage("restore", two, backup)                         # the table has one more partition: only the code goes back
    assert read(two, 0, 440) == b"old code".ljust(440, b"\x90")
    assert read(two, 446 + 32, 16) == partition(0, 0x83, (40 * MIB) // 512, 64)
    assert read(two, 512, 2047 * 512) == bytes(2047 * 512)


def older(two):
    """The disk with a loader of another version, which adds up as well."""
    mkimage("install", two, "--partition", 2, "--place", "gap")
    data = bytearray(read(two, 1024, (NEEDED - 1) * 512))
    for at, change in ((16, 1), (20, -1)):                  # words behind the header
        word = struct.unpack_from("<I", data, at)[0]
        struct.pack_into("<I", data, at, word + change & 0xffffffff)
    write(two, 1024, bytes(data))
    assert loader_of(two)
    return loader_of(two)


def test_a_second_one_goes_beside_the_first_and_the_same_again_changes_nothing(two):
    old = older(two)
    assert "of another version" in mkimage("check", two, "--entry", "disk").stdout.decode()
    mkimage("install", two, "--place", "gap")
    assert record_of(two) == (1 + PLACE, NEEDED, START + 4096)
    assert read(two, 1024, len(old)) == old
    before = sha256(two)
    assert b"everything was there already" in mkimage("install", two, "--place", "gap").stderr
    assert sha256(two) == before


@pytest.mark.takes(6)
def test_each_cut_leaves_an_old_or_a_new_loader_whole(two, folder, pytestconfig):
    run("gcc", "-shared", "-fPIC", "-O1", pytestconfig.rootpath / "tests" / "tools" / "cut.c", "-o", folder / "cut.so")
    old, new = older(two), read(os.path.join(BUILD, "vhdboot.bin"))
    cuts = 0
    for sectors in (0, 1, 3):
        for count in range(20):
            shutil.copy(two, "d.img")
            env = {**ENV, "LD_PRELOAD": os.path.abspath("cut.so"), "CUT_FILE": "d.img", "CUT_AFTER": str(count),
                   "CUT_SECTORS": str(sectors)}
            done = subprocess.run([MKIMAGE, "install", "d.img", "--place", "gap"], env=env, check=False,
                                  stderr=subprocess.PIPE)
            assert loader_of("d.img") in (old, new)
            if done.returncode == 0:
                break
            assert done.returncode == 99, done.stderr
            cuts += 1
            mkimage("install", "d.img", "--place", "gap")
            assert loader_of("d.img") == new
        assert loader_of("d.img") == new
    assert cuts


@pytest.mark.takes(6)
@pytest.mark.parametrize("verb", ["install", "update", "uninstall", "restore"])
def test_each_cut_is_ended_by_running_it_again(verb, two, cutting):
    """Whatever of the writes since the last flush reached the drive: the MBR's old code, or a loader that is whole."""
    before = read(two)
    words, good = [verb, "d.img"], [read(os.path.join(BUILD, "vhdboot.bin"))]
    if verb == "update":
        good.append(older(two))
    elif verb == "install":
        words += ["--partition", "2", "--place", "gap"]
    else:
        mkimage("install", two, "--partition", 2, "--place", "gap", "--backup", "saved")
        words += ["saved"] if verb == "restore" else []
    shutil.copy(two, "d.img")
    assert not cut(-1, 0, words)
    rng = random.Random(verb)
    for count in range(cut_total()):
        for lose in (0, rng.randrange(1, 1 << 30)):
            shutil.copy(two, "d.img")
            assert cut(count, lose, words)
            assert read("d.img", 0, 440) == before[:440] or loader_of("d.img") in good, (count, lose)
            done = mkimage(*words, status=None)
            assert done.returncode == 0 or (verb == "uninstall" and b"not installed" in done.stderr), done.stderr
            if verb in ("update", "install"):
                assert loader_of("d.img") == good[0], (count, lose)
            else:
                assert read("d.img") == before, (count, lose)


def test_sectors_of_others_behind_vhdboots_own_stay(two):
    write(two, (1 + NEEDED) * 512, b"a licence's mark")
    write(two, (1 + PLACE + NEEDED) * 512, b"and another one")
    before = sha256(two)
    older(two)
    mkimage("update", two)
    mkimage("uninstall", two)
    assert NEEDED < PLACE and sha256(two) == before


def test_a_backup_of_an_update_does_not_bring_back_what_a_later_one_overwrote(two, tmp_path):
    older(two)
    mkimage("update", two, "--backup", tmp_path / "second")
    shutil.copy(two, tmp_path / "copy")
    mkimage("restore", two, tmp_path / "second")            # nothing came after it
    assert record_of(two)[0] == 1 and loader_of(two)
    shutil.copy(tmp_path / "copy", two)
    mbr = bytearray(read(two, 0, 512))                      # a third version, longer than the first, in its place
    third = bytearray(read(two, 2 * 512, (NEEDED - 1) * 512)) + bytes(1024)
    struct.pack_into("<I", third, 8, struct.unpack_from("<I", third, 8)[0] + 1024)
    struct.pack_into("<I", third, 12, struct.unpack_from("<I", third, 12)[0] - 1024 & 0xffffffff)
    write(two, 2 * 512, bytes(third))
    struct.pack_into("<IH", mbr, RECORD + 4, 1, NEEDED + 2)
    write(two, 0, bytes(mbr))
    before = sha256(two)
    refused("restore", two, tmp_path / "second", words="overwritten by a later update")
    assert sha256(two) == before


def test_dirty_volumes_are_left_alone(two):
    """Also where no byte of them would change: a boot from there would not write to its images."""
    mkimage("install", two, "--partition", 2, "--place", "gap", "--backup", two + ".saved")
    at = (START + 4096) * 512
    for mft in struct.unpack("<QQ", read(two, at + 48, 16)):    # it and its mirror
        record = at + mft * 4096 + 3 * 1024                     # $Volume
        info = record + read(two, record, 1024).index(b"\x70\0\0\0")
        write(two, info + struct.unpack("<H", read(two, info + 20, 2))[0] + 10, b"\x01")
    before = sha256(two)
    for words in (["install", two, "--place", "gap"], ["update", two], ["uninstall", two],
                  ["restore", two, two + ".saved"]):
        refused(*words, words="dirty")
        assert sha256(two) == before


def test_uninstall_brings_back_what_was_there_and_clears_both_places(two):
    before = read(two)
    older(two)
    assert loader_of(two) != read(os.path.join(BUILD, "vhdboot.bin"))
    mkimage("update", two)
    assert record_of(two)[0] == 1 + PLACE and loader_of(two) == read(os.path.join(BUILD, "vhdboot.bin"))
    mkimage("uninstall", two)
    assert read(two) == before
    refused("update", two, "--partition", 2, words="not installed")


def test_a_dry_run_tells_and_writes_nothing(two):
    before = sha256(two)
    said = mkimage("install", two, "--partition", 2, "--place", "gap", "--dry-run").stderr.decode()
    assert f"would write {NEEDED + 1} sectors" in said
    assert f"vhdboot, outside of the volumes: {NEEDED} sectors from sector 1 on" in said
    assert sha256(two) == before


def test_check_tells_a_damaged_loader_and_damaged_code(two):
    mkimage("install", two, "--partition", 2, "--place", "gap")
    good = read(two, 512 * 50, 512)
    write(two, 512 * 50, bytes(512))
    refused("check", two, "--entry", "disk", words=f"sectors 1 to {NEEDED} are damaged, or are not vhdboot.*place gap")
    write(two, 512 * 50, good)
    mkimage("check", two, "--entry", "disk")
    write(two, 0x100, b"\0\0\0\0")
    refused("check", two, "--entry", "disk", words="boot code is damaged")


def test_what_is_refused(two, shop):
    before = sha256(two)
    write(two, 512 * 7, b"GRUB")
    with_grub = sha256(two)
    refused("install", two, "--partition", 2, "--place", "gap", words="hold something of another program. Say --backup")
    assert sha256(two) == with_grub != before
    refused("install", shop.volume(16, start=0), "--place", "gap", words="one bare volume")
    disk = shop.partitioned(shop.volume(16), "near.img")
    write(disk, 446 + 8, struct.pack("<I", 100))
    write(disk, 100 * 512, read(disk, START * 512, 16 * MIB))
    refused("install", disk, "--place", "gap", words=f"sectors 1 to 99 are too few: vhdboot needs {NEEDED}")
    for wrong in (["--place", "gap", "--no-mbr"], ["--place", "moon"]):
        assert mkimage("install", two, *wrong, status=2).stderr


# --- GPT


@pytest.fixture
def gpt(shop):
    """gpt(start): a sparse disk with a BIOS boot partition and a volume from that sector on."""
    def make(start, mib=24, bios_boot=True):
        volume = shop.volume(mib, start=0)
        run(tool("tools/fragment"), volume, shop.pattern_vhd("pattern", 1, rounds=10), "/disk.vhd", 1)
        path = shop.path("gpt.img")
        with open(path, "wb") as file:
            file.truncate((start + mib * 2048 + 2048) * 512)
        table = "label: gpt\nfirst-lba: 34\n"
        if bios_boot:
            table += "start=34, size=2014, type=21686148-6449-6E6F-744E-656564454649\n"
        table += f"start={start}, size={mib * 2048}, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7\n"
        subprocess.run(["sfdisk", "-q", path], input=table.encode(), check=True, env=ENV)
        run("dd", f"if={volume}", f"of={path}", "bs=1M", f"seek={start * 512 // MIB}", "conv=sparse,notrunc",
            "status=none")
        return path
    return make


@pytest.mark.parametrize("start, bus", [(2048, "ide"), (2048, "usb-ehci"), ((1 << 32) + (1 << 21), "ahci")],
                         ids=["ide", "usb", "beyond 2 TiB"])
def test_gpt(gpt, qemu, start, bus):
    disk = gpt(start)
    table = read(disk, 440, 33 * 512)
    mkimage("install", disk, "--place", "gap")
    assert record_of(disk) == (34, NEEDED, start) and read(disk, 440, 33 * 512) == table
    assert "would boot" in mkimage("check", disk).stdout.decode()
    qemu(disk, bus=bus).guest()


def test_gpt_without_a_place(gpt):
    disk = gpt(2048, bios_boot=False)
    refused("install", disk, "--place", "gap", words="no BIOS boot partition. Make one of 1 MiB: sgdisk")
    refused("install", disk, words="Say --place gap")
