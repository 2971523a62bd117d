# SPDX-License-Identifier: GPL-2.0-or-later
"""mkimage cut off at a write of its own (tests/tools/cut.c), in the current folder, where the fixture `cutting` is."""
import os
import subprocess

from tools import ENV, MKIMAGE


def cut(count, lose, command, target="d.img"):
    """False when the command was through before the cut. count -1: it is not cut, and cut_total() tells its writes."""
    env = {**ENV, "LD_PRELOAD": os.path.abspath("cut.so"), "CUT_FILE": target,
           "CUT_AFTER": str(count), "CUT_SECTORS": "0", "CUT_LOSE": str(lose), "CUT_TOTAL": "total"}
    done = subprocess.run([MKIMAGE, *command], env=env, timeout=60, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    assert done.returncode in (0, 99), done.stderr.decode()
    return done.returncode == 99


def cut_total():
    with open("total", encoding="ascii") as file:
        return int(file.read())


def no_cluster_lost_to_two(volume):
    """Nothing in use counts as free; more may count as used than is."""
    text = subprocess.run(["ntfsresize", "-i", "-f", volume], env=ENV, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False).stdout.decode()
    assert "missing" not in text and "Corrupt" not in text, text
