; SPDX-License-Identifier: GPL-2.0-or-later
;
; What can go wrong, a sentence each: other files jump to the label. In a text, # stands for the
; decimal number in .number, @ for the BIOS's last status.

too_little_memory:
        call    cannot
        db      "less than 368 KiB of low memory", 0
not_ntfs:
        call    cannot
        db      "the volume is not NTFS", 0
bad_sizes:
        call    cannot
        db      "the NTFS boot sector's sizes make no sense", 0
read_error:
        call    cannot
        db      "BIOS error @h reading sector #", 0
beyond_volume:
        call    cannot
        db      "NTFS points beyond the end of the volume", 0
bad_record:
        call    cannot
        db      "MFT record # is damaged", 0
torn_record:
        call    cannot
        db      "MFT record # was only written in part", 0
not_in_use:
        call    cannot
        db      "MFT record # is free or another file's", 0
bad_runs:
        call    cannot
        db      "the run list in MFT record # is damaged", 0
bad_list:
        call    cannot
        db      "MFT record # has a bad attribute list", 0
beyond_file:
        call    cannot
        db      "MFT record #: clusters are missing", 0
too_many_runs:
        call    cannot
        db      "MFT record #: too many fragments", 0
bad_index:
        call    cannot
        db      "the root directory's index is damaged", 0
torn_index:
        call    cannot
        db      "root directory block # was written in part", 0
deep_index:
        call    cannot
        db      "the root directory's index goes in circles", 0
not_found:
        call    cannot
        db      "it is not in the volume's root directory", 0
several_names:
        call    cannot
        db      "several names differ only in case", 0
no_data:
        call    cannot
        db      "it is a folder, not a file", 0
compressed:
        call    cannot
        db      "it is compressed", 0
encrypted:
        call    cannot
        db      "it is encrypted", 0
hole:
        call    cannot
        db      "it is sparse: MFT record # has a hole", 0
not_written:
        call    cannot
        db      "it was never written to its end", 0
too_large:
        call    cannot
        db      "it is larger than 112 KiB", 0
not_loader:
        call    cannot
        db      "it is something else than the vhdboot loader", 0
cut_short:
        call    cannot
        db      "its end is missing", 0
%if STAGE2_FILE_MAX != 112 * 1024 || LOW_MEMORY_NEEDED != 368 * 1024
  %error a sentence names another limit
%endif

text_mirror:
        db      13, 10, "vhdboot: MFT record 0 is damaged, trying its copy", 13, 10, 0
text_cannot:
        db      "cannot load \vhdboot.bin: ", 0
file_name:
        db      "VHDBOOT.BIN"
file_name_end:

; cannot: the sentence, and the end
;   in:      the text behind the call
cannot:
        push    ds
        pop     es
        mov     si, fail.name
        call    print
        mov     si, text_cannot
        call    print
        pop     si
        call    print_text
        mov     si, .end
        call    print
        jmp     fail.halt
.end:   db      13, 10, 0

; print_text: text with # and @
;   in:      SI = text     changes: EAX, EBX, CX, EDX, SI
print_text:
        lodsb
        cmp     al, '#'
        je      .number
        cmp     al, '@'
        je      .status
        test    al, al
        jz      .end
        call    print_char
        jmp     print_text
.end:
        ret
.status:
        mov     al, [VBR_WORK + work.status]
        shr     al, 4
        call    .digit
        mov     al, [VBR_WORK + work.status]
        and     al, 15
        call    .digit
        jmp     print_text
.number:
        xor     cx, cx                  ; digits
        mov     ebx, 10
.divide:
        xor     edx, edx
        mov     eax, [number + 4]
        div     ebx
        mov     [number + 4], eax
        mov     eax, [number]
        div     ebx
        mov     [number], eax
        push    dx
        inc     cx
        or      eax, [number + 4]
        jnz     .divide
.digits:
        pop     ax
        push    cx
        call    .digit
        pop     cx
        loop    .digits
        jmp     print_text
.digit:
        add     al, '0'
        cmp     al, '9'
        jbe     print_char
        add     al, 'A' - '0' - 10

; print_char: a character by INT 10h
;   in:      AL     keeps: all
print_char:
        pushad
        mov     ah, 0x0E
        xor     bx, bx
        int     0x10
        popad
        ret
