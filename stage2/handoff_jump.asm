; SPDX-License-Identifier: GPL-2.0-or-later
; The last instructions of stage2, in real mode: run by bios_call_far with the guest's registers.

%include "stage2.asm.inc"

        global  handoff_jump

        section .real
        bits    16

; handoff_jump: to the guest's boot record at 0000:BOOT_ADDRESS
;   in:      EBX, ECX, EDX, ESI, EDI, EBP, ES as the guest gets them
;   out:     EAX = 0, DS = FS = GS = 0, SS:ESP = 0:BOOT_ADDRESS, IF = 1, DF = 0
handoff_jump:
        cli
        cld
        xor     eax, eax
        mov     ds, ax
        mov     fs, ax
        mov     gs, ax
        mov     ss, ax
        mov     esp, BOOT_ADDRESS
        sti
        jmp     0:BOOT_ADDRESS
