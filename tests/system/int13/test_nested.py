# SPDX-License-Identifier: GPL-2.0-or-later
"""vhdboot inside of vhdboot: the virtual disk is itself a flash with a disk in it, and that one with
another. The conformance program in the innermost disk finds all of INT 13h and INT 15h as it should."""
import os
import re

import pytest
import table
import vhd
from emulator import Qemu


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


@pytest.mark.takes(15)
@pytest.mark.parametrize("depth", [2, 3])
def test_vhdboots_in_each_other_conformance_program(shop, depth):
    with Qemu(nested(shop, depth), bus="ahci", limit=200) as pc:
        pc.wait("^# end of all")
        assert pc.log.count("vhdboot 0") == depth, "vhdboots"
        bad = re.findall(r"^not ok .*(?:\n#.*)?", pc.log, re.MULTILINE)
        assert not bad, "\n".join(bad)
        passed = re.search(r"^# end real: (\d+) passed", pc.log, re.MULTILINE)
        assert passed and int(passed[1]) >= 88, "the program has not run whole"
