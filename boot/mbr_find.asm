; SPDX-License-Identifier: GPL-2.0-or-later
;
; What both codes of LBA 0 begin with: they move out of the way, and find the drive that they came from: the one whose
; LBA 0 is this sector, first the one that the BIOS names, then all.
;
;   out:     at `found_drive`: DL = drive, DS = ES = SS = 0, interrupts on; behind the last line: no drive has it

begin:
        xor     cx, cx
        mov     ss, cx
        mov     sp, BOOT_ADDRESS
        mov     ds, cx
        mov     es, cx
        mov     si, sp
        mov     di, start
        mov     ch, SECTOR >> 9         ; 256 words
        cld
        rep movsw
        jmp     0:moved
moved:
        sti

        mov     bp, DRIVE_FIRST - 1
.drive:
        xor     eax, eax
        call    read
        je      found_drive
        inc     bp
        mov     dx, bp
        cmp     dl, DRIVE_END
        jb      .drive
