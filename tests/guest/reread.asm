; SPDX-License-Identifier: GPL-2.0-or-later
; Put into a machine that has run anything else (tests/lib/gdb.py): reads the sectors of drive 80h that a list names,
; each by a call of its own, into memory from 10000h on, says "guest: done" or "guest: failed" on COM1, and halts.
;
;   07C00 this program     08000 count, then so many sector numbers, dwords
bits 16
cpu 386
org 0x7C00

COM1            equ 0x3F8
LIST            equ 0x8000
READ_TO         equ 0x1000

start:
        xor     ax, ax
        mov     ss, ax
        mov     sp, 0x7C00
        mov     ds, ax
        lidt    [vectors]
        cld
        sti
        mov     bp, [LIST]
        mov     di, LIST + 4
.sector:
        mov     eax, [di]
        mov     [request.lba], eax
        mov     ah, 0x42
        mov     dl, 0x80
        mov     si, request
        int     0x13
        mov     si, text_failed
        jc      .say
        add     word [request.segment], 512 >> 4
        add     di, 4
        dec     bp
        jnz     .sector
        mov     si, text_done
.say:
        mov     dx, COM1 + 5
.busy:
        in      al, dx
        test    al, 0x20
        jz      .busy
        lodsb
        mov     dx, COM1
        out     dx, al
        test    al, al
        jnz     .say
        cli
        hlt

vectors         dw 0x3FF                ; IDTR of real mode
                dd 0
align 4
request         dw 16, 1, 0             ; disk address packet
.segment        dw READ_TO
.lba            dq 0
text_done       db 13, 10, "guest: done", 13, 10, 0
text_failed     db 13, 10, "guest: failed", 13, 10, 0
