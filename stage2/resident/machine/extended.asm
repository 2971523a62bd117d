; SPDX-License-Identifier: GPL-2.0-or-later
; Extended memory, for the map and for disks and changes that are held there (machine/machine.h): in real
; mode by GS with a limit of 4 GiB, else by INT 15h AH=87h. Leaves A20, the GDT and all segments' limits as it
; found them, and executes no privileged instruction in virtual-8086 mode.
; Called from 32-bit-addressing 16-bit C (regparm(3): EAX, EDX, ECX; EBX, ESI, EDI, EBP and DF kept) with
; CS = DS = ES = SS = the handler's segment, IF = 1.

%include "resident.asm.inc"

        global  machine_copy_high, machine_open, machine_close, machine_opened
        extern  header, machine_linear, machine_throw, call_bios, int_15, far_address
        extern  test_a20, switch_a20

GP_VECTOR       equ 0x0D * 4
FLAT_SELECTOR   equ 8
REAL_SELECTOR   equ 16

        section .text progbits alloc exec write align=1

; machine_copy_high(to = EAX, from = EDX, dwords = ECX): one of the two is an address that seg:off can
; reach, the other is higher; both linear. Ends the request where that cannot be done
; Memory managers and BIOSes of the 286's days ignore the addresses' high bytes and report success: who
; copies for us has to fetch the map's seal first, each time, because the next one may be another.
machine_copy_high:
        pushad
        call    machine_open
        mov     bp, sp
        mov     eax, [bp + PUSHAD_ax]
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
        call    arguments
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
        call    arguments
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
        call    arguments
        call    copy_opened
        mov     al, 0
        call    switch_a20
        popad
        ret
.failed:
        mov     al, STATUS_CONTROLLER
        jmp     machine_throw

; arguments: EAX, EDX, ECX as the caller's last PUSHAD saved them, with nothing pushed since
;   changes: BP     keeps: flags
arguments:
        mov     bp, sp
        mov     eax, [bp + 2 + PUSHAD_ax]
        mov     edx, [bp + 2 + PUSHAD_dx]
        mov     ecx, [bp + 2 + PUSHAD_cx]
        ret

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
seal:           resd    1
machine_opened: resb    1               ; what GS gets back: FLAT_SELECTOR, REAL_SELECTOR, or 0
saved_gdt:      resb    6
