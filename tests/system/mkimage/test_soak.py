# SPDX-License-Identifier: GPL-2.0-or-later
"""The first sequences of `make soak`: verbs, boots, cuts and changes by others, and the model's word on each
(tests/soak/steps.py). The same ones each time, some two minutes; SOAK_SEQUENCES: more of them."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).resolve().parents[2] / "soak" / "soak.py"
SEQUENCES = int(os.environ.get("SOAK_SEQUENCES", "550"))


@pytest.mark.takes(120)
@pytest.mark.timeout(2 * SEQUENCES + 300)
def test_no_sequence_loses_anything():
    done = subprocess.run([sys.executable, SOAK, "--sequences", str(SEQUENCES), "--losses", "1"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True)
    print(done.stdout)
    assert done.returncode == 0 and " sequences, " in done.stdout
