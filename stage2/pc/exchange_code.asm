; SPDX-License-Identifier: GPL-2.0-or-later
; INT 13h with the numbers of two drives exchanged. Lies at offset 0 of a segment of its own
; (exchange.c), keeps nothing of a call but on the caller's stack, so calls may nest.

%include "stage2.asm.inc"

        global  exchange_code, exchange_code_end

%define HERE(label) ((label) - exchange_code)

        section .text
        bits    16

exchange_code:
        jmp     short entry
numbers:
        db      0, 0
old_int13:
        dd      0

; entry: as INT 13h
;   keeps:   DL as the caller had it, but where the function answers in it
entry:
        push    bp
        push    ax
        push    dx
        cmp     dl, [cs:HERE(numbers)]
        je      .first
        cmp     dl, [cs:HERE(numbers) + 1]
        jne     .call
        mov     dl, [cs:HERE(numbers)]
        jmp     .call
.first:
        mov     dl, [cs:HERE(numbers) + 1]
.call:
        pushf                           ; IF = 0 in them, as INT leaves it
        call    far [cs:HERE(old_int13)]
        push    bp                      ; DX +2, AX +4, BP +6, IP +8, CS +10, FLAGS +12
        mov     bp, sp
        push    ax
        pushf
        pop     ax
        mov     [bp + 12], al           ; CF and its neighbours
        mov     al, [bp + 5]
        cmp     al, 0x08                ; drive parameters: DL = how many drives
        je      .answer
        cmp     al, 0x15                ; drive type: CX:DX = sectors
        je      .answer
        mov     dl, [bp + 2]
.answer:
        pop     ax
        pop     bp
        add     sp, byte 4              ; the caller's DX and AX
        pop     bp
        iret
exchange_code_end:
