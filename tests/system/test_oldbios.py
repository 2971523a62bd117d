#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Boots the pattern guest from an image in pieces through BIOSes with every fault that is known, one by one and
many at once: see tests/oldbios/. It must run as on a good one, or the loader must say what the BIOS cannot do.

    test_oldbios.py [COMBINATIONS [SEED]]
"""
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "oldbios")]
import oldbios                                                              # noqa: E402
from emulator import Qemu                                                   # noqa: E402
from flash import Workshop, mkimage, run, tool                              # noqa: E402
from report import check_equal, end, test                                    # noqa: E402

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

    def machine(self, flash, quirks, name):
        path = oldbios.floppy(self.shop.path(name + ".floppy"), self.code, quirks)
        return Qemu(flash, bus="virtio", memory=64, limit=60, options=oldbios.boot_from(path))

    def survives(self, quirks, name, flash=None):
        with self.machine(flash or self.flash, quirks, name) as pc:
            pc.guest()

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
    survived = ["no quirk", *oldbios.alone(), *oldbios.combinations(COMBINATIONS, SEED)]
    jobs = [(f"survives {quirks}", pool.submit(bios.survives, quirks.replace("no quirk", ""), f"{i}"))
            for i, quirks in enumerate(survived)]
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
                jobs.append((f"survives {place}", pool.submit(bios.survives, quirks, name, far)))
    for name, job in jobs:
        with test(name):
            job.result()
end()
