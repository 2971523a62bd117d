#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The same flash behind every controller, and in a machine with another BIOS: the guest reads and compares all."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from emulator import Bochs, Qemu                                            # noqa: E402
from flash import Workshop                                                  # noqa: E402
from report import end, need, test                                          # noqa: E402

# A full-speed controller moves 1 MB/s: it gets less to read.
BUSES = {"ide": 16, "ahci": 16, "virtio": 16, "usb-uhci": 3, "usb-ehci": 8, "usb-xhci": 8}

for bus, mib in BUSES.items():
    with test(f"pattern guest on {bus}"), Workshop() as shop:
        flash = shop.flash(shop.pattern_vhd("pattern", mib, rounds=100))
        with Qemu(flash, bus=bus, limit=180) as pc:
            pc.wait("vhdboot")
            pc.guest()

with test("pattern guest in Bochs"), Workshop() as shop:
    need("bochs")
    flash = shop.flash(shop.pattern_vhd("pattern", 16, rounds=100))
    shop.whole_tracks(flash)
    with Bochs(flash) as pc:
        pc.guest()

with test("scribe guest in Bochs"), Workshop() as shop:
    need("bochs")
    flash = shop.flash(shop.pattern_vhd("scribe", 16, rounds=200))
    shop.whole_tracks(flash)
    with Bochs(flash) as pc:
        pc.guest()

with test("a second disk does not disturb"), Workshop() as shop:
    flash = shop.flash(shop.pattern_vhd("pattern", 4, rounds=50))
    with Qemu(flash, bus="usb-ehci", extra=[(shop.pattern_disk("first", 4096), "ide")]) as pc:
        pc.wait("vhdboot")
        pc.guest()
end()
