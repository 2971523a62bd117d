; SPDX-License-Identifier: GPL-2.0-or-later
; The address line A20: tested by whether memory wraps at 1 MiB, never by what a port says, and
; switched on by the first way that works. Every wait is bounded.

%include "stage2.asm.inc"

        global  a20_ensure

; A word of low memory that nobody else uses while stage2 runs: the MBR has done its work.
A20_PROBE       equ     MBR_RELOCATED

        section .real
        bits    16

; a20_ensure: sees to it that A20 is on
;   in:      real mode
;   out:     CF = 1 where no way works; IF may have become 1
;   keeps:   all but flags
a20_ensure:
        pushad
        push    ds
        push    es
        mov     cx, 1
        call    a20_wait
        jnc     .done

        mov     ax, 0x2401              ; INT 15h AX=2401h: enable A20; CF = 1 if not supported
        int     0x15
        mov     cx, 100
        call    a20_wait
        jnc     .done

        call    keyboard_way
        mov     cx, 20000               ; slow controllers take milliseconds
        call    a20_wait
        jnc     .done

        in      al, 0x92                ; system control port: bit 1 = A20, bit 0 = reset
        test    al, 2
        jnz     .last
        or      al, 2
        and     al, 0xfe
        out     0x92, al
.last:
        mov     cx, 20000
        call    a20_wait
.done:
        pop     es
        pop     ds
        popad
        ret

; a20_wait: is A20 on? Looks CX times, about a microsecond apart.
;   out:     CF = 0 if so      changes: AX, CX, DS, ES
a20_wait:
        xor     ax, ax
        mov     ds, ax
        dec     ax
        mov     es, ax
.look:
        inc     word [A20_PROBE]
        out     0x80, al                ; a short delay, and the write is surely done
        mov     ax, [A20_PROBE]
        cmp     ax, [es:A20_PROBE + 0x10]
        jne     .on
        inc     word [A20_PROBE]        ; equal by chance? then not a second time
        mov     ax, [A20_PROBE]
        cmp     ax, [es:A20_PROBE + 0x10]
        jne     .on
        loop    .look
        stc
        ret
.on:
        clc
        ret

; keyboard_way: sets the keyboard controller's output port to DFh: A20 on, no reset
;   changes: AX, CX
keyboard_way:
        call    .ready
        jc      .end
        mov     al, 0xd1                ; next byte goes to the output port
        out     0x64, al
        call    .ready
        jc      .end
        mov     al, 0xdf
        out     0x60, al
        call    .ready
        mov     al, 0xff                ; some controllers act only on the next command
        out     0x64, al
.ready:
        xor     cx, cx
.busy:
        in      al, 0x64
        out     0x80, al
        test    al, 2                   ; bit 1: input buffer full (and FFh where there is no 8042)
        loopnz  .busy
        jz      .end
        stc
        ret
.end:
        ret                             ; TEST left CF = 0
