# SPDX-License-Identifier: GPL-2.0-or-later
"""What the guest's first instruction finds: registers, flags and memory as a BIOS leaves them."""
import subprocess

import pytest
import vhd
from emulator import Qemu

SECTORS = 4096
# Prints registers and FLAGS, then the linear address of the first byte of the conventional memory that vhdboot has
# used that is not 0. Interrupts have used the stack below 7C00 by then.
GUEST = """
        bits 16
        cpu 386
        org 0x7c00
        pushf
        pop word [cs:flags]
        mov [cs:saved], eax
        mov [cs:saved + 4], ebx
        mov [cs:saved + 8], ecx
        mov [cs:saved + 12], edx
        mov [cs:saved + 16], esi
        mov [cs:saved + 20], edi
        mov [cs:saved + 24], ebp
        mov [cs:saved + 28], esp
        mov [cs:saved + 32], ds
        mov [cs:saved + 34], es
        mov [cs:saved + 36], fs
        mov [cs:saved + 38], gs
        mov [cs:saved + 40], ss
        mov [cs:saved + 42], cs
        cli
        xor ax, ax
        mov ds, ax
        mov bx, 0x60
        mov bp, 0x7b0
        call scan
        jne found
        mov bx, 0x7e0
        mov bp, 0x5800
        call scan
        jne found
        xor bx, bx
found:  mov [used], bx
        sti
        mov si, text
        call print
        mov si, saved
        mov cx, 24
show:   lodsw
        call hex
        loop show
        mov si, end
        call print
        jmp $

scan:   mov es, bx
        xor di, di
        mov cx, 16
        xor al, al
        cld
        repe scasb
        jne .end
        inc bx
        cmp bx, bp
        jne scan
.end:   ret

print:  lodsb
        test al, al
        jz scan.end
        call put
        jmp print
hex:    mov dx, ax
        mov ah, 4
.digit: rol dx, 4
        mov al, dl
        and al, 15
        cmp al, 10
        sbb al, 0x69
        das
        call put
        dec ah
        jnz .digit
        ret
put:    pusha
        mov ah, 0x0e
        mov bx, 7
        int 0x10
        popa
        ret
text:   db 13, 10, "guest: ", 0
end:    db " end", 13, 10, 0
        align 4
saved:  times 44 db 0
flags:  dw 0
used:   dw 0
        times 510 - ($ - $$) db 0
        dw 0xaa55
"""


@pytest.fixture
def guest(tmp_path):
    source, sector, image = tmp_path / "guest.asm", tmp_path / "guest", tmp_path / "guest.vhd"
    source.write_text(GUEST, encoding="ascii")
    subprocess.run(["nasm", "-f", "bin", "-o", sector, source], check=True)
    vhd.make_fixed(str(image), SECTORS)
    with open(image, "r+b") as file:
        file.write(sector.read_bytes())
    return str(image)


def test_registers_flags_and_memory_are_as_a_bios_leaves_them(shop, guest):
    with Qemu(shop.formatted(guest), memory=32, limit=60) as pc:
        said = "".join(pc.wait(r"guest: ([0-9A-F\s]+) end").group(1).split())    # the screen has 80 columns
    words = [int(said[i:i + 4], 16) for i in range(0, len(said), 4)]
    eax, ebx, ecx, edx, esi, edi, ebp, esp = (words[i] | words[i + 1] << 16 for i in range(0, 16, 2))
    assert (eax, edx, esp) == (0xaa55, 0x80, 0x7c00), f"{words}"
    assert (ebx, ecx, esi, edi, ebp) == (0, 0, 0, 0, 0), f"{words}"
    assert words[16:22] == [0] * 6, f"DS, ES, FS, GS, SS, CS: {words[16:22]}"
    assert words[22] == 0x0202, f"FLAGS: {words[22]:04x}"
    assert words[23] == 0, f"memory that is not 0: paragraph {words[23]:04x}"
