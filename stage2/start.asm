; SPDX-License-Identifier: GPL-2.0-or-later
; The head of vhdboot.bin and the way from the boot record to stage2's C.
;
;   entry:   STAGE2_SEGMENT:0000, real mode, DL = BIOS drive, ECX:EBX = LBA of the volume
;   memory:  STAGE2_ADDRESS .. STAGE2_END      this file; unpacked: code, data
;            STAGE2_END .. STAGE2_STACK_TOP    stack
;            DISK_BUFFER                       the packed part, while it is unpacked
;   bytes:   the whole file at most STAGE2_FILE_MAX, checked by pack_file.c
;
; Proves the file's sum before any of it but this file is run, sees to A20, goes to protected mode
; (flat, no paging, interrupts off: they are on only while the BIOS runs), unpacks what is packed and
; calls stage2_main. All of this file is in the part that is not packed.

%include "stage2.asm.inc"

        extern  a20_ensure, enter_protected, real_die, stage2_main, real_size, bss_start, bss_dwords
        global  stage2_header

        section .real
        bits    16

stage2_header:
        jmp     near start
        nop
        dd      STAGE2_MAGIC
.size:  dd      real_size               ; pack_file makes these two the file's size and sum
        dd      0

start:
        cli
        mov     ax, STACK_SEGMENT
        mov     ss, ax
        mov     esp, STACK_FIRST - STACK_BASE
        cld
        mov     ax, cs
        mov     ds, ax
        sti
        push    edx
        push    ecx
        push    ebx

        call    sum_check
        mov     si, text_damaged
        jne     real_die
        call    a20_ensure
        mov     si, text_a20
        jc      real_die

        pop     ebx
        pop     ecx
        pop     edx
        mov     esi, REAL(start_protected)
        jmp     enter_protected

; sum_check: does the file's sum of 32-bit words come out as 0?
;   in:      DS = CS
;   out:     ZF = 1 if so      changes: EAX, CX, EDX, ES
sum_check:
        mov     ecx, [stage2_header.size]
        cmp     ecx, STAGE2_FILE_MAX
        ja      .end                    ; ZF = 0
        shr     ecx, 4                  ; paragraphs: the file is padded to one
        jz      .empty
        mov     ax, cs
        xor     edx, edx
.paragraph:
        mov     es, ax
        add     edx, [es:0]
        add     edx, [es:4]
        add     edx, [es:8]
        add     edx, [es:12]
        inc     ax
        loop    .paragraph
        test    edx, edx
.end:
        ret
.empty:
        or      al, 1                   ; ZF = 0
        ret

text_damaged:
        db      13, 10, "error: \vhdboot.bin is damaged, or was read from wrong sectors", 13, 10
        db      "Install vhdboot on this drive once more.", 13, 10, 0
text_a20:
        db      13, 10, "error: the address line A20 of this machine cannot be switched on", 13, 10
        db      "Look for a Gate A20 setting in the BIOS setup.", 13, 10, 0

        bits    32

start_protected:
        push    edx                     ; DL, and the LBA with its high half first
        push    ecx
        push    ebx

; The packed part is in the way of what it becomes: it goes to the disk buffer, and comes back unpacked.
        mov     esi, STAGE2_ADDRESS + real_size
        lodsd                           ; its length
        mov     ecx, eax
        mov     edi, DISK_BUFFER
        rep     movsb
        mov     edx, edi
        mov     esi, DISK_BUFFER
        mov     edi, STAGE2_ADDRESS + real_size
        call    unpack

        mov     edi, bss_start
        mov     ecx, bss_dwords
        xor     eax, eax
        rep     stosd

        pop     ebx
        pop     ecx
        pop     edx
        movzx   edx, dl
        push    ecx                     ; stage2_main's parameters: 64-bit LBA, high half first
        push    ebx
        push    edx
        mov     eax, stage2_main        ; not relative: this part is linked at 0
        call    eax                     ; does not return
.halt:
        hlt
        jmp     .halt

; unpack: one LZ4 block. Its sum was proved, so its lengths are those that pack_file wrote.
;   in:      ESI = packed, EDX = its end, EDI = where to
;   changes: EAX, EBX, ECX, ESI, EDI
unpack:
        movzx   ebx, byte [esi]         ; token: length of literals, length of the match less 4
        inc     esi
        mov     ecx, ebx
        shr     ecx, 4
        call    .length
        rep     movsb
        cmp     esi, edx
        jae     .end                    ; the last sequence has no match
        movzx   eax, word [esi]         ; how far back the match lies
        add     esi, byte 2
        push    eax
        mov     ecx, ebx
        and     ecx, byte 15
        call    .length
        add     ecx, byte 4
        pop     eax
        push    esi
        mov     esi, edi
        sub     esi, eax
        rep     movsb
        pop     esi
        jmp     unpack
.end:
        ret

; A length of 15 goes on in the next bytes, as long as they are 255.
.length:
        cmp     ecx, byte 15
        jne     .end
.more:
        movzx   eax, byte [esi]
        inc     esi
        add     ecx, eax
        inc     al
        jz      .more
        ret
