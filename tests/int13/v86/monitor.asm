; SPDX-License-Identifier: GPL-2.0-or-later
; A small virtual-8086 monitor under which the conformance program calls INT 13h as under a DOS memory
; manager: paging on, all ports open, IOPL 3, every INT reflected to the real-mode vectors.
;
; It is loaded to MONITOR_SEGMENT:0 and called there from real mode:
;   :0000  enter: returns in virtual-8086 mode, registers and stack as they were
;   :0003  memory: goes through physical memory [ESI, EDI), by dwords. AL bit 0: compares each with EBX, bit 1:
;          then writes EDX; bit 2: downwards; bit 3: the values are exclusive-ored with the address.
;          out: CF = 1 and EAX = the address where it stopped because it is wrong
; and from virtual-8086 mode by INT F1h, AL =
;   0 leave: returns in real mode
;   1 BL = what INT 15h AH=87h does: 0 the monitor copies, 1 the BIOS is called, 2 CF = 1, AH = 86h, 3 the
;     monitor copies and ignores the addresses' high bytes, as those made for the 286's 16 MiB
;   2 out: EAX = privileged instructions of the segment that had INT 13h at the last enter, EBX = of all
;     others, ECX = block moves done by the monitor; the counts start again at 0
;   3 BL = 1: the 64 KiB at D000:0 are memory from REMAPPED on, 0: themselves
;   4 BL = 1: Virtual DMA Services are there from now on, 0: they are not; out: EAX = locks that were not given
;     back, EBX = all that were granted; the counts start again at 0
;   5 BL = 1: the BIOS may read CR0, as memory managers let it, 0: it faults
;
; A privileged instruction is told on COM1 with its address and bytes. HLT is then passed over. For all
; others a memory manager stops the machine; this one ends the program's INT with CF = 1 and AH = FDh, or,
; in the BIOS's AH=87h, that one with AH = 86h.
;
; Promises: changes nothing below MONITOR_SEGMENT but the caller's stack and the bit that offers VDS. Never: emulates LGDT, MOV CR0 and
; the like.

        cpu     586
        org     0

MONITOR_SEGMENT equ 0x2000
PROGRAM_SEGMENT equ 0x1000
BASE            equ MONITOR_SEGMENT << 4
REMAPPED        equ 0x200000
COM1            equ 0x3F8
PIC_MASTER      equ 0x20
IRQ_REAL        equ 0x08                ; where the PIC's interrupts are in real mode
IRQ_V86         equ 0x50                ; and while exceptions need those vectors
IRQ_SLAVE       equ 0x70
MEMORY_COMPARE  equ 1
MEMORY_WRITE    equ 2
MEMORY_DOWN     equ 4
MEMORY_ADDRESS  equ 8

; What lies behind the code: not part of the file.
PAGE_DIRECTORY  equ 0x2000
PAGE_TABLE      equ 0x3000              ; of the first 4 MiB
TSS             equ 0x4000
TSS_IO          equ 0x68                ; its map of ports: 8 KiB of zeros, all open, and a byte of ones
TSS_SIZE        equ TSS_IO + 0x2001
STACK_TOP       equ 0x7000
IDT             equ 0x7000
IDT_SIZE        equ 0x78 * 8
FREE            equ 0x7800

CODE32          equ 8                   ; base = BASE
DATA            equ 16                  ; base = BASE
FLAT            equ 24
CODE16          equ 32                  ; base = BASE
DATA16          equ 40                  ; the same, as real mode wants its segments
TSS_SELECTOR    equ 48

EFLAGS_VM       equ 1 << 17
EFLAGS_V86      equ EFLAGS_VM | 3 << 12 | 2

        bits    16
        jmp     near enter
        jmp     near memory

; enter: see above.
enter:
        pushfd
        pushad
        push    ds
        push    es
        push    fs
        push    gs
        cli
        mov     ax, cs
        mov     ds, ax
        mov     [real_ss], ss
        mov     [real_sp], sp
        xor     ax, ax
        mov     es, ax
        mov     ax, [es:0x13 * 4 + 2]
        mov     [handler_segment], ax
        mov     bl, IRQ_V86
        call    pic_base
        call    idt_make
        o32 lgdt [gdt_pointer]
        o32 lidt [idt_pointer]
        mov     eax, cr0
        or      al, 1
        mov     cr0, eax
        jmp     dword CODE32:enter32

