/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk without a partition table, or with one that cannot be read in full, may hold a file system
 * (LVM, swap) as long as itself, whatever kind it is: so there all that is stored counts. Only
 * reads.
 */
#include "serve/behind.h"
#include <inttypes.h>
#include <stdlib.h>
#include "cli/progress.h"
#include "core/base/bits.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/part/part.h"
#include "serve/content.h"

#define PIECE ((size_t)1 << 20)

/* Refuses where a partition ends behind the new end. */
static enum status partitions_judge(const struct part_table *table, const char *name,
                                    uint64_t sectors)
{
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < table->count; i++) {
        const struct part *part = &table->part[i];
        if (part->start_lba + part->sectors > sectors && table->scheme != PART_NONE)
            status = say_error("Make it smaller inside the disk first, or choose a larger size.",
                               "%s: partition %u ends at sector %" PRIu64
                               ", behind the new end of the disk",
                               name, part->number, part->start_lba + part->sectors);
        else if (part->start_lba + part->sectors > sectors)
            status = say_error("Make its file system smaller first.",
                               "%s: the file system on it goes beyond the new end", name);
    }
    return status;
}

/* Refuses where anything but zeros is stored from byte `at` on. */
static enum status zeros_judge(struct content *disk, const char *name, uint64_t at)
{
    uint8_t *piece = malloc(PIECE);
    enum status status = piece ? STATUS_OK : say_no_memory();
    progress_start("looking at what is cut off", disk->size - at);
    while (!status && at < disk->size) { /* ends: an extent has at least one byte */
        uint64_t len = 0;
        bool zero = true;
        status = content_extent(disk, at, &len, &zero);
        if (!status && !zero) {
            len = len < PIECE ? len : PIECE;
            status = content_read(disk, piece, (size_t)len, at);
        }
        if (!status && !zero && !bytes_are(piece, (size_t)len, 0))
            status = say_error("Make what is inside smaller first; --yes cuts it off.",
                               "%s: no partition tells what the data are behind the new end, at "
                               "sector %" PRIu64,
                               name, at >> SECTOR_SHIFT);
        (zero ? progress_skip : progress_add)(len);
        at += len;
    }
    progress_end();
    free(piece);
    return status;
}

enum status behind_judge(const char *name, uint64_t size, bool cut)
{
    struct content disk;
    enum status status = content_open(&disk, name, 0);
    if (status)
        return status;
    static struct part_table table;
    struct fail f;
    struct blk blk;
    content_blk(&disk, &blk);
    if (part_read(&table, &blk, &f))
        table = (struct part_table){0};
    bool known = table.count && !table.notes.count;
    status = partitions_judge(&table, name, size >> SECTOR_SHIFT);
    if (!status && !known && !cut && size < disk.size)
        status = zeros_judge(&disk, name, size);
    if (!status && table.scheme == PART_GPT)
        say_warning(
            "%s: the backup of its GPT belongs at the disk's end, where it is not any more: "
            "sgdisk -e puts it there",
            name);
    content_close(&disk);
    return status;
}
