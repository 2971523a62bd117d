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

bool marks_open(struct marks *m, uint32_t count)
{
    *m = (struct marks){.count = count};
    return table_open(&m->bits, (uint64_t)count / 8 + 1);
}

void marks_close(struct marks *m)
{
    table_close(&m->bits);
}

uint32_t marks_next(const struct marks *m, uint32_t i)
{
    while (i < m->count && !(m->any && table_bit(&m->bits, i)))
        i = m->any ? i + 1 : m->count;
    return i;
}

/* Only where a bit is set: the rest takes no memory. */
void marks_clear(struct marks *m)
{
    for (uint32_t i = marks_next(m, 0); i < m->count; i = marks_next(m, i + 1))
        table_bit_clear(&m->bits, i);
    m->any = false;
}
