; SPDX-License-Identifier: GPL-2.0-or-later
; Says that it runs, and stops before it reads anything: so that what was read until then can be counted.
%define FIRST_ONLY
        %include "guest.inc"
        times 16 * 512 - ($ - $$) db 0
