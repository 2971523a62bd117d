#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine with a second hard disk: the guest finds it behind the flash, or with `hide = yes` not at all; nobody but the
guest changes a sector of it."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from emulator import Qemu                                                   # noqa: E402
from flash import Workshop, extents, outside                                # noqa: E402
from report import check, check_equal, end, test                            # noqa: E402

WRITTEN = 101                           # by drives.asm


def pattern(lba, generation):
    first = lba * 0x9E3779B1 + generation * 0x7F4A7C15
    step = 0x01000193 + 2 * generation
    return b"".join((first + i * step & 0xFFFFFFFF).to_bytes(4, "little") for i in range(128))


def content(path):
    with open(path, "rb") as file:
        return file.read()


def boot(shop, config, bus, second_bus="ide"):
    """Boots the guest with a second disk; that disk before and after, and what the guest said."""
    disk = shop.pattern_vhd("drives", 2)
    flash = shop.formatted(disk, pieces=10, config=config)
    second = shop.pattern_disk("first", 4096)
    image = extents(flash)
    others = outside(flash, image)
    before = content(second)
    with Qemu(flash, bus=bus, extra=[(second, second_bus)], write=True, limit=60) as pc:
        said = pc.wait(r"guest: drives 0*(\d+) in the BDA 0*(\d+)")
        pc.guest()
        absent = "no second drive" in pc.log
    check_equal(outside(flash, image), others, "the flash outside the image")
    return before, content(second), [int(n, 16) for n in said.groups()], absent


for bus, second_bus in (("ide", "ide"), ("ahci", "ahci"), ("usb-ehci", "ide"), ("ahci", "virtio")):
    with test(f"a second drive on {second_bus} is 82h, flash on {bus}"), Workshop() as shop:
        before, after, counts, absent = boot(shop, None, bus, second_bus)
        check_equal(counts, [3, 3], "drives by 08h and by 0040:0075")
        check(not absent, "82h is absent")
        at = WRITTEN * 512
        check_equal(after[at:at + 512], pattern(WRITTEN, 7), "the sector that the guest wrote")
        check(before[:at] + before[at + 512:] == after[:at] + after[at + 512:], "other sectors changed")

for bus in ("ide", "ahci", "usb-xhci"):
    with test(f"hide = yes leaves the guest one drive, flash on {bus}"), Workshop() as shop:
        before, after, counts, absent = boot(shop, "[a]\nvhd = \\disk.vhd\nhide = yes\n", bus,
                                             "ide" if bus.startswith("usb") else bus)
        check_equal(counts, [1, 1], "drives by 08h and by 0040:0075")
        check(absent, "82h is there")
        check(before == after, "the second drive changed")
end()
