# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots guests from an image in pieces through BIOSes with every fault that is known, one by one and many at once:
see tests/oldbios/. One reads, one writes; both must run as on a good BIOS, and what was written must be in the file
and nothing else changed; or the loader must say what the BIOS cannot do.

OLDBIOS_COUNT random combinations, from OLDBIOS_SEED on: `make oldbios` has many.
"""
import os
import re
import shutil

import oldbios
import pytest
from emulator import Qemu
from flash import Workshop, check_pattern, extents, mkimage, outside, run, tool

MIB = 1
COMBINATIONS = int(os.environ.get("OLDBIOS_COUNT", "20"))
SEED = int(os.environ.get("OLDBIOS_SEED", "5"))

ONLY_8 = "this BIOS reads only the first 8 GB of the drive; it lies beyond"
ONLY_137 = "this BIOS reads only the first 137 GB of the drive; it lies beyond"
# Where the middle of an image of 1 MiB is, and what the BIOS cannot do about it. NEAR: its last 64 KiB lie beyond.
NEAR = 1024 - 128
LIMITS = {
    20_000_000: [("limit=16450560", ONLY_8), ("limit=16450560 limit_status=4", ONLY_8),
                 ("limit=16450560 FIRST_FAILS", ONLY_8),
                 ("NO_EDD", "this BIOS has no LBA and cannot reach sector"),
                 ("told=16450560", "this BIOS says that the drive ends after 16450560 sectors; the volume "
                                   "reaches beyond")],
    16450560 - NEAR: [("limit=16450560", ONLY_8), ("limit=16450560 limit_status=4", ONLY_8),
                      ("limit=16515072", None)],
    300_000_000: [("limit=268435456", ONLY_137), ("WRAPS", ONLY_137),
                  ("told=268435456", "this BIOS says that the drive ends after 268435456 sectors; the volume "
                                     "reaches beyond")],
    268435456 - NEAR: [("limit=268435456", ONLY_137), ("limit=268435455", ONLY_137), ("WRAPS", ONLY_137)],
    268435456 - 3 * 2048: [("WRAPS", None)],
}


class Bios:
    """What the machines of these tests start from: images in pieces, and the bad BIOS' code."""

    def __init__(self, shop):
        self.shop = shop
        self.code = oldbios.assemble(shop.path("oldbios.bin"))
        self.disk = shop.pattern_vhd("pattern", MIB, rounds=40)
        self.flash = shop.formatted(self.disk, pieces=40, options=("--scatter",))
        self.written = shop.formatted(shop.pattern_vhd("scribe", MIB, rounds=30), pieces=40, mib=24,
                                      options=("--scatter",), name="written.img")
        self.image = extents(self.written)
        self.rest = outside(self.written, self.image)

    def machine(self, flash, quirks, write=False):
        path = oldbios.floppy(self.shop.path("floppy"), self.code, quirks)
        return Qemu(flash, bus="virtio", memory=64, limit=60, write=write, options=oldbios.boot_from(path))

    def reads(self, quirks, flash=None):
        with self.machine(flash or self.flash, quirks) as pc:
            pc.guest()

    def writes(self, quirks):
        flash = self.shop.path("copy.img")
        shutil.copyfile(self.written, flash)
        with self.machine(flash, quirks, write=True) as pc:
            refused = int(pc.wait(r"guest: rounds \w+ refused (\w+)|guest: failed").group(1) or "1", 16)
            pc.guest()
        assert refused == 0, "refused writes"
        assert check_pattern(flash) > 200, "hardly anything was written"
        assert outside(flash, self.image) == self.rest, "the flash outside of the image"

    def says(self, flash, quirks, sentence):
        with self.machine(flash, quirks) as pc:
            wanted = re.escape(sentence).replace("\\ ", r"\s+")        # the screen may break the line
            found = pc.wait(wanted + "|guest: |Press a key").group(0)
            assert " ".join(found.split()) == sentence, "on the screen"

    def far(self, border):
        """A sparse volume with the loader at its start and the image around that sector."""
        flash = self.shop.volume(border // 2048 + 256, cluster=65536, start=0, name="far.img")
        mkimage("install", flash, "--yes")
        run(tool("tools/fragment"), flash, self.disk, "/disk.vhd", 1, "--at", border)
        return flash


@pytest.fixture(scope="module")
def bios():
    with Workshop() as shop:
        yield Bios(shop)


def each(quirks):
    """One sector a call is slow."""
    return pytest.mark.parametrize("quirks", [
        pytest.param(one, marks=[pytest.mark.takes(10)] if "sectors_max=1" in one else []) for one in quirks])


@each(["no quirk", *oldbios.alone()])
def test_survives(bios, quirks):
    quirks = quirks.replace("no quirk", "")
    bios.reads(quirks)
    bios.writes(quirks)


@each(oldbios.combinations(COMBINATIONS, SEED))
def test_survives_together(bios, quirks):
    bios.writes(quirks)                 # which reads the whole disk as well, by fewer functions


def test_says_why_not_as_floppy(bios):
    bios.says(bios.flash, "AS_FLOPPY start_dl=0x80", "cannot read boot disk")


def limits(reached):
    return [pytest.param(border, quirks, sentence, id=f"{quirks}, image at sector {border}")
            for border, cases in LIMITS.items() for quirks, sentence in cases if bool(sentence) != reached]


@pytest.mark.parametrize("border, quirks, sentence", limits(reached=False))
def test_says_why_not(bios, border, quirks, sentence):
    bios.says(bios.far(border), quirks, sentence)


@pytest.mark.parametrize("border, quirks, _", limits(reached=True))
def test_survives_a_limit(bios, border, quirks, _):
    bios.reads(quirks, bios.far(border))
