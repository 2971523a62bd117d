; SPDX-License-Identifier: GPL-2.0-or-later
; What machine/machine.h promises: calls of the BIOS and of VDS, far memory. Extended memory is in
; extended.asm.
; Called from 32-bit-addressing 16-bit C (regparm(3): EAX, EDX, ECX; EBX, ESI, EDI, EBP and DF kept).
; CS = DS = ES = SS = the handler's segment, IF = 1.

        bits    16
        cpu     386

%include "bda.inc"
%include "resident/offsets.inc"

        global  machine_drive, machine_throw
        global  machine_linear, machine_get, machine_put, machine_copy, machine_zero
        global  machine_get8, machine_set8
        global  machine_lock, machine_unlock
        global  call_bios, int_15, far_address          ; for extended.asm
        extern  header, frame, piece, int13_finish, machine_close

%define HEADER(field) header + HEADER_ %+ field
%define PIECE(field)  piece + PIECE_ %+ field
SAVED_ax        equ 28                  ; of what PUSHAD leaves

; Virtual DMA Services
VDS_PRESENT     equ 0x20
VDS_IN_PLACE    equ 0x0C                ; neither another buffer nor another page in its place

ERROR_PARAMETER equ 0x01
ERROR_PROTECTED equ 0x03
ERROR_BOUNDARY  equ 0x09
ERROR_UNDEFINED equ 0xBB
LAST_CYLINDER   equ 1023
DRIVE_TRIES     equ 3

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
        call    .call
        popad
.end:
        ret
.call:
        int     0x4B
        jmp     call_bios.back

; machine_drive(drive of the map = EAX): transfers `piece` by a call of the BIOS, up to three where it
; fails; AL = status
; The reset comes only before the last: some drives always fail the first access after one.
machine_drive:
        pushad
        mov     byte [tries], DRIVE_TRIES
        mov     ax, [PIECE(count)]
        mov     [count], ax
.try:
        mov     bp, sp
        mov     ebx, [bp + SAVED_ax]
        mov     eax, [PIECE(buffer)]
        call    far_address
        mov     [PIECE(segment)], ax
        mov     [PIECE(offset)], si
        mov     es, ax
        xor     edx, edx
        mov     dl, [HEADER(drive) + bx]
        mov     ax, 0x0200
        add     ah, [PIECE(write)]
        cmp     byte [HEADER(drive_edd) + bx], 0
        je      .chs
        or      ah, 0x40                ; AH=42h, 43h: DS:SI = disk address packet
        mov     esi, piece
        jmp     .call
.chs:                                   ; AH=02h, 03h: AL sectors, CH, CL, DH, ES:BX = buffer
        mov     al, [PIECE(count)]
        push    ax
        push    dx
        mov     eax, [PIECE(lba)]
        movzx   ecx, byte [HEADER(drive_spt) + bx]
        mov     dl, 0
        div     ecx                     ; EAX = track, EDX = sector
        push    dx
        mov     cl, [HEADER(drive_heads) + bx]
        xor     edx, edx
        div     ecx                     ; EAX = cylinder, EDX = head
        pop     cx
        inc     cx
        mov     ch, al
        cmp     eax, LAST_CYLINDER
        ja      .too_far
        shl     ah, 6
        or      cl, ah
        mov     dh, dl
        pop     ax
        mov     dl, al
        pop     ax
        movzx   ebx, si
.call:
        mov     bp, HEADER(old_int13)
        call    call_bios
        mov     cx, [count]             ; BIOSes leave in the packet how many they did, when they fail
        mov     [PIECE(count)], cx
        mov     al, 0
        jnc     .end
        mov     al, ah
        cmp     al, ERROR_BOUNDARY
        je      .end
        cmp     al, ERROR_PROTECTED
        ja      .failed
        test    al, al
        jnz     .end
        mov     al, ERROR_UNDEFINED
.failed:
        dec     byte [tries]
        jz      .end
        cmp     byte [tries], 1
        jne     .try
        mov     bp, sp
        mov     bx, [bp + SAVED_ax]
        mov     dl, [HEADER(drive) + bx]
        xor     ax, ax                  ; AH=00h: reset
        mov     bp, HEADER(old_int13)
        call    call_bios
        jmp     .try
.too_far:
        pop     ax
        pop     ax
        mov     al, ERROR_PARAMETER
.end:
        mov     bp, sp
        mov     [bp + SAVED_ax], al
        popad
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

        section .bss nobits alloc write align=4
dds:                                    ; what VDS locks
.size:          resd    1
.offset:        resd    1
.segment:       resw    1
.buffer:        resw    1
.physical:      resd    1
locked:         resb    1               ; 1: it is
tries:          resb    1
count:          resw    1
