# SPDX-License-Identifier: GPL-2.0-or-later
"""The small guests on raw disks, without vhdboot: what fails here is no fault of ours."""
import pytest
from emulator import Bochs, Qemu


@pytest.mark.parametrize("guest", ["pattern", "scribe"])
def test_guest_on_a_raw_disk_in_qemu(shop, guest):
    with Qemu(shop.pattern_disk(guest, 16384), bus="ahci") as pc:
        pc.guest()


def test_guest_pattern_on_a_raw_disk_in_bochs(shop):
    with Bochs(shop.pattern_disk("pattern", 16 * 1008)) as pc:
        pc.guest()
