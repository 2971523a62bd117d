; SPDX-License-Identifier: GPL-2.0-or-later
; LBA 0 of a test disk: counts the instructions that the handler adds to a read of 4 KiB. It puts a BIOS
; that does nothing under the handler and takes time stamps, which count instructions under QEMU's
; -icount shift=0. One line a place of the disk: `count LBA CACHED UNCACHED`, hexadecimal.

        bits    16
        cpu     586
        org     0x7C00

%include "layout.inc"
%include "resident/offsets.inc"

start:
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        cli
        mov     ss, ax
        mov     sp, 0x7C00
        sti
        cld
        les     bx, [0x13 * 4]          ; BX = RESIDENT_HEADER
        mov     word [es:bx + HEADER_old_int13], null_bios
        mov     word [es:bx + HEADER_old_int13 + 2], 0
        mov     bp, places
.next:
        mov     eax, [bp]
        cmp     eax, -1
        je      .end
        mov     [dap.lba], eax
        mov     si, text
        call    print
        mov     eax, [bp]
        call    print_hex
        call    disturb
        call    measure                 ; fetches the cell
        push    eax
        call    measure
        call    print_hex
        pop     eax
        call    print_hex
        mov     si, newline
        call    print
        add     bp, 4
        jmp     .next
.end:
        mov     si, done
        call    print
.halt:
        hlt
        jmp     .halt

; disturb: reads where another cell is needed
disturb:
        push    dword [dap.lba]
        mov     eax, [far_page]
        mov     [dap.lba], eax
        call    measure
        pop     dword [dap.lba]
        ret

; measure: EAX = instructions of one call, less those of the BIOS below and of the time stamps
measure:
        mov     word [dap.count], 8
        cli                             ; no timer tick in between
        rdtsc
        mov     ebx, eax
        pushf
        call    0:null_bios
        rdtsc
        sub     eax, ebx
        mov     edi, eax                ; what a raw BIOS's call takes
        mov     si, dap
        mov     dl, 0x80
        mov     ah, 0x42
        mov     [saved_ax], ax
        rdtsc
        mov     ebx, eax
        mov     ax, [saved_ax]
        mov     dl, 0x80
        int     0x13
        jc      failed
        rdtsc
        sub     eax, ebx
        sub     eax, edi
        sti
        ret

failed: mov     si, text_failed
        call    print
        jmp     start.halt

null_bios:
        xor     ah, ah
        push    bp
        mov     bp, sp
        and     byte [bp + 6], 0xFE
        pop     bp
        iret

print_hex:
        push    eax
        mov     al, ' '
        call    print_char
        pop     eax
        mov     cx, 8
.digit:
        rol     eax, 4
        push    eax
        and     al, 15
        cmp     al, 10
        sbb     al, 0x69
        das
        call    print_char
        pop     eax
        loop    .digit
        ret

print:
        lodsb
        test    al, al
        jz      .end
        call    print_char
        jmp     print
.end:
        ret

print_char:
        push    ax
        mov     dx, 0x3FD
.wait:
        in      al, dx
        test    al, 0x20
        jz      .wait
        pop     ax
        mov     dx, 0x3F8
        out     dx, al
        ret

text:   db      'count', 0
newline: db     13, 10, 0
done:   db      'count end', 13, 10, 0
text_failed: db 'count failed', 13, 10, 0
saved_ax: dw    0
        align   4
dap:    db      16, 0
.count: dw      8
        dw      0, 0x2000
.lba:   dq      0

        times   416 - ($ - $$) db 0     ; filled in by whoever makes the disk
far_page: dd    0
places: times 20 dd -1

        times   510 - ($ - $$) db 0
        dw      0xAA55
