/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Drives and files for tests, in memory: a drive over an array, a drive whose sectors are stamped
 * with their own number, and a file made of pieces, so that a file of terabytes costs only what is
 * put into it. Each test program uses some of them.
 */
#ifndef TESTS_FAKES_H
#define TESTS_FAKES_H

#include "core/base/arena.h"
#include "core/base/blk.h"
#include "core/base/file.h"
#include "unit/unit.h"

#define UNUSED_OK __attribute__((unused))

/* A drive over `data`; sector `bad` cannot be read. */
struct array_drive {
    struct blk blk;
    uint8_t *data;
    uint64_t bad;
};

static UNUSED_OK enum err array_drive_read(struct blk *b, uint64_t lba, uint32_t count, void *buf,
                                           struct fail *f)
{
    struct array_drive *d = b->ctx;
    if (d->bad >= lba && d->bad - lba < count)
        return fail(f, ERR_READ, "sector %u cannot be read", d->bad);
    memcpy(buf, d->data + lba * 512, (size_t)count * 512);
    return ERR_OK;
}

static UNUSED_OK void array_drive_init(struct array_drive *d, void *data, uint64_t sectors)
{
    *d = (struct array_drive){.blk = {.read = array_drive_read, .ctx = d, .sectors = sectors},
                              .data = data,
                              .bad = UINT64_MAX};
}

/* A drive of any size: each sector holds `mark` in its first byte and its number after that. */
static UNUSED_OK enum err stamped_drive_read(struct blk *b, uint64_t lba, uint32_t count, void *buf,
                                             struct fail *f)
{
    (void)f;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *sector = (uint8_t *)buf + (size_t)i * 512;
        uint64_t number = lba + i;
        memset(sector, 0xee, 512);
        sector[0] = (uint8_t)(uintptr_t)b->ctx;
        memcpy(sector + 1, &number, sizeof number);
    }
    return ERR_OK;
}

static UNUSED_OK struct blk stamped_drive(uint8_t mark)
{
    return (struct blk){
        .read = stamped_drive_read, .ctx = (void *)(uintptr_t)mark, .sectors = UINT64_MAX};
}

static UNUSED_OK uint64_t stamp_of(const uint8_t *sector)
{
    uint64_t number;
    memcpy(&number, sector + 1, sizeof number);
    return number;
}

/* A file of pieces; what lies between them reads as `filler`. The newest piece wins. */
#define PIECES_MAX 300

struct piece_file {
    struct file file;
    unsigned count;
    struct {
        uint64_t off;
        uint32_t len;
        const uint8_t *data;
    } piece[PIECES_MAX];
    uint8_t filler;
    uint64_t bad; /* reading this byte fails */
    struct extent_list extents;
    unsigned reads;
};

static UNUSED_OK enum err piece_file_read(struct file *file, uint64_t off, void *buf, uint32_t len,
                                          struct fail *f)
{
    struct piece_file *p = file->ctx;
    p->reads++;
    if (p->bad >= off && p->bad - off < len)
        return fail(f, ERR_READ, "byte %u cannot be read", p->bad);
    memset(buf, p->filler, len);
    for (unsigned i = 0; i < p->count; i++) {
        uint64_t start = off > p->piece[i].off ? off : p->piece[i].off;
        uint64_t end = off + len;
        if (end > p->piece[i].off + p->piece[i].len)
            end = p->piece[i].off + p->piece[i].len;
        if (start < end)
            memcpy((uint8_t *)buf + (start - off), p->piece[i].data + (start - p->piece[i].off),
                   (size_t)(end - start));
    }
    return ERR_OK;
}

static UNUSED_OK enum err piece_file_extents(struct file *file, struct extent_list *list,
                                             struct arena *a, struct fail *f)
{
    (void)a;
    (void)f;
    struct piece_file *p = file->ctx;
    *list = p->extents;
    return ERR_OK;
}

/* A file of `size` bytes; its extents are one run at drive sector `lba`, in `extent`. */
static UNUSED_OK void piece_file_init(struct piece_file *p, const char *path, uint64_t size,
                                      struct extent *extent, uint64_t lba)
{
    *p = (struct piece_file){.file = {.size = size,
                                      .initialized = size,
                                      .ctx = p,
                                      .read = piece_file_read,
                                      .extents = piece_file_extents},
                             .bad = UINT64_MAX};
    strcpy(p->file.path, path);
    if (extent) {
        *extent = (struct extent){0, lba, (size + 511) / 512};
        p->extents = (struct extent_list){extent, 1};
    }
}

static UNUSED_OK void piece_file_put(struct piece_file *p, uint64_t off, const void *data,
                                     uint32_t len)
{
    CHECK(p->count < PIECES_MAX);
    p->piece[p->count].off = off;
    p->piece[p->count].len = len;
    p->piece[p->count++].data = data;
}

/* Does a note hold `words`? */
static UNUSED_OK bool has_note(const struct notes *notes, const char *words)
{
    for (unsigned i = 0; i < notes->count; i++) {
        if (strstr(notes->note[i].sentence, words))
            return true;
    }
    return false;
}

static UNUSED_OK bool says(const struct fail *f, const char *words)
{
    static char line[512];
    errors_format(f, line, sizeof line);
    return strstr(line, words) != NULL;
}

#endif
