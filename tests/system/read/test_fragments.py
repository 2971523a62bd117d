#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Images in many pieces, on clusters of every size: the guest reads and compares all."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "ntfs"))
from emulator import Qemu                                                   # noqa: E402
from flash import Workshop, extents, mkimage_json                           # noqa: E402
from ntfsedit import Volume, split_mft                                      # noqa: E402
from report import check_equal, end, test                                   # noqa: E402

CASES = {                               # name: (MiB, cluster, pieces, further options)
    "contiguous, clusters of 512 bytes": (16, 512, 1, ()),
    "contiguous, clusters of 64 KiB": (16, 65536, 1, ()),
    "contiguous, clusters of 2 MiB": (16, 2 << 20, 1, ()),
    "1,000 pieces": (16, 4096, 1000, ()),
    "1,000 pieces out of order": (16, 4096, 1000, ("--scatter",)),
    "300 pieces out of order, clusters of 64 KiB": (32, 65536, 300, ("--scatter",)),
    "50,000 pieces": (26, 512, 50000, ()),
}

for name, (mib, cluster, pieces, options) in CASES.items():
    with test(name), Workshop() as shop:
        flash = shop.formatted(shop.pattern_vhd("pattern", mib, rounds=100), cluster, pieces=pieces,
                               options=options)
        check_equal(len(extents(flash)), pieces, "pieces")
        answer = mkimage_json("check", flash)
        check_equal(answer["boots"], True, "mkimage check")
        image = next(step["text"] for step in answer["steps"] if step["name"] == "image")
        with Qemu(flash, bus="virtio", memory=64, limit=240) as pc:
            pc.wait("^" + re.escape(image))         # the machine says the same
            pc.guest()

with test("a volume with sectors of 4096 bytes"), Workshop() as shop:
    flash = shop.formatted(shop.pattern_vhd("pattern", 16, rounds=100), 4096, pieces=20, sector=4096)
    with Qemu(flash, bus="virtio") as pc:
        pc.wait(r"disk\.vhd: fixed VHD")
        pc.guest()

with test("an MFT in pieces, with an attribute list of its own"), Workshop() as shop:
    flash = shop.formatted(shop.pattern_vhd("pattern", 16, rounds=100), pieces=2000, partition=False)
    volume = Volume(flash)
    split_mft(volume, 24)
    volume.close()
    check_equal(len(extents(flash)), 2000, "pieces")
    with Qemu(flash, bus="virtio") as pc:
        pc.wait(r"disk\.vhd: fixed VHD")
        pc.guest()

with test("a volume without a partition table"), Workshop() as shop:
    flash = shop.formatted(shop.pattern_vhd("pattern", 16, rounds=100), partition=False)
    with Qemu(flash, bus="ahci") as pc:
        pc.wait(r"disk\.vhd: fixed VHD")
        pc.guest()
end()
