/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cuts the request into pieces that lie in one run and that the BIOS takes, and has each of them
 * done. Promises: the request's count is never less than what was not transferred.
 */
#include "resident/disk.h"
#include "core/map/format.h"
#include "resident/cells.h"
#include "resident/grow.h"
#include "resident/request.h"
#include "resident/resident.h"
#include "resident/transfer.h"

void disk_transfer(void)
{
    /* Ends: a piece is at least one sector, but for one refusal per boot (split_64k), and pages
     * that grow, which they do once. */
    while (request.packet.count) {
        piece.buffer = request.buffer;
        piece.packet.count = request.packet.count;
        piece.write = request.write;
        if (piece.packet.count > header.bios_sectors_max)
            piece.packet.count = header.bios_sectors_max;
        run_find();
        if (piece.write && !(run.cell & MAP_WRITABLE)) {
            page_grow(request_page());
            continue;
        }
        piece_transfer();
        uint32_t count = piece.packet.count;
        if (run.record)
            bits_set(run.record, request_within(), count);
        request.packet.lba += count;
        request.buffer += count << 9;
        request.packet.count -= count;
    }
}
