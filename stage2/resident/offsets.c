/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compiled to assembly only: its lines `#name value` become build/resident/offsets.inc for NASM. */
#include "resident/frame.h"
#include "resident/resident_abi.h"

#define SHARE(name, value) __asm__ volatile("#" name " %c0" : : "i"(value))
#define HEADER(field)      SHARE("HEADER_" #field, offsetof(struct resident_header, field))
#define FRAME(field)       SHARE("FRAME_" #field, offsetof(struct frame, field))

void offsets(void)
{
    HEADER(old_int13);
    HEADER(old_int15);
    HEADER(map_address);
    HEADER(page_count);
    HEADER(sectors);
    HEADER(cylinders);
    HEADER(page_shift);
    HEADER(bios_sectors_max);
    HEADER(drive_count);
    HEADER(drive_edd);
    HEADER(drive_heads);
    HEADER(drive_spt);
    HEADER(edd);
    HEADER(hidden);
    HEADER(drive);
    HEADER(fdpt);
    HEADER(int15_entry);
    HEADER(resident_size);
    HEADER(drive_shift);
    HEADER(hidden_drives);
    HEADER(bios_hd_count);
    HEADER(old_int18);
    HEADER(old_int19);
    HEADER(old_int41);
    HEADER(old_int46);
    HEADER(old_low_kib);
    HEADER(int18_entry);
    HEADER(int19_entry);
    SHARE("HEADER_size", sizeof(struct resident_header));
    FRAME(a);
    FRAME(b);
    FRAME(c);
    FRAME(d);
    FRAME(si);
    FRAME(di);
    FRAME(ds);
    FRAME(es);
    SHARE("FRAME_size", sizeof(struct frame));
}
