# SPDX-License-Identifier: GPL-2.0-or-later
"""The INT 13h conformance program on the resident handler, in real mode and under a V86 monitor: first on a
map of odd pieces that a loader of its own puts there, on every kind of drive, then in a VHD in pieces that
vhdboot boots."""
import re

import disk
import pytest
import table
import vhd
from emulator import Bochs, Qemu, read_error
from flash import BUILD, Workshop

MAP = 0x1400000                         # above what 24 bits reach, and memory behind it
MEMORY = 24
LEAST = {"real": 90, "v86": 97}         # a program that says less has not run whole


def program(machine, modes=disk.REAL):
    """Waits for the program's end; every check that is not ok is the test's failure."""
    machine.wait("^# end of all")
    bad = re.findall(r"^not ok .*(?:\n#.*)?|^.*HANDLER: exception.*", machine.log, re.MULTILINE)
    assert not bad, "\n".join(bad)
    ends = {mode: int(passed) for mode, passed in
            re.findall(r"^# end (\w+): (\d+) passed", machine.log, re.MULTILINE)}
    for mode, flag in (("real", disk.REAL), ("v86", disk.V86)):
        if modes & flag:
            assert ends.get(mode, 0) >= LEAST[mode], f"{mode}: only {ends.get(mode, 0)} checks"


def complete(run, mode):
    assert run.complete and len(run.count("ok")) >= LEAST[mode], f"{mode}: not whole"
    assert run.count("not ok") == [], f"{mode}: failed checks"


# --- The handler alone, on a map of pieces


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


@pytest.fixture
def path(shop):
    """Of the disk image."""
    return shop.path("disk.img")


@pytest.mark.takes(12)
@pytest.mark.parametrize("bus, options", [pytest.param(bus, options, id=name) for name, bus, options in MAPPED])
def test_map_of_pieces(path, bus, options):
    disk.mapped(path, BUILD, 0xabcdef, MAP, **options)
    with Qemu(path, bus=bus, memory=MEMORY, mirror=False, limit=200,
              icount=None if bus == "usb-uhci" else table.ICOUNT) as pc:
        program(pc, options.get("modes", disk.REAL))


@pytest.mark.parametrize("bus", ["ahci", "virtio", "usb-xhci"])
def test_without_smm_virtual_8086_mode(path, bus):
    disk.mapped(path, BUILD, 0xabcdef, MAP, modes=V86 | disk.SHY)
    with Qemu(path, bus=bus, memory=MEMORY, mirror=False, limit=60, icount=table.ICOUNT,
              options=["-machine", "smm=off"]) as pc:
        pc.wait("^# end of all")
        bad = re.findall(r"^not ok .*(?:\n#.*)?|^.*HANDLER: exception.*", pc.log, re.MULTILINE)
        assert not bad, "\n".join(bad)
        assert "# end v86: 4 passed, 0 failed" in pc.log, pc.log[-500:]


@pytest.mark.takes(10)
@pytest.mark.timeout(500)
def test_map_of_pieces_in_bochs(path):
    disk.mapped(path, BUILD, 0xabcdef, MAP, whole=16 * 63, rounds=3)
    with Bochs(path, limit=400) as pc:
        program(pc)


def test_a_sector_that_cannot_be_read(path):
    place = disk.mapped(path, BUILD, 0xabcdef, MAP, rounds=3, bad=7 * disk.PAGE + 1000)
    with Qemu(path, memory=64, mirror=False, limit=100, blkdebug=read_error(place)) as pc:
        program(pc)
        assert "ok 95 " in pc.log and "ok 95b " in pc.log, "no read failed"


def test_added_instructions(path):
    places = disk.counted(path, BUILD, MAP)
    with Qemu(path, memory=64, mirror=False, icount=True, limit=200) as pc:
        pc.wait("^count end")
        counts = re.findall(r"^count +(\w+) +(\w+) +(\w+)", pc.log, re.MULTILINE)
    assert [int(lba, 16) for lba, _, _ in counts] == [lba for _, lba in places], "places measured"
    for (what, _), (_, cached, uncached) in zip(places, counts):
        cached, uncached = int(cached, 16), int(uncached, 16)
        print(f"4 KiB, {what}: {cached} instructions, {uncached} with the map looked at")
        assert cached <= 400 and uncached <= 900, f"{what}: {cached}, {uncached}: more than 400 or 900"


