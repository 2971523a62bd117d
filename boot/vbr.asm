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

; Everything is in segment 0 (DS = SS = 0 throughout); ES is stated where it is something else.
; In this file BP points to these, which makes for short instructions.
struc work
.drive          resb    1
.next_drive     resb    1
.track_sectors  resw    1               ; 0: EDD
.heads          resw    1
.status         resb    1               ; what the BIOS said last
.tries          resb    1
.found          resw    1               ; behind the candidate that it was
.handover       resb    entry_size      ; what DS:SI pointed to
.candidates     resd    3               ; LBAs where the volume may start
endstruc

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

; open_drive: how is this drive read?
;   in:      DL = drive
;   out:     CF = 1 where nobody answers; .drive, .track_sectors, .heads
;   keeps:   BP, DI, ES    changes: AX, BX, CX, DX, SI
open_drive:
        mov     [bp + work.drive], dl
        pusha
        mov     ah, 0x41                ; EDD there? BX=55AAh -> CF=0, BX=AA55h, CX bit 0: AH=42h
        mov     bx, 0x55AA
        int     0x13
        jc      .chs
        cmp     bx, 0xAA55
        jne     .chs
        and     cx, byte 1
        dec     cx
        jz      .store                  ; CF is 0
.chs:
        mov     ah, 0x08                ; geometry -> CF, CL 5:0 = sectors, DH = last head; ES:DI lost
        mov     dl, [bp + work.drive]
        int     0x13
        jc      .end
        mov     [bp + work.heads], dh   ; one less
        and     cx, byte 0x3F
        cmp     cx, byte 1              ; CF = 1 where it is 0
.store:
        mov     [bp + work.track_sectors], cx
.end:
        popa
        push    ds
        pop     es                      ; some BIOSes lose it
        cld
        ret

; read_some: one read of as much as can be read: half of it where three tries fail, and so on. A reset
; comes only then: some drives always fail the first read after one
;   in:      EDX:EAX = LBA (EDX = 0 without EDD), CX = sectors (1..127), ES:BX = buffer
;   out:     CF = 0, CX = sectors read: without EDD only up to the end of the track;
;            CF = 1, CX = 0, .status
;   keeps:   all else (BIOSes change ES and high halves)
read_some:
        mov     byte [bp + work.tries], TRIES
.try:
        push    es
        pushad
        movzx   esi, word [bp + work.track_sectors]
        test    si, si
        jnz     .chs
        push    edx                     ; the address packet: LBA, buffer, count, size
        push    eax
        push    es
        push    bx
        push    cx
        push    byte 16
        mov     si, sp
        mov     dl, [bp + work.drive]
        mov     ah, 0x42                ; DL = drive, DS:SI = packet -> CF, AH
        int     0x13
        mov     [VBR_WORK + work.status], ah
        popa                            ; 16 bytes: the packet
        jmp     short .done
.chs:
        div     esi
        sub     si, dx
        cmp     si, cx
        jae     .fits
        mov     cx, si
        mov     di, sp
        mov     [di + pushad_cx], cx
.fits:
        xchg    cx, dx
        inc     cx                      ; CL = sector from 1, DL = count
        push    dx
        xor     edx, edx
        movzx   esi, byte [bp + work.heads]
        inc     si
        div     esi
        pop     si
        cmp     eax, 1024
        cmc
        jc      .done
        shl     ah, 6
        or      cl, ah                  ; AH=02h: CH, CL 7:6 = cylinder, CL 5:0 = sector from 1,
        mov     ch, al                  ; DH = head, DL = drive, AL = sectors, ES:BX = buffer
        mov     dh, dl
        mov     dl, [bp + work.drive]
        xchg    ax, si
        mov     ah, 0x02
        int     0x13
        mov     [VBR_WORK + work.status], ah
.done:
        popad
        pop     es
        jnc     .end
        dec     byte [bp + work.tries]
        jnz     .try
        push    es
        pushad
        mov     ah, 0                   ; AH=00h: reset
        mov     dl, [bp + work.drive]
        int     0x13
        popad
        pop     es
        shr     cx, 1                   ; CF = 1 where it was the last
        jnz     read_some
.end:
        cld                             ; neither DF nor IF is sure to come back as it was
        sti
        ret
pushad_cx       equ     24

; fail: says what is wrong, and halts
;   in:      the text behind the call
fail:
        mov     si, .name
        call    print
        pop     si
        call    print
        sti                             ; Ctrl-Alt-Del works
.halt:
        hlt
        jmp     .halt
.name:  db      13, 10, "vhdboot: ", 0

; print: text by INT 10h
;   in:      DS:SI = text, ended by 0     changes: AX, BX, SI, BP
.print_one:
        mov     ah, 0x0E                ; INT 10h AH=0Eh: AL = character, BH = page; BP may change
        xor     bx, bx
        int     0x10
print:
        lodsb
        test    al, al
        jnz     fail.print_one
        ret

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
