# SPDX-License-Identifier: GPL-2.0-or-later
"""mkimage on image files, without root: against qemu-img, ntfs-3g's tools and the host's own bytes."""
import json
import os
import re
import shutil
import subprocess
import time

import pytest

from files import read, sha256, write
from ntfsdisk import MIB, START, clusters_of, consistent, cut_out, disk, fixed_vhd, spoil, volume
from tools import BUILD, FRAGMENT, mkimage, refused, run

pytestmark = pytest.mark.usefixtures("folder")


@pytest.mark.parametrize("verb", ["flash", "install", "restore", "check", "map", "read", "ls", "cat", "extents",
                                  "vhd info", "vhd read", "vhd check"])
def test_usage_and_help(verb):
    done = mkimage(*verb.split(), "--help")
    assert b"usage: mkimage " + verb.encode() in done.stdout and not done.stderr
    assert verb in mkimage("--help").stdout.decode()
    mkimage(*verb.split(), "--no-such-option", status=2)
    mkimage(*verb.split(), status=2)
    mkimage(*verb.split(), "a", "b", "c", status=2)


@pytest.mark.parametrize("wrong", [
    "", "frobnicate", "vhd", "vhd frobnicate", "flash x.img", "flash x.img --vhd a --size 12Q",
    "flash x.img --vhd a --size 0", "flash x.img --vhd a,,b", "flash x.img --vhd", "read x.img --lba -1",
    "check x.img --json=yes", "check x.img --partition 0", "ls no-colon"])
def test_usage_wrong_commands(wrong):
    done = mkimage(*wrong.split(), status=2)
    assert len(done.stderr.splitlines()) == 1 and not done.stdout
    assert not os.path.exists("x.img")


def test_flash_is_a_sound_volume():
    fixed_vhd("a.vhd")
    mkimage("flash", "out.img", "--vhd", "a.vhd", "--label", "Größe")
    table = json.loads(run("sfdisk", "--json", "out.img").stdout)["partitiontable"]
    part = table["partitions"][0]
    assert table["label"] == "dos" and len(table["partitions"]) == 1
    assert part["start"] == 2048 and part["type"] == "7" and part["bootable"]
    assert read("out.img", 510, 2) == b"\x55\xaa" and read("out.img", 440, 4) != bytes(4)
    cut = cut_out("out.img")
    consistent(cut)
    assert read(cut, 0, 512) == read(cut, os.path.getsize(cut) - 512)
    assert read(cut, 28, 4) == (2048).to_bytes(4, "little")
    assert read(cut, 24, 4) == bytes([63, 0, 255, 0])
    assert "Größe" in run("ntfslabel", "-f", cut).stdout.decode()
    assert run("ntfscat", cut, "a.vhd").stdout == read("a.vhd")
    assert run("ntfscat", cut, "vhdboot.bin").stdout == read(os.path.join(BUILD, "vhdboot.bin"))
    assert rb"vhd = \a.vhd" in run("ntfscat", cut, "vhdboot.cfg").stdout
    info = run("ntfsinfo", "-f", "-v", "-F", "a.vhd", cut).stdout.decode()
    size = os.path.getsize("a.vhd")
    data = info[info.index("$DATA"):]
    assert re.search(rf"Initialized size:\s+{size} ", data), data
    assert len(clusters_of(cut, "a.vhd")) == 1


def test_flash_takes_several_images_where_the_config_says():
    fixed_vhd("one.vhd")
    fixed_vhd("Two.VHD", 8 * MIB)
    with open("my.cfg", "w") as file:
        file.write("timeout = none\n[x]\nvhd = \\disks\\deep\\two.vhd\nbogus = 1\n[y]\nvhd=/one.vhd\n")
    done = mkimage("flash", "out.img", "--vhd", "Two.VHD", "--vhd=one.vhd", "--config", "my.cfg")
    assert b"line 4" in done.stderr, done.stderr
    assert mkimage("cat", "out.img:/DISKS/deep/TWO.vhd").stdout == read("Two.VHD")
    assert mkimage("cat", "out.img:/vhdboot.cfg").stdout == read("my.cfg")
    check = json.loads(mkimage("check", "out.img", "--json", "--entry", "y").stdout)
    assert check["boots"] and check["error"] is None and check["sectors_read"] > 0
    assert "line 4" in [s["text"] for s in check["steps"] if s["name"] == "config"][0]
    refused("check", "out.img", "--entry", "z", words="z")
    mkimage("flash", "two.img", "--vhd", "one.vhd,Two.VHD")
    assert b"timeout" in mkimage("cat", "two.img:/vhdboot.cfg").stdout
    consistent(cut_out("two.img"))


