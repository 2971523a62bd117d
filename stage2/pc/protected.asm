; SPDX-License-Identifier: GPL-2.0-or-later
; The way from real mode to flat protected mode, the GDT that both sides of it use, and the end where
; there is no way: a sentence on the screen, for the code that runs before C can say anything.

%include "stage2.asm.inc"

        global  enter_protected, real_die, idt

IDT_SIZE        equ     32 * 8          ; the processor's own exceptions

        section .bss
idt:    resb    IDT_SIZE                ; trap.c fills it in

        section .real
        bits    16

; real_die: says why stage2 cannot go on, then halts for good; Ctrl-Alt-Del still works
;   in:      CS:SI = sentence
real_die:
        mov     ax, cs
        mov     ds, ax
        cld
.next:
        lodsb
        test    al, al
        jz      .halt
        mov     ah, 0x0e                ; INT 10h AH=0Eh: AL = character, BH = page, BL = colour
        mov     bx, 0x0007
        push    si
        int     0x10
        pop     si
        jmp     .next
.halt:
        sti
        hlt
        jmp     .halt

; enter_protected: from real mode to flat protected mode, A20 being on
;   in:      ESI = 32-bit address to go on at, with all data segments flat and IF = 0
;   keeps:   EBX, ECX, EDX, ESP as an offset in STACK_SEGMENT (made linear)
;   changes: EAX
enter_protected:
        cli
        o32 lgdt [cs:gdt_pointer]
        o32 lidt [cs:idt_pointer]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     dword CODE32:REAL(protected)

        align   8
gdt:
        dq      0
        dw      0xffff, 0x0000, 0x9a00, 0x00cf  ; CODE32: base 0, limit 4 GiB
        dw      0xffff, 0x0000, 0x9200, 0x00cf  ; DATA32
        dw      0xffff, STAGE2_ADDRESS & 0xffff, 0x9a00 | STAGE2_ADDRESS >> 16, 0x0000  ; CODE16
        dw      0xffff, 0x0000, 0x9200, 0x0000  ; DATA16
        dw      0xffff, 0x0000, 0x9a00, 0x00af  ; CODE64
gdt_end:

gdt_pointer:
        dw      gdt_end - gdt - 1
        dd      REAL(gdt)

idt_pointer:
        dw      IDT_SIZE - 1
        dd      idt

        bits    32

protected:
        mov     ax, DATA32
        mov     ds, ax
        mov     es, ax
        mov     fs, ax
        mov     gs, ax
        mov     ss, ax
        movzx   esp, sp
        add     esp, STACK_BASE
        jmp     esi
