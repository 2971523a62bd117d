; SPDX-License-Identifier: GPL-2.0-or-later
; What machine/machine.h promises and C cannot do: calls of the BIOS, and the copy out of extended
; memory. Called from 32-bit-addressing 16-bit C (regparm(3): EAX, EDX, ECX; EBX, ESI, EDI, EBP and DF
; kept).

        bits    16
        cpu     386

%include "resident/offsets.inc"

        global  regs, machine_call, machine_linear, machine_get, machine_put, machine_copy, machine_zero
        global  machine_get8, machine_set8
        global  machine_copy_high, machine_a20_off
        extern  header

GP_VECTOR       equ 0x0D * 4
PORT_A20        equ 0x92
FLAT_SELECTOR   equ 8
REAL_SELECTOR   equ 16
; Any dword below 1 MiB that may be flipped for a moment with interrupts off: the vector of INT 13h.
A20_PROBE       equ 0x13 * 4

        section .text progbits alloc exec write align=4

; machine_call(far pointer = EAX): AL = CF of the BIOS; 0: the instruction INT 15h
machine_call:
        push    ebx
        push    esi
        push    edi
        push    ebp
        mov     [target], eax
        test    eax, eax                ; and no change of ZF up to the jump
        mov     eax, [regs + FRAME_a]
        mov     ebx, [regs + FRAME_b]
        mov     ecx, [regs + FRAME_c]
        mov     edx, [regs + FRAME_d]
        mov     esi, [regs + FRAME_si]
        mov     edi, [regs + FRAME_di]
        mov     es, [regs + FRAME_es]
        mov     ds, [regs + FRAME_ds]
        jz      .instruction
        pushf                           ; IF = 1: the BIOS's IRET enables interrupts again
        cli
        call    far [cs:target]
        jmp     .back
.instruction:
        int     0x15
.back:
        movzx   esp, sp                 ; some BIOSes lose the high halves
        push    cs
        pop     ds
        push    cs
        pop     es
        mov     [regs + FRAME_a], eax
        mov     [regs + FRAME_b], ebx
        mov     [regs + FRAME_c], ecx
        mov     [regs + FRAME_d], edx
        setc    al
        cld
        sti
        pop     ebp
        pop     edi
        pop     esi
        pop     ebx
        ret

; machine_linear(near pointer = EAX): EAX = its linear address      keeps: all others
machine_linear:
        push    edx
        mov     dx, cs
        movzx   edx, dx
        shl     edx, 4
        add     eax, edx
        pop     edx
        ret

; machine_get8(address = AX): AL
machine_get8:
        push    ds
        push    0
        pop     ds
        movzx   eax, ax
        mov     al, [eax]
        pop     ds
        ret

; machine_set8(address = AX, value = DL)
machine_set8:
        push    ds
        push    0
        pop     ds
        movzx   eax, ax
        mov     [eax], dl
        pop     ds
        ret

; machine_get(near pointer = EAX, linear = EDX, bytes = ECX)
machine_get:
        push    ds
        push    es
        push    esi
        push    edi
        mov     di, ax
        mov     eax, edx
        call    far_address
        mov     ds, ax
        jmp     copy

; machine_put(linear = EAX, near pointer = EDX, bytes = ECX)
machine_put:
        push    ds
        push    es
        push    esi
        push    edi
        call    far_address
        mov     es, ax
        mov     di, si
        mov     si, dx
        jmp     copy

; machine_copy(to = EAX, from = EDX, bytes = ECX): linear addresses
machine_copy:
        push    ds
        push    es
        push    esi
        push    edi
        call    far_address
        mov     es, ax
        mov     di, si
        mov     eax, edx
        call    far_address
        mov     ds, ax
copy:
        mov     ax, cx
        shr     cx, 2
        rep movsd
        xchg    cx, ax
        and     cx, 3
        rep movsb
        jmp     string_done

; machine_zero(to = EAX, bytes = EDX): a multiple of 4
machine_zero:
        push    ds
        push    es
        push    esi
        push    edi
        call    far_address
        mov     es, ax
        mov     di, si
        mov     cx, dx
        shr     cx, 2                   ; sizes are whole sectors
        xor     eax, eax
        rep stosd
