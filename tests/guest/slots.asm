; SPDX-License-Identifier: GPL-2.0-or-later
; Looks for the drive table as drivers do that know GRUB4DOS: by the vector of INT 13h, whose handler has
; "$INT13SFGRUB4DOS" three bytes after its entry; the table is at offset 20h of its segment. Prints its eight
; slots of 24 bytes, "guest: slot HEX...", a line a slot, and "guest: done", or "guest: failed".
        %include "guest.inc"

SLOTS           equ 0x20
SLOT_SIZE       equ 24

main:
        mov     di, [0x13 * 4]
        mov     es, [0x13 * 4 + 2]
        add     di, 3
        mov     si, name
        mov     cx, 16
        repe    cmpsb
        jne     failed
        mov     di, SLOTS
        mov     cx, 8
.slot:
        mov     si, text_slot
        call    print
        push    cx
        mov     cx, SLOT_SIZE
.byte:
        mov     al, [es:di]
        inc     di
        call    print_byte
        loop    .byte
        call    print_line_end
        pop     cx
        loop    .slot
        mov     si, text_done
        call    print
        jmp     halt
failed:
        mov     si, text_failed
        call    print
        jmp     halt

; print_byte: AL as two digits.      keeps all
print_byte:
        push    ax
        mov     ah, al
        shr     al, 4
        call    .digit
        mov     al, ah
        and     al, 15
        call    .digit
        pop     ax
        ret
.digit:
        add     al, '0'
        cmp     al, '9'
        jbe     .out
        add     al, 'a' - '0' - 10
.out:
        jmp     print_char

name            db "$INT13SFGRUB4DOS"
text_slot       db "guest: slot ", 0
text_done       db "guest: done", 13, 10, 0
text_failed     db "guest: failed", 13, 10, 0
        times 16 * 512 - ($ - $$) db 0