; Back from enter32 in virtual-8086 mode, on the caller's stack
entered:
        pop     gs
        pop     fs
        pop     es
        pop     ds
        popad
        popfd
        retf

; pic_base: BL = the vector of IRQ 0.      in: IF = 0      changes: AX
pic_base:
        in      al, PIC_MASTER + 1
        mov     ah, al
        mov     al, 0x11
        out     PIC_MASTER, al
        mov     al, bl
        out     PIC_MASTER + 1, al
        mov     al, 4
        out     PIC_MASTER + 1, al
        mov     al, 1
        out     PIC_MASTER + 1, al
        mov     al, ah
        out     PIC_MASTER + 1, al
        ret

; idt_make: gates of ring 0 only, so that INT n of the program is a protection fault that can be looked at
;   in: DS = monitor      changes: AX, BX, CX, DI, ES
idt_make:
        mov     ax, ds
        mov     es, ax
        mov     di, IDT
        mov     cx, IDT_SIZE / 2
        xor     ax, ax
        cld
        rep     stosw
        mov     di, IDT
        mov     ax, exception_stubs
        mov     cx, 32
        call    .gates
        mov     di, IDT + IRQ_V86 * 8
        mov     ax, irq_stubs
        mov     cx, 8
        call    .gates
        mov     di, IDT + IRQ_SLAVE * 8
        mov     cx, 8
.gates:                                 ; AX = first stub, CX of them
        mov     [di], ax
        mov     word [di + 2], CODE32
        mov     word [di + 4], 0x8E00   ; 32-bit interrupt gate
        add     di, 8
        add     ax, STUB_SIZE
        loop    .gates
        ret

; Real mode again: the registers of the program's INT F1h are in `outer`.
left:
        mov     ax, cs
        mov     ds, ax
        o32 lidt [real_idt]
        mov     bl, IRQ_REAL
        call    pic_base
        mov     ss, [outer + frame.ss]
        mov     sp, [outer + frame.esp]
        push    word [outer + frame.eflags]
        push    word [outer + frame.cs]
        push    word [outer + frame.eip]
        mov     es, [outer + frame.es]
        mov     fs, [outer + frame.fs]
        mov     gs, [outer + frame.gs]
        mov     edi, [outer + frame.edi]
        mov     esi, [outer + frame.esi]
        mov     ebp, [outer + frame.ebp]
        mov     ebx, [outer + frame.ebx]
        mov     edx, [outer + frame.edx]
        mov     ecx, [outer + frame.ecx]
        mov     eax, [outer + frame.eax]
        mov     ds, [outer + frame.ds]
        iret

; memory: see above.
memory:
        push    ds
        push    es
        push    fs
        push    gs
        pushad
        pushf
        cli
        mov     cx, cs
        mov     ds, cx
        mov     [real_ss], ss
        mov     [real_sp], sp
        mov     byte [memory_wrong], 0
        o32 lgdt [gdt_pointer]
        mov     ecx, cr0
        or      cl, 1
        mov     cr0, ecx
        jmp     dword CODE32:memory32
memory_done:
        mov     ax, cs
        mov     ds, ax
        mov     ss, [real_ss]
        mov     sp, [real_sp]
        popf
        popad
        mov     eax, [memory_at]
        cmp     byte [memory_wrong], 1
        cmc
        pop     gs
        pop     fs
        pop     es
        pop     ds
        retf

        bits    16
; From 16-bit protected mode, paging off, to where DI says.      in: segments that real mode can have
to_real:
        mov     eax, cr0
        and     al, 0xFE
        mov     cr0, eax
        jmp     MONITOR_SEGMENT:.here
.here:
        jmp     di

        bits    32
memory32:
        mov     cx, FLAT
        mov     es, cx
        mov     cx, DATA
        mov     ds, cx
        mov     ss, cx
        mov     esp, STACK_TOP
        mov     ecx, edi
        sub     ecx, esi
        jbe     .done
        shr     ecx, 2
        mov     ebp, 4
        test    al, MEMORY_DOWN
        jz      .next
        lea     esi, [edi - 4]
        neg     ebp
.next:                                  ; EBP = the way, ECX = dwords left, EDI = what the values are mixed with
        xor     edi, edi
        test    al, MEMORY_ADDRESS
        jz      .mixed
        mov     edi, esi
.mixed:
        test    al, MEMORY_COMPARE
        jz      .write
        mov     esp, [es:esi]
        xor     esp, edi
        cmp     esp, ebx
        jne     .wrong
.write:
        test    al, MEMORY_WRITE
        jz      .on
        xor     edi, edx
        mov     [es:esi], edi
.on:
        add     esi, ebp
        dec     ecx
        jnz     .next
        jmp     .done
.wrong:
        mov     byte [memory_wrong], 1
.done:
        mov     esp, STACK_TOP
        mov     [memory_at], esi
        mov     di, memory_done
        jmp     leave32

; leave32: paging off, real mode, then DI.
leave32:
        mov     ax, DATA16
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     fs, ax
        mov     gs, ax
        jmp     CODE16:to_real

enter32:
        mov     ax, DATA
        mov     ds, ax
        mov     ss, ax
        mov     esp, STACK_TOP
        mov     es, ax
        call    pages_make
        call    tss_make
        mov     eax, cr4
        or      al, 0x10                ; PSE: pages of 4 MiB
        mov     cr4, eax
        mov     eax, BASE + PAGE_DIRECTORY
        mov     cr3, eax
        mov     eax, cr0
        or      eax, 0x80000000
        mov     cr0, eax
        jmp     .paged
.paged:
        mov     byte [gdt + TSS_SELECTOR + 5], 0x89     ; not busy
        mov     ax, TSS_SELECTOR
        ltr     ax
        xor     eax, eax
        push    eax                     ; GS, FS, DS, ES
        push    eax
        push    eax
        push    eax
        movzx   eax, word [real_ss]
        push    eax
        movzx   eax, word [real_sp]
        push    eax
        push    dword EFLAGS_V86
        push    dword MONITOR_SEGMENT
        push    dword entered
        iretd

; pages_make: every address is itself, but for the window at D000:0 where `remapped` is set
pages_make:
        mov     edi, PAGE_DIRECTORY
        mov     eax, BASE + PAGE_TABLE + 7              ; present, writable, user
        stosd
        mov     eax, 0x400000 + 0x87                    ; and 4 MiB
        mov     ecx, 1023
.large:
        stosd
        add     eax, 0x400000
        loop    .large
        mov     eax, 7
        mov     ecx, 1024
.small:
        stosd                                           ; PAGE_TABLE follows the directory
        add     eax, 0x1000
        loop    .small
        cmp     byte [remapped], 0
        je      .end
        mov     edi, PAGE_TABLE + 0xD0 * 4
        mov     eax, REMAPPED + 7
        mov     ecx, 16
.window:
        stosd
        add     eax, 0x1000
        loop    .window
.end:
        ret

tss_make:
        mov     edi, TSS
        xor     eax, eax
        mov     ecx, (TSS_SIZE + 3) / 4
        rep     stosd
        mov     dword [TSS + 4], STACK_TOP
        mov     word [TSS + 8], DATA
        mov     word [TSS + 0x66], TSS_IO
        mov     byte [TSS + TSS_SIZE - 1], 0xFF
        ret

%include "faults.inc"
%include "vds.inc"

        align   8
gdt:    dq      0
        dq      0x00CF9A000000FFFF | BASE << 16         ; CODE32
        dq      0x00CF92000000FFFF | BASE << 16         ; DATA
        dq      0x00CF92000000FFFF                      ; FLAT
        dq      0x00009A000000FFFF | BASE << 16         ; CODE16
        dq      0x000092000000FFFF | BASE << 16         ; DATA16
        dq      0x0000890000000000 | (BASE + TSS) << 16 | TSS_SIZE - 1
gdt_end:
gdt_pointer: dw gdt_end - gdt - 1
        dd      BASE + gdt
idt_pointer: dw IDT_SIZE - 1
        dd      BASE + IDT
real_idt: dw    0x3FF
        dd      0

real_ss: dw     0
real_sp: dw     0
memory_at: dd   0
memory_wrong: db 0
remapped: db    0
cr0_shown: db   0
block_mode: db  0                       ; what AH=87h does
inner_valid: db 0                       ; the BIOS is in AH=87h, as far as is known
handler_segment: dw 0
        align   4
handler_faults: dd 0
other_faults: dd 0
moves:  dd      0
locks_held: dd  0
locks_granted: dd 0
outer:  times   frame_size db 0         ; the program's INT
inner:  times   frame_size db 0         ; the last INT 15h AH=87h

%if $ - $$ > PAGE_DIRECTORY
%error "the monitor reaches into its page tables"
%endif
        times   PAGE_DIRECTORY - ($ - $$) db 0
