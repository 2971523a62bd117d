; SPDX-License-Identifier: GPL-2.0-or-later
;
; A boot sector that makes the BIOS worse and then starts a sector of drive 81h at 0000:7C00, as a
; worse BIOS or a boot manager would. The test patches the settings at their fixed offsets.
; Its INT 13h handler stays at PLACE:0000.

PLACE         equ     0x9000

NO_EDD          equ     1               ; 41h..4Fh fail
CLOBBER         equ     2               ; high halves lost, IF = 0 and DF = 1 after each call
PATCH_BPB       equ     4               ; 7C0B..7C47 overwritten after loading
FAR_START       equ     8               ; starts at 07C0:0000
ENTRY           equ     16              ; DS:SI points to the entry below; else to rubbish

bits 16
cpu 386
org 0
        jmp     short begin
        nop
        times   16 - ($ - $$) db 0
flags:          db      0               ; 10h
drive:          db      0x81            ; 11h: DL that is handed on
fail_reads:     db      0               ; 12h: so many reads fail before each that works
fail_left:      db      0               ; 13h
sectors_max:    dw      0               ; 14h: larger reads fail; 0: none do
only_drive:     db      0               ; 16h: reads of other drives fail; 0: none do
        db      0
lba:            dd      0               ; 18h: what to load from 81h
        dd      0
entry:          db      0x80, 0, 0, 0, 7, 0, 0, 0       ; 20h
entry_lba:      dd      0               ; 28h
        dd      0

begin:
        cld
        xor     ax, ax
        mov     ss, ax
        mov     sp, 0x7C00
        mov     ds, ax
        mov     si, 0x7C00
        mov     ax, PLACE
        mov     es, ax
        xor     di, di
        mov     cx, 256
        rep movsw
        jmp     PLACE:.here
.here:
        push    cs
        pop     ds
        mov     eax, [lba]
        mov     [packet.lba], eax
        mov     si, packet
        mov     dl, 0x81
        mov     ah, 0x42
        int     0x13
        jc      $
        xor     ax, ax
        mov     es, ax
        test    byte [flags], PATCH_BPB
        jz      .whole
        mov     di, 0x7C0B
        mov     cx, 0x3D
        mov     al, 0xC9
        rep stosb
.whole:
        mov     eax, [es:0x13 * 4]
        mov     [old], eax
        mov     word [es:0x13 * 4], handler
        mov     [es:0x13 * 4 + 2], cs
        mov     al, [fail_reads]
        mov     [fail_left], al
        mov     dl, [drive]
        mov     si, entry
        test    byte [flags], ENTRY
        jnz     .entry
        mov     si, 0xFFFF              ; in ROM, across the segment's end
        push    word 0xF000
        pop     ds
.entry:
        mov     eax, 0x11111111
        mov     ebx, 0x22222222
        mov     ecx, 0x33333333
        mov     ebp, 0x44444444
        mov     edi, 0x55555555
        test    byte [cs:flags], FAR_START
        jnz     .far
        jmp     0:0x7C00
.far:
        jmp     0x07C0:0

handler:
        test    byte [cs:flags], NO_EDD
        jz      .edd
        cmp     ah, 0x41
        jb      .edd
        cmp     ah, 0x4F
        ja      .edd
        mov     ah, 1
        jmp     .fail
.edd:
        test    ah, ah                  ; reset: SeaBIOS waits 32 s for an IDE slave
        jz      .return
        cmp     ah, 0x02
        je      .read
        cmp     ah, 0x42
        jne     .call
.read:
        cmp     byte [cs:only_drive], 0
        je      .any_drive
        cmp     dl, [cs:only_drive]
        jne     .fail
.any_drive:
        cmp     word [cs:sectors_max], 0
        je      .any_size
        push    bx
        movzx   bx, al
        cmp     ah, 0x02
        je      .size
        mov     bx, [si + 2]
.size:
        cmp     bx, [cs:sectors_max]
        pop     bx
        ja      .fail
.any_size:
        sub     byte [cs:fail_left], 1
        jb      .works
        mov     ah, 0x20
.fail:
        stc
        jmp     .return
.works:
        push    ax
        mov     al, [cs:fail_reads]
        mov     [cs:fail_left], al
        pop     ax
.call:
        pushf
        call    far [cs:old]
.return:
        push    bp
        mov     bp, sp
        jc      .error
        and     word [bp + 6], ~1
        jmp     .flags
.error:
        or      word [bp + 6], 1
        cmp     ah, 0x42                ; refused before it was tried
        jne     .flags
        mov     ah, 0x09
.flags:
        test    byte [cs:flags], CLOBBER
        jz      .end
        and     word [bp + 6], ~0x200
        or      word [bp + 6], 0x400
        push    ax
        mov     eax, 0xDEADDEAD
        pop     ax
        push    bx
        mov     ebx, eax
        pop     bx
        push    cx
        mov     ecx, eax
        pop     cx
        push    dx
        mov     edx, eax
        pop     dx
        push    si
        mov     esi, eax
        pop     si
        push    di
        mov     edi, eax
        pop     di
        mov     ebp, eax
        mov     bp, sp
.end:
        pop     bp
        iret

packet:         db      16, 0
                dw      1, 0x7C00, 0
.lba:           dd      0, 0
old:            dd      0

        times   510 - ($ - $$) db 0
        dw      0xAA55
