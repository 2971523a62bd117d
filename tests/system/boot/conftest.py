# SPDX-License-Identifier: GPL-2.0-or-later
"""For the tests of the boot records."""
import pytest


@pytest.fixture
def records(tmp_path):
    """Makes volumes and disks (tests/boot/records.py)."""
    import records
    return records.Records(tmp_path)
