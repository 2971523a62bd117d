# SPDX-License-Identifier: GPL-2.0-or-later
"""The menu as the machine shows it: the text in video memory, a picture of each screen (`make pictures`, into
build/screens), and the same over a serial line of its own."""
import os
import re
import subprocess
import time

import pytest
from bootdisk import Disk, image, one, two
from emulator import Qemu
from flash import tool
from picture import png
from vhd_dynamic import DynamicVhd

TITLES = ("[a]\ntitle = Hyper-V Server 2008 R2\nvhd = \\one.vhd\n"
          "[b]\ntitle = Москва über Ελλάς\nvhd = \\two.vhd\nwrite = none\n"
          "[missing]\nvhd = \\none.vhd\n"
          "[snow]\ntitle = 雪\nvhd = \\two.vhd\n"
          "[attic]\nhidden = yes\nvhd = \\two.vhd\n")
RANGES = [(0xc0, 0x17f), (0x218, 0x21b), (0x386, 0x3ce), (0x400, 0x45f), (0x490, 0x491)]     # font_format.h
KEYS = [" Arrows Home End PgUp PgDn, first letters or a number choose    Enter starts",
        " d discard changes   n write-protected   i all about it   / by name   Esc exits"]


@pytest.fixture
def machine(tmp_path):
    """machine(config, ...): two images behind a config, without a firmware that mirrors the screen."""
    def make(config, **more):
        more.setdefault("mirror", False)
        return Qemu(Disk(tmp_path, two(vhdboot_cfg=config.encode())).path, limit=60, **more)
    return make


def see(pc, pattern):
    """Waits for the pattern on the screen; returns its rows."""
    for _ in range(200):
        screen = pc.screen()
        if re.search(pattern, screen, re.MULTILINE):
            time.sleep(0.3)
            return pc.screen().split("\n")
        time.sleep(0.2)
    raise AssertionError(f"{pattern} is not on the screen:\n{screen}")


def picture(pc, name):
    """QEMU's picture of the screen as build/screens/NAME.png."""
    dump = os.path.join(pc.folder, "picture")
    pc.qmp("screendump", filename=dump)
    with open(dump, "rb") as file:
        width, height, pixels = re.fullmatch(rb"P6\s+(\d+)\s+(\d+)\s+255\s(.*)", file.read(), re.S).groups()
    folder = os.path.join(os.path.dirname(tool("vhdboot.bin")), "screens")
    os.makedirs(folder, exist_ok=True)
    png(os.path.join(folder, name + ".png"), int(width), int(height), pixels)


def pictures_of(text):
    """The letters' pictures in the font that the loader has."""
    with open(os.path.join(os.path.dirname(tool("vhdboot.bin")), "stage2", "font.bin"), "rb") as file:
        font = file.read()
    letters = [chr(c) for first, last in RANGES for c in range(first, last + 1)]
    return [font[16 * n:16 * n + 16] for n in map(letters.index, text)]


def drawn(pc, row, column, count):
    """The pictures of characters as the screen shows them."""
    dump = os.path.join(pc.folder, "picture")
    pc.qmp("screendump", filename=dump)
    with open(dump, "rb") as file:
        width, pixels = re.fullmatch(rb"P6\s+(\d+)\s+\d+\s+255\s(.*)", file.read(), re.S).groups()
    found = []
    for at in range(column, column + count):
        left = at * int(width) // 80
        lines = [pixels[3 * ((row * 16 + y) * int(width) + left):][:24] for y in range(16)]
        found.append(bytes(sum(0x80 >> x for x in range(8) if any(line[3 * x:3 * x + 3])) for line in lines))
    return found


