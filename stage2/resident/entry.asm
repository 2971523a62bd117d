; SPDX-License-Identifier: GPL-2.0-or-later
; The resident handler's entries: INT 13h, 15h, 18h, 19h. 16-bit code; CS is the handler's segment, no
; other register may be relied on.
;
; The disk (DL = 80h) and hooked INT 15h functions run in C on the handler's own stack, one at a
; time. Physical drives and everything else stay on the caller's stack, so that calls from an
; interrupt in the middle of a disk access cannot disturb it.
; Never: touch the caller's stack below SS:SP by more than a few bytes, change a FLAGS bit but CF.

        bits    16
        cpu     386

%include "resident/offsets.inc"

        global  header, caller_carry
        extern  int13_disk, int15_memory, resident_end, stack_top

ERROR_PARAMETER equ 0x01
ERROR_NOT_READY equ 0xAA                ; answers a nested call
FIRST_HD        equ 0x80
LAST_HD         equ 0x8F                ; the numbers that BIOSes give to hard disks; CD numbers lie above
BDA             equ 0x0040
BDA_LOW_KIB     equ 0x13
BDA_STATUS      equ 0x74
BDA_HD_COUNT    equ 0x75
BDA_WARM_BOOT   equ 0x72
WARM_BOOT       equ 0x1234

; What PUSHAD leaves on the stack of somebody who called by INT, and the FLAGS behind CS:IP
SAVED_di        equ 0
SAVED_si        equ 4
SAVED_bx        equ 16
SAVED_dx        equ 20
SAVED_cx        equ 24
SAVED_ax        equ 28
SAVED_flags     equ 36

%define HEADER(field) header + HEADER_ %+ field

; pad_to: zeros up to a field of the header
%macro pad_to 1
        times   HEADER_%1 - ($ - header) db 0
%endmacro

; answer_carry: sets or clears CF in the FLAGS that IRET gives back; %1 = bytes pushed above IP, %2 = 0|1
;   changes: BP
%macro answer_carry 2
        mov     bp, sp
%if %2
        or      byte [bp + %1 + 4], 1
%else
        and     byte [bp + %1 + 4], 0xFE
%endif
%endmacro

        section .header progbits alloc exec write align=16
header:
        jmp     near int13_entry
        db      '$INT13SFGRUB4DOS'
        pad_to  int15_entry
        dw      int15_entry
        dw      resident_end
        pad_to  int18_entry
        dw      int18_entry
        dw      int19_entry
        times   HEADER_size - ($ - header) db 0

        section .text progbits alloc exec write align=4

; INT 13h. Dispatches on DL alone: callers leave garbage in AL.
int13_entry:
        cmp     dl, FIRST_HD
        jb      .chain
        ja      .physical
        cli                             ; a hook above may have come here with interrupts enabled
        cmp     byte [cs:busy], 0
        jne     nested
        mov     word [cs:handler], int13_disk
        jmp     enter_c
.physical:
        cmp     dl, LAST_HD
        jbe     physical_drive
.chain:
        jmp     far [cs:HEADER(old_int13)]

; A call while the handler is at work: from an interrupt, or from a BIOS that calls itself.
nested:
        push    bp
        answer_carry 2, 1
        pop     bp
        mov     ah, ERROR_NOT_READY
        iret

; enter_c: runs [handler] on the own stack and returns to the interrupted program
;   in: IF = 0, not busy
enter_c:
        mov     byte [cs:busy], 1
        mov     [cs:caller_esp], esp
        mov     [cs:caller], sp
        mov     [cs:caller + 2], ss
        push    cs
        pop     ss                      ; and no interrupt before the next instruction
        mov     esp, stack_top
        pushad
        push    ds
        push    es
        push    fs
        push    gs
        mov     dx, cs
        mov     ds, dx
        mov     es, dx
        cld
        sti
        call    [handler]
        cli
        pop     gs
        pop     fs
        les     bx, [caller]            ; FLAGS lie above IP and CS
        mov     al, [caller_carry]
        and     byte [es:bx + 4], 0xFE
        or      [es:bx + 4], al
        pop     es
        pop     ds
        popad
        lss     sp, [cs:caller]
        mov     esp, [cs:caller_esp]
        mov     byte [cs:busy], 0
        iret

