; SPDX-License-Identifier: GPL-2.0-or-later
; INT 15h: how much memory there is, without the handler's own and the map's. The BIOS is asked on
; every call and its answer cut, so that what it knows besides (attributes, types, longer entries)
; reaches the caller. Never reports more than the BIOS does. Runs on the caller's stack, as the BIOS
; does, and may be called at any time.

%include "resident.asm.inc"

        global  int15_entry
        extern  header

SMAP            equ 0x534D4150
E820_USABLE     equ 1
E820_RESERVED   equ 2
E820_SIZE       equ 20                  ; bytes that every entry has; more are the BIOS's own affair
UNSUPPORTED     equ 0x86
MIB             equ 0x100000

; EBX of the reserved entry that follows where usable memory was cut off: a number that no BIOS uses
; for its own list, whose EBX goes through as it is. CS is added, since what lies below may be
; another of these handlers: a disk that is started may start a drive that holds vhdboot. The second
; hidden range's is HIDDEN_SIZE more.
E820_COOKIE     equ 0x56480000

; The caller's registers on its stack, from BP on: ES, DS, then PUSHAD's
CALLER_es       equ 0
CALLER_di       equ 4 + PUSHAD_di
CALLER_bx       equ 4 + PUSHAD_bx
CALLER_dx       equ 4 + PUSHAD_dx
CALLER_cx       equ 4 + PUSHAD_cx
CALLER_ax       equ 4 + PUSHAD_ax

; An entry of E820h, and a hidden range in the header
%define ENTRY_start     es:di
%define ENTRY_high      es:di + 4
%define ENTRY_length    es:di + 8
%define ENTRY_length_high es:di + 12
%define ENTRY_type      es:di + 16
%define RANGE_start     si + HEADER(hidden)
%define RANGE_end       si + HEADER(hidden) + HIDDEN_END
%define REST_length     si + rest
%define REST_next       si + rest + 4

        section .text progbits alloc exec write align=1

; Only the functions that report memory are looked at; CF of the others goes on as it came, because
; AH=4Fh reads it. C7h, 8Ah, DA88h and E881h were offered by few machines, and everyone who asks for
; them asks the others as well: not supported.
int15_entry:
        pushf
        cmp     ax, 0xE820
        je      .ours
        cmp     ax, 0xE801
        je      .ours
        cmp     ax, 0xE881
        je      .ours
        cmp     ax, 0xDA88
        je      .ours
        cmp     ah, 0x88
        je      .ours
        cmp     ah, 0x8A
        je      .ours
        cmp     ah, 0xC7
        je      .ours
        popf
        jmp     far [cs:HEADER(old_int15)]
.ours:
        popf
        pushad
        push    ds
        push    es
        push    cs
        pop     ds
        mov     bp, sp
        cmp     ax, 0xE820
        je      e820
        cmp     ax, 0xE801
        je      counts
        cmp     ah, 0x88
        je      counts
failed:
        mov     byte [bp + CALLER_ax + 1], UNSUPPORTED
        stc
done:
        pop     es
        pop     ds
        popad
        push    bp
        mov     bp, sp
        rcr     byte [bp + 6], 1        ; CF goes in at the top, and the old one out
        rol     byte [bp + 6], 1
        pop     bp
        iret

; bios: asks the BIOS as INT would
;   out: CF and registers as it says, but BP, DS and ES     changes: nothing of its own
bios:
        pushf
        cli
        call    far [HEADER(old_int15)]
        mov     bp, sp
        inc     bp                      ; past the return address; keeps CF
        inc     bp
        push    cs
        pop     ds
        mov     es, [bp + CALLER_es]
        ret

