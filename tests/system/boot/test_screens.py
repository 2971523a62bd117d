# SPDX-License-Identifier: GPL-2.0-or-later
"""The menu as the machine shows it: the text in video memory, a picture of each screen (`make pictures`, into
build/screens), and the same over a serial line of its own."""
import os
import re
import struct
import subprocess
import time
import zlib

import pytest
from bootdisk import Disk, one, two
from emulator import Qemu
from flash import tool

TITLES = ("[a]\ntitle = Hyper-V Server 2008 R2\nvhd = \\one.vhd\n"
          "[b]\ntitle = Москва über Ελλάς\nvhd = \\two.vhd\nwrite = none\n"
          "[missing]\nvhd = \\none.vhd\n"
          "[snow]\ntitle = 雪\nvhd = \\two.vhd\n"
          "[attic]\nhidden = yes\nvhd = \\two.vhd\n")
KEYS = [" Arrows Home End PgUp PgDn, first letters or a number choose    Enter starts",
        " d discard changes   n write-protected   i all about it   / by name   Esc stops"]


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
    width, height = int(width), int(height)
    rows = b"".join(b"\0" + pixels[y * width * 3:(y + 1) * width * 3] for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    folder = os.path.join(os.path.dirname(tool("vhdboot.bin")), "screens")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name + ".png"), "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
                   + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def test_the_menu_is_one_screen(machine):
    with machine("timeout = none\n" + TITLES) as pc:
        rows = see(pc, "changes are kept")
        picture(pc, "menu")
        assert re.fullmatch(r" vhdboot \d\S*", rows[0].rstrip()), rows[0]
        assert rows[2:7] == ["> 1  Hyper-V Server 2008 R2", "  2  Moskva über Ellas", "  3  missing", "  4  snow", ""]
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


def test_a_hidden_entry_starts_by_its_name(machine):
    with machine("timeout = none\n" + TITLES) as pc:
        see(pc, "^> 1")
        assert "attic" not in pc.screen()
        pc.keys("slash", *"loft", "ret")
        see(pc, "No entry has this name")
        pc.keys("slash", *"attic", "ret")
        see(pc, "guest: two")


def test_discard_this_once(machine):
    with machine("timeout = none\n" + TITLES) as pc:
        see(pc, "^> 1")
        pc.keys("d")
        rows = see(pc, "guest: one")
        assert "changes are kept in memory, and gone at power off" in rows, rows


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
    print(reads)
    assert reads["one"] - reads["none"] <= 20, reads


# --- Over a serial line


@pytest.mark.parametrize("console", ["serial", "both"])
def test_over_a_serial_line(machine, console):
    with machine(f"console = {console}\nserial = COM1 115200\ntimeout = none\n" + TITLES) as pc:
        pc.wait("changes are kept")
        assert pc.log.count("> 1  Hyper-V Server 2008 R2") == 1, pc.log
        raw = pc.raw().decode()
        assert "Moskva über Ellas" in raw and "\x1b[3;1H\x1b[7m> 1  Hyper" in raw, raw
        assert ("> 1" in pc.screen()) == (console == "both")
        pc.send("\x1b[B")
        pc.wait("> 2  Moskva")
        pc.send("\x1b[A")
        pc.wait("> 1  Hyper")
        pc.send("3\r" if console == "both" else "3")
        pc.wait(r"^error: \\none.vhd: ")
        pc.wait("> 3  missing")
        pc.send("1")
        pc.wait("starting Hyper-V Server 2008 R2")
        see(pc, "guest: one")


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
