/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mounts the NTFS volumes of drives, and finds the one that a path names. */
#include "core/entry/volumes.h"
#include <stddef.h>
#include "core/base/arena.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include "core/chain/path.h"
#include "core/ntfs/ntfs.h"
#include "core/part/part.h"

#define SERIAL_DIGITS 16

static bool volumes_has(const struct volumes *v, uint8_t drive_index, uint64_t start_lba)
{
    for (unsigned i = 0; i < v->count; i++) {
        if (v->volume[i].drive_index == drive_index && v->volume[i].ntfs->start_lba == start_lba)
            return true;
    }
    return false;
}

enum err volumes_add_drive(struct volumes *v, struct blk *drive, uint8_t drive_index,
                           struct arena *a, struct fail *f)
{
    struct part_table *table = arena_alloc(a, sizeof *table);
    if (!table)
        return fail(f, ERR_MEMORY, "no memory for a partition table", 0);
    if (part_read(table, drive, f))
        return ERR_OK; /* a drive without partitions has no volumes */

    for (unsigned i = 0; i < table->count && v->count < VOLUMES_MAX; i++) {
        const struct part *part = &table->part[i];
        if (volumes_has(v, drive_index, part->start_lba))
            continue;
        size_t mark = arena_mark(a);
        struct ntfs *ntfs = arena_alloc(a, sizeof *ntfs);
        enum err err = ntfs ? ntfs_mount(ntfs, drive, part->start_lba, part->sectors, a, f)
                            : fail(f, ERR_MEMORY, "no memory for one more volume", 0);
        if (err == ERR_MEMORY)
            return err;
        if (err) {
            arena_release(a, mark);
            continue;
        }
        v->volume[v->count].ntfs = ntfs;
        v->volume[v->count].drive_index = drive_index;
        v->count++;
    }
    return ERR_OK;
}

static bool volume_is(const struct ntfs *ntfs, const char *name, size_t length)
{
    char serial[SERIAL_DIGITS + 1];
    for (unsigned i = 0; i < SERIAL_DIGITS; i++)
        serial[i] = "0123456789ABCDEF"[ntfs->serial >> (4 * (SERIAL_DIGITS - 1 - i)) & 15];
    serial[SERIAL_DIGITS] = '\0';
    return text_same_caseless(name, length, ntfs->label) ||
           text_same_caseless(name, length, serial);
}

enum err volumes_find(struct volumes *v, struct fail *f)
{
    if (v->found || !v->find)
        return ERR_OK;
    v->found = true;
    return v->find(v, f);
}

static enum err volumes_pick(const struct volumes *v, const char *name, size_t length,
                             unsigned *volume, struct fail *f)
{
    unsigned matches = 0;
    for (unsigned i = v->count; i--;) {
        if (volume_is(v->volume[i].ntfs, name, length)) {
            *volume = i;
            matches++;
        }
    }
    if (matches > 1)
        return fail(f, ERR_NOT_FOUND, "%u volumes have this name: use the serial number", matches);
    if (!matches)
        return fail(f, ERR_NOT_FOUND, "no NTFS volume has this label or serial number", 0);
    return ERR_OK;
}

enum err volumes_open(struct volumes *v, const char *path, struct file *file, unsigned *volume,
                      struct fail *f)
{
    size_t prefix = chain_path_volume(path);
    *volume = 0;
    enum err err = prefix ? volumes_pick(v, path, prefix - 1, volume, f) : ERR_OK;
    if (!err)
        err = ntfs_open(v->volume[*volume].ntfs, path + prefix, file, f);
    if (err)
        return fail_subject(f, path);
    if (!prefix)
        return ERR_OK;

    /* Messages name the volume too. */
    char on_volume[sizeof file->path];
    memcpy(on_volume, file->path, sizeof on_volume);
    struct text t;
    text_init(&t, file->path, sizeof file->path);
    for (size_t i = 0; i < prefix; i++)
        text_char(&t, path[i]);
    text_str(&t, on_volume);
    return ERR_OK;
}
