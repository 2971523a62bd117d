# SPDX-License-Identifier: GPL-2.0-or-later
"""The same flash behind every controller, and in a machine with another BIOS: the guest reads and compares all."""
import pytest
from emulator import Bochs, Qemu

# A full-speed controller moves 1 MB/s: it gets less to read.
BUSES = {"ide": 16, "ahci": 16, "virtio": 16, "usb-uhci": 3, "usb-ehci": 8, "usb-xhci": 8}


@pytest.mark.takes(8)
@pytest.mark.parametrize("bus, mib", BUSES.items(), ids=BUSES)
def test_pattern_guest_on(shop, bus, mib):
    flash = shop.flash(shop.pattern_vhd("pattern", mib, rounds=100))
    with Qemu(flash, bus=bus, limit=180) as pc:
        pc.wait("vhdboot")
        pc.guest()


@pytest.mark.parametrize("guest, rounds", [("pattern", 100), ("scribe", 200)], ids=["pattern", "scribe"])
def test_guest_in_bochs(shop, guest, rounds):
    flash = shop.flash(shop.pattern_vhd(guest, 16, rounds=rounds))
    shop.whole_tracks(flash)
    with Bochs(flash) as pc:
        pc.guest()


def test_a_second_disk_does_not_disturb(shop):
    flash = shop.flash(shop.pattern_vhd("pattern", 4, rounds=50))
    with Qemu(flash, bus="usb-ehci", extra=[(shop.pattern_disk("first", 4096), "ide")]) as pc:
        pc.wait("vhdboot")
        pc.guest()
