; SPDX-License-Identifier: GPL-2.0-or-later
; Memory that seg:off can reach, by linear addresses (machine/machine.h).
; Called from 32-bit-addressing 16-bit C (regparm(3): EAX, EDX, ECX; EBX, ESI, EDI, EBP and DF kept) with
; CS = DS = ES = SS = the handler's segment, IF = 1.

%include "resident.asm.inc"

        global  machine_linear, machine_get, machine_put, machine_copy, machine_zero
        global  machine_get8, machine_set8
        global  far_address                     ; for the other files

        section .text progbits alloc exec write align=1

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
        push    esi
        push    edi
        mov     di, ax
        mov     eax, edx
        call    far_address
        mov     ds, ax
        shr     cx, 2
        rep movsd
        pop     edi
        pop     esi
        pop     ds
        ret

; machine_put(linear = EAX, near pointer = EDX, bytes = ECX)
machine_put:
        push    es
        push    esi
        push    edi
        call    far_address
        mov     es, ax
        mov     di, si
        mov     si, dx
        rep movsb
        pop     edi
        pop     esi
        pop     es
        ret

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
        shr     cx, 2
        rep movsd
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
        shr     cx, 2
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
