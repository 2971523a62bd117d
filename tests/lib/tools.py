# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs mkimage and the programs of others. What is not installed fails the test that needs it."""
import os
import re
import shutil
import subprocess

BUILD = os.path.abspath(os.environ.get("B", "build"))
MKIMAGE = os.path.join(BUILD, "mkimage")
FRAGMENT = os.path.join(BUILD, "tools", "fragment")
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
ENV = {**os.environ, "PATH": PATH, "LC_ALL": "C.UTF-8"}


def need(*programs):
    for program in programs:
        assert shutil.which(program, path=PATH), f"{program} is not installed: make deps installs it"


def run(*command, status=0, stdin=None):
    """The finished process, its output and errors as bytes; `status=None`: it may end as it likes."""
    done = subprocess.run([str(part) for part in command], stdin=stdin or subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, env=ENV, check=False)
    assert status is None or done.returncode == status, \
        f"{command}: status {done.returncode}: {done.stderr.decode(errors='replace')}"
    return done


def mkimage(*arguments, status=0):
    return run(MKIMAGE, *arguments, status=status)


def refused(*arguments, words=""):
    """A refusal: status 1, one sentence that says what, where and what to do."""
    done = mkimage(*arguments, status=1)
    lines = done.stderr.decode(errors="replace").splitlines()
    assert len(lines) == 1 and lines[0].startswith("mkimage: ") and lines[0].endswith("."), lines
    assert re.search(words, lines[0]), lines[0]
    return lines[0]
