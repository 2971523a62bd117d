; SPDX-License-Identifier: GPL-2.0-or-later
;
; How a drive is read, and how it is said that something is wrong: of the boot record's first sector, and of the loader
; in the gap. DS = SS = 0 and BP = VBR_WORK, where the variables are (vbr_work.inc).

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
