; SPDX-License-Identifier: GPL-2.0-or-later
; The handler's calls of who is below it, and the way out of a request from any depth.
; CS = DS = ES = SS = the handler's segment, IF = 1.

%include "resident.asm.inc"

        global  machine_throw
        global  call_bios, int_15, int_4b       ; for the other files
        extern  header, frame, int13_finish, machine_close, machine_unlock

        section .text progbits alloc exec write align=1

; machine_throw(status = EAX): back to enter_c by way of int13_finish
machine_throw:
        mov     esp, frame - 2          ; where enter_c's return address lies
        push    eax
        call    machine_close
        call    machine_unlock
        pop     eax
        jmp     int13_finish

; call_bios: calls the vector saved at BP as INT would
;   in: all others as the BIOS wants them
;   out: CF and registers as it says, but DS, ES, SS, DF, IF as C wants them
call_bios:
        pushf                           ; IF = 1: the BIOS's IRET enables interrupts again
        cli
        call    far [bp]
.back:
        movzx   esp, sp                 ; some BIOSes lose the high halves
        push    cs
        pop     ds
        push    cs
        pop     es
        cld
        sti
        ret

; int_15: INT 15h, the instruction itself: a V86 monitor sees nothing else      in, out: as call_bios
int_15:
        int     0x15
        jmp     call_bios.back

; int_4b: INT 4Bh: VDS, which memory managers offer     in, out: as call_bios
int_4b:
        int     0x4B
        jmp     call_bios.back
