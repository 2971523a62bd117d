/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The partition table of an MBR: its four entries, and the chain of EBRs that an extended one leads
 * to. What is odd in it is a note; it never fails.
 */
#include "core/part/mbr.h"
#include <stdbool.h>
#include "core/base/blk.h"
#include "core/base/endian.h"
#include "core/base/errors.h"
#include "core/part/format.h"
#include "core/part/table.h"

/* As many logical partitions as fit in the table, and more than any tool makes. */
#define EBR_MAX 128

static bool is_extended(const struct mbr_entry *e)
{
    return e->type == 0x05 || e->type == 0x0f || e->type == 0x85;
}

/* Adds the partitions of one EBR and returns its entry that leads on, or NULL. Entries are counted
 * as Linux counts them, so that numbers agree. */
static const struct mbr_entry *ebr_entries(struct part_table *table, const struct blk *drive,
                                           const struct mbr *ebr, uint64_t lba, unsigned *number)
{
    const struct mbr_entry *next = NULL;
    for (unsigned i = 0; i < 4; i++) {
        const struct mbr_entry *e = &ebr->entry[i];
        if (!le32_get(e->sectors))
            continue;
        if (is_extended(e)) {
            next = next ? next : e;
            continue;
        }
        if (i >= 2) /* no tool fills these; what stands there is rubbish */
            continue;
        struct part part = {.number = (*number)++,
                            .type = e->type,
                            .active = e->active == MBR_ACTIVE,
                            .start_lba = lba + le32_get(e->start_lba),
                            .sectors = le32_get(e->sectors)};
        if (part.type)
            part_add(table, drive, &part);
    }
    return next;
}

/*
 * The logical partitions of one extended partition. EBRs are told by their distance from the first
 * one; a distance that was there before closes a loop and ends the walk. A damaged chain ends with
 * a note: what was found before it still counts.
 */
static void ebr_walk(struct part_table *table, struct blk *drive, uint32_t extended,
                     unsigned *number)
{
    uint32_t seen[EBR_MAX];
    uint32_t distance = 0;
    for (unsigned n = 0; n < EBR_MAX; n++) {
        uint64_t lba = (uint64_t)extended + distance;
        for (unsigned i = 0; i < n; i++) {
            if (seen[i] == distance) {
                notes_add(&table->notes, "the logical partitions' tables lead back to sector %u",
                          lba);
                return;
            }
        }
        seen[n] = distance;

        struct mbr ebr;
        struct fail ignored;
        if (blk_read(drive, lba, 1, &ebr, &ignored)) {
            notes_add(&table->notes, "a logical partition's table at sector %u cannot be read",
                      lba);
            return;
        }
        if (le16_get(ebr.signature) != MBR_BOOT_SIGNATURE) {
            notes_add(&table->notes,
                      "sector %u should hold a logical partition's table, "
                      "but does not",
                      lba);
            return;
        }
        const struct mbr_entry *next = ebr_entries(table, drive, &ebr, lba, number);
        if (!next)
            return;
        distance = le32_get(next->start_lba);
    }
    notes_add(&table->notes, "more than %u logical partitions", EBR_MAX);
}

void part_mbr_add(struct part_table *table, struct blk *drive, const struct mbr *mbr)
{
    table->scheme = PART_MBR;
    for (unsigned i = 0; i < 4; i++) {
        const struct mbr_entry *e = &mbr->entry[i];
        struct part part = {.number = i + 1,
                            .type = e->type,
                            .active = e->active == MBR_ACTIVE,
                            .start_lba = le32_get(e->start_lba),
                            .sectors = le32_get(e->sectors)};
        if (part.type && part.sectors && part.type != MBR_TYPE_GPT && !is_extended(e))
            part_add(table, drive, &part);
    }

    unsigned number = 5;
    for (unsigned i = 0; i < 4; i++) {
        const struct mbr_entry *e = &mbr->entry[i];
        if (is_extended(e) && le32_get(e->sectors))
            ebr_walk(table, drive, le32_get(e->start_lba), &number);
    }
}
