; SPDX-License-Identifier: GPL-2.0-or-later
;
; Runs: from mapping pairs to a table, and reading through the table.

; append_runs: an attribute piece's mapping pairs, behind what the stream's table holds
;   in:      SI = attribute, non-resident, its length checked; DI = stream
;   keeps:   DI, BP      changes: all else
; The loop ends as SI grows with each pair, up to the attribute's end.
append_runs:
        mov     eax, [si + attr.lowest_vcn]
        cmp     eax, [di + stream.vcn]
        jne     bad_runs
        cmp     dword [si + attr.lowest_vcn + 4], 0
        jne     bad_runs
        mov     eax, [si + attr.highest_vcn]
        mov     edx, [si + attr.highest_vcn + 4]
        add     eax, 1
        adc     edx, 0
        jnz     bad_runs
        push    eax                     ; how many clusters there must be in the end
        movzx   eax, word [si + attr.runs]
        mov     ecx, [si + attr.length]
        cmp     eax, attr_size
        jb      bad_runs
        cmp     eax, ecx
        jae     bad_runs
        movzx   esi, si
        lea     ebx, [esi + ecx]        ; BX = end
        add     si, ax
        xor     eax, eax
        push    eax                     ; the LCN, from which the next one counts, on the stack
        push    eax
.pair:
        cmp     si, bx
        jae     bad_runs
        lodsb
        test    al, al
        jz      .last
        movzx   ecx, al                 ; CL = size of the count, CH = of the LCN
        shl     cx, 4
        shr     cl, 4
        mov     al, cl
        add     al, ch
        mov     ah, 0
        add     ax, si
        cmp     ax, bx
        ja      bad_runs
        call    load_signed
        test    edx, edx
        jnz     bad_runs                ; negative or more than 2^32
        push    eax                     ; count
        mov     cl, ch
        test    cl, cl
        jz      .hole
        call    load_signed
        pop     ecx
        test    ecx, ecx
        jz      bad_runs
        push    bp
        mov     bp, sp
        add     eax, [bp + 2]
        adc     edx, [bp + 6]
        mov     [bp + 2], eax
        mov     [bp + 6], edx
        pop     bp
        push    ebx                     ; lcn + count <= clusters, by subtraction
        push    esi
        mov     ebx, [clusters]
        mov     esi, [clusters + 4]
        sub     ebx, eax
        sbb     esi, edx
        jb      bad_runs
        jnz     .inside
        cmp     ebx, ecx
        jb      bad_runs
.inside:
        pop     esi
        pop     ebx
        call    append_run
        jmp     .pair
.hole:
        pop     ecx
        test    ecx, ecx
        jz      .pair
        mov     edx, 0x80000000
        xor     eax, eax
        call    append_run
        jmp     .pair
.last:
        add     sp, 8
        pop     eax
        cmp     eax, [di + stream.vcn]
        jne     bad_runs
        ret

; append_run: joined with the last run where it goes on there
;   in:      EDX:EAX = LCN, ECX = count, DI = stream
;   changes: EAX, ECX, EDX
append_run:
        add     [di + stream.vcn], ecx
        jc      bad_runs
        push    ebx
        push    esi
        mov     es, [di + stream.segment]
        mov     bx, [di + stream.runs]
        imul    bx, bx, run_size
        test    bx, bx
        jz      .new
        mov     esi, [es:bx - run_size + run.count]
        add     esi, [es:bx - run_size + run.lcn]
        jc      .new                    ; across 2^32: stays two runs
        cmp     esi, eax
        jne     .new
        cmp     edx, [es:bx - run_size + run.lcn + 4]
        jne     .new
        add     [es:bx - run_size + run.count], ecx
        jmp     .end
.new:
        mov     si, [di + stream.runs]
        cmp     si, [di + stream.capacity]
        jae     too_many_runs
        inc     word [di + stream.runs]
        mov     [es:bx + run.count], ecx
        mov     [es:bx + run.lcn], eax
        mov     [es:bx + run.lcn + 4], edx
.end:
        push    ds
        pop     es
        pop     esi
        pop     ebx
        ret

; load_signed: a little-endian number of CL bytes
;   in:      SI = its first byte, CL = 1..8
;   out:     EDX:EAX, SI behind it       changes: CL
load_signed:
        test    cl, cl
        jz      bad_runs
        cmp     cl, 8
        ja      bad_runs
        push    bx
        movzx   bx, cl
        add     si, bx
        push    si
        dec     si
        movsx   eax, byte [si]
        cdq
.next:
        dec     cl
        jz      .end
        dec     si
        shld    edx, eax, 8
        shl     eax, 8
        mov     al, [si]
        jmp     .next
.end:
        pop     si
        pop     bx
        ret

; stream_read: sectors of a non-resident attribute
;   in:      SI = stream, EDX:EAX = sector in it, ECX = count, EDI = address, a multiple of 512
;   keeps:   all but ES = 0
; Each turn of the outer loop reads a sector at least.
stream_read:
        pushad
.more:
        test    ecx, ecx
        jz      .end
        push    ecx
        push    edx
        push    eax
        push    ecx                     ; EDX:EAX = VCN, EBX = sector in the cluster
        mov     cl, [cluster_shift]
        mov     ebx, 1
        shl     ebx, cl
        dec     ebx
        and     ebx, eax
        shrd    eax, edx, cl
        shr     edx, cl
        pop     ecx
        test    edx, edx
        jnz     beyond_file
        cmp     eax, [si + stream.vcn]
        jae     beyond_file

        push    bx                      ; the run with this VCN
        push    si
        mov     es, [si + stream.segment]
        mov     dx, [si + stream.runs]
        xor     si, si
.run:
        sub     dx, 1
        jb      beyond_file
        mov     ebx, [es:si + run.count]
        cmp     eax, ebx
        jb      .found
        sub     eax, ebx
        add     si, run_size
        jmp     .run
.found:
        sub     ebx, eax                ; clusters left in it
        xor     edx, edx
        add     eax, [es:si + run.lcn]
        adc     edx, [es:si + run.lcn + 4]
        js      hole
        pop     si
        push    ecx
        mov     cl, [cluster_shift]
        shld    edx, eax, cl            ; EDX:EAX = sector of the volume
        shl     eax, cl
        cmp     ebx, 0x10000            ; more than anybody asks for; so that it does not wrap
        jb      .few
        mov     ebx, 0x10000
.few:
        shl     ebx, cl                 ; sectors left in it
        pop     ecx
        push    ebp
        mov     bp, sp
        movzx   ebp, word [bp + 4]      ; the sector in the cluster
        add     eax, ebp
        adc     edx, 0
        sub     ebx, ebp
        pop     ebp
        add     sp, 2
        cmp     ebx, ecx
        jbe     .piece
        mov     ebx, ecx
.piece:
        xchg    ebx, ecx
        call    read_volume
        mov     ebx, ecx
        pop     eax
        pop     edx
        pop     ecx
        add     eax, ebx
        adc     edx, 0
        sub     ecx, ebx
        shl     ebx, SECTOR_SHIFT
        add     edi, ebx
        jmp     .more
.end:
        push    ds
        pop     es
        popad
        ret
