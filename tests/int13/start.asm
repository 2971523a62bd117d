; SPDX-License-Identifier: GPL-2.0-or-later
; Entry of the conformance program, and what its C cannot do: an interrupt with all registers set and
; looked at. C is 32-bit-addressing 16-bit code (.code16gcc: 32-bit return addresses), CS = DS = ES =
; SS = the program's segment.

        bits    16
        cpu     386

        global  regs_in, regs_out, call_int, config, entry_state, call_stack
        extern  program_main, stack_top, bss_start, bss_end

; struct regs, as harness.h has it
EAX_    equ     0
EBX_    equ     4
ECX_    equ     8
EDX_    equ     12
ESI_    equ     16
EDI_    equ     20
EBP_    equ     24
DS_     equ     28
ES_     equ     30
FS_     equ     32
GS_     equ     34
FLAGS_  equ     36
ESP_    equ     40
SIZE_   equ     44
CONFIG_START equ 12                     ; pattern_start of struct config

        section .start progbits alloc exec write
        jmp     near start
        times   16 - ($ - $$) db 0
config: times   256 db 0                ; filled in by whoever makes the disk
        ; A call of check 50 makes some BIOSes write two sectors over the end of the segment below and the
        ; start of this one: no code may lie here.
        times   1024 - ($ - $$) db 0

        section .text progbits alloc exec write
start:
        mov     ax, cs
        mov     es, ax
        xor     cx, cx
        mov     ds, cx
        mov     di, entry_state
        mov     cx, 8
        rep     movsw                   ; from 0000:SI
        mov     ds, ax
        cli
        mov     ss, ax
        mov     esp, stack_top
        sti
        mov     di, bss_start
        mov     cx, bss_end
        sub     cx, di
        xor     ax, ax
        rep     stosb
        call    dword program_main
.halt:
        hlt
        jmp     .halt

; call_int(vector = EAX): INT with regs_in; what comes back is in regs_out. On the stack
; call_stack (segment in the high half) where that is not 0. FLAGS: IF, DF and CF of regs_in.
call_int:
        pushad
        push    fs
        push    gs
        mov     [.int + 1], al
        jmp     short .flush            ; the instruction was changed
.flush:
        mov     [saved_esp], esp
        mov     eax, [call_stack]
        test    eax, eax
        jz      .own
        cli
        mov     esp, eax
        and     esp, 0xFFFF
        shr     eax, 16
        mov     ss, ax
.own:
        mov     [regs_in + ESP_], esp
        mov     eax, [regs_in + EAX_]
        mov     ebx, [regs_in + EBX_]
        mov     ecx, [regs_in + ECX_]
        mov     edx, [regs_in + EDX_]
        mov     esi, [regs_in + ESI_]
        mov     edi, [regs_in + EDI_]
        mov     ebp, [regs_in + EBP_]
        mov     es, [regs_in + ES_]
        mov     fs, [regs_in + FS_]
        mov     gs, [regs_in + GS_]
        push    word [regs_in + FLAGS_]
        mov     ds, [regs_in + DS_]
        popf
.int:
        int     0
        pushf
        cli
        cld
        mov     [cs:regs_out + EAX_], eax
        pop     ax
        mov     [cs:regs_out + FLAGS_], ax
        mov     ax, ds
        mov     [cs:regs_out + DS_], ax
        mov     ax, cs
        mov     ds, ax
        mov     [regs_out + EBX_], ebx
        mov     [regs_out + ECX_], ecx
        mov     [regs_out + EDX_], edx
        mov     [regs_out + ESI_], esi
        mov     [regs_out + EDI_], edi
        mov     [regs_out + EBP_], ebp
        mov     [regs_out + ES_], es
        mov     [regs_out + FS_], fs
        mov     [regs_out + GS_], gs
        mov     [regs_out + ESP_], esp
        mov     ss, ax
        mov     esp, [saved_esp]
        mov     es, ax
        sti
        pop     gs
        pop     fs
        popad
        o32 ret

; INT 08h while a check wants it: counts ticks, and those of them that came inside of a call
        global  clock_entry, clock_old, tick_entry, tick_count, tick_inside, tick_action, tick_calls, tick_wrong
clock_entry:
        push    bp
        mov     bp, sp
        push    ax
        mov     ax, cs
        cmp     ax, [bp + 4]            ; the segment that was interrupted
        setne   [cs:inside]
        je      .count
        inc     dword [cs:tick_inside]
.count:
        inc     dword [cs:tick_count]
        pop     ax
        pop     bp
        jmp     far [cs:clock_old]

; INT 1Ch: tick_action times, inside of a call only, reads sector 0 from in there
TABLE   equ     446                     ; of the sector: its first partition's start is 8 bytes on
tick_entry:
        cmp     byte [cs:inside], 0
        je      .end
        cmp     byte [cs:tick_action], 0
        je      .end
        dec     byte [cs:tick_action]
        push    ds
        push    es
        pushad
        push    cs
        pop     ds
        push    cs
        pop     es
        mov     dword [tick_buffer + TABLE + 8], 0
        mov     ax, 0x0201
        mov     bx, tick_buffer
        mov     cx, 0x0001
        mov     dx, 0x0080
        int     0x13
        jc      .refused
        test    ah, ah
        jnz     .wrong
        mov     eax, [config + CONFIG_START]
        cmp     eax, [tick_buffer + TABLE + 8]
        je      .right
        jmp     .wrong
.refused:
        test    ah, ah
        jnz     .right
.wrong:
        inc     word [cs:tick_wrong]
.right:
        inc     word [cs:tick_calls]
        popad
        pop     es
        pop     ds
.end:
        iret

; v86_enter(): what follows runs in virtual-8086 mode.
        global  v86_enter, v86_call, memory_call
MONITOR_SEGMENT equ 0x2000
MONITOR_MEMORY  equ 3
v86_enter:
        call    MONITOR_SEGMENT:0
        o32 ret

; v86_call(function = EAX, argument = EDX): the monitor's service; what it answers is in regs_out
v86_call:
        push    ebx
        mov     ebx, edx
        int     0xF1
        mov     [regs_out + EAX_], eax
        mov     [regs_out + EBX_], ebx
        mov     [regs_out + ECX_], ecx
        pop     ebx
        o32 ret

; memory_call(step = EAX, start = EDX, end = ECX): AL = 1: all that it compared was right. Real mode.
memory_call:
        push    ebx
        push    esi
        push    edi
        mov     esi, edx
        mov     edi, ecx
        mov     ebx, [eax]
        mov     edx, [eax + 4]
        mov     al, [eax + 8]
        call    MONITOR_SEGMENT:MONITOR_MEMORY
        mov     [regs_out + EAX_], eax
        setnc   al
        pop     edi
        pop     esi
        pop     ebx
        o32 ret

        section .bss nobits alloc write
        align   4
regs_in: resb   SIZE_
regs_out: resb  SIZE_
saved_esp: resd 1
call_stack: resd 1
tick_count: resd 1
tick_inside: resd 1
clock_old: resd 1
tick_calls: resw 1
tick_wrong: resw 1
tick_action: resb 1
inside: resb    1
        alignb  16
tick_buffer: resb 512
        section .data progbits alloc write
entry_state: times 8 dw 0
