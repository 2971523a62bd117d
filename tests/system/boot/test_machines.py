#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The small guests on raw disks, without vhdboot: what fails here is no fault of ours."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from emulator import Bochs, Qemu                                            # noqa: E402
from flash import Workshop                                                  # noqa: E402
from report import end, need, test                                          # noqa: E402

with Workshop() as shop:
    for guest in ("pattern", "scribe"):
        with test(f"guest {guest} on a raw disk in QEMU"):
            with Qemu(shop.pattern_disk(guest, 16384), bus="ahci") as pc:
                pc.guest()
    with test("guest pattern on a raw disk in Bochs"):
        need("bochs")
        with Bochs(shop.pattern_disk("pattern", 16 * 1008)) as pc:
            pc.guest()
end()
