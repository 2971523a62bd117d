# SPDX-License-Identifier: GPL-2.0-or-later
"""What cuts mkimage off at a write (tests/tools/cut.c)."""
import os

import pytest

from tools import run


@pytest.fixture(scope="session")
def cut_library(pytestconfig, tmp_path_factory):
    library = tmp_path_factory.mktemp("cut") / "cut.so"
    run("gcc", "-shared", "-fPIC", "-O1", pytestconfig.rootpath / "tests" / "tools" / "cut.c", "-o", library)
    return library


@pytest.fixture
def cutting(folder, cut_library):
    """The test's folder, with cut.so in it."""
    os.symlink(cut_library, "cut.so")
    return folder
