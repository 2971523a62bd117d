; SPDX-License-Identifier: GPL-2.0-or-later
; Writes at random and knows what it wrote. First it reads the whole disk: each sector must hold the pattern of
; some generation 0..254, or zeros; that is noted in a table, a byte a sector (255: zeros; the disk may have
; 256 Ki sectors). Then it writes `rounds` requests, or until `ticks` of the BIOS's clock have passed, by 43h
; and 03h in turn, each with a generation of its own; every fourth is read back. At the end all is compared.
;
; Before and after each request it writes a note of it to sector `note_lba` of drive 81h, the flash, if that is
; not 0: so a record of all writes to the flash tells to which request each of them belongs.
;
; Ends with "guest: rounds N refused N" and "guest: done", or "guest: failed". Refused are writes that were
; answered with the status `refusal`, if that is not 0: each of their sectors must then be as before or as
; written.
        %include "guest.inc"

FLAG_WAIT       equ 1                   ; waits for a key before it writes, and again before it compares
FLAG_EDD_ONLY   equ 2                   ; no 03h
ZEROS           equ 255
NOTE            equ 0x1000              ; segment of the note's sector
FLASH           equ 0x81
TICK_COUNT      equ 0x46C

main:
        call    disk_size
        jc      failed
        mov     eax, [given_seed]
        mov     [seed], eax
        mov     eax, [sectors]
        sub     eax, [window_first]
        cmp     dword [window_count], 0
        jne     .window
        mov     [window_count], eax
.window:
        call    scan
        jc      failed
        mov     si, text_scanned
        call    print
        call    wait_key
        mov     eax, [TICK_COUNT]
        mov     [start_tick], eax
        xor     esi, esi
.round:
        cmp     esi, [rounds]
        jae     .written
        mov     eax, [TICK_COUNT]
        sub     eax, [start_tick]
        cmp     eax, [ticks]
        jae     .written
        call    write_one
        jc      failed
        inc     esi
        jmp     .round
.written:
        mov     [done_rounds], esi
        mov     si, text_written
        call    print
        call    wait_key
        call    check_all
        jc      failed
        mov     si, text_rounds
        call    print
        mov     eax, [done_rounds]
        call    print_hex
        mov     si, text_refused
        call    print
        mov     eax, [refused]
        call    print_hex
        call    print_line_end
        mov     si, text_done
        call    print
        jmp     halt
failed:
        mov     si, text_failed
        call    print
        jmp     halt

; wait_key: with FLAG_WAIT: until a key is pressed.      changes: AX, SI
wait_key:
        test    byte [flags], FLAG_WAIT
        jz      .end
        mov     si, text_waiting
        call    print
        mov     ah, 0
        int     0x16
.end:
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

; identify: ES:DI = a sector, EAX = lba; out: DL = its generation, or ZEROS; CF = 1 if it is neither, which is
; reported.      changes: DI (behind the sector)
identify:
        push    ebx
        mov     ebx, [es:di + 4]
        sub     ebx, [es:di]
        sub     ebx, 0x01000193
        shr     ebx, 1
        mov     dl, bl
        cmp     ebx, ZEROS
        jb      .pattern
        mov     dl, ZEROS
.pattern:
        pop     ebx
        jmp     sector_is

; sector_is: ES:DI = a sector, EAX = lba, DL = generation or ZEROS; out: CF = 1 if it is not that, which is
; reported.      changes: DI (behind the sector)
sector_is:
        cmp     dl, ZEROS
        jne     sector_check
        push    eax
        push    ecx
        xor     eax, eax
        mov     cx, 128
        repe    scasd
        pop     ecx
        pop     eax
        jne     .wrong
        clc
        ret
.wrong:
        push    si
        mov     si, text_not_zero
        call    print
        call    print_hex
        call    print_line_end
        pop     si
        stc
        ret

; scan: fills in the table from the disk.      out: CF
scan:
        mov     byte [learn], 1
        call    each_piece
        mov     byte [learn], 0
        ret

check_all       equ each_piece

; each_piece: the whole disk, by `check` or, where `learn` is set, into the table.      out: CF
each_piece:
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

; check: EAX = lba, CX = sectors: reads by 42h, compares with the table; with `learn` notes down in it what is
; there.      out: CF      keeps all
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
        cmp     byte [learn], 0
        je      .compare
        push    BUFFER_SEGMENT
        pop     es
        mov     di, si
        call    identify
        jc      .end
        call    table_at
        mov     [es:di], dl
        jmp     .next
