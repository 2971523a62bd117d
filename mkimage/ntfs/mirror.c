/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compares the records as they lie there; never looks into them. */
#include "ntfs/mirror.h"
#include <stdlib.h>
#include <string.h>
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/ntfs/boot.h"
#include "core/ntfs/format.h"

/* Both copies, and where the second lies. */
struct copies {
    uint8_t *mft, *mirror;
    size_t size;
    uint32_t record_size;
    uint64_t mirror_at;
};

/* Four records, or as many as a cluster holds where that is more: so it is with libntfs-3g, but for
 * a mirror of four records in a larger cluster. */
static size_t mirrored(const struct ntfs_boot *boot, struct ntfs *volume)
{
    size_t least = (size_t)NTFS_MIRRORED * boot->record_size;
    size_t cluster = (size_t)1 << (boot->cluster_shift + SECTOR_SHIFT);
    struct file mirror;
    struct fail f;
    bool all =
        cluster > least && !ntfs_open(volume, "\\$MFTMirr", &mirror, &f) && mirror.size >= cluster;
    return all ? cluster : least;
}

static void free_copies(struct copies *c)
{
    free(c->mft);
    free(c->mirror);
}

/* Where it fails, mounting says what is wrong. */
static bool read_copies(const struct device *device, struct ntfs *volume, uint64_t start,
                        struct copies *c)
{
    uint8_t sector[SECTOR_SIZE];
    struct ntfs_boot boot;
    struct fail f;
    *c = (struct copies){0};
    if (!device_pread(device, sector, sizeof sector, start) || ntfs_boot_decode(sector, &boot, &f))
        return false;
    unsigned shift = boot.cluster_shift + SECTOR_SHIFT;
    c->size = mirrored(&boot, volume);
    c->record_size = boot.record_size;
    c->mirror_at = start + (boot.mirror_lcn << shift);
    c->mft = malloc(c->size);
    c->mirror = malloc(c->size);
    return c->mft && c->mirror &&
           device_pread(device, c->mft, c->size, start + (boot.mft_lcn << shift)) &&
           device_pread(device, c->mirror, c->size, c->mirror_at);
}

static bool is_record(const uint8_t *record)
{
    const struct ntfs_block_header *head = (const struct ntfs_block_header *)record;
    return le32_get(head->magic) == NTFS_MAGIC_FILE;
}

/* Do they differ, and in records alone? */
static bool differ(const struct copies *c)
{
    bool any = false;
    for (size_t at = 0; at < c->size; at += c->record_size) { /* ends: `at` grows */
        if (!memcmp(c->mft + at, c->mirror + at, c->record_size))
            continue;
        any = true;
        if (!is_record(c->mft + at) || !is_record(c->mirror + at))
            return false;
    }
    return any;
}

bool mirror_is_old(const struct device *device, struct ntfs *volume, uint64_t start)
{
    struct copies c;
    bool old = read_copies(device, volume, start, &c) && differ(&c);
    free_copies(&c);
    return old;
}

enum status mirror_mend(struct device *device, struct ntfs *volume, uint64_t start)
{
    struct copies c;
    bool old = read_copies(device, volume, start, &c) && differ(&c);
    bool ok = !old || device_pwrite(device, c.mft, c.size, c.mirror_at);
    free_copies(&c);
    return ok ? STATUS_OK : device_write_failed(device);
}
