/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What mkimage installs, boot code and vhdboot-attach, inside mkimage itself: one file is the whole
 * tool. */
        .section .rodata
        .macro  blob name, file
        .balign 16
        .global blob_\name
        .global blob_\name\()_end
blob_\name:
        .incbin "\file"
blob_\name\()_end:
        .byte   0
        .endm

        blob    mbr, "mbr.bin"
        blob    gap, "gap.bin"
        blob    gap_loader, "gap_loader.bin"
        blob    vbr, "vbr.bin"
        blob    stage2, "vhdboot.bin"
        blob    wim, "wim.so"
        blob    attach, "vhdboot-attach"
        blob    attach_grow, "vhdboot-grow"

        .section .note.GNU-stack, "", %progbits
