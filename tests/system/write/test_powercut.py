#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A share of `make powercut` (tests/powercut/powercut.py), and that its judge sees a loss."""
import os
import random
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "powercut"))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from model import WRONG, Model                                              # noqa: E402
import powercut                                                             # noqa: E402
import scribe                                                               # noqa: E402
from flash import Workshop                                                  # noqa: E402
from report import check, check_equal, test                                 # noqa: E402

SECTOR = 512


def entries(record):
    """Offsets of an entry's data, and its count of sectors: [(sector, offset, count)]."""
    count = int.from_bytes(record[16:24], "little")
    at, out = SECTOR, []
    for _ in range(count):
        sector, sectors = (int.from_bytes(record[at + i:at + i + 8], "little") for i in (0, 8))
        out.append((sector, at + SECTOR, sectors))
        at += SECTOR * (1 + sectors)
    return out


def verdict(before, record):
    done = subprocess.run([powercut.JUDGE, before, record, "/disk.vhd", str(scribe.NOTE_LBA)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode(errors="replace")


with test("power cuts: the judge sees what is wrong"), Workshop() as shop:
    case = powercut.Case(0, 0, False)
    flash, _ = powercut.make_flash(shop, case, random.Random(3), 10, note_lba=scribe.NOTE_LBA)
    before, path = powercut.copy(flash, shop.path("before.img")), shop.path("record")
    powercut.session(flash, path, case.bus)
    with open(path, "rb") as file:
        good = file.read()
    check_equal(verdict(before, path)[0], 0, "a sound record: exit status")
    data = [e for e in entries(good) if e[0] != scribe.NOTE_LBA]
    check(len(data) >= 10, f"{len(data)} writes in the record")

    def damaged(what, wanted, at, new):
        with open(path, "wb") as file:
            file.write(good[:at] + new + good[at + len(new):])
        status, text = verdict(before, path)
        check(status == 1 and wanted in text, f"{what}: exit status {status}\n{text[-2000:]}")
    sector, offset, count = data[5]
    damaged("a wrong byte", "neither old nor new", offset + (count - 1) * SECTOR + 300, b"\xaa\xbb")
    damaged("a write elsewhere", "outside of the image", offset - SECTOR, (3000).to_bytes(8, "little"))

CASES = {"dynamic": powercut.Case(1, 512 << 10, True, clear_bits=True),
         "differencing": powercut.Case(2, 512 << 10, True)}
for kind, case in CASES.items():
    with Workshop() as shop:
        flash, _ = powercut.make_flash(shop, case, random.Random(5), 0)
        for wrong in (None, *(what for what, kinds in WRONG.items() if kind in kinds)):
            with test(f"power cuts: the judge on a {kind} VHD, {wrong or 'nothing'} wrong"):
                Model(flash, "disk.vhd", wrong).session(random.Random(6), 25, powercut.SECTORS,
                                                        shop.path("record"))
                status, text = verdict(flash, shop.path("record"))
                check_equal(status, 1 if wrong else 0, f"{text[-2000:]}\nexit status")

powercut.main(float(os.environ.get("POWERCUT_SECONDS", "75")))
