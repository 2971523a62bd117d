# SPDX-License-Identifier: GPL-2.0-or-later
"""mkimage vhd resize: what the disk holds afterwards, and what it does not cut off."""
import os
import random
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))
import images                                                                   # noqa: E402
from images import mkimage                                                      # noqa: E402
from served import MIB, Server                                                  # noqa: E402


@pytest.mark.parametrize("form", ["vhd", "vhdx"])
@pytest.mark.parametrize("kind", ["fixed", "dynamic"])
def test_resize(form, kind, tmp_path):
    path = tmp_path / ("disk." + form)
    mkimage("vhd", "create", path, "--size", "20M", "--kind", kind)
    data = random.Random(2).randbytes(MIB)
    with Server(tmp_path, "file=" + str(path)) as server:
        server.connect().pwrite(data, 3 * MIB)
    ids = images.info(path)["ids"]
    content = bytes(3 * MIB) + data
    for size in (33 * MIB + 512 * 7, 5 * MIB):
        mkimage("vhd", "resize", path, "--size", size)
        images.equal(images.read(path), content.ljust(size, b"\0"), "mkimage")
        info = images.info(path)
        assert (info["kind"], info["ids"], info["warnings"]) == (kind, ids, [])
        mkimage("vhd", "check", path)


def test_resize_keeps_partitions(tmp_path):
    path = tmp_path / "disk.vhd"
    raw = tmp_path / "raw"
    with open(raw, "wb") as f:
        f.truncate(40 * MIB)
    subprocess.run(["/usr/sbin/sfdisk", "-q", raw], input=b"2048,20480,7\n30720,40960,7\n", check=True)
    mkimage("vhd", "convert", raw, path)
    refused = mkimage("vhd", "resize", path, "--size", "30M", status=1).stderr.decode()
    assert "partition 2 ends at sector 71680" in refused
    refused = mkimage("vhd", "resize", path, "--size", "30M", "--yes", status=1).stderr.decode()
    assert "partition 2 ends at sector 71680" in refused
    mkimage("vhd", "resize", path, "--size", "35M")
    assert images.info(path)["size"] == 35 * MIB


def damaged(table):
    """One that part of is gone, in front of a partition that it named."""
    def make(raw):
        subprocess.run(["/usr/sbin/sfdisk", "-q", raw], input=table, check=True)
        with open(raw, "r+b") as f:
            for lba in (1, 2048, -1):                   # GPT's headers, an EBR
                f.seek(lba * 512, os.SEEK_SET if lba > 0 else os.SEEK_END)
                f.write(bytes(512))
            f.seek(30 * MIB)
            f.write(b"data")
    return make


@pytest.mark.parametrize("make", [
    lambda raw: subprocess.run(["/usr/sbin/mke2fs", "-q", "-F", raw], check=True),
    lambda raw: raw.write_bytes(bytes(39 * MIB) + b"data".ljust(MIB, b"\0")),
    damaged(b"label: gpt\nstart=51200,size=20480\n"),
    damaged(b"label: dos\nstart=2048,size=79872,type=5\nstart=51200,size=20480\n"),
], ids=["file system", "some data", "gpt", "logical"])
def test_resize_keeps_what_no_partition_tells_of(make, tmp_path):
    path, raw = tmp_path / "disk.vhdx", tmp_path / "raw"
    with open(raw, "wb") as f:
        f.truncate(40 * MIB)
    make(raw)
    mkimage("vhd", "convert", raw, path)
    content = images.read(path)
    said = mkimage("vhd", "resize", path, "--size", "20M", status=1).stderr.decode()
    last = max(i for i in range(0, len(content), 512) if any(content[i:i + 512]))
    assert "no partition tells what the data are behind the new end" in said and said.count("\n") == 1, said
    assert 20 * 2048 <= int(said.split("sector ")[1].split(".")[0]) <= last // 512, said
    mkimage("vhd", "resize", path, "--size", "41M")
    images.equal(images.read(path), content.ljust(41 * MIB, b"\0"), "longer")
    mkimage("vhd", "resize", path, "--size", last + 512)
    images.equal(images.read(path), content[:last + 512], "to its last data")
    mkimage("vhd", "resize", path, "--size", "20M", "--yes")
    images.equal(images.read(path), content[:20 * MIB], "cut off")
