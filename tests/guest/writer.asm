; SPDX-License-Identifier: GPL-2.0-or-later
; Writes `rounds` requests of 1..64 sectors all over the disk, by 43h and 03h in turn, each sector with the
; pattern of its lba and a generation; remembers the generation of every sector, reads many of them back at
; once and the whole disk at the end. Ends with "guest: done" or "guest: failed".
; The table has a byte a sector: the disk may have 256 Ki sectors (128 MiB) at the most.
        %include "guest.inc"

main:
        call    disk_size
        jc      failed
        call    table_clear
        mov     esi, [rounds]
.round:
        call    write_one
        jc      failed
        dec     esi
        jnz     .round
        mov     si, text_written
        call    print
        call    check_all
        jc      failed
        mov     si, text_done
        call    print
        jmp     halt
failed:
        mov     si, text_failed
        call    print
        jmp     halt

; table_clear: generation 0 for all.      changes: AX, BX, CX, DI, ES
table_clear:
        mov     bx, TABLE >> 4
.segment:
        mov     es, bx
        xor     di, di
        xor     ax, ax
        mov     cx, 0x8000
        rep     stosw
        add     bx, 0x1000
        cmp     bx, (TABLE >> 4) + 0x4000
        jb      .segment
        ret

; table_at: EAX = lba; out: ES:DI = its byte.      keeps the rest
table_at:
        push    eax
        add     eax, TABLE
        mov     di, ax
        and     di, 15
        shr     eax, 4
        mov     es, ax
        pop     eax
        ret

; write_one: one request at random; every fourth is read back.      in: ESI = round      out: CF
write_one:
        pushad
        mov     ebx, 64
        call    random
        lea     ecx, [eax + 1]
        mov     ebx, [sectors]
        sub     ebx, FIRST_LBA - 1
        sub     ebx, ecx
        call    random
        add     eax, FIRST_LBA
        mov     edx, esi
        test    dl, dl
        jnz     .generation
        inc     dl
.generation:
        mov     dh, 0x43
        test    si, 1
        jz      .fill
        lea     ebx, [eax + ecx]
        cmp     ebx, [chs_sectors]
        ja      .fill
        mov     dh, 0x03
.fill:
        pushad
        push    BUFFER_SEGMENT
        pop     es
        xor     di, di
.sector:
        call    sector_fill
        inc     eax
        loop    .sector
        popad
        push    BUFFER_SEGMENT
        pop     es
        xor     bx, bx
        call    transfer
        jc      .end
        pushad
.mark:
        call    table_at
        mov     [es:di], dl
        inc     eax
        loop    .mark
        popad
        test    si, 3
        jnz     .good
        call    check
        jmp     .end
.good:
        clc
.end:
        popad
        ret

; check: EAX = lba, CX = sectors: read by 42h and compare with the table.      out: CF      keeps all
check:
        pushad
        push    BUFFER_SEGMENT
        pop     es
        xor     bx, bx
        mov     dh, 0x42
        call    transfer
        jc      .end
        xor     si, si
.sector:
        call    table_at
        mov     dl, [es:di]
        push    BUFFER_SEGMENT
        pop     es
        mov     di, si
        call    sector_check
        jc      .end
        mov     si, di
        inc     eax
        loop    .sector
        clc
.end:
        popad
        ret

check_all:
        mov     eax, FIRST_LBA
.piece:
        mov     ebx, [sectors]
        sub     ebx, eax
        jz      .end
        mov     ecx, 127
        cmp     ecx, ebx
        jbe     .fits
        mov     ecx, ebx
.fits:
        call    check
        jc      .end
        add     eax, ecx
        jmp     .piece
.end:
        ret

        %include "sectors.inc"

text_written    db "guest: all written, comparing", 13, 10, 0
text_done       db "guest: done", 13, 10, 0
text_failed     db "guest: failed", 13, 10, 0
        times 16 * 512 - ($ - $$) db 0
