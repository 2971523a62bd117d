/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one door to a hive's cells: everything behind its header is found through it. */
#include "core/hive/cell.h"
#include "core/base/endian.h"
#include "core/hive/format.h"
#include "core/hive/hive.h"

enum err hive_cell(struct hive *h, uint32_t cell, uint32_t least, struct view *contents,
                   struct fail *f)
{
    *contents = (struct view){0};
    if (!h->steps_left)
        return fail(f, ERR_LIMIT, "the hive is damaged: its keys lead round and round", 0);
    h->steps_left--;

    const le32 *head = view_at(h->cells, cell, sizeof *head);
    if (!head || cell % HIVE_CELL_ALIGN)
        return fail(f, ERR_HIVE, "the hive names a cell that it does not have, %u", cell);
    uint32_t size = 0 - le32_get(*head);
    if (size > INT32_MAX || size % HIVE_CELL_ALIGN || !size)
        return fail(f, ERR_HIVE, "the hive names a free or damaged cell, %u", cell);
    const uint8_t *data = view_at(h->cells, cell, size);
    if (!data || size - HIVE_CELL_HEADER < least)
        return fail(f, ERR_HIVE, "the hive's cell %u is too short, or ends beyond the hive", cell);
    *contents = (struct view){data + HIVE_CELL_HEADER, size - HIVE_CELL_HEADER};
    return ERR_OK;
}
