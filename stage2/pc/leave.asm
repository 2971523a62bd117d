; SPDX-License-Identifier: GPL-2.0-or-later
; The last instructions of stage2 where a loader goes over all of its memory: they are moved below
; everything that any loader covers, to LEAVE_ADDRESS, with a GDT of their own.

%include "stage2.asm.inc"
%include "offsets.inc"

        global  leave_stage2

%define AT(label) (LEAVE_ADDRESS + ((label) - code))
%define FIELD(name) (AT(values) + LEAVE_ %+ name)

        section .text
        bits    32

; void leave_stage2(const struct leave *leave)
leave_stage2:
        cli
        cld
        mov     ebx, [esp + 4]
        mov     esi, code
        mov     edi, LEAVE_ADDRESS
        mov     ecx, values - code
        rep     movsb
        mov     esi, ebx
        mov     ecx, LEAVE_SIZE
        rep     movsb
        mov     eax, AT(moves)
        jmp     eax

; From here on the code runs at LEAVE_ADDRESS.
        bits    16

; INT 18h: this device does not boot, take the next one. Old BIOSes look for BASIC instead, or come
; back: INT 19h: start from the beginning. First, so that LEAVE_ADDRESS can be jumped to.
code:
        int     0x18
        int     0x19
.halt:
        hlt
        jmp     .halt

        bits    32

moves:                                  ; with flat segments
        mov     ebx, FIELD(MOVE)
        mov     edx, 2
.move:
        mov     esi, [ebx]
        mov     edi, [ebx + 4]
        mov     ecx, [ebx + 8]
        rep     movsb
        add     ebx, LEAVE_MOVE_SIZE
        dec     edx
        jnz     .move

        lgdt    [AT(gdt_pointer)]
        jmp     8:AT(in_16_bits)

        bits    16
in_16_bits:
        mov     ax, 16                  ; limits as real mode wants them
        mov     ds, ax
        mov     es, ax
        mov     fs, ax
        mov     gs, ax
        mov     ss, ax
        mov     eax, cr0
        and     al, 0xfe
        mov     cr0, eax
        jmp     0:AT(in_real_mode)

in_real_mode:
        xor     ax, ax
        mov     ds, ax
        mov     fs, ax
        mov     gs, ax
        mov     ss, ax
        o32 lidt [AT(idt_pointer)]
        mov     sp, FIELD(REGISTERS)
        popad
        pop     es
        pop     ds
        lss     esp, [cs:FIELD(ESP)]
        cmp     word [cs:FIELD(INTERRUPTS)], byte 0
        je      .go
        sti
.go:
        jmp     far [cs:FIELD(IP)]

        align   8, db 0
gdt:
        dq      0
        dw      0xffff, 0, 0x9a00, 0    ; 16-bit code, base 0
        dw      0xffff, 0, 0x9200, 0    ; data, base 0, limit FFFFh
gdt_pointer:
        dw      gdt_pointer - gdt - 1
        dd      AT(gdt)
idt_pointer:
        dw      0x3ff
        dd      0
        align   4, db 0
values:

%if values - code + LEAVE_SIZE > LEAVE_END - LEAVE_ADDRESS
%error "what leaves stage2 does not fit between the BIOS data area and FreeDOS' kernel"
%endif
