; SPDX-License-Identifier: GPL-2.0-or-later
; Entries of the processor's exceptions in protected mode, TRAP_STUB_SIZE bytes each, for trap.c.

%include "stage2.asm.inc"
%include "offsets.inc"

        extern  trap_report
        global  trap_stubs

        section .text
        bits    32

        align   16
trap_stubs:
%assign vector 0
%rep 32
  %if vector = 2
        iret                            ; NMI: a parity or bus event; the BIOS will hear of the next
  %else
    %if !(vector = 8 || (vector >= 10 && vector <= 14) || vector = 17)
        push    dword 0                 ; where the processor gives no error code
    %endif
        push    dword vector
        jmp     trap_common
  %endif
        times (vector + 1) * TRAP_STUB_SIZE - ($ - trap_stubs) db 0x90
  %assign vector vector + 1
%endrep

trap_common:
        cld
        pop     eax
        mov     edx, [esp + 4]          ; above the error code: EIP
        push    edx
        push    eax
        call    trap_report             ; does not return
