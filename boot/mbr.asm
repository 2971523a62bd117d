; SPDX-License-Identifier: GPL-2.0-or-later
;
; The first sector of the disk: moves itself out of the way, finds the drive it came from, loads the
; first sector of the one active partition and runs it. Bytes 440..511 are the disk's own.
;
; It never writes, and it never starts over: where something is wrong it says so and halts.
;
;   entry   07C0:0000 or 0000:7C00, DL = drive if the BIOS is right
;   memory  0600..07FF  this sector, moved      7C00..7DFF  first: LBA 0 as each drive has it,
;           ....-7BFF  stack                                 then: the partition's first sector
;   exit    0000:7C00, DL = drive, DS:SI = DS:BP = the partition's entry in the copy at 0600
;   budget  440 bytes, of which 03..5A are given up to BIOSes that patch a BPB: only texts lie there,
;           between the fields that get patched (18..1F geometry and start, 24, 40 drive)

%include "macros.inc"

TABLE_ENTRIES   equ     4
RESETS          equ     110b            ; from bit 0 on, after each failure: 1: a reset; then, if not 0, a try

bits 16
cpu 386
org MBR_RELOCATED

start:
        jmp     short begin
        nop
name:   db      "vhdboot:", 0           ; at the OEM name
        pad_to  0x26, "the name"
two_active:
        db      " two active partitions", 0
        pad_to  0x42, "the text before a FAT32 drive number"
no_active:
        db      " no active partition", 0
        pad_to  BPB_END, "the text behind it"

%include "mbr_find.asm"
unreadable:
        call    fail
        db      " cannot read boot disk", 0

found_drive:
        mov     si, start + TABLE
        mov     cx, TABLE_ENTRIES
        xor     bp, bp
.entry:
        cmp     byte [si + entry.active], 0x80
        jne     .next
        push    word two_active
        test    bp, bp
        jnz     fail
        pop     bp
        mov     bp, si
.next:
        add     si, entry_size
        loop    .entry
        push    word no_active
        test    bp, bp
        jz      fail

; A partition that starts at LBA 0 would bring this sector again, and again.
        mov     eax, [bp + entry.lba]
        call    read
        jc      unreadable
        je      .no_record
        mov     si, bp
        cmp     word [BOOT_ADDRESS + SIGNATURE_OFF], BOOT_SIGNATURE
        je      BOOT_ADDRESS
.no_record:
        call    fail
        db      " no boot record in partition", 0

%include "mbr_read.asm"

        show_used "MBR", MBR_CODE_MAX
        pad_to  MBR_CODE_MAX, "the MBR"