; A hard disk of the BIOS, one number further up than the BIOS knows it. What the BIOS answers goes into
; the low halves of the saved registers: no function of INT 13h uses the high ones, but Bochs' BIOS
; changes them.
physical_drive:
        cmp     byte [cs:HEADER(hidden_drives)], 0
        jne     hidden_drive
        pushad
        sub     dl, [cs:HEADER(drive_shift)]
        pushf
        cli
        call    far [cs:HEADER(old_int13)]
        mov     bp, sp
        mov     [bp + SAVED_di], di
        mov     [bp + SAVED_si], si
        mov     [bp + SAVED_bx], bx
        mov     [bp + SAVED_cx], cx
        mov     cl, [bp + SAVED_ax + 1] ; the caller's AH
        mov     ch, [bp + SAVED_dx]     ; the caller's DL
        mov     [bp + SAVED_dx], dx
        mov     [bp + SAVED_ax], ax
        jc      .failed
        and     byte [bp + SAVED_flags], 0xFE
        cmp     cl, 0x08
        jne     .not_parameters
        mov     dl, [cs:HEADER(bios_hd_count)]
        add     dl, [cs:HEADER(drive_shift)]
        push    ds
        push    BDA
        pop     ds
        cmp     dl, [BDA_HD_COUNT]      ; who hooked INT 13h above us counts more
        jae     .counted
        mov     dl, [BDA_HD_COUNT]
.counted:
        pop     ds
        mov     [bp + SAVED_dx], dl
        jmp     .done
.not_parameters:
        cmp     cl, 0x15
        jne     .number
        cmp     ah, 3                   ; then CX:DX is the drive's size
        je      .done
        jmp     .number
.failed:
        or      byte [bp + SAVED_flags], 1
.number:
        mov     [bp + SAVED_dx], ch
.done:
        popad
        iret

; A hard disk that the guest is not to see.
hidden_drive:
        push    bp
        cmp     ah, 0x15
        jne     .error
        answer_carry 2, 0
        mov     ah, 0                   ; type: no such drive
        jmp     .done
.error:
        answer_carry 2, 1
        mov     ah, ERROR_PARAMETER
.done:
        mov     bp, BDA
        push    ds
        mov     ds, bp
        mov     [BDA_STATUS], ah
        pop     ds
        pop     bp
        iret

; INT 15h. Only the functions that report memory are looked at; CF of the others goes on as it came,
; because AH=4Fh reads it.
int15_entry:
        pushf
        cmp     ax, 0xE820
        je      .memory
        cmp     ax, 0xE801
        je      .memory
        cmp     ax, 0xE881
        je      .memory
        cmp     ah, 0x88
        je      .memory
        cmp     ah, 0x8A
        je      .memory
        cmp     ah, 0xC7
        je      .memory
        cmp     ax, 0xDA88
        je      .memory
        popf
        jmp     far [cs:HEADER(old_int15)]
.memory:
        popf
        cli
        cmp     byte [cs:busy], 0
        jne     .busy
        mov     word [cs:handler], int15_memory
        jmp     enter_c
.busy:
        push    bp
        answer_carry 2, 1
        pop     bp
        mov     ah, 0x86                ; not supported: better than to show the map's memory
        iret

; INT 18h: the disk's boot code gave up. Says so, waits for a key, restarts the machine.
int18_entry:
        sti
        cld
        mov     si, gave_up
.next:
        cs lodsb
        test    al, al
        jz      .wait
        mov     ah, 0x0E                ; INT 10h AH=0Eh: AL = character, BH = page
        mov     bx, 7
        int     0x10
        jmp     .next
.wait:
        mov     ah, 0                   ; INT 16h AH=00h: waits for a key
        int     0x16
        call    unhook
        mov     ax, BDA
        mov     ds, ax
        mov     word [BDA_WARM_BOOT], WARM_BOOT
        jmp     0xFFFF:0

; INT 19h: boots again without us.
int19_entry:
        call    unhook
        sti
        jmp     far [cs:HEADER(old_int19)]

; unhook: gives back every vector and BDA byte that the hand-off changed
;   out: IF = 0, DF = 0     changes: AX, DS
unhook:
        cli
        cld
        xor     ax, ax
        mov     ds, ax
%macro restore_vector 2
        mov     eax, [cs:HEADER(%2)]
        mov     [%1 * 4], eax
%endmacro
        restore_vector 0x13, old_int13
        restore_vector 0x15, old_int15
        restore_vector 0x18, old_int18
        restore_vector 0x19, old_int19
        restore_vector 0x41, old_int41
        restore_vector 0x46, old_int46
        mov     ax, [cs:HEADER(old_low_kib)]
        mov     [BDA * 16 + BDA_LOW_KIB], ax
        mov     al, [cs:HEADER(bios_hd_count)]
        mov     [BDA * 16 + BDA_HD_COUNT], al
        ret

gave_up:
        db      13, 10, 'vhdboot: nothing to boot on the disk. A key restarts.', 13, 10, 0

        section .bss nobits alloc write align=4
caller_esp:     resd    1
caller:         resd    1               ; far pointer
handler:        resw    1
busy:           resb    1
caller_carry:   resb    1               ; CF that the caller gets
