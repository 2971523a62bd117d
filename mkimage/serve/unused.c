/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds the free clusters. $Bitmap has a bit a cluster. What lies in no volume, or in one behind
 * its last cluster (the copy of its boot sector does), counts as needed. A volume that was not left
 * clean is passed over: its log may hold changes of the bitmap. So is one whose bitmap is not right
 * (accounted.h).
 */
#include "serve/unused.h"
#include <stdlib.h>
#include "core/base/arena.h"
#include "core/base/bits.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/ntfs/ntfs.h"
#include "core/part/part.h"
#include "flash/target.h"
#include "serve/accounted.h"
#include "serve/content.h"

#define WINDOW 65536u /* bytes of a bitmap that are held */
#define BITS   (WINDOW * 8)

struct volume {
    struct ntfs ntfs;
    struct file bitmap;
    uint64_t clusters; /* those that the bitmap has bits for */
    uint64_t end_lba;  /* behind the last of them */
    uint64_t window;   /* first byte of the bitmap that is in `held`; UINT64_MAX: none */
    uint32_t held_bytes;
    uint8_t held[WINDOW];
};

struct unused {
    struct blk blk;
    struct arena arena;
    struct part_table table;
    struct volume *volume[PART_MAX];
    unsigned volumes;
};

/* Another partition that has sectors of this one: whose they are is not known then. */
static enum err alone(const struct unused *u, const struct part *part, struct fail *f)
{
    for (unsigned i = 0; i < u->table.count; i++) {
        const struct part *other = &u->table.part[i];
        if (other != part && other->start_lba < part->start_lba + part->sectors &&
            part->start_lba < other->start_lba + other->sectors)
            return fail(f, ERR_PARTITION, "overlaps partition %u", other->number);
    }
    return ERR_OK;
}

/* Mounts, and finds the bitmap. */
static enum err ntfs_take(struct unused *u, struct volume *v, const struct part *part,
                          struct fail *f)
{
    enum err err = ntfs_mount(&v->ntfs, &u->blk, part->start_lba, part->sectors, &u->arena, f);
    if (!err)
        err = ntfs_writable(&v->ntfs, f);
    if (!err && v->ntfs.notes.count) /* dirty, a torn record, what could not be read */
        err = fail(f, ERR_CORRUPT, v->ntfs.notes.note[0].sentence, v->ntfs.notes.note[0].value);
    if (!err)
        err = alone(u, part, f);
    if (!err)
        err = ntfs_open(&v->ntfs, "$Bitmap", &v->bitmap, f);
    if (!err)
        err = accounted_check(&v->ntfs, &v->bitmap, f);
    if (err)
        return err;
    v->clusters = v->ntfs.clusters;
    if (v->clusters >> 3 > v->bitmap.size)
        v->clusters = v->bitmap.size << 3;
    v->end_lba = v->ntfs.start_lba + (v->clusters << v->ntfs.cluster_shift);
    v->window = UINT64_MAX;
    return ERR_OK;
}

static enum status find_volumes(struct unused *u, const char *name)
{
    struct fail f;
    if (part_read(&u->table, &u->blk, &f))
        u->table.count = 0;
    for (unsigned i = 0; i < u->table.count; i++) {
        const struct part *part = &u->table.part[i];
        struct volume *v = malloc(sizeof *v);
        if (!v)
            return say_no_memory();
        if (!ntfs_take(u, v, part, &f)) {
            u->volume[u->volumes++] = v;
            continue;
        }
        char sentence[256];
        errors_format(&f, sentence, sizeof sentence);
        if (f.err != ERR_NOT_NTFS)
            say_warning("%s: partition %u keeps its free space: %s", name, part->number, sentence);
        free(v);
    }
    if (!u->volumes)
        say_warning("%s: no clean NTFS volume on it: there is no free space that is known", name);
    return STATUS_OK;
}

enum status unused_open(struct unused **result, struct content *disk, const char *name)
{
    struct unused *u = calloc(1, sizeof *u);
    *result = u;
    if (!u)
        return say_no_memory();
    content_blk(disk, &u->blk);
    enum status status = arena_open(&u->arena);
    return status ? status : find_volumes(u, name);
}

void unused_close(struct unused *u)
{
    if (!u)
        return;
    for (unsigned i = 0; i < u->volumes; i++)
        free(u->volume[i]);
    arena_close(&u->arena);
    free(u);
}

/* Brings the bit of `cluster` into the window. */
static enum err window_move(struct volume *v, uint64_t cluster, struct fail *f)
{
    uint64_t at = cluster / BITS * WINDOW;
    if (v->window == at)
        return ERR_OK;
    v->window = UINT64_MAX;
    v->held_bytes = v->bitmap.size - at < WINDOW ? (uint32_t)(v->bitmap.size - at) : WINDOW;
    enum err err = file_read(&v->bitmap, at, v->held, v->held_bytes, f);
    if (!err)
        v->window = at;
    return err;
}

static enum err volume_look(struct volume *v, uint64_t lba, uint64_t *count, bool *free,
                            struct fail *f)
{
    unsigned shift = v->ntfs.cluster_shift;
    uint64_t in = lba - v->ntfs.start_lba, cluster = in >> shift;
    enum err err = window_move(v, cluster, f);
    if (err)
        return err;
    uint32_t bit = (uint32_t)(cluster % BITS), end = v->held_bytes * 8;
    uint64_t last = v->clusters - (cluster - bit);
    if (end > last)
        end = (uint32_t)last;
    *free = !bit_get(v->held, bit, BITS_LSB_FIRST);
    uint32_t alike = bits_alike(v->held, bit, end, BITS_LSB_FIRST);
    uint64_t sectors = ((cluster + alike) << shift) - in;
    if (*count > sectors)
        *count = sectors;
    return ERR_OK;
}

enum status unused_look(struct unused *u, uint64_t lba, uint64_t *count, bool *free)
{
    *free = false;
    for (unsigned i = 0; i < u->volumes; i++) {
        struct volume *v = u->volume[i];
        struct fail f;
        if (lba >= v->ntfs.start_lba && lba < v->end_lba)
            return volume_look(v, lba, count, free, &f) ? say_fail(&f) : STATUS_OK;
        if (lba<v->ntfs.start_lba && * count> v->ntfs.start_lba - lba)
            *count = v->ntfs.start_lba - lba;
    }
    return STATUS_OK;
}
