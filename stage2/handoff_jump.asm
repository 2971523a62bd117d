; SPDX-License-Identifier: GPL-2.0-or-later
; The last instructions before the guest's, in real mode. They clear the memory that they came from, so
; they are copied away first: to the end of the resident handler's segment, its bounce buffer, which nobody
; reads before it is written. Run there by bios_call_far.

%include "stage2.asm.inc"

        global  handoff_jump, handoff_jump_end

BOUNCE          equ     RESIDENT_SIZE_MAX - RESIDENT_BOUNCE * 512
PARAGRAPH       equ     16

        section .real
        bits    16

; handoff_jump: to the guest's boot record at 0000:BOOT_ADDRESS, as a BIOS does it
;   in:      CS:BOUNCE = here, DL = drive, IF = 0, DF = 0
;   out:     EAX = AA55h, EDX = the drive, all other registers 0, SS:ESP = 0:BOOT_ADDRESS, FLAGS = 0202h; of
;            conventional memory all that MBR, boot record and stage2 used is 0
; A BIOS starts boot records in memory that nobody has written to, and some take it for granted.
handoff_jump:
        mov     ax, cs
        mov     ss, ax
        mov     esp, RESIDENT_SIZE_MAX
        movzx   edx, dl
        xor     eax, eax
        mov     si, BOUNCE + (used - handoff_jump)
.next:
        cs lodsw
        xchg    ax, bx                  ; the first paragraph
        cs lodsw
        xchg    ax, cx                  ; how many
        xor     eax, eax
        jcxz    .cleared
.paragraph:
        mov     es, bx
        xor     di, di
        stosd
        stosd
        stosd
        stosd
        inc     bx
        loop    .paragraph
        jmp     .next
.cleared:
        xor     ebx, ebx
        xor     ecx, ecx
        xor     esi, esi
        xor     edi, edi
        xor     ebp, ebp
        mov     ds, ax
        mov     es, ax
        mov     fs, ax
        mov     gs, ax
        push    dword 2                 ; FLAGS with nothing set
        popfd
        mov     ss, ax                  ; from here on none changes but IF
        mov     esp, BOOT_ADDRESS
        mov     ax, 0xAA55
        sti
        jmp     0:BOOT_ADDRESS

used:
        dw      MBR_RELOCATED / PARAGRAPH, (BOOT_ADDRESS - MBR_RELOCATED) / PARAGRAPH
        dw      (BOOT_ADDRESS + 512) / PARAGRAPH, (LOW_MEMORY_NEEDED - BOOT_ADDRESS - 512) / PARAGRAPH
        dw      0, 0
handoff_jump_end:

%if handoff_jump_end - handoff_jump > RESIDENT_BOUNCE * 512 - 32
  %error the last instructions and their stack do not fit into the bounce buffer
%endif