def test_the_menu_is_one_screen(machine):
    with machine("timeout = none\n" + TITLES) as pc:
        rows = see(pc, "changes are kept")
        picture(pc, "menu")
        assert re.fullmatch(r" vhdboot \d\S*", rows[0].rstrip()), rows[0]
        assert rows[2] == "> 1  Hyper-V Server 2008 R2" and rows[4:7] == ["  3  missing", "  4  snow", ""]
        assert rows[3].startswith("  2  ") and rows[3][11:17] == " über " and len(rows[3]) == 22
        assert drawn(pc, 3, 5, 6) == pictures_of("Москва") and drawn(pc, 3, 17, 5) == pictures_of("Ελλάς")
        assert rows[20:23] == ["  \\one.vhd: fixed VHD, 2 MiB, 1 fragment", "  changes are kept",
                               "  Esc: next boot device"]
        assert rows[23:] == KEYS
        pc.keys("down")
        rows = see(pc, "two.vhd: fixed")
        assert rows[3].startswith("> 2") and rows[21] == "  write-protected"
        pc.keys("m")
        assert see(pc, "^> 3  missing")
        pc.keys("i")
        see(pc, r"^error: \\none.vhd: ")
        pc.keys("spc", "ret")
        rows = see(pc, "│ .none.vhd: ")
        picture(pc, "error")
        assert rows[4] == "> 3  missing" and rows[0].startswith(" vhdboot")
        pc.keys("home", "i")
        rows = see(pc, "Press a key to go back")
        picture(pc, "info")
        assert rows[:2] == ["Hyper-V Server 2008 R2", "\\one.vhd: fixed VHD, 2 MiB, 1 fragment"]
        assert rows[2] == "4096 sectors, block map of 8 bytes"


def test_the_documents_pictures(tmp_path):
    """What README and docs/MENU.md show, by `make pictures`."""
    config = ("timeout = none\n[lab]\ntitle = Hyper-V Server 2008 R2\nvhd = \\lab.vhd\n"
              "[same]\ntitle = The same, changes gone at power off\nvhd = \\lab.vhd\nwrite = discard\n"
              "[rescue]\ntitle = Rescue system, write-protected\nvhd = \\rescue.vhd\nwrite = none\n"
              "[class]\ntitle = Учебный класс\nvhd = \\class.vhd\n"
              "[next]\ntitle = What the machine starts without this drive\nboot = next\n")
    files = {"lab.vhd": image("one"), "rescue.vhd": image("two"), "vhdboot.cfg": config.encode()}
    with Qemu(Disk(tmp_path, files, label="RESCUE").path, limit=60, mirror=False) as pc:
        rows = see(pc, "changes are kept")
        assert re.fullmatch(r" vhdboot \d\S* +RESCUE", rows[0]) and len(rows[0]) == 79, rows[0]
        assert drawn(pc, 5, 5, 7) == pictures_of("Учебный")
        picture(pc, "docs-menu")
        pc.keys("4")
        see(pc, "class.vhd: there is no such file")
        picture(pc, "docs-menu-error")


def test_letters_become_those_that_a_mirrored_screen_has(machine):
    with machine("timeout = none\n" + TITLES, mirror=True) as pc:
        pc.wait("Esc exits")
        assert re.search(r"  2  Moskva \S{1,2}ber Ellas", pc.log), pc.log


def test_a_start_finds_the_screens_own_letters(machine):
    with machine("timeout = none\n" + TITLES) as pc:
        see(pc, "^> 1")
        pc.keys("2")
        rows = see(pc, "guest: two")
        assert any(row == "starting Moskva über Ellas" for row in rows), rows
        pc.qmp("stop")


def test_a_hidden_entry_starts_by_its_name(machine):
    with machine("timeout = none\n" + TITLES) as pc:
        see(pc, "^> 1")
        assert "attic" not in pc.screen()
        pc.keys("slash", *"loft", "ret")
        see(pc, "No entry has this name")
        pc.keys("slash", *"attic", "ret")
        see(pc, "guest: two")


WRITER = """
        bits 16
        org 0x7c00
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ax, 0x0301
        mov bx, 0x7c00
        mov cx, 2
        mov dx, 0x80
        int 0x13
        mov si, wrote
        jnc next
        mov si, refused
        cmp ah, 3
        je next
        mov si, failed
next:   lodsb
        test al, al
        jz $
        mov ah, 0x0e
        mov bx, 7
        int 0x10
        jmp next
wrote:  db "guest: NAME wrote", 0
refused: db "guest: NAME is write-protected", 0
failed: db "guest: NAME failed", 0
        times 510 - ($ - $$) db 0
        dw 0xaa55
"""


@pytest.mark.parametrize("key, said", [("1", "one wrote"), ("n", "one is write-protected"), ("d", "one wrote")])
def test_how_writes_end_where_the_entry_is_started_by(tmp_path, key, said):
    config = b"timeout = none\n[a]\nvhd = \\one.vhd\n[b]\nboot = next\n"
    disk = Disk(tmp_path, {"one.vhd": image("one", WRITER), "vhdboot.cfg": config})
    at = disk.lba("one.vhd", 1) * 512
    with Qemu(disk.path, limit=60, mirror=False, write=True) as pc:
        see(pc, "^> 1")
        pc.keys(key)
        see(pc, "guest: " + said)
    with open(disk.path, "rb") as file:
        file.seek(at)
        assert any(file.read(512)) == (key == "1")


