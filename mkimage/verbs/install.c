/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage install: boot code into a disk that has an NTFS partition. The whole change is made in an
 * overlay first: until it is complete, checked and saved, the disk is only read.
 */
#include "verbs/install.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "flash/backup.h"
#include "flash/bootcode.h"
#include "core/entry/open.h"
#include "ntfs/place.h"
#include "verbs/verbs.h"

#define STAGE2_OLD_MAX ((uint64_t)16 << 20)

enum status install_open(struct install *in, const char *path, unsigned partition)
{
    *in = (struct install){.disk.fd = -1};
    enum status status = target_open(&in->target, path, partition);
    if (status)
        return status;
    status = change_allowed(&in->target);
    if (!status) /* for writing also where nothing is written: the same checks */
        status = disk_open(&in->disk, path, DISK_WRITE);
    if (status) {
        target_close(&in->target);
        return status;
    }
    overlay_init(&in->overlay, in->disk.fd);
    in->disk.overlay = &in->overlay;
    in->copy_lba = change_copy_lba(&in->target);
    return STATUS_OK;
}

void install_close(struct install *in)
{
    overlay_free(&in->overlay);
    free(in->zones);
    disk_close(&in->disk);
    target_close(&in->target);
}

/* Is there room for 16 sectors of boot record where the volume starts? */
enum status install_check_boot_file(struct install *in)
{
    struct file file;
    struct extent_list list;
    struct fail f;
    struct target *t = &in->target;
    if (ntfs_open(&t->volume, "\\$Boot", &file, &f) || file_extents(&file, &list, &t->arena, &f)) {
        (void)fail_subject(&f, t->disk.path);
        return say_fail(&f);
    }
    if (!list.count || list.extent[0].drive_lba != t->part->start_lba ||
        list.extent[0].count < VBR_SIZE / SECTOR_SIZE)
        return say_error("Format the partition anew.",
                         "%s: the volume's $Boot has no room for the boot record", t->disk.path);
    return STATUS_OK;
}

enum status install_note_zones(struct install *in, struct volume *v, const struct placement *p)
{
    struct volume_zone *zones;
    unsigned count;
    enum status status = volume_zones(v, &zones, &count);
    if (status)
        return status;
    free(in->zones);
    in->zone_count = 0;
    in->zones = calloc(count + p->count, sizeof *in->zones);
    if (!in->zones) {
        free(zones);
        return say_error("Free some memory.", "out of memory");
    }
    for (uint32_t i = 0; i < p->count; i++)
        in->zones[in->zone_count++] =
            (struct volume_zone){v->start + p->piece[i].lcn * v->cluster_size,
                                 p->piece[i].count * v->cluster_size, AREA_OTHER, 0};
    memcpy(in->zones + in->zone_count, zones, count * sizeof *zones);
    in->zone_count += count;
    free(zones);
    return STATUS_OK;
}

/* The old file as it is, or BACKUP_NO_FILE. */
static enum status read_old(struct install *in, uint8_t **data, uint64_t *size)
{
    struct file file;
    struct fail f;
    enum err err = ntfs_open(&in->target.volume, BOOT_STAGE2_PATH, &file, &f);
    *size = BACKUP_NO_FILE;
    *data = NULL;
    if (err == ERR_NOT_FOUND)
        return STATUS_OK;
    if (!err && file.size > STAGE2_OLD_MAX)
        err = fail(&f, ERR_LIMIT, "%u bytes are more than vhdboot can be", file.size);
    if (!err) {
        *data = malloc(file.size + 1);
        if (!*data)
            return say_error("Free some memory.", "out of memory");
        *size = file.size;
        if (file.size)
            err = file_read(&file, 0, *data, (uint32_t)file.size, &f);
    }
    if (!err)
        return STATUS_OK;
    (void)fail_subject(&f, BOOT_STAGE2_PATH);
    return say_fail_advice(&f, "Rename or remove what has this name, then run this again.");
}

/* Is the file there already, plain and whole? Then it stays. */
static bool is_there(struct install *in, const uint8_t *data, uint64_t size, const uint8_t *old,
                     uint64_t old_size)
{
    struct file file;
    struct extent_list list;
    struct fail f;
    return old_size == size && !memcmp(old, data, size) &&
           !ntfs_open(&in->target.volume, BOOT_STAGE2_PATH, &file, &f) &&
           !file_extents(&file, &list, &in->target.arena, &f) &&
           !file_writable_in_place(&file, &list, &f);
}

enum status install_stage2(struct install *in, const void *data, uint64_t size)
{
    struct volume v;
    struct placement p = {0};
    const struct part *part = in->target.part;
    enum status status = volume_mend_mirror(&in->disk, part->start_lba << SECTOR_SHIFT);
    if (!status)
        status = volume_open(&v, &in->disk, part->start_lba << SECTOR_SHIFT,
                             part->sectors << SECTOR_SHIFT);
    if (status)
        return status;
    if (size == BACKUP_NO_FILE) {
        status = volume_remove(&v, BOOT_STAGE2_PATH);
    } else {
        status = place_find(&v, size, &p);
        if (!status)
            status = place_claim(&v, &p);
        if (!status)
            status = place_fill_memory(&v, &p, data, size);
        if (!status)
            status = place_file(&v, BOOT_STAGE2_PATH, size, &p);
    }
    if (!status)
        status = install_note_zones(in, &v, &p);
    enum status closed = volume_close(&v);
    placement_free(&p);
    return status ? status : closed;
}

