; SPDX-License-Identifier: GPL-2.0-or-later
; Measures INT 13h reads with the processor's time stamp counter (under QEMU's -icount shift=0: instructions):
; `rounds` sequential reads of 63.5 KiB, then as many random reads of 4 KiB, each of them warmed up once.
; Prints "guest: conventional memory KIB", "guest: sequential HIGHLOW least ONE", "guest: random HIGHLOW least ONE"
; (hexadecimal ticks: of all together, of the quickest one), "guest: done".
        %include "guest.inc"

main:
        int     0x12                    ; AX = KiB of conventional memory
        movzx   eax, ax
        mov     si, text_memory
        call    print
        call    print_hex
        call    print_line_end
        call    disk_size
        jc      failed
        call    sequential
        jc      failed
        call    sequential
        jc      failed
        mov     si, text_sequential
        call    report
        call    scattered
        jc      failed
        call    scattered
        jc      failed
        mov     si, text_random
        call    report
        mov     si, text_done
        call    print
        jmp     halt
failed:
        mov     si, text_failed
        call    print
        jmp     halt

; rounds_start: the clock; the same random numbers again; ESI = rounds; ES:BX = buffer; DH = 42h
rounds_start:
        call    clock_start
        mov     dword [seed], 0x12345678
        mov     esi, [rounds]
        push    BUFFER_SEGMENT
        pop     es
        xor     bx, bx
        mov     dh, 0x42
        ret

sequential:
        call    rounds_start
        mov     eax, FIRST_LBA
        mov     cx, 127
.next:
        call    timed
        jc      .end
        add     eax, 127
        dec     esi
        jnz     .next
        clc
.end:
        ret

scattered:
        call    rounds_start
        mov     cx, 8
.next:
        push    ebx
        mov     ebx, [sectors]
        sub     ebx, FIRST_LBA + 8
        call    random
        pop     ebx
        add     eax, FIRST_LBA
        call    timed
        jc      .end
        dec     esi
        jnz     .next
        clc
.end:
        ret

        %include "sectors.inc"
        %include "clock.inc"

text_memory     db "guest: conventional memory ", 0
text_sequential db "guest: sequential ", 0
text_random     db "guest: random ", 0
text_done       db "guest: done", 13, 10, 0
text_failed     db "guest: failed", 13, 10, 0
        times 16 * 512 - ($ - $$) db 0