def test_discard_this_once(machine):
    with machine("timeout = none\n" + TITLES) as pc:
        see(pc, "^> 1")
        pc.keys("d")
        rows = see(pc, "guest: one")
        assert "changes are kept in memory, and gone at power off" in rows, rows


@pytest.mark.takes(10)
def test_reading_into_memory_shows_a_bar_and_can_be_stopped(machine):
    with machine("timeout = none\n[a]\nvhd = \\one.vhd\nram = yes\n[b]\nvhd = \\two.vhd\n") as pc:
        see(pc, "^> 1  a")
        pc.qmp("block_set_io_throttle", device="disk0", bps=400_000, bps_rd=0, bps_wr=0, iops=0, iops_rd=0, iops_wr=0)
        pc.keys("1")
        rows = see(pc, r"^\[#+\.+\] 1 of 2 MiB, 0\.\d MiB/s$")
        picture(pc, "memory")
        assert rows.index("reading \\one.vhd into memory; Esc leads back") > 0
        assert len([row for row in rows if "MiB/s" in row]) == 1, rows      # in its place
        pc.keys("esc")
        see(pc, "^> 1  a")
        pc.qmp("block_set_io_throttle", device="disk0", bps=0, bps_rd=0, bps_wr=0, iops=0, iops_rd=0, iops_wr=0)
        pc.keys("1")
        rows = see(pc, "guest: one")
        assert any(re.match(r"\[#+\] 2 of 2 MiB(, [0-9.]+ MiB/s)?$", row) for row in rows), rows


@pytest.mark.parametrize("key", ["f8", "shift"])
def test_a_key_held_at_power_on_shows_the_menu_where_there_is_no_time_for_it(machine, key):
    """Held as a keyboard has it: the make code comes again and again."""
    with machine("timeout = 0\n" + TITLES) as pc:
        down = {"type": "key", "data": {"down": True, "key": {"type": "qcode", "data": key}}}
        for _ in range(1000):
            for _ in range(10):
                pc.qmp("input-send-event", events=[down])
                time.sleep(0.02)
            if re.search("^> 1|guest", pc.screen(), re.MULTILINE):
                break
        see(pc, "^> 1  Hyper")


def test_many_entries_scroll(machine):
    config = "timeout = none\n" + "".join(f"[e{n}]\nvhd = \\one.vhd\n" for n in range(1, 26))
    with machine(config) as pc:
        rows = see(pc, "more")
        assert rows[2] == ">  1  e1" and rows[17] == "  16  e16" and rows[18] == "     v 9 more"
        pc.keys("end")
        rows = see(pc, "^> 25  e25")
        picture(pc, "scrolled")
        assert rows[1] == "     ^ 9 more" and rows[17] == "> 25  e25" and rows[18] == ""


@pytest.mark.parametrize("kind", ["fixed", "dynamic"])
def test_the_details_cost_few_sectors(tmp_path, kind):
    """More than the details of an image that is not there, which are no more than a look for its name."""
    reads = {}
    path = tmp_path / "image.vhd"
    if kind == "dynamic":
        subprocess.run(["qemu-img", "create", "-q", "-f", "vpc", "-o", "subformat=dynamic", path, "8G"], check=True)
    files = {"one.vhd": path.read_bytes()} if kind == "dynamic" else one()
    for name, shown in (("none", "no such file"), ("one", r"^  \\one.vhd")):
        config = f"timeout = none\n[a]\nvhd = \\{name}.vhd\n[b]\nvhd = \\none.vhd\n"
        with Qemu(Disk(tmp_path, {**files, "vhdboot.cfg": config.encode()}).path, limit=60, mirror=False) as pc:
            see(pc, shown)
            reads[name] = pc.stats()["rd_bytes"] // 512
            if name == "one":
                pc.keys("tab")          # somebody is there
                see(pc, "one.vhd: " + kind)
                see(pc, "  changes are kept" + (", no room for new blocks" if kind == "dynamic" else "$"))
    print(reads)
    assert reads["one"] - reads["none"] <= 20, reads


