; SPDX-License-Identifier: GPL-2.0-or-later
; resident.bin and resident_vhdx.bin inside stage2.
        global  resident_image, resident_image_end, resident_vhdx, resident_vhdx_end
        section .rodata align=4
resident_image:
        incbin  "resident.bin"
resident_image_end:
        align   4
resident_vhdx:
        incbin  "resident_vhdx.bin"
resident_vhdx_end:
