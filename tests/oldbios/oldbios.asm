; SPDX-License-Identifier: GPL-2.0-or-later
;
; A floppy that makes the BIOS as bad as real ones have been, and then starts the first hard disk. Each
; quirk is a bit of the table at 10h, which tests/oldbios/oldbios.py patches. It stays at the top of
; conventional memory and hooks INT 13h and INT 15h.
;
; It promises that nothing is wrong but what the table says, and that a disk access that it lets through
; is the BIOS's own. It never writes by itself. One call at a time: what belongs to it is static.
;
; Long because it is one flat binary whose quirks meet in the same two handlers.

SECTOR          equ 512
KIB             equ 4                   ; of this image, and of the memory that it takes
BOOT            equ 0x7C00
ENTRIES_MAX     equ 32                  ; of the memory map
ENTRY_SIZE      equ 20
SMAP            equ 0x534D4150
RUBBISH         equ 0xDEAD

; INT 13h, by bit number
NO_EDD          equ 0                   ; 41h..4Fh answer 01h
NO_48           equ 1                   ; 48h answers 01h
ZEROED_48       equ 2                   ; 48h answers 01h unless the buffer behind its size is zero
LOSES_HIGH      equ 3                   ; high halves of the registers are lost
LOSES_BX        equ 4
LOSES_SI        equ 5
LOSES_ES        equ 6
IF_OFF          equ 7                   ; interrupts disabled on return
A20_OFF         equ 8
DF_SET          equ 9
NO_BORDER       equ 10                  ; 09h for a buffer across a 64 KiB border
FIRST_FAILS     equ 11                  ; the first read, and the first after each reset, answers 80h
LIES_128        equ 12                  ; 128 and more sectors: success, and nothing was done
AS_FLOPPY       equ 13                  ; the disk is drive 00h; there are no hard disks
WRAPS           equ 24                  ; 42h and 43h take only the lowest 28 bits of the lba
; INT 15h
NO_E820         equ 16
UNSORTED        equ 17                  ; E820h: last entry first
OVERLAPPING     equ 18                  ; E820h: usable memory twice, and its end reserved as well
NO_E801         equ 19
NO_87           equ 20
IF_ON_87        equ 21                  ; interrupts enabled on return
BITS24_87       equ 22                  ; the addresses' high bytes are ignored
NO_24           equ 23                  ; no A20 calls

; unless BIT, LABEL: jumps where the quirk is not wanted.      changes: flags
%macro unless 2
        test    byte [cs:quirks + %1 / 8], 1 << (%1 % 8)
        jz      %2
%endmacro

bits 16
cpu 386
org 0
        jmp     short begin
        nop
        times   16 - ($ - $$) db 0
quirks:         dd 0                    ; 10h
sectors_max:    dw 0                    ; 14h: more a call are refused; 0: none are
refusal:        db 1                    ; 16h: with this status
limit_status:   db 1                    ; 17h: reads at and beyond `limit` answer this
limit:          dd 0                    ; 18h: 0: none
start_dl:       db 0x80                 ; 1Ch: what the boot sector is told
        times   32 - ($ - $$) db 0
told:           dd 0                    ; 20h: the sectors that 48h tells; 0: the true number

begin:
        cli
        cld
        xor     ax, ax
        mov     ds, ax
        mov     ss, ax
        mov     sp, BOOT
        sti
        sub     word [0x413], KIB
        mov     ax, [0x413]
        shl     ax, 6
        mov     es, ax
        mov     ax, 0x0200 | KIB * 2    ; INT 13h AH=02h: from CHS 0/0/1 to ES:BX
        xor     bx, bx
        mov     cx, 1
        xor     dx, dx
        int     0x13
        jc      $
        push    es
        push    install
        retf

        times   SECTOR - 2 - ($ - $$) db 0
        dw      0xAA55

