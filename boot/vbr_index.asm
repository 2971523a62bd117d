; SPDX-License-Identifier: GPL-2.0-or-later
;
; \vhdboot.bin in the root directory's index: down the tree, one block a level. Of all names only
; ASCII letters fold to ASCII letters, so the order around this name needs no $UpCase table. Names that
; differ only in case are taken as stage2 and mkimage do (core/ntfs/lookup.c): the exact one, else the only
; one.

DEPTH_MAX       equ     16

; find_file: where the root directory says that \vhdboot.bin is
;   out:     EAX = MFT record, CX = its sequence number     changes: all but BP
; The loop ends after DEPTH_MAX blocks.
find_file:
        mov     byte [alike], 0
        mov     dword [want_type], ATTR_INDEX_ROOT
        mov     byte [want_named], 1
        mov     eax, ROOT_DIRECTORY
        xor     cx, cx
        mov     di, file
        call    open_attribute
        jc      bad_index
        cmp     byte [file + stream.resident], 0
        je      bad_index
        mov     bx, [file + stream.value]
        mov     ecx, [file + stream.size]
        sub     ecx, root.node
        jb      bad_index
        cmp     dword [bx + root.type], ATTR_FILE_NAME
        jne     bad_index
        cmp     dword [bx + root.collation], COLLATE_NAMES
        jne     bad_index
        mov     eax, [bx + root.block_size]
        mov     [index_block], eax
        add     bx, root.node
        call    search_node
        jnc     .end

        push    eax
        mov     eax, [index_block]
        bsf     ecx, eax
        jz      bad_index
        btr     eax, ecx
        test    eax, eax                ; a power of two, 512 bytes to 64 KiB
        jnz     bad_index
        cmp     cl, SECTOR_SHIFT
        jb      bad_index
        cmp     dword [index_block], INDEX_MAX
        ja      bad_index
        mov     dword [want_type], ATTR_INDEX
        mov     eax, ROOT_DIRECTORY
        xor     cx, cx
        mov     di, file
        call    open_attribute
        jc      bad_index
        cmp     byte [file + stream.resident], 0
        jne     bad_index
        pop     eax
        mov     byte [depth], DEPTH_MAX
.down:
        call    load_block
        push    word INDEX_ADDRESS >> 4
        pop     es
        mov     bx, indx.node
        mov     ecx, [index_block]
        sub     ecx, indx.node
        cmp     [es:bx + node.allocated], ecx
        ja      bad_index
        call    search_node
        push    ds
        pop     es
        jnc     .end
        dec     byte [depth]
        jnz     .down
        jmp     deep_index
.end:
        ret

; load_block: an index block to INDEX_ADDRESS
;   in:      EAX = its VCN, counted in clusters, or in sectors where a cluster is larger than a block
;   changes: all but BP
load_block:
        push    eax
        xor     edx, edx
        mov     ebx, [index_block]
        shr     ebx, SECTOR_SHIFT
        mov     cl, [cluster_shift]
        mov     esi, 1
        shl     esi, cl
        cmp     esi, ebx
        ja      .sectors
        shld    edx, eax, cl
        shl     eax, cl
.sectors:
        mov     ecx, ebx
        mov     edi, INDEX_ADDRESS
        mov     si, file
        call    stream_read
        pop     dword [number]
        mov     dword [number + 4], 0
        push    word INDEX_ADDRESS >> 4
        pop     es
        xor     di, di
        mov     ecx, [index_block]
        mov     eax, 'INDX'
        call    fixup
        jnc     .whole
        je      torn_index
        jmp     bad_index
.whole:
        mov     eax, [number]
        cmp     [es:indx.vcn], eax
        jne     bad_index
        cmp     dword [es:indx.vcn + 4], 0
        jne     bad_index
        push    ds
        pop     es
        ret

