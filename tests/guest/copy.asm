; SPDX-License-Identifier: GPL-2.0-or-later
; Copies as DOS' COPY does, in pieces of 63.5 KiB through INT 13h; else as wbench.asm.
%define COPY
%include "wbench.asm"
