/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hash table with chains; a unit to give up is found by going round, past those used lately. */
#include "serve/meta.h"
#include <errno.h>
#include <stdlib.h>

bool meta_open(struct meta *m, struct store *store, unsigned unit_shift, uint32_t count)
{
    *m = (struct meta){.store = store, .unit_shift = unit_shift, .count = count};
    m->unit = calloc(count, sizeof *m->unit);
    m->hash = malloc(count * sizeof *m->hash);
    m->data = malloc((size_t)count << unit_shift);
    if (!m->unit || !m->hash || !m->data) {
        meta_close(m);
        return false;
    }
    for (uint32_t i = 0; i < count; i++)
        m->hash[i] = META_NONE;
    return true;
}

void meta_close(struct meta *m)
{
    free(m->unit);
    free(m->hash);
    free(m->data);
    *m = (struct meta){0};
}

bool meta_room(const struct meta *m, uint32_t units)
{
    return m->count - m->dirty > units; /* one more, for what is only looked at */
}

static uint32_t *chain(const struct meta *m, uint64_t number)
{
    uint64_t mixed = number * 0x9E3779B97F4A7C15u;
    return &m->hash[(mixed >> 32) & (m->count - 1)];
}

static void unlink_unit(struct meta *m, uint32_t i)
{
    uint32_t *at = chain(m, m->unit[i].number);
    while (*at != i) /* ends: a used unit is in its chain */
        at = &m->unit[*at].next;
    *at = m->unit[i].next;
}

/* A unit that may be given up; META_NONE where all are dirty. */
static uint32_t victim(struct meta *m)
{
    for (uint32_t turn = 0; turn < 2 * m->count; turn++) {
        uint32_t i = m->hand;
        m->hand = (m->hand + 1) & (m->count - 1);
        if (m->unit[i].dirty)
            continue;
        if (!m->unit[i].used || !m->unit[i].recent)
            return i;
        m->unit[i].recent = false;
    }
    return META_NONE;
}

int meta_get(struct meta *m, uint64_t number, uint8_t **data)
{
    uint32_t *at = chain(m, number);
    for (uint32_t i = *at; i != META_NONE; i = m->unit[i].next) {
        if (m->unit[i].number == number) {
            m->unit[i].recent = true;
            *data = meta_data(m, i);
            return 0;
        }
    }
    uint32_t i = victim(m);
    if (i == META_NONE)
        return ENOMEM;
    if (m->unit[i].used)
        unlink_unit(m, i);
    m->unit[i].used = false;
    int error = m->store->read(m->store, meta_data(m, i), (size_t)1 << m->unit_shift,
                               number << m->unit_shift);
    if (error)
        return error;
    m->unit[i] = (struct meta_unit){.number = number, .next = *at, .used = true, .recent = true};
    *at = i;
    *data = meta_data(m, i);
    return 0;
}

void meta_dirty(struct meta *m, const uint8_t *data)
{
    struct meta_unit *unit = &m->unit[(data - m->data) >> m->unit_shift];
    m->dirty += !unit->dirty;
    unit->dirty = true;
}

uint32_t meta_next_dirty(const struct meta *m, uint32_t i)
{
    if (!m->dirty)
        return META_NONE;
    for (; i < m->count; i++) {
        if (m->unit[i].dirty)
            return i;
    }
    return META_NONE;
}

void meta_clean(struct meta *m)
{
    for (uint32_t i = meta_next_dirty(m, 0); i != META_NONE; i = meta_next_dirty(m, i + 1))
        m->unit[i].dirty = false;
    m->dirty = 0;
}
