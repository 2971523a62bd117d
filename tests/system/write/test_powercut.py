# SPDX-License-Identifier: GPL-2.0-or-later
"""Power cuts while a guest writes (tests/powercut/powercut.py), and that their judge sees a loss.

`make check` goes through the first cells of the matrix, with short sessions and each 31st cut. With POWERCUT_CELLS, so
many cells have long sessions and every cut; `all`, as `make powercut` has it: all of them."""
import os
import random
import subprocess

import powercut
import pytest
import scribe
from flash import Workshop
from model import WRONG, Model

MATRIX = powercut.matrix()
WANTED = os.environ.get("POWERCUT_CELLS", "0")
CELLS = len(MATRIX) if WANTED == "all" else int(WANTED)
USUAL_CELLS = 12                        # they have each value of each axis
USUALLY = {"rounds": 24, "every": 31, "oracles": 1}
WHOLLY = {"rounds": 60, "every": 1, "oracles": 2}
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


def test_the_judge_sees_what_is_wrong(shop):
    case = powercut.Case(0, 0, False)
    flash, _ = powercut.make_flash(shop, case, random.Random(3), 10, note_lba=scribe.NOTE_LBA)
    before, path = powercut.copy(flash, shop.path("before.img")), shop.path("record")
    powercut.session(flash, path, case.bus)
    with open(path, "rb") as file:
        good = file.read()
    assert verdict(before, path)[0] == 0, "a sound record: exit status"
    data = [e for e in entries(good) if e[0] != scribe.NOTE_LBA]
    assert len(data) >= 10, f"{len(data)} writes in the record"

    def damaged(what, wanted, at, new):
        with open(path, "wb") as file:
            file.write(good[:at] + new + good[at + len(new):])
        status, text = verdict(before, path)
        assert status == 1 and wanted in text, f"{what}: exit status {status}\n{text[-2000:]}"
    _, offset, count = data[5]
    damaged("a wrong byte", "neither old nor new", offset + (count - 1) * SECTOR + 300, b"\xaa\xbb")
    damaged("a write elsewhere", "outside of the image", offset - SECTOR, (3000).to_bytes(8, "little"))


JUDGED = {"dynamic": powercut.Case(1, 512 << 10, True, clear_bits=True),
          "differencing": powercut.Case(2, 512 << 10, True)}


@pytest.fixture(scope="module")
def flash_of():
    """flash_of(kind) is a flash with such a VHD, which the model does not change."""
    flashes = {}
    with Workshop() as shop:
        def of(kind):
            if kind not in flashes:
                path, _ = powercut.make_flash(shop, JUDGED[kind], random.Random(5), 0)
                flashes[kind] = powercut.copy(path, shop.path(f"{kind}.img"))
            return flashes[kind]
        yield of


@pytest.mark.parametrize("kind, wrong", [
    pytest.param(kind, wrong, id=f"{kind} VHD, {wrong or 'nothing'} wrong")
    for kind in JUDGED for wrong in (None, *(what for what, kinds in WRONG.items() if kind in kinds))])
def test_the_judge_on_a(shop, flash_of, kind, wrong):
    flash, record = flash_of(kind), shop.path("record")
    Model(flash, "disk.vhd", wrong).session(random.Random(6), 25, powercut.SECTORS, record)
    status, text = verdict(flash, record)
    assert status == (1 if wrong else 0), text[-2000:]


def takes(case):
    """Dynamic ones write most, for their blocks come with it."""
    return pytest.mark.takes((75 if CELLS else 1) * (30 if case.depth == 1 else 10))


@pytest.mark.timeout(7200 if CELLS else 600)
@pytest.mark.parametrize("case", [pytest.param(case, id=str(case), marks=takes(case))
                                  for case in MATRIX[:CELLS or USUAL_CELLS]])
def test_power_cuts(shop, record_property, case):
    total = powercut.power_cuts(shop, case, **(WHOLLY if CELLS else USUALLY))
    print(", ".join(f"{name} {count}" for name, count in total.items() if count))
    record_property("power cuts", dict(total))      # conftest.py adds them up
