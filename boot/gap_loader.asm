; SPDX-License-Identifier: GPL-2.0-or-later
;
; The first of vhdboot's sectors outside of all volumes: loads the others to STAGE2_ADDRESS and runs them, by as few
; reads as the BIOS allows. The MBR's code (gap.asm) has loaded it, and has the record of what lies where.
; It never writes; what is wrong is a sentence, then the machine halts.
;
;   entry   0000:7C00, DL = drive, DS = ES = SS = 0, SP = 7C00 or a little below, DF clear
;   memory  0600..07FF  the MBR                 7C00..7DFF  this sector
;           9C00..      variables               10000..     vhdboot.bin
;   exit    STAGE2_SEGMENT:0000, see stage2/stage2_format.h
;   budget  508 bytes

%include "macros.inc"
%include "bda.inc"
%include "vbr_work.inc"

RECORD          equ     MBR_RELOCATED + MBR_CODE_MAX - gap_size
SECTORS_MAX     equ     127             ; what every BIOS reads in one call
DMA_PARAGRAPHS  equ     0x1000          ; no read goes across a 64 KiB border

bits 16
cpu 386
org BOOT_ADDRESS

start:
        mov     bp, VBR_WORK
        cmp     word [BDA_LOW_KIB], LOW_MEMORY_NEEDED >> 10
        jae     .enough
        call    fail
        db      "too little low memory", 0
.unreadable:
        call    fail
        db      "cannot read its own sectors", 0

.enough:
        call    open_drive
        jc      .unreadable
        mov     eax, [RECORD + gap.file_lba]
        mov     di, [RECORD + gap.file_sectors]
        xor     edx, edx
        mov     si, STAGE2_SEGMENT
        inc     eax                     ; behind this sector
        dec     di
        jz      .not_found
.more:
        mov     cx, si
        or      cx, -DMA_PARAGRAPHS
        neg     cx                      ; paragraphs up to the border: 1000h at the most
        shr     cx, SECTOR_SHIFT - 4
        cmp     cx, SECTORS_MAX
        jbe     .border
        mov     cx, SECTORS_MAX
.border:
        cmp     cx, di
        jbe     .count
        mov     cx, di
.count:
        mov     es, si
        xor     bx, bx
        call    read_some
        jc      .unreadable
        movzx   ecx, cx
        add     eax, ecx
        sub     di, cx
        shl     cx, SECTOR_SHIFT - 4
        add     si, cx
        test    di, di
        jnz     .more

        push    word STAGE2_SEGMENT
        pop     es
        cmp     dword [es:stage2.magic], STAGE2_MAGIC
        jne     .not_found
        push    ds
        pop     es
        mov     dl, [bp + work.drive]
        mov     ebx, [RECORD + gap.volume_lba]
        mov     ecx, [RECORD + gap.volume_lba + 4]
        jmp     STAGE2_SEGMENT:0
.not_found:
        call    fail
        db      "not found in its sectors", 0

%include "vbr_read.asm"

        show_used "loader in the gap", SECTOR - 4
        pad_to  SECTOR - 4, "the loader in the gap"
        dd      STAGE2_MAGIC
