; SPDX-License-Identifier: GPL-2.0-or-later
; From flat protected mode to 64-bit code and back (long_mode.h). Interrupts stay off: the descriptor
; table for exceptions is one of 32 bits, so nothing may raise one there.

%include "stage2.asm.inc"

        cpu     x64
        global  long_mode_exists, long_mode_call

PAGE_SIZE       equ     4096
PAGE_USABLE     equ     3               ; present, writable
PAGE_LARGE      equ     0x80
EFLAGS_ID       equ     1 << 21         ; can be changed where there is CPUID
CPUID_LONG_MODE equ     1 << 29         ; in EDX of 80000001h
CR0_PAGING      equ     1 << 31
CR4_PAE         equ     1 << 5
EFER            equ     0xc0000080
EFER_LONG       equ     1 << 8

; Page tables of three levels, the fourth is a large page
TABLE4          equ     DISK_BUFFER
TABLE3          equ     TABLE4 + PAGE_SIZE
TABLE2          equ     TABLE3 + PAGE_SIZE
TABLES_SIZE     equ     3 * PAGE_SIZE

        section .text
        bits    32

; bool long_mode_exists(void)
long_mode_exists:
        push    ebx
        pushfd
        mov     ecx, [esp]
        xor     dword [esp], EFLAGS_ID
        popfd
        pushfd
        pop     eax
        push    ecx
        popfd
        xor     eax, ecx
        test    eax, EFLAGS_ID
        jz      .none
        mov     eax, 0x80000000         ; CPUID: the highest of these functions in EAX
        cpuid
        cmp     eax, 0x80000001
        jb      .none
        mov     eax, 0x80000001
        cpuid
        test    edx, CPUID_LONG_MODE
        jz      .none
        mov     eax, 1
        pop     ebx
        ret
.none:
        xor     eax, eax
        pop     ebx
        ret

; uint32_t long_mode_call(const void *code, uint32_t a, uint32_t b)
long_mode_call:
        push    ebp
        push    ebx
        push    esi
        push    edi
        mov     edi, TABLE4
        mov     ecx, TABLES_SIZE / 4
        xor     eax, eax
        rep stosd
        mov     dword [TABLE4], TABLE3 + PAGE_USABLE
        mov     dword [TABLE3], TABLE2 + PAGE_USABLE
        mov     dword [TABLE2], PAGE_USABLE + PAGE_LARGE
        mov     ebp, [esp + 16 + 4]
        mov     edi, [esp + 16 + 8]
        mov     esi, [esp + 16 + 12]

        mov     eax, cr3
        push    eax
        mov     eax, cr4
        push    eax
        or      eax, CR4_PAE
        mov     cr4, eax
        mov     eax, TABLE4
        mov     cr3, eax
        mov     ecx, EFER
        rdmsr
        or      eax, EFER_LONG
        wrmsr
        mov     eax, cr0
        or      eax, CR0_PAGING
        mov     cr0, eax
        jmp     CODE64:.wide

        bits    64
.wide:
        mov     esp, esp                ; the upper halves may hold anything
        mov     ebp, ebp
        mov     edi, edi
        mov     esi, esi
        call    rbp
        jmp     far dword [rel .way_back]

        bits    32
.narrow:
        mov     ebx, eax
        mov     eax, cr0
        and     eax, ~CR0_PAGING
        mov     cr0, eax
        mov     ecx, EFER
        rdmsr
        and     eax, ~EFER_LONG
        wrmsr
        pop     eax
        mov     cr4, eax
        pop     eax
        mov     cr3, eax
        mov     eax, ebx
        pop     edi
        pop     esi
        pop     ebx
        pop     ebp
        ret

        align   4
.way_back:
        dd      .narrow
        dw      CODE32
