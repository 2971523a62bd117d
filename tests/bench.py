#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""make bench: measures, and prints a table. Each figure is the best of several runs; what is a ratio
compares with the raw drive, or with plain tools, in the same run of this program. The exit status says
only that all could be measured, not that all goals were reached.

Instructions are counted by QEMU's -icount shift=0: those of the call that took the fewest, for loops of
the BIOS that wait for the disk, and timer ticks, come on top. Those runs read sectors that take no room in a
qcow2 file, or write zeros to such: QEMU then answers soon.
"""
import os
import shutil
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import vhd                                                                  # noqa: E402
from emulator import Qemu                                                   # noqa: E402
from flash import Workshop, run, tool                                       # noqa: E402
from vhd_dynamic import DynamicVhd                                          # noqa: E402
from vhdx import Vhdx                                                       # noqa: E402

SECTORS = 65536
ROUNDS = 500


def line(name, value, goal=""):
    print(f"{name:<64} {value:>22}  {goal}".rstrip(), flush=True)


def sizes():
    for name, limit in (("mbr.bin", 440), ("vbr.bin", 8192), ("vhdboot.bin", 112 << 10)):
        line(f"{name}, bytes", os.path.getsize(tool(name)), f"at most {limit}")


def first_instruction(flash, runs=1):
    """Calls, sectors and the best time until the guest's first instruction."""
    seconds = []
    for _ in range(runs):
        with Qemu(flash, bus="virtio", limit=120) as pc:
            pc.wait("vhdboot ")
            start = time.monotonic()
            pc.wait("guest: first instruction")
            seconds.append(time.monotonic() - start)
            stats = pc.stats()
    return stats["rd_operations"], stats["rd_bytes"] // 512, min(seconds)


def boot():
    with Workshop() as shop:
        image = shop.pattern_vhd("first", 26)
        calls, sectors, plain = first_instruction(shop.flash(image), 3)
        line("power on to the guest's first instruction: INT 13h reads", calls, "at most 64")
        line("  sectors read", sectors, "at most 2048")
        flash = shop.formatted(image, cluster=512, pieces=50000)
        calls, sectors, slow = first_instruction(flash, 3)
        line("the same with the VHD in 50,000 fragments: INT 13h reads", calls)
        line("  sectors read", sectors)
        line("  seconds more from the banner on", f"{slow - plain:.2f}", "at most 4")


def reported(pc, what):
    """The ticks of all calls, and of the quickest one. The line's end is waited for: half a number is a number, too."""
    return [int(digits, 16) for digits in pc.wait(f"guest: {what} ([0-9a-f]{{16}}) least ([0-9a-f]{{8}})$").groups()]


def ticks(pc, what, icount, rounds):
    """Of one call of those that the guest reports: the quickest one's instructions, the mean time."""
    total, least = reported(pc, what)
    return least if icount else total / rounds


def measure(disk, bus, icount, rounds):
    """KiB of conventional memory; ticks a sequential read, ticks a random read."""
    with Qemu(disk, bus=bus, icount=icount, limit=240, format="qcow2") as pc:
        memory = int(pc.wait("guest: conventional memory ([0-9a-f]+)").group(1), 16)
        return memory, ticks(pc, "sequential", icount, rounds), ticks(pc, "random", icount, rounds)


