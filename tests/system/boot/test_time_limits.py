# SPDX-License-Identifier: GPL-2.0-or-later
"""The time limits of the tests' machines (tests/lib/emulator.py), with a shell in a machine's place."""
import subprocess

import pytest
from emulator import Emulator, NotSeen


class Shell(Emulator):
    def __init__(self, script, limit, starved=0.0):
        super().__init__(limit)
        self.most_starved = starved
        with open(f"{self.folder}/out", "wb") as out:
            self.child = subprocess.Popen(["sh", "-c", script], stdout=out)

    def raw(self):
        try:
            with open(f"{self.folder}/out", "rb") as out:
                return out.read()
        except FileNotFoundError:
            return b""


def test_what_hangs_is_ended():
    with Shell("exec sleep 300", 0.3) as shell, pytest.raises(NotSeen, match="not seen after"):
        shell.wait("word")
    with Shell("exec sleep 300", 300) as shell, pytest.raises(NotSeen, match="did not end"):
        shell.wait_end(0.3)


def test_waiting_for_a_processor_does_not_count():
    with Shell("sleep 1; echo word; sleep 1", 0.3, starved=100) as shell:
        shell.wait("^word$")
        shell.wait_end(100)
        assert shell.seconds > 2 and shell.child.returncode == 0


def test_a_busy_one_is_ended_too():
    with Shell("while :; do :; done", 300) as shell:
        with pytest.raises(NotSeen, match="did not end"):
            shell.wait_end(0.5)
        assert 0 <= shell.starved() < shell.seconds