; search_node: the name in one node of the tree
;   in:      ES:BX = node, ECX = bytes there are
;   out:     CF = 0: found, EAX = MFT record, CX = its sequence number;
;            CF = 1: it may be below, EAX = VCN of the block. Goes to not_found where it cannot be.
;   changes: all but BP, ES
; The loop ends as SI grows to DI, the end of the entries.
search_node:
        mov     eax, [es:bx + node.used]
        cmp     eax, ecx
        ja      bad_index
        mov     edx, [es:bx + node.first]
        cmp     edx, node_size
        jb      bad_index
        cmp     edx, eax
        ja      bad_index
        movzx   esi, bx
        lea     edi, [esi + eax]
        add     esi, edx
.key:
        mov     eax, edi
        sub     eax, esi
        cmp     eax, key_min
        jb      bad_index
        movzx   ecx, word [es:si + key.length]
        test    cl, 7
        jnz     bad_index
        cmp     ecx, key_min
        jb      bad_index
        cmp     ecx, eax
        ja      bad_index
        mov     eax, ecx                ; what the key may take of it
        test    byte [es:si + key.flags], KEY_CHILD
        jz      .no_child
        sub     eax, 8
        cmp     eax, key_min
        jb      bad_index
.no_child:
        test    byte [es:si + key.flags], KEY_LAST
        jnz     .below
        sub     eax, key_min
        movzx   edx, word [es:si + key.key_length]
        cmp     edx, eax
        ja      bad_index
        sub     edx, key.name - key.file_name
        jb      bad_index
        movzx   eax, byte [es:si + key.name_length]
        shl     eax, 1
        cmp     eax, edx
        ja      bad_index
        call    compare_name
        jb      .below
        jne     .on
        cmp     word [es:si + key.ref_high], 0
        jne     bad_index
        mov     eax, [es:si + key.ref]
        mov     dx, [es:si + key.ref_sequence]
        cmp     byte [capitals], 0
        je      .found
; The exact name, if there is one, comes behind all those with capitals.
        cmp     byte [alike], 0
        je      .another
        cmp     eax, [alike_number]
        jne     .another
        cmp     dx, [alike_sequence]
        je      .on
.another:
        shl     byte [alike], 1         ; 0: none, 1: one, more: several
        or      byte [alike], 1
        mov     [alike_number], eax
        mov     [alike_sequence], dx
.on:
        add     esi, ecx
        jmp     .key
.below:
        test    byte [es:si + key.flags], KEY_CHILD
        jz      .nothing
        add     si, cx
        cmp     dword [es:si - 4], 0
        jne     bad_index
        mov     eax, [es:si - 8]
        stc
        ret
.nothing:
        cmp     byte [alike], 1
        jb      not_found
        ja      several_names
        mov     eax, [alike_number]
        mov     dx, [alike_sequence]
.found:
        mov     cx, dx
        clc
        ret

; compare_name: the name that is wanted against a key's, as the index orders them
;   in:      ES:SI = key
;   out:     ZF = 1: equal, .capitals = 0 where it is the very same; CF = 1: the wanted name comes first
;   changes: EAX, EDX
compare_name:
        push    bx
        push    cx
        push    si
        movzx   cx, byte [es:si + key.name_length]
        add     si, key.name
        mov     bx, file_name
        mov     byte [capitals], 0
.unit:
        cmp     bx, file_name_end
        je      .wanted_ends
        sub     cx, 1
        jb      .key_ends
        mov     ax, [es:si]
        add     si, 2
        cmp     ax, 'A'
        jb      .folded
        cmp     ax, 'Z'
        ja      .small
        mov     byte [capitals], 1
.small:
        cmp     ax, 'a'
        jb      .folded
        cmp     ax, 'z'
        ja      .folded
        sub     al, 'a' - 'A'
.folded:
        movzx   dx, byte [bx]
        inc     bx
        cmp     dx, ax
        je      .unit
        jmp     .end
.key_ends:
        or      bp, bp                  ; ZF = 0, CF = 0
        jmp     .end
.wanted_ends:
        test    cx, cx
        jz      .end
        stc
.end:
        pop     si
        pop     cx
        pop     bx
        ret
