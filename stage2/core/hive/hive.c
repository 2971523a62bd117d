/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The header: is it a hive, and what of it is odd? */
#include "core/hive/hive.h"
#include "core/base/arena.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/hive/cell.h"
#include "core/hive/format.h"

static bool magic_is(const uint8_t *magic, const char *name, size_t size)
{
    return !memcmp(magic, name, size);
}

uint32_t hive_header_sum(const struct hive_header *header)
{
    const le32 *dword = (const le32 *)header;
    uint32_t sum = 0;
    for (unsigned i = 0; i < HIVE_SUM_SIZE / sizeof *dword; i++)
        sum ^= le32_get(dword[i]);
    return sum == 0 ? 1 : sum == UINT32_MAX ? UINT32_MAX - 1 : sum;
}

static const char *boot_refuses(const struct hive_header *header, uint64_t file_size)
{
    uint32_t length = le32_get(header->length);
    if (hive_header_sum(header) != le32_get(header->checksum))
        return "its checksum is wrong";
    if (le32_get(header->minor) > 5)
        return "its version is too new";
    if (!length || length % HIVE_BIN_ALIGN)
        return "its length is no multiple of 4096";
    if (file_size < (uint64_t)HIVE_HEADER_SIZE + length)
        return "the file is shorter than it should be";
    return NULL;
}

static enum err header_check(const struct hive_header *header, struct fail *f)
{
    uint32_t minor = le32_get(header->minor);
    if (!magic_is(header->magic, "regf", sizeof header->magic))
        return fail(f, ERR_UNSUPPORTED, "this is no registry hive", 0);
    if (le32_get(header->type) || le32_get(header->format) != 1)
        return fail(f, ERR_UNSUPPORTED, "this is a registry hive's log, or something unknown", 0);
    if (le32_get(header->major) != 1 || minor < 3 || minor > 6)
        return fail_two(f, ERR_UNSUPPORTED, "the registry hive's version is %u.%U, not 1.3 to 1.6",
                        le32_get(header->major), minor);
    return ERR_OK;
}

enum err hive_open(struct hive *h, struct view bytes, struct fail *f)
{
    *h = (struct hive){.bytes = bytes, .steps_left = HIVE_STEPS};
    const struct hive_header *header = view_at(bytes, 0, sizeof *header);
    if (!header || bytes.size < HIVE_HEADER_SIZE)
        return fail(f, ERR_UNSUPPORTED, "this is no registry hive: it is too short", 0);
    enum err err = header_check(header, f);
    if (err)
        return err;

    size_t length = le32_get(header->length);
    size_t there = bytes.size - HIVE_HEADER_SIZE;
    h->cells = (struct view){bytes.data + HIVE_HEADER_SIZE, length < there ? length : there};
    h->root = le32_get(header->root);
    h->minor = le32_get(header->minor);
    for (unsigned i = 0; i < 2; i++)
        h->sequence[i] = le32_get(header->sequence[i]);
    h->dirty = h->sequence[0] != h->sequence[1];
    h->refused = boot_refuses(header, bytes.size);

    struct hive_key root;
    return hive_root(h, &root, f);
}

enum err hive_load(struct hive *h, struct file *file, uint32_t limit, struct arena *a,
                   struct fail *f)
{
    struct hive_header header = {0};
    uint32_t size = file->size < sizeof header ? (uint32_t)file->size : sizeof header;
    enum err err = file_read(file, 0, &header, size, f);
    if (!err && size == sizeof header)
        err = header_check(&header, f);
    if (err)
        return fail_subject(f, file->path);

    uint64_t wanted = (uint64_t)HIVE_HEADER_SIZE + le32_get(header.length);
    if (wanted > file->size)
        wanted = file->size;
    if (wanted > limit)
        (void)fail_two(f, ERR_LIMIT, "a registry hive of %u bytes is longer than %U", wanted,
                       limit);
    uint8_t *bytes = wanted > limit ? NULL : arena_alloc(a, wanted);
    if (!bytes && wanted <= limit)
        (void)fail(f, ERR_MEMORY, "no memory for a registry hive of %u bytes", wanted);
    if (!bytes)
        return fail_subject(f, file->path);
    err = file_read(file, 0, bytes, (uint32_t)wanted, f);
    if (!err)
        err = hive_open(h, (struct view){bytes, (size_t)wanted}, f);
    return err ? fail_subject(f, file->path) : ERR_OK;
}
