#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Real systems boot from a VHD: GRUB and Linux, EXTLINUX and Linux."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from emulator import Qemu                                                   # noqa: E402
from flash import Workshop, tool                                            # noqa: E402
from report import check_equal, end, test                                   # noqa: E402

SECTORS = 131072                        # of all three disks


def linux(pc):
    pc.wait(r"Linux \S+ is running")
    seen = pc.wait(r"BIOS disk 80h as the kernel was told: (\d+) sectors")
    check_equal(int(seen.group(1)), SECTORS, "sectors")
    seen = pc.wait(r"Its EDD version: (\S+); cylinders, heads, sectors by AH=08h: (\S+)\.")
    check_equal(seen.groups(), ("0x30", f"{SECTORS // (255 * 63)}/255/63"), "what Linux' edd module says")
    pc.wait("virtual-disk #")


def grub(pc):
    pc.wait("vhdboot")
    pc.wait("GRUB runs from the virtual disk")
    pc.wait(r"GRUB: the SHA-256 sums are right\.")
    linux(pc)


for bus in ("ahci", "usb-ehci"):
    with test(f"GRUB and Linux on {bus}"), Workshop() as shop:
        with Qemu(shop.flash(tool("demo.vhd")), bus=bus, limit=240) as pc:
            grub(pc)
            pc.send("uname -a; poweroff\r")
            pc.wait_end(60)

with test("GRUB and Linux from 300 pieces out of order"), Workshop() as shop:
    with Qemu(shop.formatted(tool("demo.vhd"), pieces=300, options=("--scatter",)), bus="virtio",
              limit=240) as pc:
        grub(pc)

with test("EXTLINUX and Linux on ide"), Workshop() as shop:
    with Qemu(shop.flash(tool("tests/extlinux.vhd")), bus="ide", limit=240) as pc:
        pc.wait("EXTLINUX runs from the virtual disk")
        linux(pc)
end()
