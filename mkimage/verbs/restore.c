/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage restore: takes an install back. Where every sector that it wrote still holds what it
 * wrote, all of them get their old bytes. Where the volume was written to since, its metadata has
 * moved on: then the boot code gets its old bytes, and vhdboot.bin its old content.
 */
#include <errno.h>
#include <string.h>
#include "flash/backup.h"
#include "core/part/part.h"
#include "verbs/install.h"
#include "verbs/verbs.h"

#define SERIAL 0x48 /* of the volume, in its boot record */

/* Is it the disk that the backup was made of? By bytes that no install changes. */
static enum status check_same(const struct install *in, const struct backup *b)
{
    const char *advice = "Name the disk that the backup was made of.";
    uint8_t sector[SECTOR_SIZE];
    if (!disk_pread(&in->disk, sector, sizeof sector, b->start_lba << SECTOR_SHIFT) ||
        memcmp(sector + SERIAL, b->vbr + SERIAL, 8))
        return say_error(advice, "%s: is not the volume that was backed up", in->disk.path);
    if (b->has_mbr && (!disk_pread(&in->disk, sector, sizeof sector, 0) ||
                       memcmp(sector + MBR_SIGNATURE, b->mbr + MBR_SIGNATURE, 4)))
        return say_error(advice, "%s: has another disk signature", in->disk.path);
    return STATUS_OK;
}

/* What became of the sectors that install wrote. */
enum found {
    FOUND_ALL,   /* they hold what it left */
    FOUND_MIXED, /* or what was there before it: it was cut */
    FOUND_OTHER, /* somebody has written to the volume since */
};

static enum found find(const struct install *in, const struct backup *b)
{
    uint8_t now[SECTOR_SIZE];
    enum found found = FOUND_ALL;
    for (uint64_t i = 0; i < b->sectors; i++) {
        const struct overlay_sector *s = &b->sector[i];
        if (s->lba >= in->disk.size >> SECTOR_SHIFT ||
            !disk_pread(&in->disk, now, sizeof now, s->lba << SECTOR_SHIFT))
            return FOUND_OTHER;
        if (!memcmp(now, s->after, SECTOR_SIZE))
            continue;
        if (memcmp(now, s->before, SECTOR_SIZE))
            return FOUND_OTHER;
        found = FOUND_MIXED;
    }
    return found;
}

static enum status put_all_back(struct install *in, const struct backup *b)
{
    for (uint64_t i = 0; i < b->sectors; i++) {
        if (!disk_pwrite(&in->disk, b->sector[i].before, SECTOR_SIZE,
                         b->sector[i].lba << SECTOR_SHIFT))
            return disk_write_failed(&in->disk);
    }
    overlay_settle(&in->overlay);
    for (size_t i = 0, k = 0; i < in->overlay.count; i++) { /* both are sorted by lba */
        while (b->sector[k].lba != in->overlay.sector[i].lba)
            k++;
        in->overlay.sector[i].step = b->sector[k].step;
    }
    return STATUS_OK;
}

static enum status put_code_back(struct install *in, const struct backup *b)
{
    uint8_t vbr[VBR_SIZE], mbr[SECTOR_SIZE];
    uint64_t start = b->start_lba << SECTOR_SHIFT;
    if (!disk_pread(&in->disk, vbr, sizeof vbr, start) ||
        !disk_pread(&in->disk, mbr, sizeof mbr, 0))
        return say_error("The drive may be failing: copy what is on it.", "%s: cannot be read: %s",
                         in->disk.path, strerror(errno));
    enum status status = install_check_boot_file(in);
    if (!status)
        status = install_stage2(in, b->stage2, b->stage2_size);
    if (status)
        return status;
    memcpy(vbr, b->vbr, BPB_START);
    memcpy(vbr + BPB_END, b->vbr + BPB_END, VBR_SIZE - BPB_END);
    status = install_vbr(in, vbr);
    memcpy(mbr, b->mbr, MBR_CODE_MAX);
    if (!status && b->has_mbr && !disk_pwrite(&in->disk, mbr, sizeof mbr, 0))
        status = disk_write_failed(&in->disk);
    overlay_settle(&in->overlay);
    change_calm(&in->overlay, in->target.volume.record_size, in->target.volume.index_size);
    change_sort(&in->overlay, &in->target, in->copy_lba, in->zones, in->zone_count);
    return status;
}

/* The partition that starts where the backup says: its number may have changed. */
static enum status find_partition(const char *path, const struct backup *b, unsigned *number)
{
    struct target t;
    struct fail f;
    enum status status = target_open_disk(&t, path);
    if (status)
        return status;
    const struct part *part = NULL;
    if (part_read(&t.table, &t.blk, &f)) {
        (void)fail_subject(&f, path);
        status = say_fail(&f);
    } else if (!(part = part_at(&t.table, b->start_lba)))
        status = say_error("Name the disk that the backup was made of.",
                           "%s: no partition starts at sector %llu", path,
                           (unsigned long long)b->start_lba);
    else
        *number = part->number;
    target_close(&t);
    return status;
}

/*
 * Opens the disk. A volume in no good state, as an install was cut in the middle of a write, is
 * restored all the same, as long as each sector has its old or its new bytes.
 */
static enum status open_disk(struct install *in, const struct backup *b, const char *path,
                             enum found *found)
{
    *in = (struct install){.disk.fd = -1, .target.disk.fd = -1};
    unsigned number = 0;
    struct fail f;
    enum status status = find_partition(path, b, &number);
    if (!status)
        status = disk_open(&in->disk, path, DISK_WRITE);
    if (status)
        return status;
    overlay_init(&in->overlay, in->disk.fd);
    in->disk.overlay = &in->overlay;
    status = check_same(in, b);
    if (status)
        return status;
    *found = find(in, b);
    status = target_open_disk(&in->target, path);
    if (status || *found == FOUND_MIXED)
        return status;
    if (target_mount(&in->target, number, &f))
        return say_fail(&f);
    in->copy_lba = change_copy_lba(&in->target);
    return change_allowed(&in->target);
}

enum status verb_restore(const struct options *options)
{
    const char *path = options->argument[0];
    struct backup b;
    struct install in;
    enum found found = FOUND_OTHER;
    enum status status = backup_load(&b, options->argument[1]);
    if (status)
        return status;
    status = open_disk(&in, &b, path, &found);
    if (!status)
        status = found == FOUND_OTHER ? put_code_back(&in, &b) : put_all_back(&in, &b);
    if (!status && options->dry_run) {
        say("%s: would write %zu sectors", path, in.overlay.count);
        change_list(&in.overlay);
    } else if (!status) {
        /* Backwards also where only code goes back, as the file may go away. */
        status = change_commit(&in.disk, &in.overlay, true);
        if (!status)
            say("%s: restored, %zu sectors written%s", path, in.overlay.count,
                found == FOUND_OTHER
                    ? "; the volume was written to since, so its other metadata stays"
                    : "");
    }
    install_close(&in);
    backup_free(&b);
    return status;
}
