# SPDX-License-Identifier: GPL-2.0-or-later
"""What users do by mistake: mkimage says so in one sentence, with exit status 1, and nothing has changed."""
import os
import struct

import pytest

from files import sha256
from flash import MIB, mkimage, run
import tools
from tools import refused
import vhd


def disk(shop, name="disk.vhd", start=b"\xeb\xfe"):
    """A VHD of 4 MiB with a boot record that begins so."""
    path = shop.path(name)
    raw = shop.path("disk.raw")
    with open(raw, "wb") as file:
        file.write(start.ljust(510, b"\0") + b"\x55\xaa")
        file.truncate(4 * MIB)
    vhd.make_fixed(path, 4 * MIB // 512, source=raw)
    return path


@pytest.fixture
def image(shop):
    return disk(shop)


@pytest.fixture
def out(shop):
    """Where a flash is to be."""
    return shop.path("flash.img")


@pytest.fixture
def flash(image, out):
    mkimage("flash", out, "--vhd", image)
    return out


@pytest.fixture
def device(flash):
    """The flash as a block device, with the partitions that the kernel finds."""
    loop = run("losetup", "--find", "--show", flash).strip()
    try:
        run("partx", "--add", loop)
        yield loop
    finally:
        run("partx", "--delete", loop)
        run("losetup", "--detach", loop)


@pytest.mark.parametrize("size", ["10M", "12M", "16M", 20 * MIB - 1])
def test_a_flash_too_small_for_ntfs_own_files_how_much_is_needed(image, out, size):
    refused("flash", out, "--vhd", image, "--size", size, words="20 MiB are needed")


@pytest.mark.parametrize("size", [20 * MIB, 21 * MIB + 512, 24 * MIB])
def test_a_flash_just_large_enough(image, out, size):
    mkimage("flash", out, "--vhd", image, "--size", size, "--yes")
    mkimage("check", out)


@pytest.mark.parametrize("name, words", [
    ("vhdboot.bin", "vhdboot's own"), ("VHDBOOT.CFG", "vhdboot's own"), ("$MFT", "the file system's own"),
    ("$Secure", "the file system's own"), pytest.param(os.fsdecode(b"no-utf8-\xff.vhd"), "NTFS takes no such name",
                                                       id="no UTF-8"),
    ("a:b.vhd", "NTFS takes no such name"), ("a?.vhd", "NTFS takes no such name")])
def test_names_that_the_volume_or_vhdboot_has_for_itself(shop, out, name, words):
    refused("flash", out, "--vhd", disk(shop, name), words=words)
    assert not os.path.exists(out), "a flash is there"


def test_a_name_of_200_letters_which_are_400_bytes_is_none_too_long(flash):
    name = "ж" * 200 + ".vhd"
    mkimage("snapshot", flash, "--name", name)
    assert name in mkimage("ls", f"{flash}:/"), "it is not there"
    mkimage("check", flash)
    refused("snapshot", flash, "--name", "nowhere\\x.vhd", words="Name a folder that is there")
    refused("snapshot", flash, "--name", "ж" * 252 + ".vhd", words="NTFS takes no such name")


def test_a_config_in_utf_16(shop, image, out):
    config = shop.path("utf16.cfg")
    with open(config, "w", encoding="utf-16") as file:
        file.write("[a]\nvhd = \\disk.vhd\n")
    refused("flash", out, "--vhd", image, "--config", config, words="save it as UTF-8")


def test_a_disk_that_no_bios_can_start_check_says_it(shop, out):
    mkimage("flash", out, "--vhd", disk(shop, "other.vhd", b"\0"))
    refused("check", out, words="no boot code for a BIOS.*Install a system for BIOS")


def test_a_disk_that_a_bios_can_start_check_says_it(shop, out):
    mkimage("flash", out, "--vhd", disk(shop, "other.vhd"))
    assert "would boot, " in mkimage("check", out)


def test_the_ntfs_partition_is_a_logical_one_and_marked_active(shop, flash):
    logical = shop.path("logical.img")
    with open(flash, "rb") as file:
        file.seek(MIB)
        volume = file.read()
    with open(logical, "wb") as file:
        file.truncate(4 * MIB)
    entry = "<B3sB3sII"
    around = struct.pack(entry, 0, bytes(3), 5, bytes(3), 2048, len(volume) // 512 + 2048)
    inside = struct.pack(entry, 0x80, bytes(3), 7, bytes(3), 2048, len(volume) // 512)
    with open(logical, "r+b") as file:
        for at, one in ((0, around), (MIB, inside)):
            file.seek(at + 446)
            file.write(one + bytes(48) + b"\x55\xaa")
        file.seek(2 * MIB)
        file.write(volume)
    mkimage("install", logical)
    refused("check", logical, words="partition 5 is a logical one")


def test_flash_onto_a_partition(image, flash, device):
    assert os.path.exists(device + "p1"), "the kernel shows no partitions of loop devices"
    before = sha256(flash)
    refused("flash", device + "p1", "--vhd", image, "--yes", words="is a partition")
    assert sha256(flash) == before, "the disk"


def test_a_write_protected_drive(image, flash, device):
    before = sha256(flash)
    run("blockdev", "--setro", device)
    for command in (("flash", device, "--vhd", image), ("snapshot", device)):
        refused(*command, "--yes", words="is write-protected")
    mkimage("check", device)
    run("blockdev", "--setrw", device)
    assert sha256(flash) == before, "the disk"


@pytest.mark.parametrize("command, words", [
    (("flash", "OUT", "--yes", "--vhd", "PIPE"), "PIPE: is no file"),
    (("replace", "OUT", "--file", r"\disk.vhd", "--vhd", "PIPE"), "PIPE: is no file"),
    (("restore", "OUT", "PIPE"), "PIPE: is no backup"),
    (("vhd", "convert", "PIPE", "new.vhd"), r"PIPE: is no file. Check the name\.$"),
    (("vhd", "create", "new.vhd", "--parent", "PIPE"), r"PIPE: is no file. Check the name\.$")],
    ids=lambda part: " ".join(part[:2]))
def test_a_pipe_is_not_waited_for(shop, flash, command, words):
    pipe = shop.path("PIPE")
    os.mkfifo(pipe)
    paths = {"OUT": flash, "PIPE": pipe, "new.vhd": shop.path("new.vhd")}
    refused(*[paths.get(part, part) for part in command], words=words)


@pytest.mark.parametrize("command", [("vhd", "info"), ("vhd", "convert", "new.vhd")], ids=lambda part: part[1])
def test_an_image_of_another_user_is_no_failing_drive(shop, image, command):
    os.chmod(image, 0)
    plain = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    done = tools.run(*plain, tools.MKIMAGE, *command[:2], image, *[shop.path(name) for name in command[2:]], status=1)
    assert done.stderr.decode().endswith("disk.vhd: this user may not read it. Run this as a user who may open it.\n")