def test_the_first_screen_waits_for_no_other_drive(tmp_path):
    """Not for the BIOS' timeouts of a drive that is broken, either: only the user makes the loader look there."""
    config = b"timeout = none\n[a]\nvhd = \\one.vhd\nparent = OTHER:\\base.vhd\n[b]\nvhd = \\one.vhd\n"
    boot, other = tmp_path / "boot", tmp_path / "other"
    boot.mkdir()
    other.mkdir()
    path = Disk(boot, one(vhdboot_cfg=config)).path
    extra = [(Disk(other, {}, label="OTHER").path, "ide")]
    with Qemu(path, extra=extra, limit=60, mirror=False) as pc:
        see(pc, r"^  \\one.vhd$")
        assert pc.stats("disk1")["rd_operations"] == 0
        pc.keys("tab")
        see(pc, r"^  \\one.vhd: fixed")
        assert pc.stats("disk1")["rd_operations"] > 0


def test_the_details_tell_of_room_and_of_parents(tmp_path):
    base = DynamicVhd(64 << 20)
    child = DynamicVhd(64 << 20, parent=base)
    child.slack = 5 * ((2 << 20) + 512)
    child.parent_name = "base.vhd"
    child.locate("W2ku", "\\base.vhd")
    paths = [tmp_path / "child.vhd", tmp_path / "base.vhd"]
    for vhd, path in zip((child, base), paths):
        vhd.write(path)
    files = {path.name: path.read_bytes() for path in paths}
    config = b"timeout = none\n[a]\nvhd = \\child.vhd\n[b]\nvhd = \\child.vhd\nwrite = none\n"
    with Qemu(Disk(tmp_path, {**files, "vhdboot.cfg": config}, size=96).path, limit=60, mirror=False) as pc:
        see(pc, r"^  \\child.vhd$")            # all of it would take more than the first screen may
        pc.keys("tab")
        see(pc, r"^  changes are kept, room for 10 MiB of new blocks, 1 parent$")
        pc.keys("down")
        see(pc, "^  write-protected, 1 parent$")


# --- Over a serial line


@pytest.mark.parametrize("console", ["serial", "both"])
def test_over_a_serial_line(machine, console):
    with machine(f"console = {console}\nserial = COM1 115200\ntimeout = none\n" + TITLES) as pc:
        pc.wait("changes are kept")
        assert pc.log.count("> 1  Hyper-V Server 2008 R2") == 1, pc.log
        raw = pc.raw().decode()
        assert "Москва über Ελλάς" in raw and "\x1b[3;1H\x1b[7m> 1  Hyper" in raw, raw
        assert ("> 1" in pc.screen()) == (console == "both")
        pc.send("\x1b[B")
        pc.wait("> 2  ")
        pc.send("\x1b[A")
        pc.wait("> 1  Hyper")
        pc.send("3\r" if console == "both" else "3")
        pc.wait(r"^error: \\none.vhd: ")
        pc.wait("> 3  missing")
        pc.send("1")
        pc.wait("starting Hyper-V Server 2008 R2")
        see(pc, "guest: one")


@pytest.mark.parametrize("console", ["serial", "both"])
def test_nothing_is_doubled_where_the_firmware_mirrors_its_screen(machine, console):
    with machine(f"console = {console}\ntimeout = none\n" + TITLES, mirror=True) as pc:
        pc.wait("changes are kept")
        time.sleep(1)
        assert pc.log.count("Hyper-V Server 2008 R2") == 1, pc.log
        assert "> 1  Hyper-V" in pc.screen()
        pc.send("\x1b[B")
        pc.wait("> 2  ")
        pc.send("1")
        pc.wait("guest: one")
        assert pc.log.count("guest: one") == 1 and pc.log.count("starting Hyper-V") == 1, pc.log


def test_the_screen_alone_sends_nothing(machine):
    with machine("timeout = none\n" + TITLES) as pc:
        see(pc, "changes are kept")
        assert pc.raw() == b""


def test_a_machine_without_a_screen(machine):
    with machine("console = serial\ntimeout = none\n" + TITLES, options=["-vga", "none"]) as pc:
        pc.wait("> 1  Hyper")
        pc.send("1")
        pc.wait("starting Hyper-V Server 2008 R2")


def test_a_port_that_is_not_there(machine):
    with machine("console = serial\nserial = COM3\ntimeout = none\n" + TITLES) as pc:
        see(pc, "^> 1  Hyper")
        pc.keys("1")
        see(pc, "warning: .*no such serial port")
        see(pc, "guest: one")
