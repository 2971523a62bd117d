# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that writes all over its disk changes nothing outside the VHD's own clusters."""
import pytest
from emulator import Qemu
from flash import check_pattern, extents, footer_of, outside

CASES = {                               # name: (bus, pieces, options of fragment)
    "contiguous": ("ahci", 1, ()),
    "500 pieces out of order": ("virtio", 500, ("--scatter",)),
    "on a USB stick": ("usb-ehci", 20, ("--scatter",)),
}


@pytest.mark.takes(15)
@pytest.mark.parametrize("bus, pieces, options", CASES.values(), ids=CASES)
def test_writes_stay_inside(shop, bus, pieces, options):
    flash = shop.formatted(shop.pattern_vhd("scribe", 16, rounds=600), pieces=pieces, options=options)
    places = extents(flash)
    before, footer = outside(flash, places), footer_of(flash)
    with Qemu(flash, bus=bus, write=True, limit=240) as pc:
        pc.guest()
        pc.qmp("quit")
        pc.wait_end(30)
    assert extents(flash) == places, "the image's clusters"
    assert outside(flash, places) == before, "what lies outside the image"
    assert footer_of(flash) == footer, "the VHD's footer"
    written = check_pattern(flash)
    assert written > 8000, f"only {written} sectors were written"


def test_write_none_changes_nothing_at_all(shop):
    flash = shop.formatted(shop.pattern_vhd("scribe", 16, rounds=10),
                           config="[a]\nvhd = \\disk.vhd\nwrite = none\n")
    before = outside(flash, [])
    with Qemu(flash, bus="ahci", write=True) as pc:
        pc.wait("guest: error 00000003 at lba")
        pc.wait("guest: failed")
        pc.qmp("quit")
        pc.wait_end(30)
    assert outside(flash, []) == before, "the flash"
