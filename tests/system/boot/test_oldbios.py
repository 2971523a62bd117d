#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots guests from an image in pieces through BIOSes with every fault that is known, one by one and many at once:
see tests/oldbios/. One reads, one writes; both must run as on a good BIOS, and what was written must be in the file
and nothing else changed; or the loader must say what the BIOS cannot do.

    test_oldbios.py [COMBINATIONS [SEED]]
"""
import os
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "oldbios")]
import oldbios                                                              # noqa: E402
from emulator import Qemu                                                   # noqa: E402
from flash import Workshop, check_pattern, extents, mkimage, outside, run, tool     # noqa: E402
from report import check, check_equal, end, test                             # noqa: E402

MIB = 1
COMBINATIONS = int(sys.argv[1]) if len(sys.argv) > 1 else 20
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 5


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
    """The machines of this test: each with a BIOS of its own."""

    def __init__(self, shop):
        self.shop = shop
        self.code = oldbios.assemble(shop.path("oldbios.bin"))
        self.disk = shop.pattern_vhd("pattern", MIB, rounds=40)
        self.flash = shop.formatted(self.disk, pieces=40, options=("--scatter",))
        self.written = shop.formatted(shop.pattern_vhd("scribe", MIB, rounds=30), pieces=40, mib=24,
                                      options=("--scatter",), name="written.img")
        self.image = extents(self.written)
        self.rest = outside(self.written, self.image)

    def machine(self, flash, quirks, name, write=False):
        path = oldbios.floppy(self.shop.path(name + ".floppy"), self.code, quirks)
        return Qemu(flash, bus="virtio", memory=64, limit=60, write=write, options=oldbios.boot_from(path))

    def reads(self, quirks, name, flash=None):
        with self.machine(flash or self.flash, quirks, name) as pc:
            pc.guest()

    def writes(self, quirks, name):
        flash = self.shop.path(name + ".img")
        shutil.copyfile(self.written, flash)
        with self.machine(flash, quirks, name, write=True) as pc:
            refused = int(pc.wait(r"guest: rounds \w+ refused (\w+)|guest: failed").group(1) or "1", 16)
            pc.guest()
        check_equal(refused, 0, "refused writes")
        check(check_pattern(flash) > 200, "hardly anything was written")
        check_equal(outside(flash, self.image), self.rest, "the flash outside of the image")
        os.remove(flash)

    def survives(self, quirks, name, many):
        if not many:            # the writer reads the whole disk as well, by fewer functions
            self.reads(quirks, name)
        self.writes(quirks, name)

    def says(self, flash, quirks, sentence, name):
        with self.machine(flash, quirks, name) as pc:
            wanted = re.escape(sentence).replace("\\ ", r"\s+")        # the screen may break the line
            found = pc.wait(wanted + "|guest: |Press a key").group(0)
            check_equal(" ".join(found.split()), sentence, "on the screen")

    def far(self, border):
        """A sparse volume with the loader at its start and the image around that sector."""
        flash = self.shop.volume(border // 2048 + 256, cluster=65536, start=0, name=f"{border}.img")
        mkimage("install", flash, "--yes")
        run(tool("tools/fragment"), flash, self.disk, "/disk.vhd", 1, "--at", border)
        return flash


with Workshop() as shop, ThreadPoolExecutor(2) as pool:
    bios = Bios(shop)
    one, many = ["no quirk", *oldbios.alone()], oldbios.combinations(COMBINATIONS, SEED)
    jobs = [(f"survives {quirks}", pool.submit(bios.survives, quirks.replace("no quirk", ""), f"{i}", i >= len(one)))
            for i, quirks in enumerate([*one, *many])]
    quirks = "AS_FLOPPY start_dl=0x80"
    jobs.append((f"says why not: {quirks}",
                 pool.submit(bios.says, bios.flash, quirks, "cannot read boot disk", "floppy")))
    for border, cases in LIMITS.items():
        far = bios.far(border)
        for i, (quirks, sentence) in enumerate(cases):
            name, place = f"{border}.{i}", f"{quirks}, image at sector {border}"
            if sentence:
                jobs.append((f"says why not: {place}", pool.submit(bios.says, far, quirks, sentence, name)))
            else:
                jobs.append((f"survives {place}", pool.submit(bios.reads, quirks, name, far)))
    for name, job in jobs:
        with test(name):
            job.result()
end()
