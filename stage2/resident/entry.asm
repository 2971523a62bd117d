; SPDX-License-Identifier: GPL-2.0-or-later
; The resident handler's entries: INT 13h, 18h, 19h. 16-bit code; CS is the handler's segment, no
; other register may be relied on.
;
; The disk (DL = 80h) runs in C on the handler's own stack, one call at a time. Physical drives and
; everything else stay on the caller's stack, so that calls from an interrupt in the middle of a disk
; access cannot disturb it.
; Never: touch the caller's stack below SS:SP by more than a few bytes, change a FLAGS bit but CF.

%include "resident.asm.inc"

        global  header
        extern  int13_disk, int15_entry, resident_end, stack_top

FIRST_HD        equ 0x80
LAST_HD         equ 0x8F                ; the numbers that BIOSes give to hard disks; CD numbers lie above
WARM_BOOT       equ 0x1234

; FLAGS of somebody who called by INT, behind PUSHAD's registers and CS:IP
CALLER_flags    equ PUSHAD_SIZE + 4

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
        pad_to  overlaid_entry
        dw      overlaid_entry
        times   HEADER_size - ($ - header) db 0

        section .text progbits alloc exec write align=4

; INT 13h. Dispatches on DL alone: callers leave garbage in AL.
int13_entry:
        cmp     dl, FIRST_HD
        jb      .chain
        ja      .physical
.ours:
        cli                             ; a hook above may have come here with interrupts enabled
        cmp     byte [cs:busy], 0
        je      enter_c
        push    bp                      ; a call while the handler is at work: from an interrupt, or
        answer_carry 2, 1               ; from a BIOS that calls itself
        pop     bp
        mov     ah, STATUS_NOT_READY
        iret
.physical:
        cmp     dl, LAST_HD
        jbe     physical_drive
.chain:
        jmp     far [cs:HEADER(old_int13)]

; INT 13h where the map lies over a drive: functions 02h, 03h, 42h and 43h of that one come here, all
; else is the BIOS's.
overlaid_entry:
        cmp     dl, [cs:HEADER(overlaid)]
        jne     int13_entry.chain
        push    ax
        and     ah, 0xBE
        cmp     ah, 2
        pop     ax
        je      int13_entry.ours
        jmp     int13_entry.chain

; enter_c: runs int13_disk on the own stack and returns to the interrupted program
;   in: IF = 0, not busy
enter_c:
        mov     byte [cs:busy], 1
        mov     [cs:caller], esp
        mov     [cs:caller + 4], ss
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
        call    int13_disk              ; AL = status; machine_throw comes back here as well
        cli
        pop     gs
        pop     fs
        push    BDA_SEGMENT
        pop     es
        mov     [es:BDA_HD_STATUS - BDA_START], al
        neg     al
        mov     bx, [caller]
        mov     es, [caller + 4]        ; FLAGS lie above IP and CS
        rcr     byte [es:bx + 4], 1     ; CF goes in at the top, and the old one out
        rol     byte [es:bx + 4], 1
        pop     es
        pop     ds
        popad
        lss     esp, [cs:caller]
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
        mov     [bp + PUSHAD_di], di
        mov     [bp + PUSHAD_si], si
        mov     [bp + PUSHAD_bx], bx
        mov     [bp + PUSHAD_cx], cx
        mov     cl, [bp + PUSHAD_ax + 1] ; the caller's AH
        mov     ch, [bp + PUSHAD_dx]     ; the caller's DL
        mov     [bp + PUSHAD_dx], dx
        mov     [bp + PUSHAD_ax], ax
        jc      .failed
        and     byte [bp + CALLER_flags], 0xFE
        cmp     cl, 0x08
        jne     .not_parameters
        mov     dl, [cs:HEADER(bios_hd_count)]
        add     dl, [cs:HEADER(drive_shift)]
        push    ds
        push    BDA_SEGMENT
        pop     ds
        cmp     dl, [BDA_HD_COUNT - BDA_START] ; who hooked INT 13h above us counts more
        jae     .counted
        mov     dl, [BDA_HD_COUNT - BDA_START]
.counted:
        pop     ds
        mov     [bp + PUSHAD_dx], dl
        jmp     .done
.not_parameters:
        cmp     cl, 0x15
        jne     .number
        cmp     ah, 3                   ; then CX:DX is the drive's size
        je      .done
        jmp     .number
.failed:
        or      byte [bp + CALLER_flags], 1
.number:
        mov     [bp + PUSHAD_dx], ch
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
        mov     ah, STATUS_PARAMETER
.done:
        mov     bp, BDA_SEGMENT
        push    ds
        mov     ds, bp
        mov     [BDA_HD_STATUS - BDA_START], ah
        pop     ds
        pop     bp
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
        mov     ax, BDA_SEGMENT
        mov     ds, ax
        mov     word [BDA_WARM_BOOT - BDA_START], WARM_BOOT
        jmp     0xFFFF:0

; INT 19h: boots again without us.
int19_entry:
        call    unhook
        sti
        jmp     far [cs:HEADER(old_int19)]

; unhook: gives back every vector and BDA byte that the hand-off changed
;   out: IF = 0, DF = 0     changes: EAX, SI, DI, DS, ES
unhook:
        cli
        cld
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     eax, [cs:HEADER(old_int13)]
        mov     [0x13 * 4], eax
        mov     eax, [cs:HEADER(old_int15)]
        mov     [0x15 * 4], eax
        mov     al, [cs:HEADER(bios_hd_count)]
        mov     [BDA_HD_COUNT], al
        mov     si, HEADER(old_int18)
        mov     di, 0x18 * 4
        cs movsd                        ; 18h
        cs movsd                        ; 19h
        mov     di, 0x41 * 4
        cs movsd
        mov     di, 0x46 * 4
        cs movsd
        mov     di, BDA_LOW_KIB
        cs movsw                        ; old_low_kib
        ret

gave_up:
        db      13, 10, 'vhdboot: nothing to boot on the disk. A key restarts.', 13, 10, 0

        section .bss nobits alloc write align=4
caller:         resd    1               ; far pointer: ESP, SS
                resw    1
busy:           resb    1
