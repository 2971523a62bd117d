; SPDX-License-Identifier: GPL-2.0-or-later
; One transfer of a piece by the BIOS below (machine/machine.h).
; Called from 32-bit-addressing 16-bit C (regparm(3): EAX, EDX, ECX; EBX, ESI, EDI, EBP and DF kept) with
; CS = DS = ES = SS = the handler's segment, IF = 1.

%include "resident.asm.inc"

        global  machine_drive
        extern  header, piece, call_bios, far_address

LAST_CYLINDER   equ 1023
DRIVE_TRIES     equ 3

        section .text progbits alloc exec write align=1

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
        mov     ebx, [bp + PUSHAD_ax]
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
        cmp     al, STATUS_BOUNDARY
        je      .end
        cmp     al, STATUS_WRITE_PROTECTED
        ja      .failed
        test    al, al
        jnz     .end
        mov     al, STATUS_UNDEFINED
.failed:
        dec     byte [tries]
        jz      .end
        cmp     byte [tries], 1
        jne     .try
        mov     bp, sp
        mov     bx, [bp + PUSHAD_ax]
        mov     dl, [HEADER(drive) + bx]
        xor     ax, ax                  ; AH=00h: reset
        mov     bp, HEADER(old_int13)
        call    call_bios
        jmp     .try
.too_far:
        pop     ax
        pop     ax
        mov     al, STATUS_PARAMETER
.end:
        mov     bp, sp
        mov     [bp + PUSHAD_ax], al
        popad
        ret

        section .bss nobits alloc write align=2
count:          resw    1
tries:          resb    1
