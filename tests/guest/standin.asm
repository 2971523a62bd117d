; SPDX-License-Identifier: GPL-2.0-or-later
; Stands in for loaders that Debian does not have. Says on COM1 what it was handed: every register, the boot record
; at DS:7C00, the partition's entry at 0:7BE, INT 13h's vector, conventional memory, the sum of its own bytes; then
; whose sector 0 (by its disk signature) drives 80h and 81h give, and AH=08h's count of drives. FORM is one of
; NTLDR, RECORD, FREEDOS, GRLDR, FREELDR, DOS7, MBR; SIZE is the file's.
bits 16
cpu 386

COM1            equ 0x3F8
NTLDR           equ 1
RECORD          equ 2
FREEDOS         equ 3
GRLDR           equ 4
FREELDR         equ 5
DOS7            equ 6
MBR             equ 7

%if FORM = RECORD || FORM = GRLDR || FORM = MBR
        org     0x7C00
%elif FORM = FREELDR
        org     0xF800
%endif

file:
%if FORM = NTLDR
        db      0xE9
        dw      start - 3               ; so its third byte is 01h
        times   0x180 - ($ - file) db 0
%elif FORM = FREEDOS
        jmp     short start
        db      "CONFIG"
%elif FORM = FREELDR
        jmp     near start              ; over a helper for FAT, which looks like a boot record
        db      "FreeLoader"
        times   510 - ($ - file) db 0
        dw      0xAA55
%elif FORM = DOS7
        db      "MZ"
        times   0x200 - ($ - file) db 0
        db      "BJ"                    ; INC DX, DEC DX: does no harm
%else                                   ; a boot record, what follows is there already, but for an MBR
%if FORM = MBR
        push    es
        pushad
        push    byte 0
        pop     es
        mov     bx, 0x7E00
        mov     ax, 0x0200 | (SIZE / 512 - 1)
        mov     cx, 2
        mov     dh, 0
        int     0x13
        jc      $
        popad
        pop     es
%endif
        jmp     start
%if FORM = GRLDR
        db      "GRLDR"
%endif
        times   510 - ($ - file) db 0
        dw      0xAA55
%endif

start:
        pushfd
        pushad
        push    ds
        push    es
        push    fs
        push    gs
        push    ss
        push    cs
        cld
        mov     bp, sp
%if FORM = DOS7
        dec     dword [bp + 12 + 20]    ; what "BJ" did to DX, in PUSHAD's order; INC and DEC are even
        inc     dword [bp + 12 + 20]
%endif
        call    serial_init

        mov     si, names
        mov     di, offsets
        mov     cx, 15
.register:
        call    print
        mov     bl, [cs:di]
        mov     bh, 0
        add     bx, bp
        mov     eax, [ss:bx]
        test    byte [cs:di + 15], 1
        jz      .wide
        movzx   eax, ax
.wide:
        call    print_hex
        inc     di
        loop    .register
        call    print
        lea     eax, [ebp + 12 + 32 + 4]
        movzx   eax, ax
        call    print_hex               ; SP as it was

        mov     si, text_record
        call    print
        mov     ds, [bp + 10]           ; DS as it was: not 0 for FreeDOS, where file lies over 0:7C00
        mov     bx, 0x7C00
        mov     cx, 512 / 4
        call    dump
        xor     ax, ax
        mov     ds, ax
        mov     si, text_entry
        call    print
        mov     bx, 0x7BE
        mov     cx, (16 + 4 + 128) / 4  ; and what a GPT's partition gets behind it
        call    dump
        mov     si, text_int13
        call    print
        mov     eax, [0x13 * 4]
        call    print_hex
        mov     si, text_low
        call    print
        movzx   eax, word [0x413]
        call    print_hex
        mov     si, text_sum
        call    print
        call    sum
        call    print_hex

        mov     si, text_80
        mov     dl, 0x80
        call    signature
        mov     si, text_81
        mov     dl, 0x81
        call    signature
        mov     si, text_drives
        call    print
        mov     ah, 8
        mov     dl, 0x80
        xor     di, di
        mov     es, di
        int     0x13
        movzx   eax, dl
        call    print_hex
        mov     si, text_done
        call    print
        sti                             ; the BIOS may mirror the screen by its timer
.end:
        hlt
        jmp     .end

; signature: CS:SI = text, DL = drive: prints its disk signature, 0 where it cannot be read, and DL after the call
signature:
        call    print
        xor     ax, ax
        mov     es, ax
        mov     bx, 0x5000
        mov     dword [0x5000 + 0x1B8], 0
        mov     ax, 0x0201
        mov     cx, 1
        mov     dh, 0
        int     0x13
        mov     eax, [0x5000 + 0x1B8]
        call    print_hex
        movzx   eax, dl
        jmp     print_hex

; sum: EAX = the sum of the file's dwords.      changes: EBX, CX, DX, ES
sum:
        call    .here
.here:
        pop     bx                      ; where the file lies, whatever CS:IP says
        sub     bx, .here - file
        mov     dx, cs
        shr     bx, 4
        add     dx, bx
        xor     eax, eax
        mov     ecx, SIZE / 16
.paragraph:
        mov     es, dx
        add     eax, [es:0]
        add     eax, [es:4]
        add     eax, [es:8]
        add     eax, [es:12]
        inc     dx
        dec     ecx
        jnz     .paragraph
        ret

; dump: CX dwords at DS:BX
dump:
        mov     eax, [bx]
        xchg    al, ah                  ; as the bytes lie
        rol     eax, 16
        xchg    al, ah
        call    print_hex
        add     bx, 4
        loop    dump
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

; print: CS:SI = text up to a zero byte; SI behind it
print:
        cs lodsb
        test    al, al
        jz      .end
        call    print_char
        jmp     print
.end:
        ret

; print_char: AL.      keeps all
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

; print_hex: EAX as eight digits.      keeps all
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

names           db 13, 10, "standin: eax=", 0, " ebx=", 0, " ecx=", 0, " edx=", 0, " esi=", 0, " edi=", 0
                db " ebp=", 0, " esp=", 0, " flags=", 0, " cs=", 0, " ds=", 0, " es=", 0, " fs=", 0, " gs=", 0
                db " ss=", 0, " sp=", 0
offsets         db 40, 28, 36, 32, 16, 12, 20, 24, 44, 0, 10, 8, 6, 4, 2       ; from BP on
words           db 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1
text_record     db 13, 10, "record=", 0
text_entry      db 13, 10, "entry=", 0
text_int13      db 13, 10, "int13=", 0
text_low        db " low=", 0
text_sum        db " sum=", 0
text_80         db 13, 10, "first=", 0
text_81         db " second=", 0
text_drives     db " drives=", 0
text_done       db 13, 10, "standin: done", 13, 10, 0

        times   SIZE - ($ - file) db 0x5A
