# SPDX-License-Identifier: GPL-2.0-or-later
"""How fast the disk is beside the bare drive, in one run: both on AHCI, throttled to 30 MB and 1,000 requests a second;
how long a start takes beside the same disk bare; how much memory the serving processes have.

Requests go past the page cache, in turns to a part of the disk whose blocks are all there and to a second drive of
the same kind; the best of each. Emulated processors make everything that is done by programs dear: a real machine is
nearer to 1. The figures go into build/linux-figures.txt, for docs/FIGURES.md.
"""
import os
import re

import pytest
from flash import mkimage, run, tool
from rootdisk import add_program, boot, copy_disk, make_flash, report_of, start

MIB = 1 << 20
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


def throttle(pc, device):
    pc.qmp("block_set_io_throttle", device=device, bps=BYTES_A_SECOND, bps_rd=0, bps_wr=0, iops=REQUESTS_A_SECOND,
           iops_rd=0, iops_wr=0)


def note(lines):
    with open(tool("linux-figures.txt"), "a", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"figures-{kind}")
def test_figures(kind, shop, qemu, record_property):
    raw = copy_disk(shop, tool("tests/linuxroot.raw"))
    first = -(-os.path.getsize(raw) // (1 << 20))
    raw = copy_disk(shop, raw, steps(first), name="timed.raw")
    add_program(raw, "tests/disktime", "/bin/disktime")
    with open(raw, "r+b") as file:
        file.seek(first << 20)
        for _ in range(MIB_THERE):
            file.write(os.urandom(1 << 20))
    flash, bare = make_flash(shop, raw, size="16M", options=KINDS[kind]), shop.path("bare.img")
    run("dd", "if=/dev/urandom", f"of={bare}", "bs=1M", f"count={MIB_THERE}", "status=none")
    pc = start(shop, qemu, flash, "ahci", 2900, extra=[(bare, "ahci")], memory=512)
    pc.wait("ready", 900)
    for device in ("disk0", "disk1"):
        throttle(pc, device)
    pc.wait_end(2000)
    report = report_of(shop, pc)
    lines = []
    for number, (name, _, goal) in enumerate(PARTS):
        ours, best = (max(float(report[f"{which}{number}.{turn}"]) for turn in range(ROUNDS))
                      for which in ("ours", "bare"))
        lines.append(f"{kind:<8} {name:<28} {ours:8.0f} / {best:6.0f} = {ours / best:.2f}   goal {goal:.2f}")
        assert ours > 0 and best > 0
    note(lines)
    record_property("seen", " ".join(re.findall(r"= (\S+)", "\n".join(lines))))


# --- From power on to a prompt


def fresh(shop, disk):
    """A copy that a start may change."""
    path = shop.path("started.img")
    run("cp", "--sparse=always", disk, path)
    return path


class Start:
    """What a start took until the pattern was seen."""

    def __init__(self, shop, qemu, disk, pattern):
        pc = start(shop, qemu, disk, "ahci", 900, memory=768)
        throttle(pc, "disk0")
        pc.wait(pattern, 900)
        stats = pc.stats("disk0")
        self.seconds, self.processor = pc.seconds, pc.cpu_seconds
        self.requests, self.mib = stats["rd_operations"], stats["rd_bytes"] / MIB
        pc.close()

    def __str__(self):
        return (f"{self.seconds:.1f} s, {self.processor:.1f} s of the processor, {self.requests} reads, "
                f"{self.mib:.1f} MiB")


@pytest.mark.timeout(6000)
@pytest.mark.parametrize("disk, pattern", [("linuxroot", "^up$"), ("debian-initramfs-tools", "login:")],
                         ids=["figures-boot-small", "figures-boot"])
def test_boot(disk, pattern, shop, qemu, record_property):
    """The same disk bare and from the flash, in turns; what either writes comes after that."""
    raw = copy_disk(shop, tool(f"tests/{disk}.raw"), "echo up > /dev/ttyS0\nsleep 60\n")
    flash = make_flash(shop, raw)
    turns = []
    for _ in range(ROUNDS):
        turns.append([Start(shop, qemu, fresh(shop, which), pattern) for which in (flash, raw)])
    ours, bare = ([turn[n] for turn in turns] for n in (0, 1))
    lines = [f"{disk}: started from the flash: {a}; bare: {b}" for a, b in turns]
    ratios = [min(getattr(one, what) for one in ours) / min(getattr(one, what) for one in bare)
              for what in ("seconds", "processor")]
    lines.append(f"{disk}: best of {ROUNDS}: {ratios[0]:.2f} by the clock, {ratios[1]:.2f} by the processor"
                 "   goal 1.10")
    note(lines)
    record_property("seen", lines[-1])


# --- Memory

# Every process that serves, and its most and present memory in KiB.
MEMORY = r"""for p in /proc/[0-9]*; do grep -aqs ^@ $p/cmdline &&
sed -n "s/^VmHWM:[^0-9]*\([0-9]*\) kB/most \1/p" $p/status; done"""
DISK_MIB = 20 << 10
MEMORY_GOAL = 32 << 10                  # KiB, of both


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("image, options", [("disk.vhd", ()), ("disk.vhdx", ("--block-size", "1M"))],
                         ids=["figures-memory", "figures-memory-vhdx"])
def test_memory(image, options, shop, qemu, record_property):
    """20 GiB, written and read at random all over, which makes new blocks; four lines to the server."""
    raw = copy_disk(shop, tool("tests/linuxroot.raw"))
    first = -(-os.path.getsize(raw) // MIB)
    everywhere = f"/dev/nbd0 {first} {DISK_MIB - first - 1}"
    steps = f"""
step written disktime {everywhere} write 4096 random 8 40
step read disktime {everywhere} read 131072 random 8 10
step memory sh -c '{MEMORY}'
step room vhdboot-attach info
"""
    raw = copy_disk(shop, raw, steps, name="large.raw")
    add_program(raw, "tests/disktime", "/bin/disktime")
    os.truncate(raw, DISK_MIB * MIB)
    flash = make_flash(shop, raw, size="20G", image=image, options=options)
    os.unlink(raw)
    report = boot(shop, qemu, flash, "ahci", 600, options=["-smp", "4"])
    assert report.status("written") == 0 and report.status("read") == 0, report.text
    most = [int(number) for number in re.findall(r"most (\d+)", report["memory"])]
    left = re.search(r"^room .*\((\d+)\)", report["room"], re.MULTILINE)
    mkimage("vhd", "check", f"{flash}:/{image}")
    assert len(most) == 2 and sum(most) <= MEMORY_GOAL, most
    line = f"{image}: {most[0]} + {most[1]} KiB at the most, room for {left[1]} more blocks   goal {MEMORY_GOAL}"
    note([line])
    record_property("seen", line)
