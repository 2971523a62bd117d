# SPDX-License-Identifier: GPL-2.0-or-later
"""A folder with 30,000 names: every one is listed, and one is found by few reads, as the tree is descended."""
import os
import re
import subprocess

from flash import tool
from ntfsedit import Mounted, mkntfs

NAMES = 30000


def probe(image, *arguments):
    done = subprocess.run([tool("ntfs/ntfs_probe"), image, *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=60, check=False)
    reads = int(re.search(rb"reads (\d+)", done.stderr).group(1))
    return done.returncode, done.stdout.decode(), reads


def test_30000_names_in_a_folder(shop):
    image = shop.path("volume.img")
    mkntfs(image, 128 << 20, "-Q")
    with Mounted(image) as root:
        os.makedirs(os.path.join(root, "a", "b"))
        for i in range(NAMES):
            open(os.path.join(root, "a", "b", f"name {i * 7919 % NAMES:05}.vhd"), "wb").close()
    _, _, before = probe(image, "stat", "/a")
    for name in ("name 00000.vhd", "NAME 17351.VHD", "name 29999.vhd"):
        status, _, reads = probe(image, "stat", f"/a/b/{name}")
        assert status == 0, f"status for {name}"
        # Two folders' records, the file's, and at most five blocks of the index.
        assert reads - before <= 3 + 5, f"{name}: {reads} reads, {before} of them before"
    status, _, reads = probe(image, "stat", "/a/b/name 30000.vhd")
    assert status == 1, "status for a name that is not there"
    assert reads - before <= 3 + 5, f"a missing name: {reads} reads, {before} of them before"
    _, listing, _ = probe(image, "ls", "/a/b")
    assert len(listing.splitlines()) == NAMES, "names listed"
