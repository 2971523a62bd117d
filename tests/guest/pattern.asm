; SPDX-License-Identifier: GPL-2.0-or-later
; Reads the whole disk by 42h and once more by 02h, in pieces of many sizes, then at random, and compares every
; sector with the pattern; checks the end of the disk. Ends with "guest: done" or "guest: failed".
        %include "guest.inc"

main:
        call    disk_size
        jc      failed
        mov     si, text_edd
        call    print
        mov     dh, 0x42
        mov     eax, [sectors]
        call    whole
        jc      failed
        mov     si, text_chs
        call    print
        mov     dh, 0x02
        mov     eax, [chs_sectors]
        call    whole
        jc      failed
        mov     si, text_random
        call    print
        call    at_random
        jc      failed
        mov     si, text_end
        call    print
        call    borders
        jc      failed
        mov     si, text_done
        call    print
        jmp     halt
failed:
        mov     si, text_failed
        call    print
        jmp     halt

; whole: DH = function, EAX = sectors; the disk from FIRST_LBA on.      out: CF
whole:
        mov     [limit], eax
        mov     eax, FIRST_LBA
        mov     si, sizes
.piece:
        movzx   ecx, byte [si]
        inc     si
        cmp     si, sizes_end
        jb      .size
        mov     si, sizes
.size:
        mov     ebx, [limit]
        sub     ebx, eax
        jz      .end
        cmp     ecx, ebx
        jbe     .fits
        mov     ecx, ebx
.fits:
        call    piece
        jc      .end
        add     eax, ecx
        jmp     .piece
.end:
        ret

; piece: EAX = lba, CX = sectors, DH = function: read and compare.      out: CF      keeps all
piece:
        pushad
        push    BUFFER_SEGMENT
        pop     es
        mov     bx, cx                  ; small pieces go to odd places
        and     bx, 7
        shl     bx, 2
        cmp     cx, 127
        jb      .read
        xor     bx, bx
.read:
        call    transfer
        jc      .end
        mov     di, bx
        mov     dl, 0
.sector:
        call    sector_check
        jc      .end
        inc     eax
        loop    .sector
        clc
.end:
        popad
        ret

; at_random: `rounds` reads of 1..64 sectors anywhere, by 42h.      out: CF
at_random:
        mov     esi, [rounds]
        test    esi, esi
        jz      .end
.next:
        mov     ebx, 64
        call    random
        lea     ecx, [eax + 1]
        mov     ebx, [sectors]
        sub     ebx, FIRST_LBA
        sub     ebx, ecx
        call    random
        add     eax, FIRST_LBA
        mov     dh, 0x42
        call    piece
        jc      .end
        dec     esi
        jnz     .next
        clc
.end:
        ret

; borders: the last sector reads, the one behind it does not; 44h says the last is good.      out: CF
borders:
        push    BUFFER_SEGMENT
        pop     es
        xor     bx, bx
        mov     eax, [sectors]
        dec     eax
        mov     cx, 1
        mov     dh, 0x42
        call    piece
        jc      .end
        mov     ah, 0x44
        call    disk_request
        mov     si, text_verify
        jc      .say
        inc     dword [request + 8]
        mov     ah, 0x42
        call    disk_request
        mov     si, text_behind
        jnc     .say
        dec     dword [request + 8]
        mov     word [request + 2], 2
        mov     ah, 0x42
        call    disk_request
        jnc     .say
        clc
.end:
        ret
.say:
        call    print
        stc
        ret

        %include "sectors.inc"

align 4
limit           dd 0
sizes           db 1, 127, 64, 8, 63, 3, 16, 7, 32, 2, 127, 127, 127, 100, 127, 127, 5, 127, 127, 127
sizes_end:
text_edd        db "guest: reading all by 42h", 13, 10, 0
text_chs        db "guest: reading all by 02h", 13, 10, 0
text_random     db "guest: reading at random", 13, 10, 0
text_end        db "guest: reading at the end", 13, 10, 0
text_verify     db "guest: 44h fails on the last sector", 13, 10, 0
text_behind     db "guest: a read behind the end succeeds", 13, 10, 0
text_done       db "guest: done", 13, 10, 0
text_failed     db "guest: failed", 13, 10, 0
        times 16 * 512 - ($ - $$) db 0