def reads():
    with Workshop() as shop:
        raw = shop.pattern_disk("bench", SECTORS, ROUNDS)
        os.truncate(raw, 64 * 512)
        os.truncate(raw, SECTORS * 512)
        inside = shop.path("disk.vhd")
        shutil.copy(raw, inside)
        vhd.make_fixed(inside + ".vhd", SECTORS, source=inside)
        disks = {}
        for name, source in (("raw", raw), ("virtual", shop.flash(inside + ".vhd"))):
            disks[name] = shop.path(name + ".qcow2")
            run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", source, disks[name])
        for bus, icount, unit in (("ide", True, "instructions"), ("ahci", True, "instructions"),
                                  ("ide", False, "time"), ("ahci", False, "time")):
            best = {}
            for _ in range(3):
                for name, disk in disks.items():
                    result = measure(disk, bus, icount, ROUNDS)
                    best[name] = [min(a, b) for a, b in zip(best.get(name, result), result)]
            old, new = best["raw"], best["virtual"]
            if icount and bus == "ide":
                line("resident: KiB of conventional memory", int(old[0] - new[0]), "at most 8")
            for what, i, goal in (("63.5 KiB sequential read", 1, 1.05), ("4 KiB random read", 2, 1.15)):
                text = f"{new[i] / old[i]:.3f}"
                if icount:
                    text += f" ({new[i]:.0f}/{old[i]:.0f})"
                line(f"{what}, {bus}, {unit}: virtual / raw", text, f"at most {goal}")


def flash():
    with Workshop() as shop:
        image = shop.path("big.vhd")
        run(tool("tests/pattern"), "make", image, 4 << 20, 0, tool("tests/first.bin"))
        vhd.make_fixed(image + ".vhd", 4 << 20, source=image)
        image += ".vhd"
        plain, ways = [], {"": (), " without sums": ("--no-sums",)}
        ours = {way: [] for way in ways}
        for _ in range(3):
            start = time.monotonic()
            volume = shop.volume(2200)
            shutil.copyfile(image, shop.path("copy"))
            os.sync()
            plain.append(time.monotonic() - start)
            os.unlink(volume)
            os.unlink(shop.path("copy"))
            for way, options in ways.items():
                start = time.monotonic()
                out = shop.flash(image, options=options)
                os.sync()
                ours[way].append(time.monotonic() - start)
                os.unlink(out)
        for way, times in ours.items():
            line(f"mkimage flash{way}, 2 GiB fixed VHD: time / (mkntfs + copy)",
                 f"{min(times) / min(plain):.2f} ({min(times):.1f} s)", "at most 1.5")


FAULTS = 20
FAULT_FIRST = 16384                     # the disks of `writes`: 8 MiB that are there, then blocks that are not
BLOCK = 2 << 20


