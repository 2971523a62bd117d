; SPDX-License-Identifier: GPL-2.0-or-later
; What machine/machine.h promises: calls of the BIOS, copies to and from extended memory, far memory.
; Called from 32-bit-addressing 16-bit C (regparm(3): EAX, EDX, ECX; EBX, ESI, EDI, EBP and DF kept).
; CS = DS = ES = SS = the handler's segment, IF = 1.

        bits    16
        cpu     386

%include "resident/offsets.inc"

        global  machine_drive, machine_copy_high, machine_throw
        global  machine_linear, machine_get, machine_put, machine_copy, machine_zero
        global  machine_get8, machine_set8
        global  machine_open, machine_close, machine_opened
        global  machine_lock, machine_unlock
        extern  header, frame, piece, int13_finish

%define HEADER(field) header + HEADER_ %+ field
%define PIECE(field)  piece + PIECE_ %+ field
GP_VECTOR       equ 0x0D * 4
PORT_A20        equ 0x92
FLAT_SELECTOR   equ 8
REAL_SELECTOR   equ 16
; Any dword below 1 MiB that may be flipped for a moment with interrupts off: the vector of INT 13h.
A20_PROBE       equ 0x13 * 4
SAVED_dx        equ 20                  ; what PUSHAD leaves
SAVED_cx        equ 24
SAVED_ax        equ 28

; Virtual DMA Services
BDA_VDS         equ 0x47B
VDS_PRESENT     equ 0x20
VDS_IN_PLACE    equ 0x0C                ; neither another buffer nor another page in its place

ERROR_PARAMETER equ 0x01
ERROR_PROTECTED equ 0x03
ERROR_BOUNDARY  equ 0x09
ERROR_CONTROLLER equ 0x20
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

; machine_copy_high(to = EAX, from = EDX, dwords = ECX): one of the two is an address that seg:off can
; reach, the other is higher; both linear. Ends the request where that cannot be done
; Memory managers and BIOSes of the 286's days ignore the addresses' high bytes and report success: who
; copies for us has to fetch the map's seal first, each time, because the next one may be another.
machine_copy_high:
        pushad
        call    machine_open
        mov     bp, sp
        mov     eax, [bp + SAVED_ax]
        jnz     .opened
        mov     eax, seal
        call    machine_linear
        mov     edx, [HEADER(cell_count)]
        shl     edx, 3
        add     edx, [HEADER(map_address)]
        mov     ecx, 1
        call    copy_by_bios
        cmp     dword [seal], MAP_SEAL
        mov     [seal], bp              ; the next one is to be fetched as well
        mov     eax, [bp + SAVED_ax]
        mov     edx, [bp + SAVED_dx]
        mov     ecx, [bp + SAVED_cx]
        jne     .not_sealed
        call    copy_by_bios
        jmp     .done
.not_sealed:
        call    copy_switched
        jmp     .done
.opened:
        call    copy_opened
.done:
        popad
        ret

; copy_by_bios: as machine_copy_high, where machine_open() did not
copy_by_bios:
        pushad
        mov     di, block_move + 2 * 8
        xchg    eax, edx
        call    set_base                ; from
        add     di, 8
        xchg    eax, edx
        call    set_base                ; to
        add     cx, cx
        mov     si, block_move
        mov     ah, 0x87                ; INT 15h AH=87h: copies CX words by the GDT at ES:SI
        mov     bp, HEADER(old_int15)
        smsw    bx
        test    bl, 1
        jnz     .monitor
        call    call_bios
        jmp     .answered
.monitor:
        call    int_15
.answered:
        smsw    bx
        jnc     .moved
        mov     bp, sp
        mov     eax, [bp + SAVED_ax]
        mov     edx, [bp + SAVED_dx]
        mov     ecx, [bp + SAVED_cx]
        call    copy_switched           ; a BIOS without
        jmp     .done
.moved:
        mov     al, 0
        test    bl, 1
        jnz     .done
        call    switch_a20              ; it was off
.done:
        popad
        ret

; copy_switched: as machine_copy_high, with A20 on for a moment, where it is off in real mode
copy_switched:
        pushad
        smsw    bx
        test    bl, 1
        jnz     .failed
        mov     al, 1
        call    switch_a20
        call    machine_open
        jz      .failed
        mov     bp, sp
        mov     eax, [bp + SAVED_ax]
        mov     edx, [bp + SAVED_dx]
        mov     ecx, [bp + SAVED_cx]
        call    copy_opened
        mov     al, 0
        call    switch_a20
        popad
        ret
.failed:
        mov     al, ERROR_CONTROLLER
        jmp     machine_throw

; set_base: base of the descriptor at DI := EAX
set_base:
        push    eax
        mov     [di + 2], ax
        shr     eax, 16
        mov     [di + 4], al
        mov     [di + 7], ah
        pop     eax
        ret

; copy_opened: as machine_copy_high, between machine_open and a machine_close of its own
;   changes: all
copy_opened:
        cmp     edx, eax
        setc    bh                      ; upwards
        jnc     .down
        xchg    eax, edx
.down:
        call    far_address
        mov     es, ax
        movzx   edi, si                 ; ES:EDI = the low one
        mov     esi, edx                ; GS:ESI = the high one
        test    bh, bh
        jnz     .up
        a32 gs rep movsd
