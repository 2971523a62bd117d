/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hive that a log is replayed into: its size and its header. */
#include <stdlib.h>
#include <string.h>
#include "core/base/endian.h"
#include "core/hive/format.h"
#include "windows/hivelog.h"
#include "windows/hivelog_forms.h"

bool hivelog_stretch(struct hivelog_hive *hive, uint32_t length)
{
    size_t wanted = HIVE_HEADER_SIZE + (size_t)length;
    if (!length || length % HIVE_BIN_ALIGN || wanted > HIVELOG_HIVE_MAX)
        return false;
    uint8_t *bytes = wanted > hive->size ? realloc(hive->bytes, wanted) : hive->bytes;
    if (!bytes)
        return false;
    if (wanted > hive->size) {
        memset(bytes + hive->size, 0, wanted - hive->size);
        hive->size = wanted;
    }
    hive->bytes = bytes;
    return true;
}

void hivelog_take_header(struct hivelog_hive *hive, struct view log)
{
    const struct hive_header *from = view_at(log, 0, sizeof *from);
    struct hive_header *header = (struct hive_header *)hive->bytes;
    if (!from)
        return;
    *header = *from;
    header->type = le32_make(0);
}