# --- Booted by vhdboot, and the table of what passes the program


def each_run(test):
    """With the providers that the table must be right about, in each mode; a run is used by more than one test."""
    return pytest.mark.parametrize("name, mode", [
        pytest.param(name, mode, marks=[pytest.mark.xdist_group(f"int13 {name} {mode}"), pytest.mark.takes(15)])
        for name in ("vhdboot", "seabios") for mode in table.MODES])(test)


@pytest.fixture(scope="module")
def run_of():
    """run_of(name, mode), made once."""
    runs = {}

    def of(name, mode):
        if (name, mode) not in runs:
            with Workshop() as shop:
                runs[name, mode] = table.run_one(shop, name, mode)
        return runs[name, mode]
    return of


@each_run
def test_whole_disk(run_of, name, mode):
    """A VHD in 200 pieces booted by vhdboot passes all; the bare drive only runs to the end."""
    run = run_of(name, mode)
    assert run.complete, "not whole"
    if name == "vhdboot":
        complete(run, mode)


@each_run
def test_the_documents_table_says_so(run_of, name, mode):
    run = run_of(name, mode)
    assert table.stored_cell(name, mode) == table.cell(run, run), f"{table.DOCUMENT}: `make int13-table` makes it right"


BOOTED = [("ide", 2, False, "real", "fixed"), ("ahci", 1, False, "real", "dynamic"),
          ("ahci", 2, False, "v86", "dynamic"), ("ide", 2, True, "real", "fixed"),
          ("ahci", 1, True, "v86", "fixed"), ("usb-ehci", 0, False, "real", "fixed")]


@pytest.mark.takes(15)
@pytest.mark.parametrize("bus, drives, hide, mode, kind", [
    pytest.param(*case, id="{4} VHD, {0}, {1} {what} drives, {3} mode".format(
        *case, what="hidden" if case[2] else "further")) for case in BOOTED])
def test_booted_by_vhdboot(shop, bus, drives, hide, mode, kind):
    run = table.Run(table.vhdboot(shop, mode, bus, drives, hide, kind == "dynamic"))
    complete(run, mode)
    if kind == "dynamic":
        assert run.check.get("93") == "ok", "where there is no block"
    if drives and not hide:
        assert [run.check.get(n) for n in ("70", "71", "72", "74")] == ["ok"] * 4, "other drives"
    if hide:
        assert run.check.get("72b") == "ok", "hidden drives"


@pytest.mark.takes(15)
def test_a_vhd_in_one_piece_never_needs_its_map_after_the_start(shop):
    """There are monitors that let nobody look, or stop the machine."""
    log = table.vhdboot(shop, "v86", "ahci", 1, pieces=1)
    complete(table.Run(log), "v86")
    moves = re.findall(r"^# block moves by the monitor, last turn: (\w+)", log, re.MULTILINE)
    assert moves == ["00000000"], f"copies by INT 15h AH=87h: {moves}"


# --- The guest ends it


@pytest.fixture
def finishing(shop):
    """finishing(vector) starts a machine whose guest executes that INT."""
    def start(vector):
        raw = shop.path("disk.raw")
        disk.plain(raw, BUILD, 1, 4096, modes=0, finish=vector, scratch=1000)
        vhd.make_fixed(raw + ".vhd", 4096, source=raw)
        return Qemu(shop.formatted(raw + ".vhd", pieces=3), bus="ahci", memory=64, limit=60)
    return start


START = r"^# start: .*\n"


def test_the_guest_executes_int_19h(finishing):
    """Were anything still hooked, or not as it was, it would be seen in what the second and the third handler found,
    or in a drive more, less memory, other vectors."""
    with finishing(disk.FINISH_19) as pc:
        first = pc.wait(START).group(0)
        for which in ("second", "third"):
            pc.wait("vhdboot")
            assert pc.wait(START).group(0) == first, f"the {which} start"


def test_the_guest_executes_int_18h(finishing):
    with finishing(disk.FINISH_18) as pc:
        pc.wait(START)
        pc.wait("nothing to boot on the disk. A key restarts.")
        assert pc.running(), "it did not wait for a key"
        pc.keys("ret")
        pc.wait_end(20)                 # QEMU ends where the machine would restart
