# SPDX-License-Identifier: GPL-2.0-or-later
"""The serving engine when power fails or the disk refuses: tests/serve/cut.c records a run, cuts it after each
change, in order, torn, and with any of what was not synced lost, and judges with the loader's own readers;
some of the cut files QEMU reads as well."""
import os
import shutil
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))
import images                                                                   # noqa: E402
from served import BUILD, KINDS, vhd_chain, vhdx_chain, MIB                     # noqa: E402

CUT = os.path.join(BUILD, "serve", "cut")
SMALL = {
    "fixed VHD": KINDS["fixed VHD"],
    "dynamic VHD": lambda folder: vhd_chain(folder, depth=0, size=4 * MIB, block_size=64 << 10, seed=1),
    "dynamic VHD, exact bits": lambda folder: vhd_chain(folder, depth=0, size=4 * MIB, block_size=64 << 10, seed=2,
                                                        all_bits=False),
    "dynamic VHD, slack": lambda folder: vhd_chain(folder, depth=0, size=4 * MIB, block_size=64 << 10, seed=3,
                                                   slack=900 << 10, junk=True),
    "differencing VHD": lambda folder: vhd_chain(folder, depth=1, size=4 * MIB, block_size=64 << 10, seed=4),
    "differencing VHD, slack": lambda folder: vhd_chain(folder, depth=2, size=4 * MIB, block_size=64 << 10, seed=5,
                                                        slack=900 << 10, junk=True),
    "dynamic VHDX": lambda folder: vhdx_chain(folder, depth=0, size=8 * MIB, seed=6),
    "differencing VHDX": lambda folder: vhdx_chain(folder, depth=1, size=8 * MIB, seed=7),
    "differencing VHDX, depth 2": lambda folder: vhdx_chain(folder, depth=2, size=8 * MIB, seed=8),
}


def cut(image, *options):
    done = images.run(CUT, *options, *image.chain, status=None)
    last = done.stdout.decode().splitlines()
    assert done.returncode == 0, "\n".join(last) + done.stderr.decode()
    words = last[-1].split()
    return {words[i + 1].rstrip(","): int(words[i]) for i in range(0, len(words) - 1, 2) if words[i].isdigit()}


@pytest.mark.parametrize("kind", SMALL)
@pytest.mark.parametrize("where", ["host", "volume"])
def test_cuts(kind, where, tmp_path):
    image = SMALL[kind](str(tmp_path))
    place = ["--slack"] if where == "volume" else []
    for seed in (1, 2):
        counts = cut(image, "--seed", seed, "--shuffles", 3, *place)
        assert counts["losses"] == 0 and counts["cuts"] > 60


@pytest.mark.parametrize("kind", SMALL)
def test_faults(kind, tmp_path):
    """A write, or a sync, that fails: told, and what is there stays whole."""
    image = SMALL[kind](str(tmp_path))
    counts = cut(image, "--seed", 3, "--faults", 40)
    assert counts["losses"] == 0 and counts["faults"] == 40


@pytest.mark.parametrize("kind", ["dynamic VHDX", "differencing VHDX"])
@pytest.mark.parametrize("where", ["host", "volume"])
def test_what_is_synced_before_a_header_says_that_all_is_well(kind, where, tmp_path):
    """A VHDX is closed when a header names no log: all else is on the medium by then. And a header names a log only
    when that is there."""
    image = SMALL[kind](str(tmp_path))
    place = ["--slack"] if where == "volume" else []
    sessions = 0
    for seed in range(8):                               # so that some are closed with tables not yet in the file
        lines = images.run(CUT, "--list", "--seed", seed, "--requests", 30, *place, *image.chain).stdout
        owed, clean = False, True                       # as the image is at first
        for kind_of, at, _, data in (line.split(" ") for line in lines.decode().split("\n") if line):
            if kind_of == "sync":
                owed = False
            elif kind_of != "write" or int(at) not in (1 << 16, 2 << 16):
                owed = True
            elif clean != (not int(data[96:128], 16)):  # the header's id of the log
                assert not owed, f"seed {seed}: something before it may not be on the medium"
                clean = not clean
                sessions += clean
        assert clean
    assert sessions > 2


@pytest.mark.parametrize("kind", ["dynamic VHD", "dynamic VHDX"])
def test_cut_files_are_read_by_qemu(kind, tmp_path):
    """What we read of a cut file, QEMU reads: for a VHDX once it has replayed the log."""
    image = SMALL[kind](str(tmp_path))
    kept = tmp_path / "kept"
    kept.mkdir()
    cut(image, "--seed", 4, "--every", 3, "--keep", kept, 40)
    files = sorted(kept.glob("*.cut"))
    assert len(files) >= 15
    for file in files:
        if image.form == "vhdx":
            images.run("qemu-img", "check", "-r", "all", "-f", "vhdx", file)
            images.run("qemu-img", "check", "-f", "vhdx", file)
        images.equal(images.by_qemu(str(file), image.form), file.with_suffix(".raw").read_bytes(), file.name)
    shutil.rmtree(kept)
