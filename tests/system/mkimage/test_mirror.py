# SPDX-License-Identifier: GPL-2.0-or-later
"""The MFT's first records and their copies in $MFTMirr: ntfs-3g mounts a volume only while both are the same. On a
flash that mkimage made no verb touches them, so it mounts wherever a verb is cut off. Where a foreign volume's MFT has
to grow, two sectors must be written: at the one cut between them the volume is refused until the verb runs again."""
import os
import shutil
import subprocess

import pytest

from ntfsdisk import MIB, START, cut_out, disk, fixed_vhd, volume
from tools import ENV, MKIMAGE, mkimage, run

pytestmark = [pytest.mark.usefixtures("cutting"), pytest.mark.takes(10)]


def cut_at(count, *command):
    """False when the command was through before the cut."""
    env = {**ENV, "LD_PRELOAD": os.path.abspath("cut.so"), "CUT_FILE": "d.img", "CUT_AFTER": str(count),
           "CUT_SECTORS": "0"}
    done = subprocess.run([MKIMAGE, *command], env=env, timeout=60, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False)
    assert done.returncode in (0, 99), done.stderr
    return done.returncode == 99


def mounts():
    """What libntfs-3g says when it opens the volume as a mount does; ntfsfix looks and writes nothing."""
    cut = cut_out("d.img")
    info = run("ntfsinfo", "-m", cut, status=None)
    said = (info.stdout + info.stderr + run("ntfsfix", "-n", cut, status=None).stdout
            + run("ntfsresize", "-i", "-f", cut, status=None).stdout).decode(errors="replace")
    refused = info.returncode or "does not match $MFT" in said or "Failed to mount" in said
    assert bool(info.returncode) == bool(refused), said
    return not refused


def sweep(*command):
    """At which writes of so many a cut leaves a volume that does not mount; then the command once more."""
    refused = []
    for count in range(1000):
        shutil.copy("old.img", "d.img")
        if not cut_at(count, *command):
            assert mounts()
            return refused, count
        if not mounts():
            refused.append(count)
            assert b"ntfs-3g will not mount it" in mkimage("check", "d.img", status=None).stdout
            mkimage("install", "d.img")
            assert mounts(), "install mends it, whatever was cut"
            shutil.copy("old.img", "d.img")
            cut_at(count, *command)
            mkimage(*command)
            assert mounts(), "the same verb mends it"
    raise AssertionError("it has no end")


@pytest.fixture
def flash(cutting):
    run("qemu-img", "create", "-q", "-f", "vpc", "-o", "force_size=on", "a.vhd", 4 * MIB)
    mkimage("flash", "old.img", "--vhd", "a.vhd", "--size", "32M")


@pytest.mark.usefixtures("flash")
@pytest.mark.parametrize("verb", ["snapshot", "reserve", "rollback", "rollback --drop", "merge"])
def test_verbs_on_a_flash(verb):
    if verb.startswith(("rollback", "merge")):
        mkimage("snapshot", "old.img", "--size", "2M")
    options = ["--size", "2M"] if verb in ("snapshot", "reserve") else []
    refused, writes = sweep(*verb.split()[:1], "d.img", *verb.split()[1:], *options)
    assert writes > 3 and not refused, f"cut at {refused} of {writes} writes"


def test_many_snapshots_need_no_longer_mft():
    run("qemu-img", "create", "-q", "-f", "vpc", "-o", "force_size=on", "a.vhd", 4 * MIB)
    mkimage("flash", "old.img", "--vhd", "a.vhd", "--size", "160M")
    with open("old.img", "rb") as file:
        file.seek(START + 48)
        mft = START + 4096 * int.from_bytes(file.read(8), "little")
        file.seek(mft)
        before = file.read(4096)
    for _ in range(30):
        mkimage("snapshot", "old.img", "--size", "4K")
    with open("old.img", "rb") as file:
        file.seek(mft)
        assert file.read(4096) == before


def test_a_snapshot_on_a_fresh_volume():
    volume("v.ntfs", 40 * MIB)
    run("qemu-img", "create", "-q", "-f", "vpc", "-o", "force_size=on", "a.vhd", 4 * MIB)
    run("ntfscp", "-q", "v.ntfs", "a.vhd", "a.vhd")
    disk("old.img", "v.ntfs")
    mkimage("install", "old.img")
    mkimage("reserve", "old.img", "--size", "2M", status=None)
    refused, writes = sweep("snapshot", "d.img", "--size", "2M")
    assert writes > 8 and not refused, f"cut at {refused} of {writes} writes"


@pytest.mark.parametrize("old_file", [False, True], ids=["new file", "file replaced"])
@pytest.mark.parametrize("cluster", [512, 4096])
def test_install_on_a_fresh_volume(cluster, old_file):
    volume("v.ntfs", 16 * MIB, cluster=cluster)
    if old_file:
        fixed_vhd("other", 4 * MIB)
        run("ntfscp", "-q", "v.ntfs", "other", "vhdboot.bin")
    disk("old.img", "v.ntfs")
    refused, writes = sweep("install", "d.img")
    assert writes > 8 and len(refused) <= (0 if old_file else 1), f"cut at {refused} of {writes} writes"


def test_a_mirror_of_more_than_four_records():
    """Where a cluster has room for more: the root folder's is one, and changes with each name."""
    volume("v.ntfs", 40 * MIB, cluster=8192)
    run("qemu-img", "create", "-q", "-f", "vpc", "-o", "force_size=on", "a.vhd", 4 * MIB)
    run("ntfscp", "-q", "v.ntfs", "a.vhd", "a.vhd")
    disk("old.img", "v.ntfs")
    mkimage("install", "old.img")
    mkimage("snapshot", "old.img", "--size", "2M")
    refused, writes = sweep("merge", "d.img")
    assert writes > 8 and len(refused) == 1, f"cut at {refused} of {writes} writes"
