; SPDX-License-Identifier: GPL-2.0-or-later
; Says how many drives there are and whether 82h is one. If so: compares a sector of it with the pattern of
; pattern.c, and overwrites the next one with generation 7. If not: no call may reach it, or 81h. Ends with
; "guest: done" or "guest: failed".
        %include "guest.inc"

FLASH           equ 0x81
SECOND          equ 0x82                ; the flash is between it and our disk
HERE            equ 100                 ; the sector that is read; the next one is written

main:
        mov     si, text_drives
        call    print
        mov     ah, 0x08
        mov     dl, [drive]
        xor     di, di
        mov     es, di
        int     0x13
        jc      failed
        movzx   eax, dl
        call    print_hex
        mov     si, text_bda
        call    print
        movzx   eax, byte [0x475]
        call    print_hex
        call    print_line_end
        mov     byte [drive], SECOND
        mov     ah, 0x15
        mov     dl, SECOND
        int     0x13
        jc      failed
        mov     [status], ah
        push    BUFFER_SEGMENT
        pop     es
        mov     eax, HERE
        mov     cx, 1
        xor     bx, bx
        mov     dh, 0x42
        cmp     byte [status], 3
        jne     absent
        call    transfer
        jc      failed
        xor     di, di
        mov     dl, 0
        call    sector_check
        jc      failed
        xor     di, di
        inc     eax
        mov     dl, 7
        call    sector_fill
        mov     dh, 0x43
        call    transfer
        jc      failed
        mov     si, text_done
        jmp     last
absent:
        push    BUFFER_SEGMENT
        pop     es
        mov     dh, 0x42
        call    transfer
        jnc     failed
        mov     dh, 0x43
        call    transfer
        jnc     failed
        mov     ah, 0x08
        mov     dl, [drive]
        int     0x13
        jnc     failed
        mov     eax, HERE
        mov     cx, 1
        xor     bx, bx
        dec     byte [drive]
        cmp     byte [drive], FLASH
        je      absent
        mov     si, text_absent
        jmp     last
failed:
        mov     si, text_failed
last:
        call    print
        jmp     halt

        %include "sectors.inc"

text_drives     db "guest: drives ", 0
text_bda        db " in the BDA ", 0
text_absent     db "guest: no second drive", 13, 10
text_done       db "guest: done", 13, 10, 0
text_failed     db "guest: failed", 13, 10, 0
        times 16 * 512 - ($ - $$) db 0
