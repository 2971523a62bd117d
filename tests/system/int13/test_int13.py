#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The INT 13h conformance program on the resident handler, in real mode and under a V86 monitor: first on a
map of odd pieces that a loader of its own puts there, on every kind of drive, then in a VHD in pieces that
vhdboot boots."""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "int13")]
import disk                                                                 # noqa: E402
import table                                                                # noqa: E402
from emulator import Bochs, Qemu, read_error                                    # noqa: E402
from flash import BUILD, Workshop                                           # noqa: E402
import vhd                                                                  # noqa: E402
from report import check, check_equal, end, need, test                                   # noqa: E402

MAP = 0x1400000                         # above what 24 bits reach, and memory behind it
MEMORY = 24
LEAST = {"real": 90, "v86": 97}         # a program that says less has not run whole


def program(machine, modes=disk.REAL):
    """Waits for the program's end; every check that is not ok is the test's failure."""
    machine.wait("^# end of all")
    bad = re.findall(r"^not ok .*(?:\n#.*)?|^.*HANDLER: exception.*", machine.log, re.MULTILINE)
    check(not bad, "\n".join(bad))
    ends = {mode: int(passed) for mode, passed in
            re.findall(r"^# end (\w+): (\d+) passed", machine.log, re.MULTILINE)}
    for mode, flag in (("real", disk.REAL), ("v86", disk.V86)):
        if modes & flag:
            check(ends.get(mode, 0) >= LEAST[mode], f"{mode}: only {ends.get(mode, 0)} checks")


def complete(run, mode):
    check(run.complete and len(run.count("ok")) >= LEAST[mode], f"{mode}: not whole")
    check_equal(run.count("not ok"), [], f"{mode}: failed checks")


REAL, V86, BRIEF = disk.REAL | disk.MEMORY, disk.V86, disk.BRIEF
# SeaBIOS' drivers but IDE's and the older USB's go through SMM when they are called in V86 mode. QEMU takes an SMI
# at the very instruction that asks for it only where it counts instructions; the larger the count's unit, the
# fewer of them go by while a driver waits.
MAPPED = [
    ("ide", "ide", {"rounds": 20, "modes": REAL}), ("ahci", "ahci", {"rounds": 5, "modes": REAL | V86}),
    ("virtio", "virtio", {}),
    ("virtio, virtual-8086 mode", "virtio", {"rounds": 5, "modes": V86}),
    ("usb-uhci", "usb-uhci", {"rounds": 1, "modes": disk.REAL | BRIEF}),
    ("usb-ehci", "usb-ehci", {"rounds": 20}),
    ("usb-ehci, virtual-8086 mode", "usb-ehci", {"rounds": 1, "modes": V86 | BRIEF}),
    ("usb-xhci", "usb-xhci", {"rounds": 5, "modes": disk.REAL | V86}),
    ("CHS only", "ide", {"edd": False, "chs": (16, 63), "rounds": 20}),
    ("7 sectors a call", "virtio", {"bios_max": 7, "rounds": 20}),
    ("write-protected", "virtio", {"write_protected": True, "rounds": 20}),
]

with Workshop() as shop:
    for name, bus, options in MAPPED:
        with test(f"int13, map of pieces, {name}"):
            path = shop.path("mapped.img")
            disk.mapped(path, BUILD, 0xabcdef, MAP, **options)
            with Qemu(path, bus=bus, memory=MEMORY, mirror=False, limit=200,
                      icount=None if bus == "usb-uhci" else table.ICOUNT) as pc:
                program(pc, options.get("modes", disk.REAL))
            os.remove(path)
    for bus in ("ahci", "virtio", "usb-xhci"):
        with test(f"int13, {bus} without SMM, virtual-8086 mode"):
            path = shop.path("mapped.img")
            disk.mapped(path, BUILD, 0xabcdef, MAP, modes=V86 | disk.SHY)
            with Qemu(path, bus=bus, memory=MEMORY, mirror=False, limit=60, icount=table.ICOUNT,
                      options=["-machine", "smm=off"]) as pc:
                pc.wait("^# end of all")
                bad = re.findall(r"^not ok .*(?:\n#.*)?|^.*HANDLER: exception.*", pc.log, re.MULTILINE)
                check(not bad, "\n".join(bad))
                check("# end v86: 4 passed, 0 failed" in pc.log, pc.log[-500:])
            os.remove(path)
    runs = {}
    with test("int13, VHD in 200 pieces booted by vhdboot, real and virtual-8086 mode"):
        runs |= table.run_all(shop, ["vhdboot"])
        for (_, mode), run in runs.items():
            complete(run, mode)
    with test("int13, the bare drive"):
        runs |= table.run_all(shop, ["seabios"])
        check(all(run.complete for run in runs.values()), "not whole")
    with test("int13, the README's table says so"):
        lines = table.stored(os.path.join(HERE, "..", "..", "README.md"))
        for name in ("vhdboot", "seabios"):
            check(table.row(runs, name) in lines,
                  "README.md: `make int13-table` makes it right:\n" + table.row(runs, name))
    for bus, drives, hide, mode, kind in (
            ("ide", 2, False, "real", "fixed"), ("ahci", 1, False, "real", "dynamic"),
            ("ahci", 2, False, "v86", "dynamic"), ("ide", 2, True, "real", "fixed"),
            ("ahci", 1, True, "v86", "fixed"), ("usb-ehci", 0, False, "real", "fixed")):
        what = "hidden" if hide else "further"
        with test(f"int13, {kind} VHD booted by vhdboot from {bus}, {drives} {what} drives, {mode} mode"):
            run = table.Run(table.vhdboot(shop, mode, bus, drives, hide, kind == "dynamic"))
            complete(run, mode)
            if kind == "dynamic":
                check_equal(run.check.get("93"), "ok", "where there is no block")
            if drives and not hide:
                check_equal([run.check.get(n) for n in ("70", "71", "72", "74")], ["ok"] * 4, "other drives")
            if hide:
                check_equal(run.check.get("72b"), "ok", "hidden drives")
    with test("int13, a sector that cannot be read"):
        path = shop.path("mapped.img")
        place = disk.mapped(path, BUILD, 0xabcdef, MAP, rounds=3, bad=7 * disk.PAGE + 1000)
        with Qemu(path, memory=64, mirror=False, limit=100, blkdebug=read_error(place)) as pc:
            program(pc)
            check("ok 95 " in pc.log and "ok 95b " in pc.log, "no read failed")
        os.remove(path)
    for vector in (disk.FINISH_19, disk.FINISH_18):
        with test(f"int13, the guest executes INT {vector:x}h"):
            raw = shop.path(f"{vector}.raw")
            disk.plain(raw, BUILD, 1, 4096, modes=0, finish=vector, scratch=1000)
            vhd.make_fixed(raw + ".vhd", 4096, source=raw)
            flash = shop.formatted(raw + ".vhd", pieces=3)
            with Qemu(flash, bus="ahci", memory=64, limit=60) as pc:
                start = r"^# start: .*\n"
                first = pc.wait(start).group(0)
                if vector == disk.FINISH_19:
                    # Were anything still hooked, or not as it was, it would be seen in what the second and the
                    # third handler found, or in a drive more, less memory, other vectors.
                    for which in ("second", "third"):
                        pc.wait("vhdboot")
                        check_equal(pc.wait(start).group(0), first, f"the {which} start")
                else:
                    pc.wait("nothing to boot on the disk. A key restarts.")
                    check(pc.running(), "it did not wait for a key")
                    pc.keys("ret")
                    pc.wait_end(20)     # QEMU ends where the machine would restart
            os.remove(flash)
    with test("int13, added instructions"):
        path = shop.path("count.img")
        places = disk.counted(path, BUILD, MAP)
        with Qemu(path, memory=64, mirror=False, icount=True, limit=200) as pc:
            pc.wait("^count end")
            counts = re.findall(r"^count +(\w+) +(\w+) +(\w+)", pc.log, re.MULTILINE)
        check_equal([int(lba, 16) for lba, _, _ in counts], [lba for _, lba in places], "places measured")
        for (what, _), (_, cached, uncached) in zip(places, counts):
            cached, uncached = int(cached, 16), int(uncached, 16)
            print(f"    4 KiB, {what}: {cached} instructions, {uncached} with the map looked at")
            check(cached <= 400 and uncached <= 900, f"{what}: {cached}, {uncached}: more than 400 or 900")
        os.remove(path)
    with test("int13, map of pieces, Bochs"):
        need("bochs")
        path = shop.path("mapped.img")
        disk.mapped(path, BUILD, 0xabcdef, MAP, whole=16 * 63, rounds=3)
        with Bochs(path, limit=400) as pc:
            program(pc)
        os.remove(path)
end()
