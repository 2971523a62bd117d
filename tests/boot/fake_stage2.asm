; SPDX-License-Identifier: GPL-2.0-or-later
;
; Stands in for stage2 in tests of the boot records: says what it was handed and whether every byte
; of it arrived, on the screen or, where .serial is set, on COM1 (Bochs has no screen to read).
; The test appends content of any length and sets size, sum and serial.

%include "layout.inc"

bits 16
cpu 386
org 0
        jmp     near begin
        nop
        dd      STAGE2_MAGIC
size:   dd      0
sum:    dd      0
serial: db      0

begin:
        cld
        mov     ax, cs
        mov     ds, ax
        push    ecx
        push    ebx
        push    dx
        mov     ax, 0x00E3              ; COM1: 9600 baud, 8 bits
        xor     dx, dx
        int     0x14
        mov     si, text_drive
        call    print
        pop     ax
        mov     ah, 0
        movzx   eax, ax
        mov     cl, 2
        call    hex
        mov     si, text_lba
        call    print
        pop     edx
        pop     eax
        mov     cl, 8
        call    hex
        mov     eax, edx
        mov     cl, 8
        call    hex
        mov     si, text_sum
        call    print
        mov     ecx, [size]
        shr     ecx, 2
        xor     edx, edx
        xor     si, si
        mov     ax, ds
        mov     es, ax
.add:
        add     edx, [es:si]
        add     si, 4
        jnz     .same
        mov     ax, es
        add     ax, 0x1000
        mov     es, ax
.same:
        dec     ecx
        jnz     .add
        mov     eax, edx
        mov     cl, 8
        call    hex
        mov     si, text_end
        call    print
.halt:
        hlt
        jmp     .halt

; hex: CL digits of EAX
hex:
        mov     ch, cl
        neg     cl
        add     cl, 8
        shl     cl, 2
        rol     eax, cl
.digit:
        rol     eax, 4
        push    eax
        and     al, 15
        add     al, '0'
        cmp     al, '9'
        jbe     .decimal
        add     al, 'A' - '0' - 10
.decimal:
        call    char
        pop     eax
        dec     ch
        jnz     .digit
        ret

; print: text at SI
print:
        lodsb
        test    al, al
        jz      .end
        call    char
        jmp     print
.end:
        ret

; char: AL
char:
        pushad
        cmp     byte [serial], 0
        jne     .com1
        mov     ah, 0x0E
        xor     bx, bx
        int     0x10
        popad
        ret
.com1:
        mov     ah, al
        mov     dx, 0x3FD
.busy:
        in      al, dx
        test    al, 0x20
        jz      .busy
        mov     al, ah
        mov     dx, 0x3F8
        out     dx, al
        popad
        ret

text_drive: db  "stage2 drive ", 0
text_lba:   db  " lba ", 0
text_sum:   db  " sum ", 0
text_end:   db  " end", 13, 10, 0