def test_holes_stay_holes_of_the_image_file():
    fixed_vhd("a.vhd", 512 * MIB)
    run("cp", "--sparse=always", "a.vhd", "sparse.vhd")
    mkimage("flash", "out.img", "--vhd", "sparse.vhd")
    # 64 MiB of log at the most, and what the VHD really holds
    assert os.stat("out.img").st_blocks * 512 < 24 * MIB, os.stat("out.img").st_blocks
    assert os.path.getsize("out.img") > 512 * MIB
    extents = json.loads(mkimage("extents", "out.img:/sparse.vhd", "--json").stdout)
    assert [e["drive_lba"] is None for e in extents["extents"]] == [False]
    assert extents["initialized"] == extents["size"] == 512 * MIB + 512
    assert extents["extents"][0]["drive_lba"] % 2048 == 0, "aligned to 1 MiB"
    assert mkimage("cat", "out.img:/sparse.vhd").stdout == read("a.vhd")


def test_a_tight_flash_still_has_one_fragment():
    fixed_vhd("a.vhd", 200 * MIB)
    mkimage("flash", "out.img", "--vhd", "a.vhd", "--size", "212M")
    extents = json.loads(mkimage("extents", "out.img:/a.vhd", "--json").stdout)
    assert len(extents["extents"]) == 1
    consistent(cut_out("out.img"))


def test_flash_refuses():
    fixed_vhd("a.vhd")
    with open("text.vhd", "w") as file:
        file.write("no disk at all\n" * 1000)
    open("empty.vhd", "w").close()
    run("qemu-img", "create", "-q", "-f", "vpc", "-o", "subformat=fixed", "damaged.vhd", 4 * MIB)
    write("damaged.vhd", os.path.getsize("damaged.vhd") - 500, b"\xff")
    with open("old.img", "w") as file:
        file.write("precious")
    refused("flash", "out.img", "--vhd", "missing.vhd", words="missing.vhd.*No such file")
    refused("flash", "out.img", "--vhd", "text.vhd", words="text.vhd")
    refused("flash", "out.img", "--vhd", "empty.vhd", words="empty.vhd")
    refused("flash", "out.img", "--vhd", "damaged.vhd", words="damaged.vhd")
    refused("flash", "out.img", "--vhd", ".", words="no file")
    refused("flash", "out.img", "--vhd", "a.vhd", "--size", "17M", words="too small")
    refused("flash", "out.img", "--vhd", "a.vhd", "--size", "3T", words="2 TiB")
    refused("flash", "out.img", "--vhd", "a.vhd", "--config", "nope", words="nope")
    refused("flash", "nowhere/out.img", "--vhd", "a.vhd", words="nowhere/out.img")
    refused("flash", "old.img", "--vhd", "a.vhd", words="exists already.*--yes")
    refused("flash", "a.vhd", "--vhd", "a.vhd", "--yes", words="itself one of the images")
    refused("flash", ".", "--vhd", "a.vhd", words="neither")
    assert not os.path.exists("out.img") and read("old.img") == b"precious"
    done = mkimage("flash", "out.img", "--vhd", "a.vhd", "--dry-run")
    assert b"a.vhd" in done.stderr and not os.path.exists("out.img")
    mkimage("flash", "old.img", "--vhd", "a.vhd", "--yes")
    assert read("old.img", 510, 2) == b"\x55\xaa"


