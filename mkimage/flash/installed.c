/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compared byte for byte: a version has no number that could be asked. */
#include "flash/installed.h"
#include <string.h>
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/base/file.h"
#include "core/entry/open.h"
#include "core/ntfs/ntfs.h"
#include "core/part/format.h"
#include "flash/bootcode.h"

bool installed_gap(struct target *t, struct gap *gap)
{
    struct mbr mbr;
    struct fail f;
    return t->table.scheme != PART_NONE && !blk_read(&t->cache.blk, 0, 1, &mbr, &f) &&
           gap_read(&mbr, gap);
}

/* The last sector holds the MBR that was there before. */
static bool gap_is_ours(struct target *t, const struct gap *gap)
{
    static uint8_t data[GAP_FILE_MAX], ours[GAP_FILE_MAX];
    struct fail f;
    uint32_t sectors = bootcode_gap_file(ours);
    return gap->file_sectors == sectors &&
           !blk_read(&t->blk, gap->file_lba, sectors - 1, data, &f) &&
           !memcmp(data, ours, (size_t)(sectors - 1) * SECTOR_SIZE);
}

bool installed_is_ours(struct target *t)
{
    static uint8_t data[STAGE2_FILE_MAX];
    struct gap gap;
    struct file file;
    struct fail f;
    size_t size = stage2_size();
    if (!size)
        return true;
    if (installed_gap(t, &gap))
        return gap_is_ours(t, &gap);
    enum err err = ntfs_open(&t->volume, BOOT_STAGE2_PATH, &file, &f);
    return err == ERR_NOT_FOUND ||
           (!err && file.size == size && !file_read(&file, 0, data, (uint32_t)size, &f) &&
            !memcmp(data, blob_stage2, size));
}
