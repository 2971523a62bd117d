# SPDX-License-Identifier: GPL-2.0-or-later
"""Two minutes of `make soak`: random sequences of verbs, boots, cuts and changes by others, and the model's word on
each (tests/soak/steps.py). SOAK_SECONDS: longer."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).resolve().parents[2] / "soak" / "soak.py"
SECONDS = int(os.environ.get("SOAK_SECONDS", "120"))


@pytest.mark.takes(SECONDS)
@pytest.mark.timeout(2 * SECONDS + 300)
def test_no_sequence_loses_anything():
    done = subprocess.run([sys.executable, SOAK, "--seconds", str(SECONDS), "--losses", "1"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True)
    print(done.stdout)
    assert done.returncode == 0 and " sequences, " in done.stdout
