; SPDX-License-Identifier: GPL-2.0-or-later
; resident.bin inside stage2.
        global  resident_image, resident_image_end
        section .rodata align=4
resident_image:
        incbin  "resident.bin"
resident_image_end:
