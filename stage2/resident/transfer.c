/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hands a piece to the BIOS below, or to memory. Promises: reads and writes touch only sectors that
 * the map names, and a count is never more than what was transferred.
 */
#include "resident/transfer.h"
#include "core/map/format.h"
#include "resident/cells.h"
#include "resident/face.h"
#include "resident/request.h"
#include "resident/resident.h"
#include <machine/machine.h>

/* The BIOS wants buffers that do not cross 64 KiB: it said so once. */
static bool split_64k;

/* Sectors of 512 bytes from the piece's buffer to the next 64 KiB border. */
__attribute__((noinline)) static uint32_t border_sectors(void)
{
    return (0x10000 - (piece.buffer & 0xffff)) >> 9;
}

/* Transfers the piece, or less of it, by one call of the BIOS; none of it where the BIOS turns out
 * to want smaller ones, or fails with more than a sector of the handler's own: from then on it gets
 * those one by one. */
static void drive_transfer(void)
{
    unsigned d = map_cell_drive(run.cell);

    if (d >= header.drive_count)
        map_broken();
    if (!header.drive_edd[d]) {
        if (piece.packet.lba >> 32)
            machine_throw(STATUS_PARAMETER);
        piece_limit(header.drive_spt[d] - (uint32_t)piece.packet.lba % header.drive_spt[d]);
    }
    if (split_64k)
        piece_limit(border_sectors());
    uint8_t status = machine_drive(d);
    if (!status)
        return;
    if (status == STATUS_BOUNDARY && !split_64k && piece.packet.count > border_sectors())
        split_64k = true;
    else if (header.bounce_sectors > 1 && piece.packet.count > 1 && piece.buffer == bounce_linear())
        header.bounce_sectors = 1;
    else
        machine_throw(status);
    piece.packet.count = 0; /* and the loop comes again */
}

static void memory_transfer(void)
{
    uint32_t memory = (uint32_t)piece.packet.lba << 9;
    uint32_t dwords = piece.packet.count * 128u;

    if (memory < header.hidden[HIDDEN_MAP].start ||
        memory + dwords * 4 > header.hidden[HIDDEN_MAP].end)
        map_broken();

    if (piece.write)
        machine_copy_high(memory, piece.buffer, dwords);
    else
        machine_copy_high(piece.buffer, memory, dwords);
}

/*
 * In virtual-8086 mode the caller's buffer may lie elsewhere
 * than its address says, and a BIOS that uses DMA would write to the wrong memory and report
 * success: there, unless a memory manager knows better, everything goes through the bounce buffer,
 * in conventional memory that no memory manager remaps.
 */
void piece_transfer(void)
{
    uint32_t buffer = piece.buffer;
    uint32_t kind = run.cell & MAP_KIND_MASK;

    if (kind == MAP_ZERO && !piece.write) {
        machine_zero(buffer, piece.packet.count << 9);
        return;
    }
    if ((split_64k && !border_sectors()) ||
        (machine_protected() && (kind != MAP_DIRECT || !machine_lock()))) {
        piece_limit(header.bounce_sectors);
        piece.buffer = bounce_linear();
        if (piece.write)
            machine_copy(piece.buffer, buffer, piece.packet.count << 9);
    }
    if (kind == MAP_DIRECT)
        drive_transfer();
    else if (FACE_MEMORY && kind == MAP_RAM)
        memory_transfer();
    else
        map_broken();
    if (machine_protected())
        machine_unlock();
    if (piece.buffer != buffer && !piece.write)
        machine_copy(buffer, piece.buffer, piece.packet.count << 9);
}

void file_piece(uint32_t sector, bool write)
{
    piece.buffer = bounce_linear();
    piece.write = write;
    file_find(sector);
    piece_transfer();
}

__attribute__((noinline)) void file_transfer(uint32_t sector, bool write)
{
    piece.packet.count = 1;
    file_piece(sector, write);
}
