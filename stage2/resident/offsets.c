/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compiled to assembly only: its lines `#name value` become build/resident/offsets.inc for NASM. */
#include <stddef.h>
#include "core/map/format.h"
#include "resident/request.h"
#include "resident/resident.h"
#include "resident/resident_abi.h"

#define SHARE(name, value) __asm__ volatile("#" name " %c0" : : "i"(value))
#define HEADER(field)      SHARE("HEADER_" #field, offsetof(struct resident_header, field))
#define PIECE(field)       SHARE("PIECE_" #field, offsetof(struct piece, field))

void offsets(void)
{
    HEADER(old_int13);
    HEADER(old_int15);
    HEADER(map_address);
    HEADER(page_count);
    HEADER(cell_count);
    HEADER(sectors);
    HEADER(file_page);
    HEADER(cylinders);
    HEADER(page_shift);
    HEADER(page_last);
    HEADER(bounce_sectors);
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
    HEADER(overlaid);
    HEADER(overlaid_entry);
    SHARE("HEADER_hidden_map", offsetof(struct resident_header, hidden[HIDDEN_MAP]));
    SHARE("HIDDEN_END", offsetof(struct resident_range, end));
    SHARE("HIDDEN_SIZE", sizeof(struct resident_range));
    SHARE("MAP_SEAL", MAP_SEAL);
    SHARE("STATUS_PARAMETER", STATUS_PARAMETER);
    SHARE("STATUS_WRITE_PROTECTED", STATUS_WRITE_PROTECTED);
    SHARE("STATUS_BOUNDARY", STATUS_BOUNDARY);
    SHARE("STATUS_CONTROLLER", STATUS_CONTROLLER);
    SHARE("STATUS_UNDEFINED", STATUS_UNDEFINED);
    SHARE("STATUS_NOT_READY", STATUS_NOT_READY);
    SHARE("HEADER_size", sizeof(struct resident_header));
    SHARE("PIECE_count", offsetof(struct piece, packet.count));
    SHARE("PIECE_offset", offsetof(struct piece, packet.offset));
    SHARE("PIECE_segment", offsetof(struct piece, packet.segment));
    SHARE("PIECE_lba", offsetof(struct piece, packet.lba));
    PIECE(buffer);
    PIECE(write);
}
