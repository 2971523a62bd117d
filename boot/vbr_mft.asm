; SPDX-License-Identifier: GPL-2.0-or-later
;
; MFT records: loading, fixups, attributes, attribute lists.

; open_mft: the runs of $MFT, which all other records are read through. Record 0 is read by a run
; that the BPB gives; a further piece must lie in a record that the pieces before it reach.
;   changes: all but BP
open_mft:
        mov     di, mft
        mov     word [di + stream.segment], MFT_RUNS >> 4
        mov     word [di + stream.capacity], VBR_RUNS_MAX
        mov     si, start + bpb.mft_lcn
        call    set_first_run
        mov     word [file + stream.segment], FILE_RUNS >> 4
        mov     word [file + stream.capacity], VBR_RUNS_MAX
        mov     dword [want_type], ATTR_DATA
        mov     byte [want_named], 0
        xor     eax, eax
        xor     cx, cx
        call    open_attribute
        jc      bad_record
        cmp     byte [mft + stream.resident], 0
        jne     bad_record
        ret

; set_first_run: $MFT as far as record 0
;   in:      SI = its LCN     changes: EAX, CL
set_first_run:
        cmp     dword [si + 4], 1 << (63 - 32 - CLUSTER_SHIFT_MAX)
        jae     bad_sizes               ; its sector would not be a number of 63 bits
        push    word MFT_RUNS >> 4
        pop     es
        mov     eax, [si]
        mov     [es:run.lcn], eax
        mov     eax, [si + 4]
        mov     [es:run.lcn + 4], eax
        mov     eax, (1 << (RECORD_SHIFT_MAX - SECTOR_SHIFT))
        mov     cl, [cluster_shift]
        shr     eax, cl
        jnz     .size
        inc     ax
.size:
        mov     [es:run.count], eax
        push    ds
        pop     es
        mov     [mft + stream.vcn], eax
        mov     word [mft + stream.runs], 1
        ret

; load_record: an MFT record, its fixups applied and its head checked
;   in:      EAX = number, CX = sequence number or 0, BX = buffer
;   keeps:   BX, BP      changes: all else
load_record:
        mov     [number], eax
        mov     dword [number + 4], 0
        push    cx
        movzx   ecx, byte [record_shift]
        sub     cl, SECTOR_SHIFT
        xor     edx, edx
        shld    edx, eax, cl
        shl     eax, cl
        mov     edi, 1
        shl     edi, cl
        mov     ecx, edi
        movzx   edi, bx
        mov     si, mft
        call    stream_read
        shl     ecx, SECTOR_SHIFT
        mov     eax, 'FILE'
        push    bx
        push    ecx
        call    fixup
        pop     ecx
        pop     bx
        pop     dx
        jc      .damaged

        test    byte [bx + record.flags], 1
        jz      not_in_use
        test    dx, dx
        jz      .any_sequence
        cmp     dx, [bx + record.sequence]
        jne     not_in_use
.any_sequence:
        cmp     word [bx + block.usa], record_size
        jb      .any_number
        mov     eax, [bx + record.number]
        cmp     eax, [number]
        jne     bad_record
.any_number:
        mov     eax, [bx + record.used]
        cmp     eax, ecx
        ja      bad_record
        movzx   ecx, word [bx + record.first]
        test    cl, 7
        jnz     bad_record
        cmp     cx, record.number
        jb      bad_record
        cmp     ecx, eax
        jae     bad_record
        ret

; $MFTMirr begins with a copy of record 0.
.damaged:
        pushf
        cmp     dword [number], 0
        jne     .give_up
        inc     byte [mirror_used]
        cmp     byte [mirror_used], 1
        jne     .give_up
        popf
        mov     si, text_mirror
        push    bx
        call    print_text
        pop     bx
        mov     si, start + bpb.mirror_lcn
        call    set_first_run
        xor     eax, eax
        xor     cx, cx
        jmp     load_record
.give_up:
        popf
        je      torn_record
        jmp     bad_record

; fixup: puts back the last words of a block's sectors
;   in:      ES:DI = block, ECX = its size, EAX = its magic number
;   out:     CF = 1, ZF = 1 where it was written in part; CF = 1, ZF = 0 where it is no such block
;   changes: EAX, BX, CX, EDX, SI
fixup:
        cmp     [es:di], eax
        jne     .bad
        shr     ecx, SECTOR_SHIFT
        movzx   eax, word [es:di + block.usa]
        movzx   edx, word [es:di + block.usa_count]
        dec     dx
        cmp     dx, cx
        jne     .bad
        test    al, 1
        jnz     .bad
        cmp     ax, indx.node + node_size
        jb      .bad
        lea     edx, [eax + edx * 2 + 2]
        cmp     edx, SECTOR - 2
        ja      .bad
        mov     si, di
        add     si, ax
        mov     ax, [es:si]
        mov     bx, di
        add     bx, SECTOR - 2
.sector:
        cmp     [es:bx], ax
        jne     .torn
        add     si, 2
        mov     dx, [es:si]
        mov     [es:bx], dx
        add     bx, SECTOR
        loop    .sector
        clc
        ret
.torn:
        xor     ax, ax                  ; ZF = 1
        stc
        ret
.bad:
        or      bp, bp                  ; ZF = 0
        stc
        ret

; find_attribute: .want_type, .want_named, .want_vcn in a loaded record
;   in:      BX = record
;   out:     CF = 1 where it has none; SI = attribute, its length checked
;   changes: EAX, ECX, EDX, EDI, SI
; The loop ends as SI grows to DI, the end of the bytes in use.
find_attribute:
        movzx   esi, bx
        mov     edi, [bx + record.used]
        add     edi, esi
        movzx   eax, word [bx + record.first]
        add     esi, eax
.next:
        mov     edx, edi
        sub     edx, esi
        cmp     edx, 4
        jb      bad_record
        cmp     dword [si + attr.type], ATTR_END
        je      .none
        cmp     edx, attr_min
        jb      bad_record
        mov     ecx, [si + attr.length]
        test    cl, 7
        jnz     bad_record
        cmp     ecx, attr_min
        jb      bad_record
        cmp     ecx, edx
        ja      bad_record
        cmp     byte [si + attr.nonresident], 0
        je      .resident
        cmp     ecx, attr_size
        jb      bad_record
.resident:
        mov     eax, [si + attr.type]
        cmp     eax, [want_type]
        jne     .skip
        movzx   eax, byte [si + attr.name_length]
        movzx   edx, word [si + attr.name]
        push    si
        add     si, dx
        lea     edx, [edx + eax * 2]
        cmp     edx, ecx
        ja      bad_record
        call    match_name
        pop     si
        jne     .skip
        xor     eax, eax
        cmp     byte [si + attr.nonresident], al
        je      .vcn
        cmp     [si + attr.lowest_vcn + 4], eax
        jne     .skip
        mov     eax, [si + attr.lowest_vcn]
.vcn:
        cmp     eax, [want_vcn]
        je      .found
.skip:
        add     esi, ecx
        jmp     .next
.none:
        stc
.found:
        ret                             ; CF is 0 after the equal comparison

; match_name: is this the name that is wanted?
;   in:      ES:SI = name, AL = its length     out: ZF = 1 if so
match_name:
        cmp     byte [want_named], 0
        jne     .index
        test    al, al
        ret
.index:
        cmp     al, 4
        jne     .end
        cmp     dword [es:si], '$' | 'I' << 16
        jne     .end
        cmp     dword [es:si + 4], '3' | '0' << 16
.end:
        ret

; resident_value: of a resident attribute
;   in:      SI = attribute     out: SI = value, ECX = its size     changes: EAX
resident_value:
        mov     ecx, [si + attr.length]
        movzx   eax, word [si + attr.value]
        sub     ecx, eax
        jb      bad_record
        cmp     [si + attr.value_size], ecx
        ja      bad_record
        mov     ecx, [si + attr.value_size]
        add     si, ax
        ret

; add_piece: an attribute, or the next piece of one, to [target]
;   in:      SI = attribute     changes: all but BP
add_piece:
        mov     di, [target]
        cmp     byte [di + stream.fresh], 0
        je      .further
        mov     byte [di + stream.fresh], 0
        mov     ax, [si + attr.flags]
        mov     [di + stream.flags], ax
        cmp     byte [si + attr.nonresident], 0
        je      .resident
        mov     byte [di + stream.resident], 0
        mov     word [di + stream.runs], 0
        mov     dword [di + stream.vcn], 0
        mov     eax, [si + attr.size]
        mov     [di + stream.size], eax
        mov     eax, [si + attr.size + 4]
        mov     [di + stream.size + 4], eax
        mov     eax, [si + attr.initialized]
        mov     [di + stream.initialized], eax
        mov     eax, [si + attr.initialized + 4]
        mov     [di + stream.initialized + 4], eax
        jmp     append_runs
.further:
        cmp     byte [di + stream.resident], 0
        jne     bad_list
        cmp     byte [si + attr.nonresident], 0
        je      bad_list
        jmp     append_runs
.resident:
        mov     byte [di + stream.resident], 1
        call    resident_value
        mov     [di + stream.value], si
        mov     [di + stream.size], ecx
        mov     dword [di + stream.size + 4], 0
        ret

; open_attribute: .want_type, .want_named of a file, wherever its pieces are
;   in:      EAX = MFT record, CX = its sequence number or 0, DI = stream
;   out:     CF = 1 where it has none     changes: all but BP
open_attribute:
        mov     [base_number], eax
        mov     [target], di
        mov     byte [di + stream.fresh], 1
        mov     dword [want_vcn], 0
        mov     bx, RECORD
        call    load_record
        cmp     dword [bx + record.base], 0
        jne     bad_record
        mov     ax, [bx + record.sequence]
        mov     [base_sequence], ax

        push    dword [want_type]
        push    word [want_named]
        mov     dword [want_type], ATTR_LIST
        mov     byte [want_named], 0
        call    find_attribute
        pop     ax
        mov     [want_named], al
        pop     dword [want_type]
        jnc     .list
        call    find_attribute
        jc      .end
        call    add_piece
        clc
.end:
        ret

.list:
        call    load_list
        xor     si, si
; The loop ends as SI grows to .list_end.
.entry:
        push    word LIST_ADDRESS >> 4
        pop     es
        mov     cx, [list_end]
        sub     cx, si
        je      .done
        cmp     cx, list_size
        jb      bad_list
        mov     dx, [es:si + list.length]
        test    dl, 7
        jnz     bad_list
        cmp     dx, list_size
        jb      bad_list
        cmp     dx, cx
        ja      bad_list
        movzx   eax, byte [es:si + list.name_length]
        movzx   ecx, byte [es:si + list.name]
        push    si
        add     si, cx
        lea     ecx, [ecx + eax * 2]
        cmp     cx, dx
        ja      bad_list
        call    match_name
        pop     si
        jne     .next
        mov     eax, [es:si + list.type]
        cmp     eax, [want_type]
        jne     .next

        pushad
        cmp     dword [es:si + list.lowest_vcn + 4], 0
        jne     bad_list
        mov     eax, [es:si + list.lowest_vcn]
        mov     [want_vcn], eax
        cmp     word [es:si + list.ref_high], 0
        jne     bad_list
        mov     eax, [es:si + list.ref]
        mov     cx, [es:si + list.ref_sequence]
        push    ds
        pop     es
        mov     bx, RECORD
        cmp     eax, [base_number]
        je      .loaded
        mov     bx, EXTENSION
        call    load_record
        mov     eax, [bx + record.base]
        cmp     eax, [base_number]
        jne     bad_list
        cmp     word [bx + record.base_high], 0
        jne     bad_list
        mov     ax, [bx + record.base_sequence]
        cmp     ax, [base_sequence]
        jne     bad_list
.loaded:
        call    find_attribute
        jc      bad_list
        call    add_piece
        popad
.next:
        add     si, dx
        jmp     .entry
.done:
        push    ds
        pop     es
        mov     di, [target]
        cmp     byte [di + stream.fresh], 1
        cmc                             ; fresh: CF = 1
        ret

; load_list: an attribute list to LIST_ADDRESS, its size to .list_end. A list with runs of its own is
; read through the file's table, which is not in use yet.
;   in:      SI = attribute     changes: all but BP
load_list:
        cmp     byte [si + attr.nonresident], 0
        jne     .runs
        call    resident_value
        push    word LIST_ADDRESS >> 4
        pop     es
        xor     di, di
        mov     [list_end], cx
        rep movsb
        push    ds
        pop     es
        ret
.runs:
        cmp     dword [si + attr.size + 4], 0
        jne     too_many_runs
        mov     eax, [si + attr.size]
        cmp     eax, VBR_LIST_MAX
        ja      too_many_runs
        cmp     dword [si + attr.initialized + 4], 0
        jne     bad_list
        cmp     [si + attr.initialized], eax
        jb      bad_list
        mov     [list_end], ax
        push    eax
        mov     di, file
        mov     word [di + stream.runs], 0
        mov     dword [di + stream.vcn], 0
        call    append_runs
        pop     ecx
        add     ecx, SECTOR - 1
        shr     ecx, SECTOR_SHIFT
        xor     eax, eax
        xor     edx, edx
        mov     si, file
        mov     edi, LIST_ADDRESS
        jmp     stream_read
