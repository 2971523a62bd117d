/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The record as one mapped file, gone through once to see that each entry lies inside it. */
#include "powercut/record.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"

#define RECORD_MAGIC 0x6a736677736872ull

struct record_super {
    le64 magic;       /* 0x00 */
    le64 version;     /* 0x08: 1 */
    le64 entries;     /* 0x10 */
    le32 sector_size; /* 0x18 */
};

struct record_head {
    le64 sector; /* 0x00 */
    le64 count;  /* 0x08 */
    le64 flags;  /* 0x10 */
    le64 length; /* 0x18: of a mark's text */
};
static_assert(sizeof(struct record_head) == 32, "record entry");

static bool wrong(const char *path, const char *what)
{
    fprintf(stderr, "%s: %s\n", path, what);
    return false;
}

static bool parse(struct record *r, const char *path, const uint8_t *bytes, uint64_t size)
{
    const struct record_super *super = (const void *)bytes;
    if (size < SECTOR_SIZE || le64_get(super->magic) != RECORD_MAGIC ||
        le64_get(super->version) != 1 || le32_get(super->sector_size) != SECTOR_SIZE)
        return wrong(path, "not a record with sectors of 512 bytes");
    uint64_t count = le64_get(super->entries), at = SECTOR_SIZE;
    if (count > size / SECTOR_SIZE)
        return wrong(path, "the record has fewer entries than it says");
    r->entry = calloc(count + 1, sizeof r->entry[0]);
    if (!r->entry)
        return wrong(path, "out of memory");
    for (uint64_t i = 0; i < count; i++) { /* ends: count is no more than the file has sectors */
        if (size - at < SECTOR_SIZE)
            return wrong(path, "the record ends inside an entry");
        const struct record_head *head = (const void *)(bytes + at);
        struct record_entry *e = &r->entry[r->count++];
        at += SECTOR_SIZE;
        *e = (struct record_entry){le64_get(head->sector), (uint32_t)le64_get(head->count),
                                   (uint32_t)le64_get(head->flags), bytes + at};
        if (e->flags & RECORD_FLUSH)
            r->flushes++;
        if (e->flags & RECORD_DISCARD)
            return wrong(path, "a discard: nothing of ours does that");
        if (size - at < (uint64_t)e->count * SECTOR_SIZE)
            return wrong(path, "the record ends inside an entry");
        at += (uint64_t)e->count * SECTOR_SIZE;
        r->sectors += e->count;
    }
    return true;
}

bool record_open(struct record *r, const char *path)
{
    *r = (struct record){0};
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) || st.st_size == 0)
        return wrong(path, "cannot be opened, or is empty");
    const uint8_t *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (bytes == MAP_FAILED)
        return wrong(path, "cannot be mapped");
    return parse(r, path, bytes, (uint64_t)st.st_size);
}
