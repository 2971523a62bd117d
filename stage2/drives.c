/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Says of each failure whose it is: the drive's, the volume's, or the BIOS's, which may tell too
 * small a size. Other drives are asked for nothing before an image wants them. */
#include "drives.h"
#include <stdbool.h>
#include "core/base/bounds.h"
#include "core/base/text.h"
#include "core/ntfs/boot.h"
#include "core/part/part.h"
#include "stage2.h"
#include "watch.h"

/* The read cache: 16 lines of 4 KiB. NTFS structures that belong together lie closer than that, and
 * a larger line would read more of the stick than a boot needs. */
#define CACHE_LINE_SHIFT 3
#define CACHE_LINES      16

#define FIRST_HARD_DISK  0x80u

static MUST_CHECK enum err open_drive(struct stage2 *s, uint8_t number, struct fail *f)
{
    enum err err = drive_init(&s->drive[0], number, f);
    if (err)
        return err;
    return blk_cache_init(&s->cache, watch_drive(&s->watched[0], &s->drive[0].blk),
                          CACHE_LINE_SHIFT, CACHE_LINES, &s->arena, f);
}

/* Does the drive go on behind what it is said to have? */
static bool reads_beyond(struct blk *drive, uint64_t lba)
{
    static uint8_t sector[SECTOR_SIZE];
    struct fail ignored;
    uint64_t told = drive->sectors;
    drive->sectors = UINT64_MAX;
    bool reads = !blk_read(drive, lba, 1, sector, &ignored);
    drive->sectors = told;
    return reads;
}

/* A volume that reaches beyond the drive's end was read from a drive that does not end there: some
 * BIOSes tell too small a size by AH=48h. */
static enum err blame_size(struct stage2 *s, enum err err, uint64_t lba, struct fail *f)
{
    static uint8_t sector[SECTOR_SIZE];
    uint64_t told = s->drive[0].blk.sectors;
    struct ntfs_boot boot;
    struct fail ignored;
    if (err != ERR_CORRUPT && err != ERR_READ && err != ERR_CUT_OFF)
        return err;
    if (lba < told &&
        (blk_read(&s->cache.blk, lba, 1, sector, &ignored) ||
         ntfs_boot_decode(sector, &boot, &ignored) || range_ok(lba, boot.sectors, told)))
        return err;
    if (err == ERR_CUT_OFF && !reads_beyond(&s->drive[0].blk, lba + boot.sectors - 1))
        return err;
    return fail(f, ERR_BIOS,
                "this BIOS says that the drive ends after %u sectors; the volume reaches beyond",
                told);
}

/* Mounts the volume that the boot record came from. Its partition's size is a help where the table
 * can be read; where not, the boot sector's own figure has to do. */
static MUST_CHECK enum err open_volume(struct stage2 *s, uint64_t lba, struct fail *f)
{
    uint64_t sectors = UINT64_MAX;
    watch_begin("reading the partition table", "");
    if (!part_read(&s->partitions, &s->cache.blk, f)) {
        const struct part *part = part_at(&s->partitions, lba);
        if (part)
            sectors = part->sectors;
    }
    watch_begin("reading the volume", "");
    enum err err = ntfs_mount(&s->volume, &s->cache.blk, lba, sectors, &s->arena, f);
    return blame_size(s, err, lba, f);
}

/* A failure on the way to the volume is about the drive. */
static enum err blame_drive(struct fail *f, uint8_t number)
{
    char name[16];
    struct text t;
    text_init(&t, name, sizeof name);
    text_str(&t, "drive ");
    text_hex(&t, number);
    text_str(&t, "h");
    return fail_subject(f, name);
}

enum err drives_open(struct stage2 *s, uint8_t number, uint64_t volume_lba, struct fail *f)
{
    enum err err = open_drive(s, number, f);
    if (!err)
        err = open_volume(s, volume_lba, f);
    return err ? blame_drive(f, number) : ERR_OK;
}

/* Mounts the volumes of the machine's other hard disks, and the rest of this one's: an image's
 * parents may lie there. A drive that does not answer has none. */
static enum err find_volumes(struct volumes *v, struct fail *f)
{
    struct stage2 *s = v->ctx;
    if (watch_gives_up())
        return fail(f, ERR_LIMIT, "other drives may be slow, and the menu does not wait", 0);
    watch_begin("looking for volumes on all drives", "");
    enum err err = volumes_add_drive(v, &s->cache.blk, 0, &s->arena, f);
    unsigned end = FIRST_HARD_DISK + drive_hard_disks();
    for (unsigned number = FIRST_HARD_DISK; !err && number < end; number++) {
        struct drive *d = &s->drive[s->drive_count];
        if (number == s->drive[0].number || s->drive_count == MAP_DRIVES_MAX ||
            drive_init(d, (uint8_t)number, f) || d->sector_shift)
            continue; /* nothing boots from a disk with larger sectors */
        err = volumes_add_drive(v, watch_drive(&s->watched[s->drive_count], &d->blk),
                                (uint8_t)s->drive_count, &s->arena, f);
        s->drive_count++;
    }
    return err;
}

void drives_begin(struct stage2 *s, const char *image)
{
    s->volumes = (struct volumes){.count = 1, .find = find_volumes, .ctx = s};
    s->volumes.volume[0].ntfs = &s->volume;
    s->drive_count = 1;
    watch_begin("reading the block list of ", image);
}