def test_reading_verbs_agree_with_the_tools():
    fixed_vhd("a.vhd", 24 * MIB)
    mkimage("flash", "out.img", "--vhd", "a.vhd")
    run("qemu-img", "convert", "-f", "vpc", "-O", "raw", "a.vhd", "raw")
    raw = read("raw")
    assert mkimage("read", "out.img").stdout == raw
    assert mkimage("vhd", "read", "a.vhd").stdout == raw
    assert mkimage("vhd", "read", "out.img:/a.vhd").stdout == raw
    assert mkimage("read", "out.img", "--lba", "7", "--count", "9").stdout == raw[7 * 512:16 * 512]
    assert mkimage("read", "out.img", "--count", "0").stdout == b""
    refused("read", "out.img", "--lba", "49150", "--count", "3", words="49152 sectors")
    refused("vhd", "read", "a.vhd", "--lba", "49153", words="49152 sectors")
    block_map = json.loads(mkimage("map", "out.img", "--json").stdout)
    assert block_map["sectors"] == 49152 and len(block_map["runs"]) == 1
    only = block_map["runs"][0]
    assert only["kind"] == "data" and only["writable"] and only["count"] == 49152
    assert read("out.img", only["drive_lba"] * 512, 1 << 16) == raw[:1 << 16]
    info = json.loads(mkimage("vhd", "info", "a.vhd", "--json").stdout)
    assert info["format"] == "vhd" and info["kind"] == "fixed" and info["size"] == 24 * MIB
    assert info["chain"] == [os.path.abspath("a.vhd")] and isinstance(info["warnings"], list)
    mkimage("vhd", "check", "a.vhd")
    lines = mkimage("ls", "out.img:/").stdout.decode().split("\n")
    assert [line.split()[1] for line in lines if line] == ["a.vhd", "vhdboot.bin", "vhdboot.cfg", "vhdboot.sum"]
    refused("cat", "out.img:/nothing", words="nothing")
    refused("ls", "out.img:/a.vhd")
    refused("extents", "missing.img:/a.vhd", words="missing.img")
    refused("check", "out.img", "--partition", "3")


def test_names_with_colons_and_quotes():
    name = 'we:ird"x.vhd'
    shutil.move(fixed_vhd("plain.vhd", 4 * MIB), name)
    info = json.loads(mkimage("vhd", "info", name, "--json").stdout)
    assert info["chain"] == [os.path.abspath(name)]
    refused("flash", "out.img", "--vhd", name, words="NTFS takes no such name")
    shutil.copy(name, "größe,日本.vhd")
    mkimage("flash", "a:b.img", "--vhd", "größe,日本.vhd")
    extents = json.loads(mkimage("extents", "a:b.img:/GRÖSSE,日本.vhd".replace("SS", "ß"), "--json").stdout)
    assert extents["path"] == "\\größe,日本.vhd", extents["path"]


@pytest.mark.parametrize("pieces, scatter", [(1000, []), (8000, ["--scatter"])],
                         ids=["1000", "8000, scattered"])
def test_a_fragmented_image(pieces, scatter):
    fixed_vhd("a.vhd", 32 * MIB)
    fixed_vhd("other.vhd", 4 * MIB)
    mkimage("flash", "out.img", "--vhd", "other.vhd", "--size", "160M", "--yes")
    run(FRAGMENT, "out.img", "a.vhd", "/vhd/a.vhd", pieces, *scatter)
    cut = cut_out("out.img")
    consistent(cut)
    ours = json.loads(mkimage("extents", "out.img:/vhd/a.vhd", "--json").stdout)["extents"]
    theirs = clusters_of(cut, "vhd/a.vhd")
    assert len(ours) == len(theirs) == pieces, (len(ours), len(theirs))
    assert all((e["file"], e["drive_lba"]) == (vcn * 8, 2048 + lcn * 8)
               for e, (vcn, lcn, _) in zip(ours, sorted(theirs)))
    assert mkimage("cat", "out.img:/vhd/a.vhd").stdout == read("a.vhd")
    assert mkimage("vhd", "read", "out.img:/vhd/a.vhd").stdout == read("a.vhd")[:32 * MIB]
    assert run("ntfscat", cut, "vhd/a.vhd").stdout == read("a.vhd")


