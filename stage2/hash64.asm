; SPDX-License-Identifier: GPL-2.0-or-later
; pbkdf2_go() as 64-bit code, for long_mode_call().

        global  hash64

        section .rodata align=32
hash64: incbin  "hash64.bin"
