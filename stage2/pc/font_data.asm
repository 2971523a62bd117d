; SPDX-License-Identifier: GPL-2.0-or-later
; What make_font has made (font_format.h).

        global  font_data

        section .rodata
font_data:
        incbin  "font.bin"
