; SPDX-License-Identifier: GPL-2.0-or-later
;
; Reading the volume in as few BIOS calls as it can be done, and in smaller ones where the BIOS takes
; no larger ones.

; read_volume: sectors of the volume
;   in:      EDX:EAX = sector, ECX = count, EDI = address, a multiple of 512
;   keeps:   all but ES = 0
; Each turn of the loop reads something, so it ends.
read_volume:
        pushad
        mov     ebx, [volume_sectors]   ; sector + count <= volume_sectors, by subtraction
        mov     esi, [volume_sectors + 4]
        sub     ebx, eax
        sbb     esi, edx
        jb      beyond_volume
        jnz     .inside
        cmp     ebx, ecx
        jb      beyond_volume
.inside:
        add     eax, [volume_lba]
        adc     edx, [volume_lba + 4]
.more:
        test    ecx, ecx
        jz      .end
        test    edx, edx                ; CHS does not go there
        jz      .reachable
        cmp     word [bp + work.track_sectors], 0
        jne     .unreadable
.reachable:
        mov     ebx, 0x10000            ; no DMA across a 64 KiB border
        movzx   esi, di
        sub     ebx, esi
        shr     ebx, SECTOR_SHIFT
        cmp     bx, [sectors_max]
        jb      .border
        mov     bx, [sectors_max]
.border:
        cmp     ebx, ecx
        jb      .piece
        mov     ebx, ecx
.piece:
        push    ecx
        push    bx
        mov     cx, bx
        mov     ebx, edi
        shr     ebx, 4
        and     bx, 0xF000
        mov     es, bx
        mov     bx, di
        call    read_some
        pop     bx
        jc      .failed
        cmp     cx, bx
        je      .all
        cmp     word [bp + work.track_sectors], 0
        jne     .all                    ; perhaps only the track's end
        mov     [sectors_max], cx
.all:
        movzx   ecx, cx
        add     eax, ecx
        adc     edx, 0
        mov     ebx, ecx
        shl     ebx, SECTOR_SHIFT
        add     edi, ebx
        mov     ebx, ecx
        pop     ecx
        sub     ecx, ebx
        jmp     .more
.failed:
        pop     ecx
.unreadable:
        mov     [number], eax
        mov     [number + 4], edx
        jmp     read_error
.end:
        push    ds
        pop     es
        popad
        ret