string_done:
        pop     edi
        pop     esi
        pop     es
        pop     ds
        ret

; far_address: AX:SI = segment and offset of linear address EAX, the offset as low as it can be
far_address:
        mov     si, ax
        shr     eax, 4
        and     si, 15
        cmp     eax, 0xFFFF
        jbe     .done
        sub     ax, 0xFFFF              ; the paragraphs above FFFF:0
        shl     ax, 4
        add     si, ax
        mov     ax, 0xFFFF
.done:
        ret

; machine_copy_high(to = EAX, from = EDX, dwords = ECX): AL = 1 copied, 0 A20 is off
; Only GS is loaded in protected mode; all other segments keep what the caller's program may have
; hidden in them. GS gets its limit back: 64 KiB, or 4 GiB where an access beyond 64 KiB does not
; fault now, which is how programs in "unreal" mode leave it.
machine_copy_high:
        push    esi
        push    edi
        mov     edi, eax
        mov     esi, edx
        pushf
        cli
        call    test_a20
        jz      .done                   ; AL = 0
        push    ebx

        xor     ax, ax
        mov     gs, ax                  ; keeps the limit
        mov     eax, [gs:GP_VECTOR]
        mov     word [gs:GP_VECTOR], .limited
        mov     [gs:GP_VECTOR + 2], cs
        mov     bx, FLAT_SELECTOR
        mov     dl, [gs:dword 0x10000]
        jmp     .probed
.limited:                               ; INT 0Dh, in place of the vector's owner
        add     sp, 6
        mov     bl, REAL_SELECTOR
.probed:
        mov     [gs:GP_VECTOR], eax

        xor     eax, eax
        mov     ax, cs
        shl     eax, 4
        add     eax, gdt
        mov     [gdt_pointer + 2], eax
        sgdt    [saved_gdt]
        o32 lgdt [gdt_pointer]
        mov     eax, cr0
        inc     ax                      ; PE was 0
        mov     cr0, eax
        jmp     short .protected
.protected:
        mov     dx, FLAT_SELECTOR
        mov     gs, dx
        a32 gs rep movsd
        mov     gs, bx
        dec     ax
        mov     cr0, eax
        jmp     short .real
.real:
        o32 lgdt [saved_gdt]
        pop     ebx
        mov     al, 1
.done:
        popf
        pop     edi
        pop     esi
        ret

; machine_a20: as test_a20, with interrupts disabled meanwhile
machine_a20:
        cli
        call    test_a20
        sti
        ret

; test_a20: does FFFF:x+10h show another byte of memory than 0:x?
;   in: IF = 0      out: AL = 1 and ZF = 0 where A20 is on, else AL = 0 and ZF = 1     changes: EAX, FS, GS
test_a20:
        xor     ax, ax
        mov     gs, ax
        dec     ax
        mov     fs, ax
        mov     eax, [gs:A20_PROBE]
        cmp     eax, [fs:A20_PROBE + 0x10]
        jne     .on
        not     dword [gs:A20_PROBE]    ; equal by chance?
        cmp     eax, [fs:A20_PROBE + 0x10]
        mov     [gs:A20_PROBE], eax
        je      .on
        mov     al, 0
        test    al, al
        ret
.on:
        mov     al, 1
        test    al, al
        ret

; machine_a20_off(): switches A20 off again where AH=87h left it on
machine_a20_off:
        call    machine_a20
        jz      .done
        mov     word [regs + FRAME_a], 0x2400   ; INT 15h AX=2400h
        mov     eax, [header + HEADER_old_int15]
        call    machine_call
        call    machine_a20
        jz      .done
        in      al, PORT_A20
        and     al, 0xFC                ; bit 1: A20; bit 0 would reset the machine
        out     PORT_A20, al
.done:
        ret

        section .data progbits alloc exec write align=8
gdt:
        dq      0
        dq      0x00CF93000000FFFF      ; FLAT_SELECTOR: data, base 0, 4 GiB
        dq      0x000093000000FFFF      ; REAL_SELECTOR: data, base 0, 64 KiB
gdt_end:
gdt_pointer:
        dw      gdt_end - gdt - 1
        dd      0

        section .bss nobits alloc write align=4
regs:           resb    FRAME_size
target:         resd    1
saved_gdt:      resb    6