/* Boot record and its copy into the overlay. */
enum status install_vbr(struct install *in, const uint8_t vbr[VBR_SIZE])
{
    uint64_t start = in->target.part->start_lba << SECTOR_SHIFT;
    if (!disk_pwrite(&in->disk, vbr, VBR_SIZE, start) ||
        (in->copy_lba && !disk_pwrite(&in->disk, vbr, SECTOR_SIZE, in->copy_lba << SECTOR_SHIFT)))
        return disk_write_failed(&in->disk);
    return STATUS_OK;
}

static enum status build(struct install *in, const struct options *options, struct backup *b)
{
    uint8_t vbr[VBR_SIZE], mbr[SECTOR_SIZE];
    const struct part_table *table = &in->target.table;
    uint64_t start = in->target.part->start_lba;
    if (!disk_pread(&in->disk, vbr, sizeof vbr, start << SECTOR_SHIFT) ||
        !disk_pread(&in->disk, mbr, sizeof mbr, 0))
        return say_error("The drive may be failing: copy what is on it.", "%s: cannot be read: %s",
                         in->disk.path, strerror(errno));
    *b = (struct backup){.disk_size = in->disk.size,
                         .start_lba = start,
                         .serial = in->target.volume.serial,
                         .copy_lba = in->copy_lba,
                         .has_mbr = table->scheme == PART_MBR && !options->no_mbr};
    memcpy(b->mbr, mbr, sizeof mbr);
    memcpy(b->vbr, vbr, sizeof vbr);
    enum status status = read_old(in, &b->stage2, &b->stage2_size);
    if (!status && !is_there(in, blob_stage2, stage2_size(), b->stage2, b->stage2_size))
        status = install_stage2(in, blob_stage2, stage2_size());
    if (status)
        return status;
    bootcode_vbr(vbr);
    status = install_vbr(in, vbr);
    bootcode_mbr(mbr);
    if (!status && b->has_mbr && !disk_pwrite(&in->disk, mbr, sizeof mbr, 0))
        status = disk_write_failed(&in->disk);
    overlay_settle(&in->overlay);
    change_calm(&in->overlay, in->target.volume.record_size, in->target.volume.index_size);
    change_sort(&in->overlay, &in->target, in->copy_lba, in->zones, in->zone_count);
    b->sector = in->overlay.sector;
    b->sectors = in->overlay.count;
    return status;
}

/* What can be known to go wrong at boot, though not for the lack of code. */
static void warn(const struct install *in, const struct options *options)
{
    const struct part *part = in->target.part;
    const char *path = in->disk.path;
    if (in->target.table.scheme == PART_MBR && part->number > PART_PRIMARIES)
        say_warning("%s: partition %u is a logical one, which no MBR starts", path, part->number);
    else if (in->target.table.scheme == PART_MBR && !part->active)
        say_warning("%s: partition %u is not active; the MBR starts the active one", path,
                    part->number);
    if (!in->copy_lba)
        say_warning("%s: there is no place for a copy of the boot record", path);
    if (!options->backup && !options->dry_run && in->overlay.count)
        say("%s: no --backup was asked for, so there is nothing to restore from", path);
}

static enum status check_table(const struct install *in, const struct options *options)
{
    if (in->target.table.scheme == PART_GPT && !options->no_mbr)
        return say_error("Use an MBR disk, or say --no-mbr if something else starts the partition.",
                         "%s: is a GPT disk, whose MBR starts no partition", in->disk.path);
    return STATUS_OK;
}

static enum status check_backup_file(const char *path)
{
    struct stat st;
    if (path && !lstat(path, &st))
        return say_error("Name a new file.", "%s: the file exists already", path);
    return STATUS_OK;
}

static enum status commit(struct install *in, const struct options *options, const struct backup *b)
{
    const char *path = in->disk.path;
    unsigned long count = in->overlay.count;
    if (options->dry_run) {
        say("%s, partition %u: would write %lu sectors", path, in->target.part->number, count);
        change_list(&in->overlay);
        return STATUS_OK;
    }
    enum status status = options->backup ? backup_save(b, options->backup) : STATUS_OK;
    if (!status)
        status = change_commit(&in->disk, &in->overlay, false);
    if (!status && !count)
        say("%s: everything was there already", path);
    else if (!status)
        say("%s, partition %u: installed, %lu sectors written", path, in->target.part->number,
            count);
    return status;
}

enum status verb_install(const struct options *options)
{
    const char *path = options->argument[0];
    struct stat st;
    if (!bootcode_complete())
        return say_error("Build it again with make.", "this mkimage was built without boot code");
    if (!stat(path, &st) && S_ISBLK(st.st_mode) && !options->yes && !options->dry_run)
        return say_error("Say --yes if you mean it.", "%s: is a block device", path);
    enum status status = check_backup_file(options->backup);
    struct install in;
    if (!status)
        status = install_open(&in, path, options->partition);
    if (status)
        return status;
    struct backup backup = {0};
    status = check_table(&in, options);
    if (!status)
        status = install_check_boot_file(&in);
    if (!status)
        status = build(&in, options, &backup);
    if (!status) {
        warn(&in, options);
        status = commit(&in, options, &backup);
    }
    free(backup.stage2); /* the sectors are the overlay's */
    install_close(&in);
    return status;
}