install:
        push    cs
        pop     ds
        mov     dl, 0x80
        mov     ah, 8
        int     0x13
        jc      $
        push    cs
        pop     es
        movzx   eax, dh
        inc     ax
        mov     [heads], eax
        and     cx, 63
        mov     [track], cx
        call    list_memory
        call    bend_list

        mov     si, boot_packet
        mov     dl, 0x80
        mov     ah, 0x42
        int     0x13
        jc      $
        xor     ax, ax
        mov     ds, ax
        mov     eax, [0x13 * 4]
        mov     [cs:old_int13], eax
        mov     eax, [0x15 * 4]
        mov     [cs:old_int15], eax
        cli
        mov     word [0x13 * 4], int13
        mov     [0x13 * 4 + 2], cs
        mov     word [0x15 * 4], int15
        mov     [0x15 * 4 + 2], cs
        sti
        unless  AS_FLOPPY, .start
        mov     byte [0x475], 0
.start:
        mov     dl, [cs:start_dl]
        mov     si, 0xFFFF              ; in ROM, across the segment's end
        push    word 0xF000
        pop     ds
        jmp     0:BOOT

; list_memory: the BIOS's own memory map to `entries`.      in: DS = ES = CS
list_memory:
        mov     di, entries
        xor     ebx, ebx
.next:
        mov     eax, 0xE820
        mov     edx, SMAP
        mov     ecx, ENTRY_SIZE
        int     0x15
        jc      .end
        add     di, ENTRY_SIZE
        inc     word [entry_count]
        test    ebx, ebx
        jz      .end
        cmp     word [entry_count], ENTRIES_MAX - 3
        jb      .next
.end:
        ret

; bend_list: as the table wants it.      in: DS = ES = CS, DI = the list's end
bend_list:
        unless  OVERLAPPING, .sort
        mov     si, entries
        mov     cx, [entry_count]
.look:
        cmp     dword [si], 0x100000
        je      .found
        add     si, ENTRY_SIZE
        loop    .look
        jmp     .sort
.found:                                 ; its second half once more, and 64 KiB beyond as the end of it
        mov     eax, [si + 8]
        shr     eax, 1
        mov     edx, eax
        add     eax, [si]
        stosd
        mov     ecx, eax
        xor     eax, eax
        stosd
        mov     eax, edx
        stosd
        xor     eax, eax
        stosd
        inc     ax
        stosd
        lea     eax, [ecx + edx - 0x10000]
        stosd
        xor     eax, eax
        stosd
        mov     eax, 0x20000
        stosd
        xor     eax, eax
        stosd
        mov     al, 2
        stosd
        add     word [entry_count], 2
.sort:
        unless  UNSORTED, .end
        mov     si, entries
        mov     cx, [entry_count]
        imul    di, cx, ENTRY_SIZE
        add     di, entries - ENTRY_SIZE
        shr     cx, 1
.pair:
        mov     bx, ENTRY_SIZE / 4
.dword:
        mov     eax, [si]
        xchg    eax, [di]
        mov     [si], eax
        add     si, 4
        add     di, 4
        dec     bx
        jnz     .dword
        sub     di, ENTRY_SIZE * 2
        loop    .pair
.end:
        ret

; --- INT 13h

int13:
        unless  AS_FLOPPY, .hard_disk
        test    dl, dl
        jz      .ours
        mov     ah, 1
        jmp     refuse_at_once
.hard_disk:
        cmp     dl, 0x80
        je      .ours
        jmp     far [cs:old_int13]
.ours:
        cld
        mov     [cs:caller_ax], ax
        mov     [cs:caller_dx], dx
        pushad
        push    ds
        push    es
        mov     bp, sp                  ; [bp + frame.x]: the caller's registers
        mov     al, 0
        cmp     ah, 0x00
        je      .reset
        cmp     ah, 0x0D
        je      .reset
        cmp     ah, 0x02
        je      .chs
        cmp     ah, 0x03
        je      .chs
        cmp     ah, 0x41
        jb      .pass
        cmp     ah, 0x4F
        ja      .pass
        unless  NO_EDD, .edd
        jmp     .refuse_1
.edd:
        cmp     ah, 0x48
        je      .parameters
        cmp     ah, 0x42
        je      .packet
        cmp     ah, 0x43
        jne     .pass
