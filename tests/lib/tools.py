# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of others that tests need: what is not there fails the test that needs it."""
import os
import shutil

PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"


def need(*programs):
    for program in programs:
        assert shutil.which(program, path=PATH), f"{program} is not installed: make deps installs it"
