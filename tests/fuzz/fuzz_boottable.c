/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The boot table: any bytes, with a right sum put in for half of them, are refused with a sentence,
 * or all that comes out can be used, and written again says the same. */
#include <stdlib.h>
#include <string.h>
#include "core/base/crc32.h"
#include "core/entry/boottable.h"
#include "core/entry/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct boottable *t)
{
    static struct boottable again;
    struct fail f = {0};
    uint32_t bytes = boottable_bytes(t);
    if (!bytes) /* strings may lie over each other */
        return;
    uint8_t *to = malloc(bytes);
    boottable_write(t, to);
    if (boottable_parse(&again, (struct view){to, bytes}, &f) ||
        again.file_count != t->file_count || strcmp(again.entry, t->entry) ||
        again.map.cells != t->map.cells || again.write != t->write)
        abort();
    for (unsigned i = 0; i < t->file_count; i++) {
        if (strcmp(again.file[i].path, t->file[i].path) ||
            again.file[i].volume.serial != t->file[i].volume.serial)
            abort();
    }
    free(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct boottable t;
    struct fail f = {0};
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, data, size);
    if (size >= sizeof(struct boottable_head) && size & 1) {
        uint32_t total = (uint32_t)size;
        memcpy(copy + offsetof(struct boottable_head, bytes), &total, 4);
        memset(copy + offsetof(struct boottable_head, sum), 0, 4);
        uint32_t sum = crc32_ieee(0, copy, size);
        memcpy(copy + offsetof(struct boottable_head, sum), &sum, 4);
    }
    if (!boottable_parse(&t, (struct view){copy, size}, &f))
        check_again(&t);
    else if (!f.sentence)
        abort();
    free(copy);
    return 0;
}
