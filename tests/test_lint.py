# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules that a machine can check."""
import os
import subprocess


def test_lint(build, pytestconfig):
    root = pytestconfig.rootpath
    without_make = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(["make", "--no-print-directory", "lint", f"B={os.path.relpath(build, root)}"], cwd=root,
                          env=without_make, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    assert done.returncode == 0, "make lint:\n" + done.stdout.decode(errors="replace")
