; SPDX-License-Identifier: GPL-2.0-or-later
; LBA 0 of a drive that holds the resident handler and a block map as disk.py prepared them: hooks
; the handler without stage2 and starts the disk's boot record. So the handler can be tested with maps
; that no image would give.
;
;   LBA 1..16     the resident's segment, header filled in but for what only the machine knows
;   LBA 17..128   the map's cells

        bits    16
        cpu     386
        org     0x7C00

%include "layout.inc"
%include "resident/offsets.inc"

BDA_LOW_KIB     equ 0x413
BDA_HD_COUNT    equ 0x475
MAP_SEGMENT     equ 0x2000
MAP_SECTORS     equ 112
%define HEADER(field) RESIDENT_HEADER + HEADER_ %+ field

start:
        xor     ax, ax
        mov     ds, ax
        cli
        mov     ss, ax
        mov     sp, 0x7C00
        sti
        cld
        mov     [drive], dl
        mov     ax, [BDA_LOW_KIB]
        sub     ax, RESIDENT_SIZE_MAX / 1024
        mov     [BDA_LOW_KIB], ax
        shl     ax, 6
        mov     [dap.segment], ax
        call    read
        mov     word [dap.segment], MAP_SEGMENT
        mov     word [dap.lba], 17
        mov     word [dap.count], MAP_SECTORS
        call    read

        mov     ax, [BDA_LOW_KIB]
        shl     ax, 6
        mov     es, ax
        mov     eax, [es:HEADER(map_address)]
        mov     [move.to + 2], ax
        shr     eax, 16
        mov     [move.to + 4], al
        mov     [move.to + 7], ah
        push    es
        xor     ax, ax
        mov     es, ax
        mov     si, move
        mov     cx, MAP_SECTORS * 256
        mov     ah, 0x87                ; INT 15h AH=87h: copies CX words by the GDT at ES:SI
        int     0x15
        pop     es
        jc      failed

        mov     eax, [0x13 * 4]
        mov     [es:HEADER(old_int13)], eax
        mov     eax, [0x15 * 4]
        mov     [es:HEADER(old_int15)], eax
        mov     eax, [0x18 * 4]
        mov     [es:HEADER(old_int18)], eax
        mov     eax, [0x19 * 4]
        mov     [es:HEADER(old_int19)], eax
        mov     eax, [0x41 * 4]
        mov     [es:HEADER(old_int41)], eax
        mov     eax, [0x46 * 4]
        mov     [es:HEADER(old_int46)], eax
        mov     ax, [BDA_LOW_KIB]
        add     ax, RESIDENT_SIZE_MAX / 1024
        mov     [es:HEADER(old_low_kib)], ax
        mov     al, [BDA_HD_COUNT]
        mov     [es:HEADER(bios_hd_count)], al
        inc     byte [BDA_HD_COUNT]
        mov     al, [drive]
        mov     [es:HEADER(drive)], al
        mov     eax, es
        movzx   eax, ax
        shl     eax, 4
        mov     [es:HEADER(hidden)], eax

        cli
        mov     eax, es
        shl     eax, 16
        mov     ax, RESIDENT_HEADER
        mov     [0x13 * 4], eax
        mov     ax, [es:HEADER(int15_entry)]
        mov     [0x15 * 4], eax
        mov     ax, [es:HEADER(int18_entry)]
        mov     [0x18 * 4], eax
        mov     ax, [es:HEADER(int19_entry)]
        mov     [0x19 * 4], eax
        mov     ax, RESIDENT_HEADER + HEADER_fdpt
        xchg    [0x41 * 4], eax
        mov     [0x46 * 4], eax
        sti

        ; The last instructions lie where the disk's boot record does not.
        xor     ax, ax
        mov     es, ax
        mov     si, last
        mov     di, 0x600
        mov     cx, last_end - last
        rep     movsb
        jmp     0:0x600
last:
        mov     ax, 0x0201
        mov     bx, 0x7C00
        mov     cx, 1
        mov     dx, 0x80
        int     0x13
        mov     sp, 0x7C00
        xor     di, di
        jmp     0:0x7C00
last_end:

read:
        mov     cx, 3                   ; a USB drive may need more than one call
.try:
        push    word [dap.count]
        push    cx
        mov     si, dap
        mov     ah, 0x42
        mov     dl, [drive]
        int     0x13
        pop     cx
        pop     word [dap.count]
        jnc     .done
        loop    .try
        jmp     failed
.done:
        ret

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
text:   db      'not ok loader', 13, 10, 0
drive:  db      0

        align   4
dap:    db      16, 0
.count: dw      16
        dw      0
.segment: dw    0
.lba:   dq      1

move:   times 16 db 0
        dw      0xFFFF, 0
        db      2, 0x93
        dw      0
.to:    dw      0xFFFF, 0
        db      0, 0x93
        dw      0
        times 16 db 0

        times   510 - ($ - $$) db 0
        dw      0xAA55