.up:
        jecxz   .copied
        mov     eax, [es:edi]
        mov     [gs:esi], eax
        a32 scasd                       ; EDI += 4
        add     esi, 4
        dec     ecx
        jmp     .up
.copied:
        push    cs
        pop     es                      ; and machine_close follows

; machine_close(): ends what machine_open() began, if it did      keeps: all but EAX
machine_close:
        push    bx
        xor     bx, bx
        xchg    bl, [machine_opened]
        test    bl, bl
        jz      .end
        call    load_gs
        sti
.end:
        pop     bx
        ret

; machine_open(): GS reaches all memory, interrupts are disabled, [machine_opened] and ZF are not 0; or, in
; virtual-8086 mode or where A20 is off, none of this      keeps: all but EAX, FS, GS
; Only GS is loaded in protected mode; all other segments keep what the caller's program may have
; hidden in them. GS gets its limit back: 64 KiB, or 4 GiB where an access beyond 64 KiB does not
; fault now, which is how programs in "unreal" mode leave it.
machine_open:
        push    bx
        smsw    ax
        xor     al, 1
        test    al, 1
        jz      .end
        call    test_a20
        jz      .end
        xor     eax, eax
        cli
        mov     gs, ax                  ; keeps the limit
        push    dword [gs:GP_VECTOR]
        mov     word [gs:GP_VECTOR], .limited
        mov     [gs:GP_VECTOR + 2], cs
        mov     bx, FLAT_SELECTOR
        mov     al, [gs:dword 0x10000]
        jmp     .probed
.limited:                               ; INT 0Dh, in place of the vector's owner
        add     sp, 6
        mov     bl, REAL_SELECTOR
.probed:
        pop     dword [gs:GP_VECTOR]
        mov     [machine_opened], bl
        mov     ax, cs
        shl     eax, 4
        add     eax, gdt
        mov     [gdt_pointer + 2], eax
        mov     bl, FLAT_SELECTOR
        call    load_gs
        test    bx, bx
.end:
        pop     bx
        ret

; load_gs: GS := selector BX, by way of protected mode      changes: EAX
load_gs:
        sgdt    [saved_gdt]
        o32 lgdt [gdt_pointer]
        mov     eax, cr0
        inc     ax                      ; PE was 0
        mov     cr0, eax
        jmp     short .protected
.protected:
        mov     gs, bx
        dec     ax
        mov     cr0, eax
        jmp     short .real
.real:
        o32 lgdt [saved_gdt]
        ret

; test_a20: does FFFF:x+10h show another byte of memory than 0:x?
;   out: AL = 1 and ZF = 0 where A20 is on, else AL = 0 and ZF = 1     changes: EAX, FS, GS
test_a20:
        xor     ax, ax
        mov     gs, ax
        dec     ax
        mov     fs, ax
        cli
        mov     eax, [gs:A20_PROBE]
        cmp     eax, [fs:A20_PROBE + 0x10]
        jne     .on
        not     dword [gs:A20_PROBE]    ; equal by chance?
        cmp     eax, [fs:A20_PROBE + 0x10]
        mov     [gs:A20_PROBE], eax
        je      .on
        mov     al, 0
        jmp     .done
.on:
        mov     al, 1
.done:
        sti
        test    al, al
        ret

; switch_a20: switches A20 off (AL = 0) or on (1), where it is not so: by the BIOS, else by port 92h
;   out: as test_a20     changes: all
switch_a20:
        push    ax
        call    test_a20
        pop     bx
        cmp     al, bl
        je      .done
        push    bx
        mov     ax, bx
        mov     ah, 0x24                ; INT 15h AX=2400h, 2401h
        mov     bp, HEADER(old_int15)
        call    call_bios
        call    test_a20
        pop     bx
        cmp     al, bl
        je      .done
        in      al, PORT_A20
        and     al, 0xFC                ; bit 1: A20; bit 0 would reset the machine
        add     bl, bl
        or      al, bl
        out     PORT_A20, al
        call    test_a20
.done:
        test    al, al
        ret

        section .data progbits alloc exec write align=4
gdt:
        dq      0
        dq      0x00CF93000000FFFF      ; FLAT_SELECTOR: data, base 0, 4 GiB
        dq      0x000093000000FFFF      ; REAL_SELECTOR: data, base 0, 64 KiB
gdt_end:
gdt_pointer:
        dw      gdt_end - gdt - 1
        dd      0
; INT 15h AH=87h: the third and fourth are ours to fill
block_move:
        dq      0, 0
        dq      0x000093000000FFFF      ; from
        dq      0x000093000000FFFF      ; to
        dq      0, 0

        section .bss nobits alloc write align=4
dds:                                    ; what VDS locks
.size:          resd    1
.offset:        resd    1
.segment:       resw    1
.buffer:        resw    1
.physical:      resd    1
locked:         resb    1               ; 1: it is
machine_opened: resb    1               ; what GS gets back: FLAT_SELECTOR, REAL_SELECTOR, or 0
seal:           resd    1
saved_gdt:      resb    6
tries:          resb    1
count:          resw    1
