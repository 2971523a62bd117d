/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of a drive's partitions, whatever kind of table they come from. */
#include "core/part/table.h"
#include "core/base/blk.h"

void part_add(struct part_table *table, const struct blk *drive, const struct part *part)
{
    if (part->start_lba >= drive->sectors) {
        notes_add(&table->notes, "partition %u starts beyond the end of the drive", part->number);
        return;
    }
    if (table->count == PART_MAX) {
        notes_add(&table->notes, "partition %u and later ones do not fit in the list",
                  part->number);
        return;
    }
    struct part *to = &table->part[table->count++];
    *to = *part;
    if (to->sectors > drive->sectors - to->start_lba) {
        notes_add(&table->notes, "partition %u reaches beyond the end of the drive", part->number);
        to->sectors = drive->sectors - to->start_lba;
    }
}

const struct part *part_at(const struct part_table *table, uint64_t start_lba)
{
    for (unsigned i = 0; i < table->count; i++) {
        if (table->part[i].start_lba == start_lba)
            return &table->part[i];
    }
    return NULL;
}

const struct part *part_numbered(const struct part_table *table, unsigned number)
{
    for (unsigned i = 0; i < table->count; i++) {
        if (table->part[i].number == number)
            return &table->part[i];
    }
    return NULL;
}
