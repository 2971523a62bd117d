#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""vhdboot inside of vhdboot: the virtual disk is itself a flash with a disk in it, and that one with
another. The conformance program in the innermost disk finds all of INT 13h and INT 15h as it should."""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "int13")]
import table                                                                # noqa: E402
import vhd                                                                  # noqa: E402
from emulator import Qemu                                                   # noqa: E402
from flash import Workshop                                                  # noqa: E402
from report import check, check_equal, end, test                            # noqa: E402


def nested(shop, depth):
    raw = table.conformance_disk(
        shop.path("disk0"), "real", hooked=True,
        geometry=(table.SECTORS // (255 * 63), 255, 63))
    sectors = table.SECTORS
    for level in range(depth):
        image = shop.path(f"{level}.vhd")
        vhd.make_fixed(image, sectors, source=raw)
        raw = shop.formatted(image, pieces=7, name=f"{level}.img")
        sectors = os.path.getsize(raw) // 512
    return raw


for depth in (2, 3):
    with test(f"{depth} vhdboots in each other, conformance program"), Workshop() as shop:
        with Qemu(nested(shop, depth), bus="ahci", limit=200) as pc:
            pc.wait("^# end of all")
            check_equal(pc.log.count("vhdboot 0"), depth, "vhdboots")
            bad = re.findall(r"^not ok .*(?:\n#.*)?", pc.log, re.MULTILINE)
            check(not bad, "\n".join(bad))
            passed = re.search(r"^# end real: (\d+) passed", pc.log, re.MULTILINE)
            check(passed and int(passed[1]) >= 88, "the program has not run whole")
end()
