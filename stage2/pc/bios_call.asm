; SPDX-License-Identifier: GPL-2.0-or-later
; The thunk from stage2's C to real mode and back (bios.h). Interrupts are enabled exactly while the
; BIOS runs. What a BIOS may leave behind in any register, in IF, DF or A20 stays here.

%include "stage2.asm.inc"
%include "offsets.inc"

        extern  a20_ensure, enter_protected, real_die
        global  bios_call, bios_call_far, bios_idle, bios_target, bios_stack, leave_protected

        section .text
        bits    32

; void bios_call(uint8_t vector, struct bios_regs *regs)
bios_call:
        movzx   eax, byte [esp + 4]
        mov     eax, [eax * 4]          ; the vector's far pointer: offset low, segment high
        jmp     bios_call_far.target

; void bios_idle(void)
bios_idle:
        sub     esp, BIOS_REGS_SIZE
        push    esp                     ; pushes ESP as it was: the registers' address
        push    dword idle + (STAGE2_SEGMENT << 16)
        call    bios_call_far
        add     esp, BIOS_REGS_SIZE + 8
        ret

; void bios_call_far(uint32_t target, struct bios_regs *regs)
bios_call_far:
        mov     eax, [esp + 4]
.target:
        push    ebp
        push    ebx
        push    esi
        push    edi
        mov     [REAL(bios_target)], eax
        mov     esi, [esp + 16 + 8]
        mov     edi, REAL(regs)
        mov     ecx, BIOS_REGS_SIZE / 4
        rep     movsd
        mov     [REAL(bios_stack)], esp
        jmp     CODE16:leave_protected

returned:
        mov     edi, [esp + 16 + 8]
        mov     esi, REAL(regs)
        mov     ecx, BIOS_REGS_SIZE / 4
        rep     movsd
        pop     edi
        pop     esi
        pop     ebx
        pop     ebp
        ret

        section .real
        bits    16

leave_protected:
        mov     ax, DATA16              ; limits as real mode wants them
        mov     ds, ax
        mov     es, ax
        mov     fs, ax
        mov     gs, ax
        mov     ss, ax
        mov     eax, cr0
        and     al, 0xfe
        mov     cr0, eax
        jmp     STAGE2_SEGMENT:.real

.real:
        mov     ax, cs
        mov     ds, ax
        o32 lidt [real_idt_pointer]
        mov     ax, STACK_SEGMENT
        mov     ss, ax
        mov     esp, [bios_stack]
        sub     esp, STACK_BASE

        xor     ax, ax
        mov     fs, ax
        mov     gs, ax
        mov     es, [regs + BIOS_REGS_ES]
        push    word [regs + BIOS_REGS_DS]
        mov     eax, [regs + BIOS_REGS_EAX]
        mov     ebx, [regs + BIOS_REGS_EBX]
        mov     ecx, [regs + BIOS_REGS_ECX]
        mov     edx, [regs + BIOS_REGS_EDX]
        mov     esi, [regs + BIOS_REGS_ESI]
        mov     edi, [regs + BIOS_REGS_EDI]
        mov     ebp, [regs + BIOS_REGS_EBP]
        pop     ds

        sti
        cld
        pushf                           ; as INT does: FLAGS, then IF = 0, then the far call
        cli
        call    far [cs:bios_target]

        pushfd
        cli
        cld
        pop     dword [cs:regs + BIOS_REGS_EFLAGS]
        mov     [cs:regs + BIOS_REGS_EAX], eax
        mov     ax, ds
        mov     [cs:regs + BIOS_REGS_DS], ax
        mov     ax, cs
        mov     ds, ax
        mov     [regs + BIOS_REGS_EBX], ebx
        mov     [regs + BIOS_REGS_ECX], ecx
        mov     [regs + BIOS_REGS_EDX], edx
        mov     [regs + BIOS_REGS_ESI], esi
        mov     [regs + BIOS_REGS_EDI], edi
        mov     [regs + BIOS_REGS_EBP], ebp
        mov     [regs + BIOS_REGS_ES], es

        mov     ax, STACK_SEGMENT
        mov     ss, ax
        mov     esp, [bios_stack]
        sub     esp, STACK_BASE
        call    a20_ensure
        mov     si, text_a20_lost
        jc      real_die
        mov     esi, returned
        jmp     enter_protected

; idle: lets the processor sleep until the next interrupt, called like an interrupt handler
idle:
        sti
        hlt
        iret

text_a20_lost:
        db      13, 10, "error: the BIOS switched A20 off, and it cannot be switched on", 13, 10, 0

        align   4
real_idt_pointer:
        dw      0x3ff
        dd      0

        align   4
bios_target: dd 0
bios_stack: dd  0
regs:   times BIOS_REGS_SIZE db 0
