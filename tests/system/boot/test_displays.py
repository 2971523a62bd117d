# SPDX-License-Identifier: GPL-2.0-or-later
"""The menu on displays that are not 80 columns of colours, on none at all, and on a terminal at a real line."""
import os
import pty
import re
import subprocess
import time

import pytest
from bootdisk import Disk, two
from emulator import Qemu
from oldbios import boot_from

CONFIG = ("timeout = none\n[a]\ntitle = A title that is longer than forty columns are\nvhd = \\one.vhd\n"
          "[b]\ntitle = Москва\nvhd = \\two.vhd\nwrite = none\n[missing]\nvhd = \\none.vhd\n")

# Sets a mode, that nobody changes from then on, and starts drive 80h.
MODE = """
        bits 16
        org 0x7c00
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     sp, 0x7c00
        mov     si, 0x7c00
        mov     di, 0x8000
        mov     cx, 256
        cld
        rep movsw
        jmp     0:0x400 + here
here:   mov     ax, MODE
        int     0x10
        mov     eax, [4 * 0x10]
        mov     [0x400 + next], eax
        mov     si, 0x400 + refuse
        mov     di, 0x4f0                       ; nobody's
        mov     cx, end - refuse
        rep movsb
        mov     dword [4 * 0x10], 0x4f0
        mov     ax, 0x0201
        mov     bx, 0x7c00
        mov     cx, 1
        mov     dx, 0x80
        int     0x13
        mov     dx, 0x80
        jmp     0:0x7c00
refuse: test    ah, ah
        jz      given_up
        db      0xea                            ; a far jump
next:   dd      0
given_up: iret
end:    times   510 - ($ - $$) db 0
        dw      0xaa55
"""


@pytest.fixture
def disk(tmp_path):
    return Disk(tmp_path, two(vhdboot_cfg=CONFIG.encode())).path


@pytest.fixture
def display(tmp_path, disk):
    """display(mode): a machine whose BIOS has this video mode only."""
    def make(mode):
        source, floppy = tmp_path / "mode.asm", tmp_path / "floppy.img"
        source.write_text(MODE.replace("MODE", str(mode)))
        subprocess.run(["nasm", "-f", "bin", "-o", floppy, source], check=True)
        with open(floppy, "r+b") as file:
            file.truncate(1440 << 10)
        return Qemu(disk, limit=60, mirror=False, options=boot_from(floppy))
    return make


def rows(pc, pattern, **where):
    """The screen's rows, and their attributes, once the pattern is there."""
    for _ in range(200):
        cells = pc.cells(**where)
        text = [bytes(row[::2]).decode("cp437").replace("\0", " ").rstrip() for row in cells]
        if re.search(pattern, "\n".join(text), re.MULTILINE):
            return text, [row[1::2] for row in cells]
        time.sleep(0.2)
    raise AssertionError("\n".join(text))


def test_monochrome(display):
    with display(7) as pc:
        text, attributes = rows(pc, "changes are kept", at=0xB0000)
        assert text[0].startswith(" vhdboot ") and text[2] == "> 1  A title that is longer than forty columns are"
        assert {bytes(row) for n, row in enumerate(attributes[:24]) if n not in (0, 2, 23)} == {b"\x07" * 80}
        assert bytes(attributes[0]) == bytes(attributes[2]) == bytes(attributes[23]) == b"\x70" * 80
        pc.keys("3")
        text, attributes = rows(pc, "│ .none.vhd: there is no such file", at=0xB0000)
        assert set(attributes[8][2:78]) == {0x70} and attributes[8][1] == 0x07


def test_forty_columns(display):
    with display(1) as pc:
        text, attributes = rows(pc, "changes are kept", columns=40)
        assert text[2] == "> 1  A title that is longer than forty c" and text[4] == "  3  missing"
        assert text[20:] == ["  \\one.vhd: fixed VHD, 2 MiB, 1 fragment", "  changes are kept",
                             "  Esc: next boot device", " Arrows Enter 1-9 A-Z /name", " d discard n protected i info"]
        assert [bytes(row) for row in attributes[2:4]] == [b"\x70" * 40, b"\x07" * 40]
        pc.keys("3")
        text, _ = rows(pc, "^  │ .none.vhd: there is no such file", columns=40)
        assert all(re.fullmatch(r"  [┌│└].{34}[┐│┘]", row) for row in text[8:13]), text
        pc.keys("2")
        rows(pc, "guest: two", columns=40)


def test_no_display_the_countdown_starts_the_default(tmp_path):
    """The firmware's own line shows that there is no other way out."""
    disk = Disk(tmp_path, two(vhdboot_cfg=CONFIG.replace("none\n", "2\n", 1).encode())).path
    with Qemu(disk, limit=60, options=["-vga", "none"]) as pc:
        pc.wait("^> 1  A title")
        pc.wait("guest: one")


def test_a_terminal_at_a_real_line(tmp_path):
    disk = Disk(tmp_path, two(vhdboot_cfg=b"console = serial\nserial = COM2 9600\n" + CONFIG.encode())).path
    ours, its = pty.openpty()
    line = ["-chardev", f"serial,id=line,path={os.ttyname(its)}", "-serial", "chardev:line"]
    shown = b""

    def wait(pattern):
        nonlocal shown
        while not re.search(pattern.encode(), shown):
            shown += os.read(ours, 1000)

    with Qemu(disk, limit=60, mirror=False, options=line) as pc:
        os.set_blocking(ours, True)
        wait("Esc exits")
        assert "> 1  A title that is longer".encode() in shown and "Москва".encode() in shown
        os.write(ours, b"\x1b[B")
        wait("> 2  ")
        os.write(ours, b"3")
        wait("none.vhd: there is no such file")
        os.write(ours, b"2")
        wait("starting Moskva")
        assert pc.raw() == b""
    os.close(ours)
    os.close(its)