.compare:
        call    table_at
        mov     dl, [es:di]
        push    BUFFER_SEGMENT
        pop     es
        mov     di, si
        call    sector_is
        jc      .end
.next:
        add     si, 512
        inc     eax
        loop    .sector
        clc
.end:
        popad
        ret

; write_one: one request.      in: ESI = its number      out: CF      keeps all
write_one:
        pushad
        mov     ebx, 2
        call    random
        mov     ebx, 127
        test    eax, eax
        jz      .size
        mov     ebx, 8
.size:
        call    random
        lea     ecx, [eax + 1]
        mov     ebx, [window_count]
        sub     ebx, ecx
        inc     ebx
        call    random
        add     eax, [window_first]
        mov     ebp, eax                ; a number 1..254 from the request's
        mov     eax, esi
        xor     edx, edx
        mov     ebx, 254
        div     ebx
        inc     dl
        mov     eax, ebp
        mov     dh, 0x43
        test    si, 1
        jz      .fill
        test    byte [flags], FLAG_EDD_ONLY
        jnz     .fill
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
        mov     bl, 1
        call    note
        jc      .end
        push    BUFFER_SEGMENT
        pop     es
        xor     bx, bx
        mov     byte [status], 0
        call    transfer
        jnc     .good
        mov     bl, [status]
        test    bl, bl
        stc
        jz      .end
        cmp     bl, [refusal]
        stc
        jne     .end
        inc     dword [refused]
        mov     bl, 3
        call    note
        jc      .end
        call    look_again
        jmp     .end
.good:
        mov     bl, 2
        call    note
        jc      .end
        pushad
.mark:
        call    table_at
        mov     [es:di], dl
        inc     eax
        loop    .mark
        popad
        test    si, 3
        jnz     .unread
        call    check
        jmp     .end
.unread:
        clc
.end:
        popad
        ret

; look_again: EAX = lba, CX = sectors of a refused request, DL = its generation: each sector must be as the
; table says or of that generation; the table is put right.      out: CF      keeps all
look_again:
        pushad
        mov     [tried], dl
        push    BUFFER_SEGMENT
        pop     es
        xor     bx, bx
        mov     dh, 0x42
        call    transfer
        jc      .end
        xor     si, si
.sector:
        push    BUFFER_SEGMENT
        pop     es
        mov     di, si
        call    identify
        jc      .end
        call    table_at
        cmp     dl, [es:di]
        je      .next
        mov     [es:di], dl
        cmp     dl, [tried]
        je      .next
        mov     si, text_neither
        call    print
        call    print_hex
        call    print_line_end
        stc
        jmp     .end
.next:
        add     si, 512
        inc     eax
        loop    .sector
        clc
.end:
        popad
        ret

; note: ESI = request, EAX = lba, CX = sectors, DL = generation, DH = function; BL = 1 it begins, 2 it is done,
; 3 it was refused: writes that to the flash.      out: CF      keeps all
note:
        cmp     dword [note_lba], 0     ; CF = 0
        je      .none
        pushad
        push    NOTE
        pop     es
        mov     dword [es:0], 'NOTE'
        mov     [es:4], esi
        mov     [es:8], eax
        mov     [es:12], cx
        mov     [es:14], dl
        mov     [es:15], dh
        mov     [es:16], bl
        mov     cx, 1
        mov     eax, [note_lba]
        xor     bx, bx
        mov     dh, 0x43
        push    word [drive]
        mov     byte [drive], FLASH
        call    transfer
        pop     bx
        mov     [drive], bl
        popad
.none:
        ret

        %include "sectors.inc"

align 4
start_tick      dd 0
done_rounds     dd 0
refused         dd 0
learn           db 0
tried           db 0
text_scanned    db "guest: scanned", 13, 10, 0
text_waiting    db "guest: waiting", 13, 10, 0
text_written    db "guest: all written, comparing", 13, 10, 0
text_not_zero   db "guest: no pattern and no zeros at lba ", 0
text_neither    db "guest: neither old nor new at lba ", 0
text_rounds     db "guest: rounds ", 0
text_refused    db " refused ", 0
text_done       db "guest: done", 13, 10, 0
text_failed     db "guest: failed", 13, 10, 0

; What the host fills in (tests/lib/scribe.py).
        times 16 * 512 - 32 - ($ - $$) db 0
given_seed      dd 1
ticks           dd 0xFFFFFFFF
note_lba        dd 0
window_first    dd FIRST_LBA            ; it writes between these sectors:
window_count    dd 0                    ; at least 127; 0: up to the disk's end
flags           db 0
refusal         db 0
        times 16 * 512 - ($ - $$) db 0