@pytest.mark.parametrize("cluster", [512, 4096, 65536])
def test_install_keeps_every_other_byte_and_restore_brings_all_back(cluster):
    volume("v.ntfs", cluster=cluster)
    fixed_vhd("a.vhd", 8 * MIB)
    run("ntfscp", "-q", "v.ntfs", "a.vhd", "a.vhd")
    disk("d.img", "v.ntfs")
    before = read("d.img")
    digest = sha256("d.img")
    check = json.loads(mkimage("check", "d.img", "--json", status=1).stdout)
    assert not check["boots"] and check["error"]
    assert {s["name"]: s["ok"] for s in check["steps"]}["vbr"] is False
    mkimage("install", "d.img", "--dry-run")
    assert sha256("d.img") == digest
    mkimage("install", "d.img", "--backup", "backup")
    after = read("d.img")
    mkimage("check", "d.img")
    assert after[440:512] == before[440:512]
    assert after[:440] == read(os.path.join(BUILD, "mbr.bin")).ljust(440, b"\0")
    vbr = after[START:START + 8192]
    assert vbr[3:84] == before[START + 3:START + 84]
    assert vbr[84:] == read(os.path.join(BUILD, "vbr.bin"))[84:]
    assert after[START + 64 * MIB - 512:START + 64 * MIB] == vbr[:512]
    assert after[512:START] == before[512:START] and after[START + 64 * MIB:] == before[START + 64 * MIB:]
    consistent(cut_out("d.img"))
    assert mkimage("cat", "d.img:/a.vhd").stdout == read("a.vhd")
    done = mkimage("install", "d.img")
    assert b"there already" in done.stderr and read("d.img") == after
    mkimage("restore", "d.img", "backup")
    assert sha256("d.img") == digest, "byte for byte"
    refused("install", "d.img", "--backup", "backup", words="exists already")
    assert sha256("d.img") == digest


def test_restore_after_the_volume_was_used():
    volume("v.ntfs")
    with open("old.bin", "wb") as file:
        file.write(b"somebody's file" * 1000)
    run("ntfscp", "-q", "v.ntfs", "old.bin", "vhdboot.bin")
    disk("d.img", "v.ntfs")
    before = read("d.img")
    mkimage("install", "d.img", "--backup", "backup")
    cut = cut_out("d.img")
    run("ntfscp", "-q", cut, "old.bin", "new.bin")
    write("d.img", START, read(cut))
    mkimage("restore", "d.img", "backup")
    after = read("d.img")
    assert after[:512] == before[:512] and after[START:START + 8192] == before[START:START + 8192]
    consistent(cut_out("d.img"))
    assert mkimage("cat", "d.img:/vhdboot.bin").stdout == read("old.bin")
    assert mkimage("cat", "d.img:/new.bin").stdout == read("old.bin")


def test_install_on_other_layouts():
    volume("v.ntfs")
    shutil.copy("v.ntfs", "bare.img")
    digest = sha256("bare.img")
    mkimage("install", "bare.img", "--backup", "bare.backup")
    assert read("bare.img", 0, 3) == read(os.path.join(BUILD, "vbr.bin"), 0, 3)
    steps = json.loads(mkimage("check", "bare.img", "--json", status=1).stdout)["steps"]
    assert [s["ok"] for s in steps if s["name"] in ("mbr", "vbr", "stage2")] == [True] * 3
    mkimage("restore", "bare.img", "bare.backup")
    assert sha256("bare.img") == digest

    disk("d.img", "v.ntfs")
    mbr = read("d.img", 0, 512)
    mkimage("install", "d.img", "--no-mbr")
    assert read("d.img", 0, 512) == mbr
    steps = json.loads(mkimage("check", "d.img", "--json", status=1).stdout)["steps"]
    assert "another program" in [s["text"] for s in steps if s["name"] == "mbr"][0]
    disk("d.img", "v.ntfs", active=False)
    assert b"not active" in mkimage("install", "d.img").stderr
    assert not json.loads(mkimage("check", "d.img", "--json", status=1).stdout)["boots"]


@pytest.mark.parametrize("what, words", [
    ("dirty", "dirty"), ("bitlocker", "BitLocker"), ("hibernated", "hibernated"), ("full", "no room")],
                         ids=["dirty", "bitlocker", "hibernated", "full"])
