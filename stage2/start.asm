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
; calls stage2_main. All of this file is in the part that is not packed, and so is inflate().

%include "stage2.asm.inc"

        extern  a20_ensure, enter_protected, leave_protected, real_die, bios_stack, bios_target
        extern  inflate, stage2_main, plain_size, unpacked_size, bss_start, bss_dwords
        global  stage2_header

        section .real
        bits    16

stage2_header:
        jmp     near start
        nop
        dd      STAGE2_MAGIC
.size:  dd      plain_size              ; pack_file makes these two the file's size and sum
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
        mov     esi, STAGE2_ADDRESS + plain_size
        mov     edi, DISK_BUFFER
        mov     ecx, [REAL(stage2_header.size)]
        sub     ecx, plain_size
        push    dword unpacked_size     ; bool inflate(struct view packed, uint8_t *out, size_t size)
        push    esi
        push    ecx
        push    edi
        rep     movsb
        mov     eax, inflate            ; not relative: this part is linked at 0
        call    eax
        add     esp, byte 16
        test    al, al
        jz      .damaged

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
        mov     eax, stage2_main
        call    eax                     ; does not return

; The sum was right, and yet: memory does not keep what is written to it.
.damaged:
        mov     [REAL(bios_stack)], esp
        mov     dword [REAL(bios_target)], damaged + (STAGE2_SEGMENT << 16)
        jmp     CODE16:leave_protected

        bits    16

damaged:
        mov     si, text_damaged
        jmp     real_die
