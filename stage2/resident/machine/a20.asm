; SPDX-License-Identifier: GPL-2.0-or-later
; The address line A20, which must be on while extended memory is reached, and go back to what it was.
; CS = DS = ES = SS = the handler's segment, real mode, IF = 1.

%include "resident.asm.inc"

        global  test_a20, switch_a20            ; for extended.asm
        extern  header, call_bios

PORT_A20        equ 0x92
; Any dword below 1 MiB that may be flipped for a moment with interrupts off: the vector of INT 13h.
A20_PROBE       equ 0x13 * 4

        section .text progbits alloc exec write align=1

; test_a20: does FFFF:x+10h show another byte of memory than 0:x?
;   out: AL = 1 and ZF = 0 where A20 is on, else AL = 0 and ZF = 1     changes: EAX, FS, GS
test_a20:
        xor     ax, ax
        mov     gs, ax
        dec     ax
        mov     fs, ax
        cli
        mov     eax, [gs:A20_PROBE]
        cmp     eax, [fs:A20_PROBE + 0x10]
        jne     .on
        not     dword [gs:A20_PROBE]    ; equal by chance?
        cmp     eax, [fs:A20_PROBE + 0x10]
        mov     [gs:A20_PROBE], eax
        je      .on
        mov     al, 0
        jmp     .done
.on:
        mov     al, 1
.done:
        sti
        test    al, al
        ret

; switch_a20: switches A20 off (AL = 0) or on (1), where it is not so: by the BIOS, else by port 92h
;   out: as test_a20     changes: all
switch_a20:
        push    ax
        call    test_a20
        pop     bx
        cmp     al, bl
        je      .done
        push    bx
        mov     ax, bx
        mov     ah, 0x24                ; INT 15h AX=2400h, 2401h
        mov     bp, HEADER(old_int15)
        call    call_bios
        call    test_a20
        pop     bx
        cmp     al, bl
        je      .done
        in      al, PORT_A20
        and     al, 0xFC                ; bit 1: A20; bit 0 would reset the machine
        add     bl, bl
        or      al, bl
        out     PORT_A20, al
        call    test_a20
.done:
        test    al, al
        ret
