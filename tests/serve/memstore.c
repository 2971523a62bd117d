/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes in one growing buffer; each change is kept in a list that a judge can take apart. */
#include "serve/memstore.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "core/base/bounds.h"

bool memfile_load(struct memfile *m, const char *path)
{
    *m = (struct memfile){.fail_at = UINT32_MAX};
    void *data = mmap(NULL, MEMFILE_MAX, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    FILE *f = fopen(path, "rb");
    if (data == MAP_FAILED || !f)
        return false;
    m->data = data;
    m->size = fread(m->data, 1, MEMFILE_MAX, f);
    fclose(f);
    return m->size;
}

void memfile_forget(struct memfile *m)
{
    for (uint32_t i = 0; i < m->records; i++)
        free(m->record[i].data);
    m->records = 0;
}

void memfile_free(struct memfile *m)
{
    memfile_forget(m);
    free(m->record);
    munmap(m->data, MEMFILE_MAX);
}

/* Adds a record, or fails. A failing write leaves its first half, as a full disk does. */
static int record_add(struct memfile *m, enum record_kind kind, uint64_t offset, const void *data,
                      uint64_t length)
{
    if (m->records == m->capacity) {
        m->capacity = m->capacity ? 2 * m->capacity : 1024;
        m->record = realloc(m->record, m->capacity * sizeof *m->record);
    }
    bool fails = m->records + m->failed == m->fail_at;
    if (fails) {
        m->failed++;
        length = length / 2 & ~(uint64_t)511;
        if (kind != RECORD_WRITE || !length)
            return m->fail_with;
    }
    struct record *r = &m->record[m->records++];
    *r = (struct record){.kind = kind, .offset = offset, .length = length};
    if (kind == RECORD_WRITE) {
        r->data = malloc(length);
        memcpy(r->data, data, length);
        memcpy(m->data + offset, data, length);
        if (offset + length > m->size)
            m->size = offset + length;
    }
    return fails ? m->fail_with : 0;
}

static int mem_read(struct store *s, void *buf, size_t len, uint64_t off)
{
    const struct memfile *m = s->ctx;
    if (!range_ok(off, len, m->size))
        return EIO;
    memcpy(buf, m->data + off, len);
    return 0;
}

static int mem_write(struct store *s, const void *buf, size_t len, uint64_t off)
{
    struct memfile *m = s->ctx;
    if (!range_ok(off, len, m->fixed_size ? m->size : MEMFILE_MAX))
        return ENOSPC;
    bool behind_end = off >= m->size; /* a footer's new place: another one is tried */
    int error = record_add(m, RECORD_WRITE, off, buf, len);
    m->emptied += error && behind_end;
    s->size = m->size;
    return error;
}

static int mem_zero(struct store *s, uint64_t len, uint64_t off, bool hole)
{
    struct memfile *m = s->ctx;
    if (!len || !range_ok(off, len, m->size))
        return len ? EIO : 0;
    uint8_t *zeros = calloc(1, len);
    int error = mem_write(s, zeros, len, off);
    m->emptied += error && hole;
    free(zeros);
    return error;
}

static int mem_sync(struct store *s)
{
    return record_add(s->ctx, RECORD_SYNC, 0, NULL, 0);
}

static int mem_resize(struct store *s, uint64_t size)
{
    struct memfile *m = s->ctx;
    if (size > MEMFILE_MAX || m->fixed_size)
        return ENOSPC;
    int error = record_add(m, RECORD_RESIZE, 0, NULL, size);
    if (error)
        return error;
    if (size < m->size)
        memset(m->data + size, 0, m->size - size);
    m->size = s->size = size;
    return 0;
}

static void mem_close(struct store *s)
{
    free(s);
}

struct store *memfile_store(struct memfile *m)
{
    struct store *s = malloc(sizeof *s);
    *s = (struct store){.size = m->size,
                        .holes = !m->fixed_size,
                        .grows = !m->fixed_size,
                        .ctx = m,
                        .read = mem_read,
                        .write = mem_write,
                        .zero = mem_zero,
                        .sync = mem_sync,
                        .resize = mem_resize,
                        .close = mem_close};
    return s;
}
