#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that writes all over its disk changes nothing outside the VHD's own clusters."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from emulator import Qemu                                                   # noqa: E402
from flash import Workshop, check_pattern, extents, footer_of, outside      # noqa: E402
from report import check, check_equal, end, test                            # noqa: E402

CASES = {                               # name: (bus, pieces, options of fragment, expected writes)
    "contiguous": ("ahci", 1, ()),
    "500 pieces out of order": ("virtio", 500, ("--scatter",)),
    "on a USB stick": ("usb-ehci", 20, ("--scatter",)),
}

for name, (bus, pieces, options) in CASES.items():
    with test(f"writes stay inside: {name}"), Workshop() as shop:
        flash = shop.formatted(shop.pattern_vhd("scribe", 16, rounds=600), pieces=pieces,
                               options=options)
        places = extents(flash)
        before, footer = outside(flash, places), footer_of(flash)
        with Qemu(flash, bus=bus, write=True, limit=240) as pc:
            pc.guest()
            pc.qmp("quit")
            pc.wait_end(30)
        check_equal(extents(flash), places, "the image's clusters")
        check_equal(outside(flash, places), before, "what lies outside the image")
        check_equal(footer_of(flash), footer, "the VHD's footer")
        written = check_pattern(flash)
        check(written > 8000, f"only {written} sectors were written")

with test("write = none: nothing at all changes"), Workshop() as shop:
    flash = shop.formatted(shop.pattern_vhd("scribe", 16, rounds=10),
                           config="[a]\nvhd = \\disk.vhd\nwrite = none\n")
    before = outside(flash, [])
    with Qemu(flash, bus="ahci", write=True) as pc:
        pc.wait("guest: error 00000003 at lba")
        pc.wait("guest: failed")
        pc.qmp("quit")
        pc.wait_end(30)
    check_equal(outside(flash, []), before, "the flash")
end()
