; SPDX-License-Identifier: GPL-2.0-or-later
;
; The flow: volume, $MFT, root directory, file, jump. From here on DS = SS = 0 and BP = VBR_WORK
; everywhere, and ES = 0 where a routine does not say otherwise. Routines that meet something wrong
; do not return: they go to a sentence in vbr_text.asm.

%include "bda.inc"

SECTORS_MAX     equ     127             ; what every BIOS reads in one call
CLUSTER_SHIFT_MAX equ   21 - SECTOR_SHIFT
RECORD_SHIFT_MIN equ    9
RECORD_SHIFT_MAX equ    12

RECORD          equ     VBR_WORK + 0x400        ; the file's base record
EXTENSION       equ     RECORD + (1 << RECORD_SHIFT_MAX)
MFT_RUNS        equ     0x30000
LIST_ADDRESS    equ     STAGE2_ADDRESS
INDEX_ADDRESS   equ     0x20000
INDEX_MAX       equ     0x10000
FILE_RUNS       equ     DISK_BUFFER

; Where an attribute's value is: a table of runs, or an address.
struc stream
.segment        resw    1               ; of the table, which starts at its offset 0
.capacity       resw    1               ; in runs
.runs           resw    1
.fresh          resb    1               ; nothing was put in yet
.resident       resb    1
.vcn            resd    1               ; clusters in the table
.size           resq    1
.initialized    resq    1
.flags          resw    1
.value          resw    1               ; resident: address in segment 0
endstruc

struc run
.count          resd    1               ; clusters
.lcn            resq    1               ; bit 63: a hole
endstruc

absolute VBR_WORK + work_size
volume_lba      resq    1
volume_sectors  resq    1               ; of 512 bytes, as all sectors here
clusters        resq    1
cluster_shift   resb    1               ; log2 of sectors
record_shift    resb    1               ; log2 of bytes
sectors_max     resw    1               ; a read; shrinks where the BIOS fails
mirror_used     resb    1
want_named      resb    1               ; $I30, or no name
want_type       resd    1
want_vcn        resd    1
number          resq    1               ; for the sentence
base_number     resd    1
base_sequence   resw    1
target          resw    1               ; the stream being opened
list_end        resw    1
depth           resb    1
index_block     resd    1               ; bytes
alike           resb    1               ; names that differ from the wanted one in case: 0, 1, or more
capitals        resb    1               ; the name that was compared has some
alike_number    resd    1               ; where the last of them leads
alike_sequence  resw    1
mft             resb    stream_size
file            resb    stream_size
work_end:
section .text

%if work_end > RECORD
  %error the variables reach into the record
%endif
%if EXTENSION + (1 << RECORD_SHIFT_MAX) > STAGE2_ADDRESS
  %error the records reach into the attribute list
%endif
%if INDEX_ADDRESS + INDEX_MAX > MFT_RUNS || MFT_RUNS + 0x10000 > DISK_BUFFER || \
    VBR_RUNS_MAX * run_size > 0x10000 || VBR_RUNS_MAX * run_size > DISK_BUFFER_SIZE
  %error no room for the run tables
%endif

body:
        cmp     word [BDA_LOW_KIB], LOW_MEMORY_NEEDED >> 10
        jb      too_little_memory
        mov     si, [bp + work.found]
        lea     di, [si - 4]            ; the LBA that was right
        mov     eax, [di]
        mov     [volume_lba], eax
        xor     eax, eax
        mov     [volume_lba + 4], eax
        mov     [mirror_used], al
        mov     word [sectors_max], SECTORS_MAX
        call    open_volume
        call    open_mft
        call    find_file
        call    load_file
        mov     dl, [bp + work.drive]
        mov     ebx, [volume_lba]
        mov     ecx, [volume_lba + 4]
        jmp     STAGE2_SEGMENT:0