.packet:
        movzx   ecx, word [si + 2]
        movzx   edi, word [si + 6]
        shl     edi, 4
        movzx   eax, word [si + 4]
        add     edi, eax
        mov     eax, [si + 8]
        mov     edx, [si + 12]
        jmp     .transfer
.chs:
        movzx   edi, word [bp + frame.es]
        shl     edi, 4
        movzx   ebx, bx
        add     edi, ebx
        movzx   eax, cl
        shl     eax, 2
        and     ah, 3
        mov     al, ch
        mov     bl, cl
        movzx   ecx, dh
        mul     dword [cs:heads]
        add     eax, ecx
        mul     dword [cs:track]
        and     ebx, 63
        lea     eax, [eax + ebx - 1]
        xor     edx, edx
        movzx   ecx, byte [cs:caller_ax]

; EDX:EAX = lba, ECX = sectors, EDI = buffer
.transfer:
        mov     bl, [cs:refusal]
        cmp     word [cs:sectors_max], 0
        je      .border
        cmp     cx, [cs:sectors_max]
        ja      .refuse
.border:
        unless  NO_BORDER, .limit
        mov     esi, ecx
        shl     esi, 9
        movzx   ebx, di
        lea     esi, [esi + ebx - 1]
        mov     bl, 9
        cmp     esi, 0x10000
        jae     .refuse
.limit:
        cmp     dword [cs:limit], 0
        je      .lies
        mov     bl, [cs:limit_status]
        add     eax, ecx
        adc     edx, 0
        jnz     .refuse
        cmp     eax, [cs:limit]
        ja      .refuse
.lies:
        unless  LIES_128, .first
        cmp     cx, 128
        jae     .done
.first:
        unless  FIRST_FAILS, .pass
        mov     bl, 0x80
        test    byte [cs:read_once], 1
        mov     byte [cs:read_once], 1
        jz      .refuse
        jmp     .pass
.reset:                                 ; SeaBIOS's own waits half a minute for an absent drive
        mov     byte [cs:read_once], 0
.done:
        mov     byte [bp + frame.eax + 1], 0
        clc
        jmp     .return
.parameters:
        unless  NO_48, .zeroed
        jmp     .refuse_1
.zeroed:
        unless  ZEROED_48, .pass
        push    ds
        pop     es
        lea     di, [si + 2]
        mov     cx, 24
        xor     ax, ax
        repe scasb
        je      .pass
.refuse_1:
        mov     bl, 1
.refuse:
        mov     [bp + frame.eax + 1], bl
        stc
.return:
        pop     es
        pop     ds
        popad
        jmp     bend_return
.pass:
        pop     es
        pop     ds
        popad
        call    wrap
        mov     dl, 0x80
        pushf
        cli
        call    far [cs:old_int13]
        pushf
        call    unwrap
        call    tell
        cmp     byte [cs:caller_ax + 1], 0x08
        je      .number
        cmp     byte [cs:caller_ax + 1], 0x15
        je      .number
        mov     dl, [cs:caller_dx]
.number:
        popf

; CF and the registers as the caller is to get them, but for the quirks
bend_return:
        push    bp
        mov     bp, sp
        jc      .failed
        and     byte [bp + 6], ~1
        jmp     .flags
.failed:
        or      byte [bp + 6], 1
.flags:
        unless  IF_OFF, .direction
        and     byte [bp + 7], ~2
.direction:
        unless  DF_SET, .a20
        or      byte [bp + 7], 4
.a20:
        pop     bp
        unless  A20_OFF, .bx
        push    ax
        in      al, 0x92
        and     al, 0xFC
        out     0x92, al
        pop     ax
.bx:
        unless  LOSES_BX, .si
        cmp     byte [cs:caller_ax + 1], 0x41
        je      .si
        mov     bx, RUBBISH
.si:
        unless  LOSES_SI, .es
        mov     si, RUBBISH
.es:
        unless  LOSES_ES, .high
        push    word RUBBISH
        pop     es
.high:
        unless  LOSES_HIGH, .end
%macro lose 2
        push    %1
        mov     %2, 0xDEADDEAD
        pop     %1
%endmacro
        lose    ax, eax
        lose    bx, ebx
        lose    cx, ecx
        lose    dx, edx
        lose    si, esi
        lose    di, edi
        lose    bp, ebp
