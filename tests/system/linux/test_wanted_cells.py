# SPDX-License-Identifier: GPL-2.0-or-later
"""Which cells `make linux-root` runs (tests/linuxroot/conftest.py). None of them is run here."""
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
COLLECT = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]


def collect(folder, wanted, what="tests/linuxroot"):
    """(The cells that would run, all that was said, the exit status); the table of the last run is in `folder`."""
    done = subprocess.run([*COLLECT, what], cwd=ROOT, env={**os.environ, "B": str(folder), "LINUX_ROOT_CELLS": wanted},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    cells = re.findall(r"^tests/linuxroot/\S+::(?:.*\[(.+)\]|test_(\w+))$", done.stdout, re.MULTILINE)
    return [one or other for one, other in cells], done.stdout, done.returncode


def test_named(tmp_path):
    cells, _, status = collect(tmp_path, "usb2, kexec*")
    assert (cells, status) == (["usb2", "kexec", "kexec-usb3", "kexec-running", "kexec-discard"], 0)


def test_misspelt(tmp_path):
    """Beside a good one, too: nobody shall believe that it has run."""
    _, said, status = collect(tmp_path, "usb2 nmve")
    assert status != 0 and "no cell is called nmve" in said and "nvme-beside" in said


def test_open(tmp_path):
    """Those that have not passed; when there are none, that is no failure."""
    all_of_them, _, _ = collect(tmp_path, "open")
    assert len(all_of_them) > 40
    lines = [f"{cell:<24} came up     1 s  2026-01-01" for cell in all_of_them]
    lines[3] = lines[3].replace("came up ", "failed  ")
    (tmp_path / "linux-root.txt").write_text("\n".join(lines[:-1]) + "\n")
    cells, said, status = collect(tmp_path, "open")
    assert (cells, status) == ([all_of_them[3], all_of_them[-1]], 0)
    number = len(all_of_them)
    assert f"{number - 2} of {number} came up, in {number - 2} s\n1 of {number} failed, in 1 s: {cells[0]}\n" in said
    lines[3] = lines[0].replace(all_of_them[0], all_of_them[3])
    (tmp_path / "linux-root.txt").write_text("\n".join(lines) + "\n")
    assert collect(tmp_path, "open")[::2] == ([], 0)


def test_as_a_failure_names_it(tmp_path):
    name = "tests/linuxroot/test_cells.py::test_cell[usb2]"
    assert collect(tmp_path, "", name)[::2] == (["usb2"], 0)
    assert collect(tmp_path, "")[0] == [], "make check runs none"
