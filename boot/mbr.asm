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

; The drive is the one whose LBA 0 is this sector: first the one that the BIOS names, then all.
        mov     bp, DRIVE_FIRST - 1
.drive:
        xor     eax, eax
        call    read
        je      find_partition
        inc     bp
        mov     dx, bp
        cmp     dl, DRIVE_END
        jb      .drive
unreadable:
        call    fail
        db      " cannot read boot disk", 0

find_partition:
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

; fail: says what is wrong, and halts
;   in:      the text's address on the stack (a call's, where the text lies behind it)
fail:
        cld                             ; the BIOS may have left DF = 1
        mov     si, name
        call    .print
        pop     si
        call    .print
        sti                             ; Ctrl-Alt-Del works
.halt:
        hlt
        jmp     .halt
.char:
        mov     ah, 0x0E                ; INT 10h AH=0Eh: AL = character, BH = page; BP may change
        xor     bx, bx
        int     0x10
.print:
        lodsb
        test    al, al
        jnz     .char
        ret

; read: one sector to BOOT_ADDRESS, by EDD where the BIOS has it, else by CHS; three tries
;   in:      EAX = LBA, DL = drive
;   out:     CF = 1, ZF = 0 on error; else ZF = 1 where it is this sector, as far as no BIOS patches it
;   keeps:   EAX, EBX, EDX, EBP (PUSHAD, as BIOSes change high halves)     changes: CX, SI, DI
read:
        mov     cx, RESETS
.try:
        pushad
        push    eax
        mov     ah, 0x41                ; EDD there? BX=55AAh -> CF=0, BX=AA55h, CX bit 0: AH=42h
        mov     bx, 0x55AA
        int     0x13
        pop     eax
        jc      .chs
        cmp     bx, 0xAA55
        jne     .chs
        shr     cx, 1
        jnc     .chs
        push    ds                      ; the address packet: LBA, buffer, count, size
        push    ds
        push    eax
        push    ds
        push    word BOOT_ADDRESS
        push    byte 1
        push    byte 16
        mov     si, sp
        mov     ah, 0x42                ; DL = drive, DS:SI = packet -> CF, AH
        int     0x13
        popa                            ; 16 bytes: the packet
        jmp     short .done
.chs:
        push    dx
        push    eax
        mov     ah, 0x08                ; geometry -> CF, CL 5:0 = sectors, DH = last head; ES:DI lost
        int     0x13
        pop     eax
        movzx   edi, dh
        pop     dx
        push    ds
        pop     es
        jc      .done
        and     ecx, byte 0x3F
        stc
        jz      .done
        inc     di
        mov     bh, dl
        xor     edx, edx
        div     ecx
        inc     dx
        mov     cl, dl
        xor     edx, edx
        div     edi
        cmp     eax, 1024               ; AH=02h: CH, CL 7:6 = cylinder, CL 5:0 = sector from 1,
        cmc                             ; DH = head, DL = drive, AL = sectors, ES:BX = buffer
        jc      .done
        mov     dh, dl
        mov     dl, bh
        mov     ch, al
        shl     ah, 6
        or      cl, ah
        mov     ax, 0x0201
        mov     bx, BOOT_ADDRESS
        int     0x13
.done:
        popad
        push    ds
        pop     es
        sti
        jnc     .compare
        shr     cx, 1
.again:
        jnc     .try                    ; some drives always fail the first read after a reset
        pushad
        mov     ah, 0                   ; AH=00h: reset
        int     0x13
        popad
        test    cx, cx                  ; and CF = 0
        jnz     .again
        inc     cx
        stc                             ; and ZF = 0
        ret
.compare:
        mov     si, start + BPB_END
        mov     di, BOOT_ADDRESS + BPB_END
        mov     cx, SECTOR - BPB_END
        cld
        repe cmpsb
        clc
        ret

        show_used "MBR", MBR_CODE_MAX
        pad_to  MBR_CODE_MAX, "the MBR"
