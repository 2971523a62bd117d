# SPDX-License-Identifier: GPL-2.0-or-later
"""Images in many pieces, on clusters of every size: the guest reads and compares all."""
import re

import pytest
from emulator import Qemu
from flash import extents, mkimage_json
from ntfsedit import Volume, split_mft

CASES = {                               # name: (MiB, cluster, pieces, further options)
    "contiguous, clusters of 512 bytes": (16, 512, 1, ()),
    "contiguous, clusters of 64 KiB": (16, 65536, 1, ()),
    "contiguous, clusters of 2 MiB": (16, 2 << 20, 1, ()),
    "1,000 pieces": (16, 4096, 1000, ()),
    "1,000 pieces out of order": (16, 4096, 1000, ("--scatter",)),
    "300 pieces out of order, clusters of 64 KiB": (32, 65536, 300, ("--scatter",)),
    "50,000 pieces": (26, 512, 50000, ()),
}


@pytest.mark.parametrize("mib, cluster, pieces, options", CASES.values(), ids=CASES)
def test_an_image(shop, mib, cluster, pieces, options):
    flash = shop.formatted(shop.pattern_vhd("pattern", mib, rounds=100), cluster, pieces=pieces,
                           options=options)
    assert len(extents(flash)) == pieces, "pieces"
    answer = mkimage_json("check", flash)
    assert answer["boots"] is True, "mkimage check"
    image = next(step["text"] for step in answer["steps"] if step["name"] == "image")
    with Qemu(flash, bus="virtio", memory=64, limit=240) as pc:
        pc.wait("^" + re.escape(image))         # the machine says the same
        pc.guest()


def boots(flash, bus):
    with Qemu(flash, bus=bus) as pc:
        pc.wait(r"disk\.vhd: fixed VHD")
        pc.guest()


def test_a_volume_with_sectors_of_4096_bytes(shop):
    boots(shop.formatted(shop.pattern_vhd("pattern", 16, rounds=100), 4096, pieces=20, sector=4096), "virtio")


def test_an_mft_in_pieces_with_an_attribute_list_of_its_own(shop):
    flash = shop.formatted(shop.pattern_vhd("pattern", 16, rounds=100), pieces=2000, partition=False)
    volume = Volume(flash)
    split_mft(volume, 24)
    volume.close()
    assert len(extents(flash)) == 2000, "pieces"
    boots(flash, "virtio")


def test_a_volume_without_a_partition_table(shop):
    boots(shop.formatted(shop.pattern_vhd("pattern", 16, rounds=100), partition=False), "ahci")
