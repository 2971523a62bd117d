; SPDX-License-Identifier: GPL-2.0-or-later
;
; The boot record of an NTFS volume ($Boot, 16 sectors): finds \vhdboot.bin in the root directory,
; loads it to STAGE2_ADDRESS and runs it. Bytes 3..83 are the volume's own: OEM name and BPB.
;
; This file is the first sector, which the MBR loads: it finds the drive and the LBA it was loaded
; from by looking for itself, and loads the rest. Neither DL nor DS:SI nor the BPB is believed.
; The other files are the rest: main (the flow), disk, runs, mft, index, text.
; It promises: nothing is written to any drive; every loop ends, whatever the volume holds; every
; failure is one sentence, then the machine halts.
;
;   entry   07C0:0000 or 0000:7C00, DL = drive, DS:SI = partition entry if the caller has one
;   memory  0800..7BFF   stack               10000..1FFFF  attribute list, later stage2
;           7C00..9BFF   this record         20000..2FFFF  directory block, later stage2
;           9C00..9FFF   variables           40000..4FFFF  run table of the file
;           A000..BFFF   first: the record as each drive has it, then: two MFT records
;           C000..FFFF   run table of $MFT
;   exit    STAGE2_SEGMENT:0000, see stage2/stage2_format.h
;   budget  510 bytes for this sector, of which 03..5A are the BPB's; VBR_SIZE for all

%include "macros.inc"

HIDDEN_SECTORS  equ     BOOT_ADDRESS + bpb.hidden
SERIAL          equ     bpb.serial      ; what is compared starts here: serial number, then code
VBR_SECTORS     equ     VBR_SIZE / SECTOR
RECORD_COPY     equ     VBR_WORK + 0x400

%include "vbr_work.inc"

bits 16
cpu 386
org BOOT_ADDRESS

start:
        jmp     short begin
        nop
        pad_to  BPB_END, "the jump"

begin:
        cld
        xor     cx, cx
        mov     ss, cx
        mov     sp, BOOT_ADDRESS
        mov     es, cx
        mov     bp, VBR_WORK
        mov     di, VBR_WORK + work.handover
        mov     cl, entry_size
        rep movsb                       ; by bytes: words fault at a segment's end
        mov     ds, cx
        jmp     0:.here
.here:
        sti

; Where the volume may start, likeliest first: partition entry, BPB, the start of the drive.
        xor     eax, eax
        test    byte [bp + work.handover + entry.active], 0x7F
        jnz     .no_entry
        cmp     [bp + work.handover + entry.type], al
        je      .no_entry
        mov     si, VBR_WORK + work.handover + entry.lba
        movsd
.no_entry:
        mov     si, HIDDEN_SECTORS
        movsd
        stosd

        mov     byte [bp + work.next_drive], DRIVE_FIRST - 1
.drive:
        call    open_drive
        jc      .next_drive
        mov     si, VBR_WORK + work.candidates
.candidate:
        lodsd
        xor     edx, edx
        push    di
        mov     bx, RECORD_COPY
        mov     di, VBR_SECTORS
.more:
        movzx   ecx, di
        call    read_some
        jc      .next
        add     eax, ecx
        sub     di, cx
        shl     cx, SECTOR_SHIFT
        add     bx, cx
        test    di, di
        jnz     .more
        cmp     dword [RECORD_COPY + VBR_SIZE - 4], STAGE2_MAGIC
        jne     .next
        push    si
        mov     si, start + SERIAL
        mov     di, RECORD_COPY + SERIAL
        mov     cx, SECTOR - SERIAL
        repe cmpsb
        pop     si
        je      .found
.next:
        pop     di
        cmp     si, di
        jb      .candidate
.next_drive:
        inc     byte [bp + work.next_drive]
        mov     dl, [bp + work.next_drive]
        cmp     dl, DRIVE_END
        jb      .drive
        call    fail
        db      "cannot load the boot record", 0

; This sector is the same there and here; the rest, and a BPB as it really is, come now.
.found:
        mov     [bp + work.found], si
        mov     si, RECORD_COPY
        mov     di, start
        mov     cx, VBR_SIZE / 4
        rep movsd
        jmp     body

%include "vbr_read.asm"

        show_used "VBR, sector 0", SIGNATURE_OFF
        pad_to  SIGNATURE_OFF, "the VBR's first sector"
        dw      BOOT_SIGNATURE

%include "vbr_main.asm"
%include "vbr_disk.asm"
%include "vbr_runs.asm"
%include "vbr_mft.asm"
%include "vbr_index.asm"
%include "vbr_text.asm"

        show_used "VBR", VBR_SIZE - 4
        pad_to  VBR_SIZE - 4, "the VBR"
        dd      STAGE2_MAGIC            ; the last bytes: a record written in part lacks them
