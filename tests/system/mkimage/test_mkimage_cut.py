# SPDX-License-Identifier: GPL-2.0-or-later
"""The power fails at every write of install and restore: the old boot code or the new one is whole, and
the volume has at worst clusters that belong to nobody."""
import os
import shutil
import subprocess

import pytest

from files import read
from ntfsdisk import MIB, START, cut_out, disk, volume
from tools import BUILD, ENV, MKIMAGE, mkimage, run

MBR, VBR, STAGE2 = (read(os.path.join(BUILD, name)) for name in ("mbr.bin", "vbr.bin", "vhdboot.bin"))


def cut_at(count, sectors, *command):
    """False when the command was through before the cut."""
    env = {**ENV, "LD_PRELOAD": os.path.abspath("cut.so"), "CUT_FILE": "d.img",
           "CUT_AFTER": str(count), "CUT_SECTORS": str(sectors)}
    done = subprocess.run([MKIMAGE, *command], env=env, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert done.returncode in (0, 99), done.stderr
    return done.returncode == 99


def is_new(now, before):
    """What the boot record is now; all of it where its first sector is the new one."""
    vbr, old = now[START:START + 8192], before[START:START + 8192]
    new_first = vbr[84:512] == VBR[84:512]
    assert new_first or vbr[:512] == old[:512], "sector 0 of the boot record is half of each"
    assert vbr[3:84] == old[3:84]
    if new_first:
        assert vbr[512:] == VBR[512:], "new sector 0 before its other sectors"
    if now[:440] != before[:440]:
        assert now[:440] == MBR, "the MBR is half of each"
    assert now[440:512] == before[440:512]
    return new_first


def sound(old_file):
    """Nothing that is in use is marked as free; files are old or new, whole."""
    text = subprocess.run(["ntfsresize", "-i", "-f", cut_out("d.img")], env=ENV,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False).stdout.decode()
    assert "missing" not in text and "Corrupt" not in text, text
    assert mkimage("cat", "d.img:/keep").stdout == read("keep")
    done = mkimage("cat", "d.img:/vhdboot.bin", status=None)
    if done.returncode:
        assert old_file is None, done.stderr
        return None
    assert done.stdout in (STAGE2, old_file), "vhdboot.bin is half of each"
    return done.stdout


@pytest.mark.takes(12)
@pytest.mark.usefixtures("cutting")
@pytest.mark.parametrize("old_file", [pytest.param(None, id="new_file"),
                                      pytest.param(b"old code" * 5000, id="file_replaced")])
def test_each_cut(old_file):
    for name in ("backup", "b2"):
        if os.path.exists(name):
            os.unlink(name)
    with open("keep", "wb") as file:
        file.write(os.urandom(MIB))
    volume("v.ntfs", 16 * MIB, cluster=512 if old_file else 4096)
    run("ntfscp", "-q", "v.ntfs", "keep", "keep")
    if old_file:
        with open("old", "wb") as file:
            file.write(old_file)
        run("ntfscp", "-q", "v.ntfs", "old", "vhdboot.bin")
    disk("old.img", "v.ntfs")
    before = read("old.img")
    cuts = 0
    for sectors in (0, 1, 3):
        for count in range(200):
            shutil.copy("old.img", "d.img")
            if not cut_at(count, sectors, "install", "d.img"):
                break
            cuts += 1
            new = is_new(read("d.img"), before)
            if old_file is None and sectors:
                continue # inside a write of a folder: only what `restore` promises, below
            content = sound(old_file)
            assert not new or content == STAGE2, "new boot record before vhdboot.bin"
            mkimage("install", "d.img")
            assert is_new(read("d.img"), before) and sound(old_file) == STAGE2
    shutil.copy("old.img", "d.img")
    mkimage("install", "d.img", "--backup", "backup")
    shutil.copy("d.img", "new.img")
    for sectors in (0, 2):
        for count in range(200):
            shutil.copy("new.img", "d.img")
            if not cut_at(count, sectors, "restore", "d.img", "backup"):
                break
            cuts += 1
            if not sectors:
                sound(old_file)
            mkimage("restore", "d.img", "backup")
            assert read("d.img") == before, "a second restore ends what the first began"
            # and an install that was cut is taken back as well
            shutil.copy("old.img", "d.img")
            if os.path.exists("b2"):
                os.unlink("b2")
            if cut_at(count, sectors, "install", "d.img", "--backup", "b2"):
                mkimage("restore", "d.img", "b2")
                assert read("d.img") == before, "restore after a cut install"
    assert cuts
