#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A folder with 30,000 names: every one is listed, and one is found by few reads, as the tree is descended."""
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "ntfs")]
from ntfsedit import Mounted, can_mount, mkntfs                             # noqa: E402
from report import Skip, check, check_equal, end, test                      # noqa: E402

PROBE = os.path.join(os.environ.get("B", "build"), "ntfs", "ntfs_probe")
NAMES = 30000


def probe(image, *arguments):
    done = subprocess.run([PROBE, image, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=60)
    reads = int(re.search(rb"reads (\d+)", done.stderr).group(1))
    return done.returncode, done.stdout.decode(), reads


with test("30,000 names in a folder"), tempfile.TemporaryDirectory(prefix="vhdboot-") as folder:
    if not can_mount():
        raise Skip("needs root and /dev/fuse")
    image = os.path.join(folder, "volume.img")
    mkntfs(image, 128 << 20, "-Q")
    with Mounted(image) as root:
        os.makedirs(os.path.join(root, "a", "b"))
        for i in range(NAMES):
            open(os.path.join(root, "a", "b", f"name {i * 7919 % NAMES:05}.vhd"), "wb").close()
    _, _, before = probe(image, "stat", "/a")
    for name in ("name 00000.vhd", "NAME 17351.VHD", "name 29999.vhd"):
        status, _, reads = probe(image, "stat", f"/a/b/{name}")
        check_equal(status, 0, f"status for {name}")
        # Two folders' records, the file's, and at most five blocks of the index.
        check(reads - before <= 3 + 5, f"{name}: {reads} reads, {before} of them before")
    status, _, reads = probe(image, "stat", "/a/b/name 30000.vhd")
    check_equal(status, 1, "status for a name that is not there")
    check(reads - before <= 3 + 5, f"a missing name: {reads} reads, {before} of them before")
    _, listing, _ = probe(image, "ls", "/a/b")
    check_equal(len(listing.splitlines()), NAMES, "names listed")
end()
