; SPDX-License-Identifier: GPL-2.0-or-later
; Measures INT 13h writes, of zeros, as bench.asm does reads: `rounds` sequential writes of 63.5 KiB from lba 64 on, warmed
; up once: "guest: sequential HIGHLOW least ONE". Then, when a key is pressed, `fault_count` writes of `fault_sectors`
; (1), `fault_step` apart from `fault_first` on: "guest: spread HIGHLOW least ONE".
; With COPY each of these writes comes with what a system does beside that copies a file.
; At the end "guest: done" or "guest: failed".
        %include "guest.inc"

main:
        call    disk_size
        jc      failed
        push    BUFFER_SEGMENT
        pop     es
        xor     di, di
        xor     ax, ax
        mov     cx, 0x8000
        rep     stosw
        call    sequential
        jc      failed
        call    sequential
        jc      failed
        mov     si, text_sequential
        call    report
        mov     si, text_waiting
        call    print
        mov     ah, 0
        int     0x16
        call    spread
        jc      failed
        mov     si, text_spread
        call    report
        mov     si, text_done
        call    print
        jmp     halt
failed:
        mov     si, text_failed
        call    print
        jmp     halt

; writes_start: the clock; ES:BX = buffer; DH = 43h
writes_start:
        call    clock_start
        push    BUFFER_SEGMENT
        pop     es
        xor     bx, bx
        mov     dh, 0x43
        ret

sequential:
        call    writes_start
        mov     esi, [rounds]
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

spread:
        call    writes_start
        mov     esi, [fault_count]
        mov     eax, [fault_first]
        mov     cx, [fault_sectors]
.next:
        sub     esi, 1
        jb      .done
%ifdef COPY
        call    beside
        jc      .end
%endif
        call    timed
        jc      .end
        add     eax, [fault_step]
        jmp     .next
.done:
        clc
.end:
        ret

%ifdef COPY
; beside: what a system does that copies a file, before it writes a piece of it: reads the piece, and for each MiB writes a
; sector of both FATs. The pieces come round and round from the first 4 MiB.
;   in:      EAX = where the piece goes, CX = its sectors, ESI counts down, ES:BX = buffer
;   out:     CF = 1 if a call failed      keeps: all others
beside:
        pushad
        and     eax, 8191
        add     eax, FIRST_LBA
        mov     dh, 0x42
        call    transfer
        jc      .end
        test    si, 15
        jnz     .end                    ; CF = 0
        mov     dh, 0x43
        mov     cx, 1
        mov     eax, 12000
        shr     si, 4
        add     ax, si
        call    transfer
        jc      .end
        add     eax, 1000
        call    transfer
.end:
        popad
        ret
%endif

        %include "sectors.inc"
        %include "clock.inc"

text_sequential db "guest: sequential ", 0
text_waiting    db "guest: waiting", 13, 10, 0
text_spread     db "guest: spread ", 0
text_done       db "guest: done", 13, 10, 0
text_failed     db "guest: failed", 13, 10, 0

; What the host fills in (tests/bench.py).
        times 16 * 512 - 32 - ($ - $$) db 0
fault_first     dd 0
fault_step      dd 0
fault_count     dd 0
fault_sectors   dd 1
        times 16 * 512 - ($ - $$) db 0
