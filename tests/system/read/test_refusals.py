# SPDX-License-Identifier: GPL-2.0-or-later
"""Images that NTFS does not store as plain sectors, and disks without boot code, are refused, by the machine and
by mkimage check in the same words; with write = none those that can be read safely are served."""
import json
import re
import subprocess

import pytest
import vhd
from emulator import Qemu
from flash import mkimage, run, tool
from ntfsedit import Volume, put, u

DATA, FILE_NAME = 0x80, 0x30
UNITS = 64 * 16 * 8 - 1                 # with the footer: whole compression units, as NTFS stores them
READ_ONLY = "[a]\nvhd = \\disk.vhd\nwrite = none\n"


def record_of(volume, name):
    """The number of the MFT record whose name this is."""
    for number in range(24, 200):
        record = volume.record(number)
        if record[:4] == b"FILE" and u(record, 22, 2) & 1 and volume.find(record, FILE_NAME):
            value = volume.value(record, FILE_NAME)
            if value[66:66 + 2 * value[64]].decode("utf-16le") == name:
                return number
    raise AssertionError(f"{name} is not on the volume")


def edit(path, change):
    """Changes the $DATA attribute of disk.vhd: change(record, offset of the attribute, volume)."""
    volume = Volume(path)
    number = record_of(volume, "disk.vhd")
    record = volume.record(number)
    volume.put_record(number, change(record, volume.find(record, DATA), volume))
    volume.close()


def with_unit(volume, record, off, runs, flags):
    """The record with its $DATA attribute made of these runs, with a compression unit of 16 clusters."""
    attr = bytearray(volume.nonresident(DATA, runs, u(record, off + 48, 8), flags=flags))
    attr[64:64] = attr[40:48]                   # the compressed size
    put(attr, 32, 2, 72)                        # where the runs are
    put(attr, 34, 1, 4)
    return volume.replace_attr(record, off, attr)


def compressed(record, off, volume):
    return with_unit(volume, record, off, volume.attr_runs(record, DATA), 0x0001)


def encrypted(record, off, _):
    put(record, off + 12, 2, 0x4000)
    return record


def short(record, off, _):
    put(record, off + 56, 8, u(record, off + 48, 8) // 2)
    return record


def holes(record, off, volume):
    (lcn, count), = volume.attr_runs(record, DATA)
    runs = [(lcn, 16), (None, 16), (lcn + 32, count - 32)]
    return with_unit(volume, record, off, runs, 0x8000)


def words(text):
    return " ".join(text.split())


def same_refusal(flash):
    """The machine's error sentence, and that mkimage check says the same."""
    done = subprocess.run([tool("mkimage"), "check", flash, "--json"], stdout=subprocess.PIPE, check=False)
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["boots"]) == (1, False), "mkimage check"
    with Qemu(flash, bus="ahci") as pc:
        pc.wait("^error: ")
        pc.wait("Press a key")
        assert "guest:" not in pc.log, pc.log
        sentence = words(answer["error"]).rstrip(".")
        assert sentence in words(pc.log), f"mkimage check says: {sentence}\nthe machine: {pc.log}"
    print(f"    {sentence}")
    return sentence


CASES = {"compressed": (compressed, "compressed"), "encrypted": (encrypted, "encrypted"),
         "with a short initialised size": (short, "were ever written")}


@pytest.mark.parametrize("change, word", CASES.values(), ids=CASES)
def test_case_43_refuses_an_image(shop, change, word):
    flash = shop.formatted(shop.pattern_vhd("first", sectors=UNITS), partition=False)
    edit(flash, change)
    sentence = same_refusal(flash)
    assert word in sentence, f"{word!r} is not in: {sentence}"


@pytest.mark.parametrize("config", [None, READ_ONLY], ids=["and says so", "as it was to be"])
def test_case_43_an_image_with_holes_is_write_protected(shop, config):
    flash = shop.formatted(shop.pattern_vhd("first", 4), partition=False, config=config)
    edit(flash, holes)
    sentence = re.compile(r"the file has a hole at byte \d+, where nothing can be written: it was copied as a "
                          r"sparse file, and the disk is write-protected until it is copied with cp --sparse=never")
    assert bool(sentence.search(mkimage("check", flash))) == (not config), "what check says"
    reserve = subprocess.run([tool("mkimage"), "reserve", flash, "--size", "1M"], capture_output=True, text=True,
                             check=False)
    assert reserve.returncode == 1 and sentence.search(reserve.stderr), f"{reserve}"
    zeros = mkimage("read", flash, "--lba", 128, "--count", 128)
    assert set(zeros) == {"\0"}, "the hole's content"
    with Qemu(flash, bus="ahci") as pc:
        pc.wait("guest: first instruction")
        told = bool(sentence.search(words(pc.log)))
        assert told == (not config), "told that nothing will be written"


def test_case_43_an_image_inside_its_mft_record_is_refused(shop):
    flash = shop.formatted(shop.pattern_vhd("first", 4), partition=False, to="/other.bin")
    with open(shop.path("small"), "wb") as file:
        file.write(vhd.footer(0)[:300])
    run("ntfscp", "-f", "-q", flash, shop.path("small"), "disk.vhd")
    same_refusal(flash)


@pytest.mark.parametrize("start, word", [(bytes(512), "lacks 55AAh"), (bytes(510) + b"\x55\xaa", "UEFI")],
                         ids=["empty", "made for UEFI"])
def test_a_disk_that_no_bios_can_start_is_refused(shop, start, word):
    raw = shop.path("raw")
    with open(raw, "wb") as file:
        file.write(start)
        file.truncate(1 << 22)
    vhd.make_fixed(shop.path("disk.vhd"), (1 << 22) // 512, source=raw)
    assert word in same_refusal(shop.flash(shop.path("disk.vhd")))
