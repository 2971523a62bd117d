/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One mapping of the host's memory, so that no page costs anything before it is used. */
#include "serve/table.h"
#include <stddef.h>
#include <sys/mman.h>

bool table_open(struct table *t, uint64_t size)
{
    *t = (struct table){.size = size ? size : 1};
    if (t->size != (size_t)t->size)
        return false;
    void *base = mmap(NULL, (size_t)t->size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return false;
    t->base = base;
    return true;
}

void table_close(struct table *t)
{
    if (t->base)
        munmap(t->base, (size_t)t->size);
    t->base = NULL;
}
