/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage restore: takes an install back. Where every sector that it wrote still holds what it
 * wrote, all of them get their old bytes. Where the volume was written to since, its metadata has
 * moved on: then the boot code gets its old bytes, and vhdboot.bin its old content.
 */
#include <errno.h>
#include <string.h>
#include "backup.h"
#include "core/part.h"
#include "install.h"
#include "verbs.h"

/* Is it the disk that the backup was made of, as far as can be told? */
static enum status check_same(const struct install *in, const struct backup *b)
{
    const char *advice = "Name the disk that the backup was made of.";
    if (in->target.part->start_lba != b->start_lba || in->target.volume.serial != b->serial)
        return say_error(advice, "%s: is not the volume that was backed up", in->disk.path);
    uint8_t mbr[SECTOR_SIZE];
    if (b->has_mbr && (!disk_pread(&in->disk, mbr, sizeof mbr, 0) ||
                       memcmp(mbr + MBR_SIGNATURE, b->mbr + MBR_SIGNATURE, 4)))
        return say_error(advice, "%s: has another disk signature", in->disk.path);
    return STATUS_OK;
}

/* Does each sector hold what install left, or already what was there before it? */
static bool untouched(const struct install *in, const struct backup *b)
{
    uint8_t now[SECTOR_SIZE];
    for (uint64_t i = 0; i < b->sectors; i++) {
        const struct overlay_sector *s = &b->sector[i];
        if (s->lba >= in->disk.size >> SECTOR_SHIFT ||
            !disk_pread(&in->disk, now, sizeof now, s->lba << SECTOR_SHIFT) ||
            (memcmp(now, s->after, SECTOR_SIZE) && memcmp(now, s->before, SECTOR_SIZE)))
            return false;
    }
    return true;
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
    if (part_read(&t.table, &t.blk, &f))
        status = say_fail(&f);
    else if (!(part = part_at(&t.table, b->start_lba)))
        status = say_error("Name the disk that the backup was made of.",
                           "%s: no partition starts at sector %llu", path,
                           (unsigned long long)b->start_lba);
    else
        *number = part->number;
    target_close(&t);
    return status;
}

enum status verb_restore(const struct options *options)
{
    const char *path = options->argument[0];
    struct backup b;
    struct install in;
    unsigned number = 0;
    enum status status = backup_load(&b, options->argument[1]);
    if (status)
        return status;
    status = find_partition(path, &b, &number);
    if (!status)
        status = install_open(&in, path, number);
    if (status) {
        backup_free(&b);
        return status;
    }
    status = check_same(&in, &b);
    bool all = !status && untouched(&in, &b);
    if (!status)
        status = all ? put_all_back(&in, &b) : put_code_back(&in, &b);
    if (!status && options->dry_run) {
        say("%s: would write %zu sectors", path, in.overlay.count);
        change_list(&in.overlay);
    } else if (!status) {
        /* Backwards also where only code goes back, as the file may go away. */
        status = change_commit(&in.disk, &in.overlay, true);
        if (!status)
            say("%s: restored, %zu sectors written%s", path, in.overlay.count,
                all ? "" : "; the volume was written to since, so its other metadata stays");
    }
    install_close(&in);
    backup_free(&b);
    return status;
}
