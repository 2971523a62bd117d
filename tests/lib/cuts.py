# SPDX-License-Identifier: GPL-2.0-or-later
"""mkimage, or another program that may be given, cut off at a write of its own (tests/tools/cut.c), in the current
folder, where the fixture `cutting` is."""
import os
import shutil
import subprocess

from tools import ENV, MKIMAGE


def cut(count, lose, command, target="d.img", program=MKIMAGE):
    """False when the command was through before the cut. count -1: it is not cut, and cut_total() tells its writes."""
    env = {**ENV, "LD_PRELOAD": os.path.abspath("cut.so"), "CUT_FILE": target,
           "CUT_AFTER": str(count), "CUT_SECTORS": "0", "CUT_LOSE": str(lose), "CUT_TOTAL": "total"}
    done = subprocess.run([program, *command], env=env, timeout=60, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    assert done.returncode in (0, 99), done.stderr.decode()
    return done.returncode == 99


def cut_total():
    with open("total", encoding="ascii") as file:
        return int(file.read())


def writes_of(command, target="d.img", start="old.img", program=MKIMAGE):
    """How many writes the command takes on `target`, a copy of `start`: on a drive without a cache, and on one with."""
    totals = []
    for lose in (0, 1):                 # zeros are written one by one where writes may be lost
        shutil.copy(start, target)
        assert not cut(-1, lose, command, target, program)
        totals.append(cut_total())
    return totals


def sweep(command, totals, number, rng, judge, target="d.img", start="old.img", program=MKIMAGE):
    """Cuts the command off at `number` of its writes by turns on either drive; at all of them where that is "all".
    Returns how often judge(), which has to end what was cut, found what."""
    if number == "all":
        cuts = [(n, 0) for n in range(totals[0])] + [(n, rng.randrange(1, 1 << 30)) for n in range(totals[1])]
    else:
        cuts = [(rng.randrange(totals[n % 2]), n % 2 and rng.randrange(1, 1 << 30)) for n in range(int(number))]
    seen = {}
    for count, lose in cuts:
        shutil.copy(start, target)
        try:
            assert cut(count, lose, command, target, program)
            state = judge()
        except AssertionError as error:
            raise AssertionError(f"cut at write {count} of {totals}, lose {lose}: {error}") from error
        seen[state] = seen.get(state, 0) + 1
    print(f"{len(cuts)} cuts of {totals} writes: {seen}")
    return seen


def no_cluster_lost_to_two(volume):
    """Nothing in use counts as free; more may count as used than is."""
    text = subprocess.run(["ntfsresize", "-i", "-f", volume], env=ENV, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False).stdout.decode()
    assert "missing" not in text and "Corrupt" not in text, text
