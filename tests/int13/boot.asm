; SPDX-License-Identifier: GPL-2.0-or-later
; LBA 0 of a test disk: loads the conformance program, PROGRAM_SECTORS sectors from LBA 1 on, to
; PROGRAM_SEGMENT:0, the V86 monitor behind them to MONITOR_SEGMENT:0, and starts the program with DL as it
; came. Keeps the hand-off's registers first: the program finds them at its own entry.

        bits    16
        cpu     386
        org     0x7C00

PROGRAM_SEGMENT equ 0x1000
PROGRAM_SECTORS equ 64
MONITOR_SEGMENT equ 0x2000
MONITOR_SECTORS equ 16

start:
        mov     [cs:saved_ss], ss
        mov     [cs:saved_sp], sp
        pushf
        pop     word [cs:saved_flags]
        mov     [cs:saved_es], es
        mov     [cs:saved_ds], ds
        mov     [cs:saved_di], di
        xor     ax, ax
        mov     ds, ax
        cli
        mov     ss, ax
        mov     sp, 0x7C00
        sti
        cld
        mov     [saved_dx], dx
        mov     [saved_cs], cs
        mov     cx, PROGRAM_SECTORS + MONITOR_SECTORS
.next:                                  ; a sector a call: the least that any BIOS can do
        mov     si, dap
        mov     ah, 0x42
        push    cx
        int     0x13
        pop     cx
        jc      failed
        add     word [dap.segment], 32
        inc     dword [dap.lba]
        mov     word [dap.count], 1
        mov     dx, [saved_dx]
        cmp     cx, MONITOR_SECTORS + 1
        jne     .loop
        mov     word [dap.segment], MONITOR_SEGMENT
.loop:
        loop    .next
        mov     si, saved_ss
        jmp     PROGRAM_SEGMENT:0

failed:
        mov     si, text
.char:
        lodsb
        test    al, al
        jz      .halt
        mov     dx, 0x3F8
        out     dx, al
        jmp     .char
.halt:
        hlt
        jmp     .halt

text:   db      'not ok boot: the program cannot be read', 13, 10, 0

        align   4
dap:    db      16, 0
.count: dw      1
        dw      0
.segment: dw    PROGRAM_SEGMENT
.lba:   dq      1

saved_ss: dw    0                       ; 0000:SI at the program's entry
saved_sp: dw    0
saved_flags: dw 0
saved_es: dw    0
saved_di: dw    0
saved_dx: dw    0
saved_cs: dw    0
saved_ds: dw    0

        times   510 - ($ - $$) db 0
        dw      0xAA55
