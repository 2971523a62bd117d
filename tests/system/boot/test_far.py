# SPDX-License-Identifier: GPL-2.0-or-later
"""An image that lies across sector 2^32 of the drive, on a volume without a partition table."""
import pytest
from emulator import Qemu
from flash import extents, mkimage

BORDER = 1 << 32


@pytest.fixture
def flash(shop):
    """Sparse, and made in a second: each test has its own."""
    return shop.far(shop.pattern_vhd("pattern", 16, rounds=100), BORDER)


def test_mkimage_reads_an_image_across_sector_2_32(flash):
    runs = extents(flash)
    assert any(lba < BORDER < lba + count for lba, count in runs), f"no run crosses: {runs}"
    mkimage("check", flash)


@pytest.mark.parametrize("bus", ["ahci", "virtio"])
def test_a_guest_on_an_image_across_sector_2_32(flash, bus):
    with Qemu(flash, bus=bus, limit=180) as pc:
        pc.wait("vhdboot")
        pc.guest()


def test_a_bios_whose_usb_driver_ends_at_sector_2_32_is_told_so(flash):
    with Qemu(flash, bus="usb-xhci") as pc:
        pc.wait(r"vhdboot: cannot load .*vhdboot\.bin: BIOS error ..h reading sector 4\d{9}")
