; SPDX-License-Identifier: GPL-2.0-or-later
;
; The first sector of a disk where vhdboot lies outside of all volumes, in sectors that follow each other: in front of
; the first partition, or in a BIOS boot partition of a GPT. It loads the first of them, gap_loader.asm, and runs it: no
; partition need be active, and no boot record is read. Bytes 440..511 are the disk's own; `record` is written at each
; installation, and read by the loader too.
;
; It never writes, and it never starts over: where something is wrong it says so and halts.
;
;   entry   07C0:0000 or 0000:7C00, DL = drive if the BIOS is right
;   memory  0600..07FF  this sector, moved      7C00..7DFF  first: LBA 0 as each drive has it,
;           ....-7BFF  stack                                 then: the loader
;   exit    0000:7C00, DL = drive, DS = ES = SS = 0, DF clear
;   budget  422 bytes, then the record; 03..5A are given up to BIOSes that patch a BPB, as in mbr.asm

%include "macros.inc"

RESETS          equ     110b            ; from bit 0 on, after each failure: 1: a reset; then, if not 0, a try

bits 16
cpu 386
org MBR_RELOCATED

start:
        jmp     short begin
        nop
name:   db      "vhdboot:", 0           ; at the OEM name
        pad_to  0x26, "the name"
cannot_read:
        db      " cannot read boot disk", 0
        pad_to  0x42, "the text before a FAT32 drive number"
not_found:
        db      " not found", 0
        pad_to  BPB_END, "the text behind it"

%include "mbr_find.asm"
unreadable:
        push    word cannot_read
        jmp     fail

found_drive:
        mov     eax, [record + gap.file_lba]
        call    read
        jc      unreadable
        push    word not_found
        cmp     dword [BOOT_ADDRESS + SECTOR - 4], STAGE2_MAGIC
        jne     fail
        jmp     BOOT_ADDRESS

%include "mbr_read.asm"

        show_used "MBR of the gap", MBR_CODE_MAX - gap_size
        pad_to  MBR_CODE_MAX - gap_size, "the MBR of the gap"
record:
        times   gap_size db 0