def write_disks(shop):
    """The same disk raw, as a fixed VHD, and as a dynamic one with slack, each on a flash of its own, all as
    qcow2 as well. Behind the guest they hold zeros, and zeros the guest writes: see the top."""
    sectors = FAULT_FIRST + FAULTS * BLOCK // 512
    raw = shop.path("wbench.raw")
    run(tool("tests/pattern"), "make", raw, sectors, 100, tool("tests/wbench.bin"))
    with open(raw, "r+b") as f:
        f.truncate(64 * 512)
        f.truncate(sectors * 512)
        f.seek(16 * 512 - 32)
        f.write(struct.pack("<III", FAULT_FIRST, BLOCK // 512, FAULTS))
        f.seek(0)
        data = f.read(FAULT_FIRST * 512)
    dynamic = DynamicVhd(sectors * 512, BLOCK)
    dynamic.store(0, data)
    dynamic.slack = FAULTS * (BLOCK + 4096)
    dynamic.align = 4096
    fixed = shop.path("fixed.vhd")
    shutil.copy(raw, fixed + ".raw")
    vhd.make_fixed(fixed, sectors, source=fixed + ".raw")
    disks = {"raw": raw, "fixed": shop.flash(fixed, name="fixed.img"),
             "dynamic": shop.flash(dynamic.write(shop.path("dynamic.vhd")), name="dynamic.img")}
    for disk in disks.values():
        run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", disk, disk + ".qcow2")
    return disks


def sequential_write(disk, bus, icount):
    """Ticks a sequential write of 63.5 KiB."""
    options = {"icount": True, "format": "qcow2", "zeroes": True} if icount else {}
    with Qemu(disk + (".qcow2" if icount else ""), bus=bus, limit=240, **options) as pc:
        return ticks(pc, "sequential", icount, 100)


def first_writes(disk, bus):
    """Seconds, and sectors written, for FAULTS single sectors, each in a block of its own."""
    with Qemu(disk, bus=bus, limit=240) as pc:
        pc.wait("guest: waiting")
        before, start = pc.stats()["wr_bytes"], time.monotonic()
        pc.send("x")
        reported(pc, "spread")
        seconds = time.monotonic() - start
        pc.guest()
        return seconds, (pc.stats()["wr_bytes"] - before) // 512


def writes():
    with Workshop() as shop:
        disks = write_disks(shop)
        for bus, icount in (("ide", True), ("ahci", True), ("ide", False), ("ahci", False)):
            best = {name: min(sequential_write(disk, bus, icount) for _ in range(3))
                    for name, disk in disks.items()}
            for name in ("fixed", "dynamic"):
                text = f"{best[name] / best['raw']:.3f}"
                if icount:
                    text += f" ({best[name]:.0f}/{best['raw']:.0f})"
                line(f"63.5 KiB sequential write, {name} VHD, {bus}, "
                     f"{'instructions' if icount else 'time'}: virtual / raw", text, "at most 1.05")
        for bus in ("ide", "ahci"):
            tries = [first_writes(disks["dynamic"], bus)]
            line(f"first write to a block of 2 MiB, {bus}: sectors beside the data's",
                 f"{(tries[0][1] - FAULTS) / FAULTS:.2f}", "at most 3")
            line("  such blocks a second", f"{FAULTS / min(t[0] for t in tries):.1f}")


GROWN = {"ahci": 40, "ide": 10}         # blocks that `growth` writes from end to end, 63.5 KiB a call


def growth_parent(shop, form, data, sectors):
    """A disk's parent, of two forms: with something in all blocks that will be written, or with nothing."""
    parent = DynamicVhd(sectors * 512, BLOCK) if form == "VHD" else Vhdx(sectors * 512, BLOCK)
    if data:
        parent.store(FAULT_FIRST, b"parent's".ljust(512) * (sectors - FAULT_FIRST))
    parent.write(shop.path(f"base.{form.lower()}"))
    return parent


def growth_image(shop, form, kind, data, sectors, slack):
    """The image with the guest's blocks; without a note it comes with slack for the others, else flash makes it."""
    path, parent = shop.path(f"growth.{form.lower()}"), None
    if kind.startswith("differencing"):
        parent = growth_parent(shop, form, "data" in kind, sectors)
    if form == "VHDX":
        disk = Vhdx(sectors * 512, BLOCK, parent=parent, parent_path=parent and ".\\base.vhdx")
        disk.store(0, data)
        disk.write(path)
        if "without" in kind:
            os.truncate(path, os.path.getsize(path) + slack)
        return path
    disk = DynamicVhd(sectors * 512, BLOCK, parent=parent)
    disk.store(0, data)
    if parent:
        disk.locate("W2ru", ".\\base.vhd")
    if "without" in kind:
        disk.slack, disk.align = slack + 4096, 4096
    return disk.write(path)


def growth_disk(shop, form, kind, blocks):
    sectors = FAULT_FIRST + blocks * BLOCK // 512
    raw = shop.path("gbench.raw")
    run(tool("tests/pattern"), "make", raw, sectors, 2, tool("tests/wbench.bin"))
    with open(raw, "r+b") as f:
        f.seek(16 * 512 - 32)
        f.write(struct.pack("<IIII", FAULT_FIRST, 127, blocks * BLOCK // 512 // 127, 127))
        f.seek(0)
        data = f.read(FAULT_FIRST * 512)
    image = growth_image(shop, form, kind, data, sectors, blocks * (BLOCK + 4096))
    options = ("--reserve", "none") if "without" in kind else ()
    return shop.flash(image, options=options, name="new.img")


def grow(disk, bus):
    """The guest's clock for it, seconds, requests to the drive, bytes read. The blocks stay, for the next time."""
    with Qemu(disk, bus=bus, limit=240, write=True) as pc:
        pc.wait("guest: waiting")
        before, start = pc.stats(), time.monotonic()
        pc.send("x")
        total = reported(pc, "spread")[0]
        seconds = time.monotonic() - start
        pc.guest()
        after = pc.stats()
        requests = sum(after[n] - before[n] for n in ("rd_operations", "wr_operations"))
        return total, seconds, requests, after["rd_bytes"] - before["rd_bytes"]


GROWTH = (("dynamic", 1.10), ("dynamic without a note", None), ("differencing", 1.15),
          ("differencing over a parent's data", 2.2))


def growth_lines(name, bus, blocks, runs, goal):
    """Of the runs: each has what blocks took that were not there, and then the same ones when they were."""
    fresh, there = (min(r[i][0] for r in runs) for i in (0, 1))
    line(f"63.5 KiB sequential write, {name}: new blocks / blocks that are there", f"{fresh / there:.2f}",
         f"at most {goal:.2f}" if goal else "")
    line("  requests to the drive, the same", f"{runs[0][0][2] / runs[0][1][2]:.2f}")
    seconds = [min(r[i][1] for r in runs) for i in (0, 1)]
    line("  such blocks a second", f"{blocks / seconds[0]:.1f}",
         "" if goal else f"at least {10 if bus == 'ahci' else 3}")
    looked = (runs[0][0][3] - runs[0][1][3]) // BLOCK       # by the handler
    if looked:
        line("  of them were not looked at before the start", f"{looked} of {blocks}")
        line("  of these a second, the writes left out", f"{looked / (seconds[0] - seconds[1]):.1f}")


def growth():
    for form, kind, goal in ((form, kind, goal) for form in ("VHD", "VHDX") for kind, goal in GROWTH):
        for bus, blocks in GROWN.items():
            with Workshop() as shop:
                new, disk = growth_disk(shop, form, kind, blocks), shop.path("disk.img")
                runs = []
                for _ in range(3):
                    run("cp", "--sparse=never", new, disk)  # the host has nothing to allocate, either
                    runs.append([(run("sync", disk), grow(disk, bus))[1] for _ in range(2)])
            growth_lines(f"{form} {kind}, {bus}", bus, blocks, runs, goal)


def copy_disk(shop, kind, mib=20):
    """A flash with a disk of the guest that copies: `mib` MiB into blocks that are not there, but in a fixed VHD."""
    sectors = FAULT_FIRST + mib * 2048
    raw = shop.path("copy.raw")
    run(tool("tests/pattern"), "make", raw, sectors, 2, tool("tests/copy.bin"))
    with open(raw, "r+b") as f:
        f.seek(16 * 512 - 32)
        f.write(struct.pack("<IIII", FAULT_FIRST, 127, mib * 2048 // 127, 127))
        f.seek(0)
        data = f.read(FAULT_FIRST * 512)
    if kind == "fixed":
        vhd.make_fixed(shop.path("copy.vhd"), sectors, source=raw)
        return shop.flash(shop.path("copy.vhd"), name="fixed.img")
    disk = DynamicVhd(sectors * 512, BLOCK)
    disk.store(0, data)
    return shop.flash(disk.write(shop.path("copy.vhd")), name="dynamic.img")


def copy():
    """20 MiB as DOS' COPY has them written: pieces of 63.5 KiB, read before, and sectors of both FATs."""
    for bus in ("ahci", "ide"):
        best = {}
        for kind in ("fixed", "dynamic"):
            with Workshop() as shop:
                new, disk, runs = copy_disk(shop, kind), shop.path("disk.img"), []
                for _ in range(3):
                    run("cp", "--sparse=never", new, disk)
                    runs.append(grow(disk, bus))
                best[kind] = [min(column) for column in zip(*runs)]
        line(f"20 MiB copied as COPY does, {bus}: dynamic VHD / fixed one",
             f"{best['dynamic'][0] / best['fixed'][0]:.2f}", "at most 1.15")
        line("  requests to the drive, the same", f"{best['dynamic'][2] / best['fixed'][2]:.3f}")


PARTS = (sizes, boot, reads, writes, growth, copy, flash)
for part in PARTS:                      # or those that the arguments name
    if len(sys.argv) < 2 or part.__name__ in sys.argv[1:]:
        part()
