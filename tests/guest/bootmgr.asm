; SPDX-License-Identifier: GPL-2.0-or-later
; Stands in for Windows' boot manager: reads the drive DL through INT 13h as it finds it, and says on COM1 what is
; there. The test puts into `wanted` how much, and which sectors count:
;
;   a line "sums" with a sum of every 64 sectors from 0 on: 32 bits, rotated left by 5 in front of each sector, whose
;   dwords are added; of each sector that counts a line "sector
;   LBA BYTES SAME", read by itself with AH=42h, SAME = 1 where AH=02h reads the same; then it writes: `store` gets its
;   bytes inverted, with AH=43h, and is read back; `scratch` likewise with AH=03h: lines "write LBA STATUS BYTES". At
;   the end low memory, the count of drives, and what AH=08h, 15h and 48h (its size field, sectors) say.
bits 16
cpu 386

COM1            equ 0x3F8
SIZE            equ 413696
CHUNK           equ 64                  ; sectors
BUFFER          equ 0x1000              ; segment
OTHER           equ 0x1900              ; and one for a sector

file:
        db      0xE9
        dw      start - 3               ; so its third byte is 01h
        times   16 - ($ - file) db 0
wanted:
.chunks         dd 0
.count          dd 0
.lba            times 16 dd 0
.store          dd 0                    ; 0: nothing is written
.scratch        dd 0                    ; likewise
        db      "BOOTMGR"
        times   0x180 - ($ - file) db 0

start:
        mov     ax, cs
        mov     ds, ax
        mov     es, ax
        cld
        mov     [drive], dl
        call    serial_init
        mov     si, text_hello
        call    print
        movzx   eax, byte [drive]
        call    print_hex
        mov     ah, 8
        mov     dl, [drive]
        xor     di, di
        mov     es, di
        int     0x13
        mov     [drives], dl
        and     cx, 63
        mov     [spt], cx
        movzx   dx, dh
        inc     dx
        mov     [heads], dx

        mov     si, text_sums
        call    print
        mov     dword [lba], 0
        mov     ebp, [wanted.chunks]
.chunk:
        test    ebp, ebp
        jz      .dumps
        mov     word [packet + 2], CHUNK
        mov     ah, 0x42
        call    edd
        jc      .failed
        call    sum
        call    print_hex
        mov     al, ' '
        call    print_char
        add     dword [lba], CHUNK
        dec     ebp
        jmp     .chunk
.failed:
        mov     si, text_failed
        call    print
        movzx   eax, ah
        call    print_hex
        jmp     .end

.dumps:
        xor     ebp, ebp
.sector:
        cmp     ebp, [wanted.count]
        jae     .writes
        mov     eax, [wanted.lba + ebp * 4]
        mov     [lba], eax
        mov     si, text_sector
        call    print
        mov     eax, [lba]
        call    print_hex
        call    read_one
        jc      .failed
        call    dump
        call    same_by_chs
        inc     ebp
        jmp     .sector

.writes:
        mov     eax, [wanted.store]
        mov     byte [function], 0x43
        call    write_back
        mov     eax, [wanted.scratch]
        mov     byte [function], 0x03
        call    write_back

        mov     si, text_low
        call    print
        xor     ax, ax
        mov     es, ax
        movzx   eax, word [es:0x413]
        call    print_hex
        mov     si, text_drives
        call    print
        movzx   eax, byte [drives]
        call    print_hex
        mov     ah, 0x15
        mov     dl, [drive]
        int     0x13
        mov     [status], ah
        mov     si, text_type
        call    print
        movzx   eax, byte [status]
        call    print_hex
        mov     ah, 0x48
        mov     dl, [drive]
        mov     si, parameters
        int     0x13
        mov     si, text_size
        call    print
        mov     eax, [parameters + 16]
        call    print_hex
        mov     si, text_done
        call    print
        sti
.end:
        hlt
        jmp     .end

; edd: AH = function, of [lba], as many as the packet says, to BUFFER:0.       out: CF, AH
edd:
        mov     word [packet], 16
        mov     word [packet + 4], 0
        mov     word [packet + 6], BUFFER
        mov     ecx, [lba]
        mov     [packet + 8], ecx
        mov     dword [packet + 12], 0
        mov     al, 0
        mov     si, packet
        mov     dl, [drive]
        int     0x13
        ret

