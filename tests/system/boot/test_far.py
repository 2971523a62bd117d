#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""An image that lies across sector 2^32 of the drive, on a volume without a partition table."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from emulator import Qemu                                                   # noqa: E402
from flash import Workshop, extents, mkimage                                # noqa: E402
from report import check, end, test                                         # noqa: E402

BORDER = 1 << 32

with Workshop() as shop:
    flash = None
    with test("mkimage reads an image across sector 2^32"):
        flash = shop.far(shop.pattern_vhd("pattern", 16, rounds=100), BORDER)
        runs = extents(flash)
        check(any(lba < BORDER < lba + count for lba, count in runs), f"no run crosses: {runs}")
        mkimage("check", flash)
    for bus in ("ahci", "virtio"):
        with test(f"a guest on an image across sector 2^32, {bus}"):
            check(flash, "there is no flash")
            with Qemu(flash, bus=bus, limit=180) as pc:
                pc.wait("vhdboot")
                pc.guest()
    with test("a BIOS whose USB driver ends at sector 2^32 is told so"):
        check(flash, "there is no flash")
        with Qemu(flash, bus="usb-xhci") as pc:
            pc.wait(r"vhdboot: cannot load .*vhdboot\.bin: BIOS error ..h reading sector 4\d{9}")
end()