.end:
        iret

; wrap: the caller's packet with 28 bits of lba, unwrap: as it was.      changes: flags
wrap:
        unless  WRAPS, .end
        and     ah, 0xFE                ; 42h or 43h
        cmp     ah, 0x42
        mov     ah, [cs:caller_ax + 1]
        jne     .end
        push    eax
        mov     eax, [si + 8]
        mov     [cs:packet_lba], eax
        and     eax, 0x0FFFFFFF
        mov     [si + 8], eax
        mov     eax, [si + 12]
        mov     [cs:packet_lba + 4], eax
        mov     dword [si + 12], 0
        pop     eax
.end:
        ret
unwrap:
        unless  WRAPS, .end
        push    eax
        mov     ah, [cs:caller_ax + 1]
        and     ah, 0xFE
        cmp     ah, 0x42
        jne     .done
        mov     eax, [cs:packet_lba]
        mov     [si + 8], eax
        mov     eax, [cs:packet_lba + 4]
        mov     [si + 12], eax
.done:
        pop     eax
.end:
        ret

; tell: the size by 48h.      changes: flags
tell:
        cmp     byte [cs:caller_ax + 1], 0x48
        jne     .end
        cmp     dword [cs:told], 0
        je      .end
        push    eax
        mov     eax, [cs:told]
        mov     [si + 16], eax
        mov     dword [si + 20], 0
        pop     eax
.end:
        ret

; refuse_at_once: CF = 1, all else as it is
refuse_at_once:
        push    bp
        mov     bp, sp
        or      byte [bp + 6], 1
        pop     bp
        iret

; --- INT 15h

int15:
        cmp     ah, 0x87
        je      .block_move
        cmp     ax, 0xE820
        je      .e820
        cmp     ax, 0xE801
        je      .e801
        cmp     ah, 0x24
        je      .a20
.chain:
        jmp     far [cs:old_int15]
.a20:
        unless  NO_24, .chain
        jmp     .missing
.e801:
        unless  NO_E801, .chain
.missing:
        mov     ah, 0x86
        jmp     refuse_at_once

.block_move:
        unless  NO_87, .there
        jmp     .missing
.there:
        unless  BITS24_87, .high
        mov     byte [es:si + 2 * 8 + 7], 0
        mov     byte [es:si + 3 * 8 + 7], 0
.high:
        unless  IF_ON_87, .chain
        pushf
        call    far [cs:old_int15]
        sti
        push    bp
        mov     bp, sp
        pushf
        pop     word [bp + 6]
        pop     bp
        iret

.e820:
        unless  NO_E820, .list
        jmp     .missing
.list:
        cmp     edx, SMAP
        jne     .missing
        cmp     bx, [cs:entry_count]
        jae     .missing
        push    ds
        push    si
        push    di
        push    cs
        pop     ds
        imul    si, bx, ENTRY_SIZE
        add     si, entries
        mov     ecx, ENTRY_SIZE
        push    cx
        cld
        rep movsb
        pop     cx
        inc     ebx
        cmp     bx, [entry_count]
        jb      .more
        xor     ebx, ebx
.more:
        mov     eax, SMAP
        pop     di
        pop     si
        pop     ds
        push    bp
        mov     bp, sp
        and     byte [bp + 6], ~1
        pop     bp
        iret

struc frame
.es             resw 1
.ds             resw 1
.edi            resd 1
.esi            resd 1
.ebp            resd 1
.esp            resd 1
.ebx            resd 1
.edx            resd 1
.ecx            resd 1
.eax            resd 1
endstruc

align 4
boot_packet:    db 16, 0
                dw 1, BOOT, 0
                dd 0, 0
old_int13:      dd 0
old_int15:      dd 0
heads:          dd 0
track:          dd 0
packet_lba:     dd 0, 0
caller_ax:      dw 0
caller_dx:      dw 0
entry_count:    dw 0
read_once:      db 0
entries:        times ENTRIES_MAX * ENTRY_SIZE db 0

        times   KIB * 1024 - ($ - $$) db 0
