; SPDX-License-Identifier: GPL-2.0-or-later
; Virtual DMA Services: where a memory manager says that buffers lie (machine/machine.h).
; Called from 32-bit-addressing 16-bit C (regparm(3): EAX, EDX, ECX; EBX, ESI, EDI, EBP and DF kept) with
; CS = DS = ES = SS = the handler's segment, IF = 1.

%include "resident.asm.inc"

        global  machine_lock, machine_unlock
        extern  piece, int_4b

VDS_PRESENT     equ 0x20                ; of BDA_VDS
VDS_IN_PLACE    equ 0x0C                ; neither another buffer nor another page in its place

        section .text progbits alloc exec write align=1

; machine_lock(): AL = 1 where the memory manager says that the piece's buffer lies where its address
; says, and keeps it there until machine_unlock(); else 0
machine_lock:
        push    0
        pop     fs
        test    byte [fs:BDA_VDS], VDS_PRESENT
        jz      .elsewhere
        movzx   eax, word [PIECE(count)]
        shl     eax, 9
        mov     [dds.size], eax
        mov     eax, [PIECE(buffer)]
        mov     [dds.offset], eax
        and     dword [dds.segment], 0  ; no segment: the offset is a linear address; no buffer
        mov     dx, VDS_IN_PLACE
        mov     al, 3                   ; INT 4Bh AX=8103h: locks the region of the descriptor at ES:DI
        call    vds
        jc      .elsewhere
        mov     byte [locked], 1
        mov     eax, [dds.physical]
        cmp     eax, [dds.offset]
        mov     al, 1
        je      .end
        call    machine_unlock
.elsewhere:
        mov     al, 0
.end:
        ret

; machine_unlock(): ends what machine_lock() began, if it did      changes: EAX, EDX
machine_unlock:
        mov     al, 0
        xchg    al, [locked]
        test    al, al
        jz      vds.end
        mov     al, 4                   ; AX=8104h: unlocks it
        xor     dx, dx
; vds: INT 4Bh AH=81h, function AL, options DX      out: CF = 1 on error
vds:
        pushad
        mov     ah, 0x81
        mov     di, dds
        stc                             ; for who does not know it, in spite of the bit
        call    int_4b
        popad
.end:
        ret

        section .bss nobits alloc write align=4
dds:                                    ; what VDS locks
.size:          resd    1
.offset:        resd    1
.segment:       resw    1
.buffer:        resw    1
.physical:      resd    1
locked:         resb    1               ; 1: it is
