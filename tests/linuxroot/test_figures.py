# SPDX-License-Identifier: GPL-2.0-or-later
"""How fast the disk is beside the bare drive, in one run: both on AHCI, throttled to 30 MB and 1,000 requests a second.

Requests go past the page cache, in turns to a part of the disk whose blocks are all there and to a second drive of
the same kind; the best of each. Emulated processors make everything that is done by programs dear: a real machine is
nearer to 1. The figures go into build/linux-figures.txt, for docs/FIGURES.md.
"""
import os
import re

import pytest
from flash import run, tool
from rootdisk import copy_disk, make_flash, report_of, start

BYTES_A_SECOND, REQUESTS_A_SECOND = 30_000_000, 1000
MIB_THERE, TURN_SECONDS = 128, 4
ROUNDS = int(os.environ.get("LINUX_FIGURES_ROUNDS", "3"))
# What, its arguments, and the goal.
PARTS = [("sequential 128 KiB read", "read 131072 next 4", 0.95),
         ("sequential 128 KiB write", "write 131072 next 4", 0.95),
         ("random 4 KiB read, 8 deep", "read 4096 random 8", 0.95), ("random 4 KiB read", "read 4096 random 1", 0.75),
         ("random 4 KiB write", "write 4096 random 1", 0.70)]
KINDS = {"dynamic": [], "fixed": ["--kind", "fixed"]}


def steps(first):
    lines = ["echo ready > /dev/ttyS0", "sleep 3"]
    for turn in range(ROUNDS):
        for number, (_, how, _) in enumerate(PARTS):
            kind, size, order, depth = how.split()
            for name, device, at in (("ours", "/dev/nbd0", first), ("bare", "/dev/sdb", 0)):
                words = f"{device} {at} {MIB_THERE} {kind} {size} {order} {depth} {TURN_SECONDS}"
                lines.append(f"step {name}{number}.{turn} disktime {words}")
    return "\n".join(lines) + "\n"


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"figures-{kind}")
def test_figures(kind, shop, qemu, record_property):
    raw = copy_disk(shop, tool("tests/linuxroot.raw"))
    first = -(-os.path.getsize(raw) // (1 << 20))
    raw = copy_disk(shop, raw, steps(first), name="timed.raw")
    system = "?offset=1048576"
    for line in (f"write {tool('tests/disktime')} /bin/disktime", "set_inode_field /bin/disktime mode 0100755"):
        run("debugfs", "-w", "-R", line, raw + system)
    with open(raw, "r+b") as file:
        file.seek(first << 20)
        for _ in range(MIB_THERE):
            file.write(os.urandom(1 << 20))
    flash, bare = make_flash(shop, raw, size="16M", options=KINDS[kind]), shop.path("bare.img")
    run("dd", "if=/dev/urandom", f"of={bare}", "bs=1M", f"count={MIB_THERE}", "status=none")
    pc = start(shop, qemu, flash, "ahci", 2900, extra=[(bare, "ahci")], memory=512)
    pc.wait("ready", 900)
    for device in ("disk0", "disk1"):
        pc.qmp("block_set_io_throttle", device=device, bps=BYTES_A_SECOND, bps_rd=0, bps_wr=0, iops=REQUESTS_A_SECOND,
               iops_rd=0, iops_wr=0)
    pc.wait_end(2000)
    report = report_of(shop, pc)
    lines = []
    for number, (name, _, goal) in enumerate(PARTS):
        ours, best = (max(float(report[f"{which}{number}.{turn}"]) for turn in range(ROUNDS))
                      for which in ("ours", "bare"))
        lines.append(f"{kind:<8} {name:<28} {ours:8.0f} / {best:6.0f} = {ours / best:.2f}   goal {goal:.2f}")
        assert ours > 0 and best > 0
    with open(tool("linux-figures.txt"), "a", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")
    record_property("seen", " ".join(re.findall(r"= (\S+)", "\n".join(lines))))
