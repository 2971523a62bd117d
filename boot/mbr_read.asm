; SPDX-License-Identifier: GPL-2.0-or-later
;
; What both codes of LBA 0 end with: how they say that something is wrong, and how they read.

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