; chs: AH = function, of [lba], one sector, to ES:BX.    out: CF, AH
chs:
        push    ax
        movzx   ecx, word [spt]
        mov     eax, [lba]
        xor     edx, edx
        div     ecx                     ; track, sector
        push    dx
        movzx   ecx, word [heads]
        xor     edx, edx
        div     ecx                     ; cylinder, head
        pop     cx
        inc     cx
        mov     dh, dl
        mov     ch, al
        shl     ah, 6
        or      cl, ah
        pop     ax
        mov     al, 1
        mov     dl, [drive]
        int     0x13
        ret

read_one:
        mov     word [packet + 2], 1
        mov     ah, 0x42
        jmp     edd

; same_by_chs: prints 1 where AH=02h reads at [lba] what is in BUFFER
same_by_chs:
        mov     ax, OTHER
        mov     es, ax
        xor     bx, bx
        mov     ah, 2
        call    chs
        mov     eax, 0
        jc      .say
        push    ds
        mov     ax, BUFFER
        mov     ds, ax
        xor     si, si
        xor     di, di
        mov     cx, 256
        repe    cmpsw
        pop     ds
        mov     eax, 0
        jne     .say
        inc     eax
.say:
        push    ax
        mov     al, ' '
        call    print_char
        pop     ax
        jmp     print_hex

; write_back: EAX = LBA, 0: none. Inverts the sector's bytes, writes it with [function], reads it again
write_back:
        test    eax, eax
        jz      .end
        mov     [lba], eax
        call    read_one
        mov     ax, BUFFER
        mov     es, ax
        xor     di, di
        mov     cx, 128
.invert:
        not     dword [es:di]
        add     di, 4
        loop    .invert
        mov     ah, [function]
        cmp     ah, 3
        je      .chs
        mov     word [packet + 2], 1
        call    edd
        jmp     .written
.chs:
        xor     bx, bx
        call    chs
.written:
        mov     [status], ah
        mov     si, text_write
        call    print
        mov     eax, [lba]
        call    print_hex
        mov     al, ' '
        call    print_char
        movzx   eax, byte [status]
        call    print_hex
        call    read_one
        call    dump
.end:
        ret

; sum: EAX = the sum of the sectors at BUFFER
sum:
        push    ds
        mov     ax, BUFFER
        mov     ds, ax
        xor     si, si
        xor     edx, edx
        mov     bx, CHUNK
.sector:
        rol     edx, 5
        mov     cx, 128
.dword:
        lodsd
        add     edx, eax
        loop    .dword
        dec     bx
        jnz     .sector
        mov     eax, edx
        pop     ds
        ret

; dump: a blank, and the sector at BUFFER as its bytes lie
dump:
        mov     al, ' '
        call    print_char
        mov     ax, BUFFER
        mov     es, ax
        xor     bx, bx
        mov     cx, 128
.dword:
        mov     eax, [es:bx]
        xchg    al, ah
        rol     eax, 16
        xchg    al, ah
        call    print_hex
        add     bx, 4
        loop    .dword
        ret

serial_init:
        mov     dx, COM1 + 3
        mov     al, 0x83
        out     dx, al
        mov     dx, COM1
        mov     al, 1
        out     dx, al
        inc     dx
        mov     al, 0
        out     dx, al
        mov     dx, COM1 + 3
        mov     al, 3
        out     dx, al
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
        push    dx
        mov     ah, al
        mov     dx, COM1 + 5
.busy:
        in      al, dx
        test    al, 0x20
        jz      .busy
        mov     dx, COM1
        mov     al, ah
        out     dx, al
        pop     dx
        pop     ax
        ret

print_hex:
        pushad
        mov     cx, 8
.digit:
        rol     eax, 4
        push    ax
        and     al, 15
        add     al, '0'
        cmp     al, '9'
        jbe     .out
        add     al, 'a' - '0' - 10
.out:
        call    print_char
        pop     ax
        loop    .digit
        popad
        ret

text_hello      db 13, 10, "bootmgr: drive=", 0
text_sums       db 13, 10, "sums ", 0
text_sector     db 13, 10, "sector ", 0
text_write      db 13, 10, "write ", 0
text_low        db 13, 10, "low=", 0
text_drives     db " drives=", 0
text_type       db " type=", 0
text_size       db " sectors=", 0
text_failed     db 13, 10, "bootmgr: failed ", 0
text_done       db 13, 10, "bootmgr: done", 13, 10, 0
drive           db 0
drives          db 0
function        db 0
status          db 0
spt             dw 0
heads           dw 0
lba             dd 0
packet          times 16 db 0
parameters      dw 30
                times 28 db 0

        times   SIZE - ($ - file) db 0x5A