; E820h: the BIOS's entry, cut, or what was cut off, as reserved.
e820:
        cmp     edx, SMAP
        jne     failed
        cmp     ecx, E820_SIZE
        jb      failed
        xor     eax, eax
        mov     ax, cs
        add     eax, E820_COOKIE
        sub     ebx, eax
        cmp     ebx, HIDDEN_SIZE
        jbe     .rest
        add     ebx, eax
        mov     eax, [bp + CALLER_ax]
        call    bios
        jc      failed
        cmp     eax, SMAP
        jne     failed
        mov     [bp + CALLER_ax], eax
        mov     [bp + CALLER_cx], ecx
        mov     di, [bp + CALLER_di]
        xor     si, si
        call    cut
        mov     si, HIDDEN_SIZE
        call    cut
.done:
        mov     [bp + CALLER_bx], ebx
        clc
        jmp     done
.rest:
        mov     si, bx
        mov     dword [bp + CALLER_ax], SMAP
        mov     dword [bp + CALLER_cx], E820_SIZE
        mov     eax, [RANGE_start]
        mov     [ENTRY_start], eax
        mov     eax, [REST_length]
        mov     [ENTRY_length], eax
        xor     eax, eax
        mov     [ENTRY_high], eax
        mov     [ENTRY_length_high], eax
        mov     al, E820_RESERVED
        mov     [ENTRY_type], eax
        mov     ebx, [REST_next]
        jmp     .done

; cut: cuts a hidden range off an entry. Whatever the entry has above the range is lost: stage2 puts
; the map at the top of usable memory, so that there is nothing.
;   in: ES:DI = entry, SI = 0 or HIDDEN_SIZE: the range, EBX = the BIOS's next entry
;   out: EBX = next entry     changes: EAX, ECX, EDX
cut:
        cmp     dword [ENTRY_type], E820_USABLE
        jne     .done                   ; what the BIOS reserved may be reserved twice
        cmp     dword [ENTRY_high], 0
        jne     .done                   ; nothing above 4 GiB is ours
        mov     edx, [RANGE_end]
        mov     eax, [RANGE_start]
        sub     edx, eax                ; what follows the cut
        sub     eax, [ENTRY_start]      ; what precedes it
        jbe     .starts_inside
        cmp     dword [ENTRY_length_high], 0
        jne     .cut
        mov     ecx, [ENTRY_length]
        sub     ecx, eax
        jbe     .done
        cmp     ecx, edx
        jae     .cut
        mov     edx, ecx
.cut:
        mov     [ENTRY_length], eax
        xor     eax, eax
        mov     [ENTRY_length_high], eax
        mov     [REST_length], edx
        mov     [REST_next], ebx
        mov     ax, cs
        add     si, ax
        movzx   ebx, si
        add     ebx, E820_COOKIE
        ret
.starts_inside:
        neg     eax
        cmp     eax, edx
        jae     .done
        mov     byte [ENTRY_type], E820_RESERVED
.done:
        ret

; 88h and E801h: the least of the BIOS's counts and what lies below the map
counts:
        call    bios
        mov     [bp + CALLER_bx], ebx
        mov     [bp + CALLER_cx], ecx
        mov     [bp + CALLER_dx], edx
        xchg    eax, [bp + CALLER_ax]
        jc      failed
        mov     edx, [HEADER(hidden_map)]
        sub     edx, MIB
        jae     .above
        xor     edx, edx
.above:
        mov     ecx, edx
        shr     ecx, 10
        mov     di, CALLER_ax
        call    least
        cmp     ah, 0x88
        je      .done
        mov     di, CALLER_cx
        call    least
        mov     ecx, edx
        sub     ecx, 15 * MIB           ; E801h: KiB up to 16 MiB, then blocks of 64 KiB
        jae     .above_16
        xor     ecx, ecx
.above_16:
        shr     ecx, 16
        mov     di, CALLER_bx
        call    least
        mov     di, CALLER_dx
        call    least
.done:
        clc
        jmp     done

; least: the word at BP + DI is at most ECX
least:
        movzx   esi, word [bp + di]
        cmp     esi, ecx
        jbe     .done
        mov     [bp + di], cx
.done:
        ret

        section .bss nobits alloc write align=4
; What follows the cut of each hidden range: its length, and EBX of the BIOS's next entry. Always the
; same, however often the list is walked.
rest:           resd    4
