# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine with a second hard disk: the guest finds it behind the flash, with `hide = yes` not at all; nobody but the
guest changes a sector of it."""
import pytest
from emulator import Qemu
from flash import extents, outside

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
    assert outside(flash, image) == others, "the flash outside the image"
    return before, content(second), [int(n, 16) for n in said.groups()], absent


@pytest.mark.parametrize("bus, second_bus", [("ide", "ide"), ("ahci", "ahci"), ("usb-ehci", "ide"), ("ahci", "virtio")],
                         ids=lambda bus: bus)
def test_a_second_drive_is_82h(shop, bus, second_bus):
    """The first bus is the flash's."""
    before, after, counts, absent = boot(shop, None, bus, second_bus)
    assert counts == [3, 3], "drives by 08h and by 0040:0075"
    assert not absent, "82h is absent"
    at = WRITTEN * 512
    assert after[at:at + 512] == pattern(WRITTEN, 7), "the sector that the guest wrote"
    others = before[:at] + before[at + 512:] == after[:at] + after[at + 512:]
    assert others, "other sectors changed"


@pytest.mark.parametrize("bus", ["ide", "ahci", "usb-xhci"])
def test_hide_yes_leaves_the_guest_one_drive(shop, bus):
    before, after, counts, absent = boot(shop, "[a]\nvhd = \\disk.vhd\nhide = yes\n", bus,
                                         "ide" if bus.startswith("usb") else bus)
    assert counts == [1, 1], "drives by 08h and by 0040:0075"
    assert absent, "82h is there"
    same = before == after
    assert same, "the second drive changed"