def test_install_refuses_and_writes_nothing(what, words):
    disk("d.img", volume("v.ntfs"))
    spoil("d.img", what)
    digest = sha256("d.img")
    refused("install", "d.img", "--backup", "no.backup", words=words)
    assert sha256("d.img") == digest and not os.path.exists("no.backup")


def test_install_refuses_what_is_no_volume():
    with open("blank.img", "wb") as file:
        file.truncate(8 * MIB)
    with open("tiny.img", "wb") as file:
        file.write(b"x" * 100)
    for name in ("blank.img", "tiny.img", "missing.img"):
        refused("install", name, words=name)
    disk("d.img", volume("v.ntfs"))
    refused("install", "d.img", "--partition", "2")


def test_restore_refuses_and_writes_nothing():
    disk("d.img", volume("v.ntfs"))
    refused("restore", "d.img", "v.ntfs", words="no backup")
    mkimage("install", "d.img", "--backup", "backup")
    write("backup", 5000, b"\x00\xff\x00")
    digest = sha256("d.img")
    refused("restore", "d.img", "backup", words="damaged")
    assert sha256("d.img") == digest


def test_a_mounted_image_is_left_alone():
    assert os.path.exists("/dev/fuse") and not os.geteuid(), "mounting needs root and /dev/fuse"
    volume("v.ntfs")
    os.mkdir("mnt")
    with subprocess.Popen(["ntfs-3g", "-o", "no_detach", "v.ntfs", "mnt"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as daemon:
        try:
            end = time.monotonic() + 10
            while not os.path.ismount("mnt") and daemon.poll() is None and time.monotonic() < end:
                time.sleep(0.1)
            assert os.path.ismount("mnt"), "nothing can be mounted here"
            digest = sha256("v.ntfs")
            refused("install", "v.ntfs", words="mounted")
            fixed_vhd("a.vhd", 4 * MIB)
            refused("flash", "v.ntfs", "--vhd", "a.vhd", "--yes", words="mounted")
            assert sha256("v.ntfs") == digest
        finally:
            subprocess.run(["umount", "mnt"], check=False)
            daemon.wait(timeout=30)


@pytest.fixture
def good(folder):
    """A flash, and where on it the loader and the image's data start."""
    fixed_vhd("a.vhd", 4 * MIB)
    mkimage("flash", "good.img", "--vhd", "a.vhd")
    return [json.loads(mkimage("extents", f"good.img:/{name}", "--json").stdout)["extents"][0]["drive_lba"] * 512
            for name in ("vhdboot.bin", "a.vhd")]


@pytest.mark.parametrize("step, where", [
    pytest.param("mbr", lambda loader, image: 100, id="boot code"),
    pytest.param("mbr", lambda loader, image: 446, id="partition entry"),
    pytest.param("vbr", lambda loader, image: START + 1000, id="boot record"),
    pytest.param("stage2", lambda loader, image: loader + 3000, id="loader"),
    pytest.param("image", lambda loader, image: image + 4 * MIB + 70, id="footer")])
def test_check_finds_damage(good, step, where):
    offset = where(*good)
    write("good.img", offset, bytes([read("good.img", offset, 1)[0] ^ 0x85]))
    check = json.loads(mkimage("check", "good.img", "--json", status=1).stdout)
    assert not check["boots"] and check["error"]
    assert [s["name"] for s in check["steps"] if not s["ok"]] == [step], check


def test_check_finds_no_damage(good):
    check = json.loads(mkimage("check", "good.img", "--json").stdout)
    names = [s["name"] for s in check["steps"]]
    assert names == ["mbr", "vbr", "stage2", "config", "volume", "image", "map"], names
    assert check["boots"] and check["system"], check
    write("good.img", good[1] + 511, b"\0")  # what the machine refuses does not boot
    check = json.loads(mkimage("check", "good.img", "--json", status=1).stdout)
    assert not check["boots"] and check["system"] is False and "lacks 55AAh" in check["error"], check
    assert [s["name"] for s in check["steps"] if not s["ok"]] == ["map"], check
