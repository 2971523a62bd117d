# SPDX-License-Identifier: GPL-2.0-or-later
"""mkimage vhd where the new file has no room, or may not become so long."""
import os
import random
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))
import images                                                                   # noqa: E402
from images import mkimage                                                      # noqa: E402
from served import MIB, Server                                                  # noqa: E402
from tools import MKIMAGE                                                       # noqa: E402


@pytest.mark.parametrize("form", ["vhd", "vhdx"])
def test_a_full_file_system(form, tmp_path):
    """What there is stays as it is, nothing is left behind, and what is said is what helps."""
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", small], check=False).returncode:
        pytest.skip("only root may mount a small file system")
    try:
        base, child, other = (small / f"{name}.{form}" for name in ("base", "child", "other"))
        mkimage("vhd", "create", base, "--size", "40M", "--block-size", "1M")
        mkimage("vhd", "create", child, "--parent", base)
        with Server(tmp_path, "file=" + str(child)) as server:
            server.connect().pwrite(b"7" * (8 * MIB), 0)
        before = {path: path.read_bytes() for path in (base, child)}
        for words in (["convert", child, other], ["compact", child], ["rebase", child, "--parent", base],
                      ["merge", child]):
            said = mkimage("vhd", *words, status=1).stderr.decode()
            assert "no space is left" in said and f"{small}/" in said, said
            assert {path: path.read_bytes() for path in small.iterdir()} == before, words
    finally:
        images.run("umount", small)


@pytest.mark.parametrize("form", ["vhd", "vhdx"])
def test_files_that_may_not_become_so_long(form, tmp_path):
    """ulimit -f: a sentence, not a signal, and nothing is left."""
    raw, image, new = tmp_path / "raw", tmp_path / f"disk.{form}", tmp_path / f"new.{form}"
    raw.write_bytes(random.Random(3).randbytes(9 * MIB))
    mkimage("vhd", "convert", raw, image, "--block-size", "1M")
    before = image.read_bytes()
    for words in (["convert", raw, new], ["create", new, "--size", "9M", "--kind", "fixed"], ["compact", image],
                  ["resize", image, "--size", "10M"]):
        done = subprocess.run(["prlimit", f"--fsize={8 * MIB}", MKIMAGE, "vhd", *words], capture_output=True,
                              check=False)
        said = done.stderr.decode()
        assert done.returncode == 1 and said.count("\n") == 1, done
        assert "cannot become that long. Raise the limit" in said or words[0] == "create" and "too large" in said, said
        assert image.read_bytes() == before and set(tmp_path.iterdir()) == {raw, image}