; open_volume: the BPB's sizes
;   changes: EAX, ECX, EDX, ESI
open_volume:
        cmp     dword [start + bpb.name], 'NTFS'
        jne     not_ntfs
        cmp     dword [start + bpb.name + 4], '    '
        jne     not_ntfs
        movzx   eax, word [start + bpb.bytes_sector]
        call    log2
        sub     cl, SECTOR_SHIFT
        jb      bad_sizes
        cmp     cl, 12 - SECTOR_SHIFT
        ja      bad_sizes
        mov     ch, cl                  ; log2 of 512-byte sectors an NTFS sector

        mov     al, [start + bpb.sectors_cluster]
        neg     al                      ; 100h - n
        jz      bad_sizes
        cmp     al, 16
        jbe     .shift
        neg     al
        movzx   eax, al
        push    cx
        call    log2
        mov     al, cl
        pop     cx
.shift:
        add     al, ch
        cmp     al, CLUSTER_SHIFT_MAX
        ja      bad_sizes
        mov     [cluster_shift], al

        mov     cl, ch
        mov     eax, [start + bpb.sectors]
        mov     edx, [start + bpb.sectors + 4]
        cmp     edx, 1 << 24            ; so that no sum below wraps
        jae     bad_sizes
        shld    edx, eax, cl
        shl     eax, cl
        mov     [volume_sectors], eax
        mov     [volume_sectors + 4], edx
        mov     cl, [cluster_shift]
        shrd    eax, edx, cl
        shr     edx, cl
        mov     [clusters], eax
        mov     [clusters + 4], edx

        movsx   eax, byte [start + bpb.record_size]
        mov     ecx, eax
        neg     cl
        test    eax, eax
        js      .record_shift
        mov     cl, [cluster_shift]
        add     cl, SECTOR_SHIFT
        shl     eax, cl
        call    log2
.record_shift:
        cmp     cl, RECORD_SHIFT_MIN
        jb      bad_sizes
        cmp     cl, RECORD_SHIFT_MAX
        ja      bad_sizes
        mov     [record_shift], cl
        ret

; log2: of a power of two; anything else is no size NTFS has
;   in:      EAX        out: CL     changes: EDX, CH
log2:
        bsf     ecx, eax
        jz      bad_sizes
        mov     edx, 1
        shl     edx, cl
        cmp     edx, eax
        jne     bad_sizes
        ret

; load_file: the unnamed $DATA to STAGE2_ADDRESS, checked
;   in:      EAX = MFT record, CX = its sequence number
;   changes: all but BP
load_file:
        mov     dword [want_type], ATTR_DATA
        mov     byte [want_named], 0
        mov     di, file
        call    open_attribute
        jc      no_data
        test    word [file + stream.flags], ATTR_COMPRESSED
        jnz     compressed
        test    word [file + stream.flags], ATTR_ENCRYPTED
        jnz     encrypted
        mov     ecx, [file + stream.size]
        cmp     dword [file + stream.size + 4], 0
        jne     too_large
        cmp     ecx, STAGE2_FILE_MAX
        ja      too_large
        cmp     ecx, stage2_size
        jb      not_loader
        push    ecx
        cmp     byte [file + stream.resident], 0
        je      .runs
        mov     si, [file + stream.value]
        push    word STAGE2_SEGMENT
        pop     es
        xor     di, di
        rep movsb
        jmp     .check
.runs:
        cmp     dword [file + stream.initialized + 4], 0
        jne     .initialized
        cmp     [file + stream.initialized], ecx
        jb      not_written
.initialized:
        xor     eax, eax
        xor     edx, edx
        add     ecx, SECTOR - 1
        shr     ecx, SECTOR_SHIFT
        mov     edi, STAGE2_ADDRESS
        mov     si, file
        call    stream_read
.check:
        pop     ecx
        push    word STAGE2_SEGMENT
        pop     es
        cmp     dword [es:stage2.magic], STAGE2_MAGIC
        jne     not_loader
        cmp     [es:stage2.size], ecx
        ja      cut_short
        push    ds
        pop     es
        ret
