/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one way to open a flash for a change, and what install and restore put there alike. */
#include "flash/session.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "core/base/bounds.h"
#include "core/base/file.h"
#include "core/entry/open.h"
#include "core/ntfs/ntfs.h"
#include "core/part/table.h"
#include "flash/backup.h"
#include "flash/change.h"
#include "host/confirm.h"
#include "host/drive_info.h"
#include "layout.h"
#include "ntfs/folder.h"
#include "ntfs/mirror.h"
#include "ntfs/settle.h"

/* Free records that the MFT gets where it has to grow anyway: for images of later snapshots. */
#define SPARE_RECORDS 32u

enum status session_confirm(const struct options *options)
{
    const char *path = options->argument[0];
    struct stat st;
    return !stat(path, &st) && S_ISBLK(st.st_mode) ? confirm_write(path, options) : STATUS_OK;
}

static bool below(const void *device, void *buf, size_t size, uint64_t off)
{
    return device_pread_below(device, buf, size, off);
}

void session_overlay(struct session *s)
{
    overlay_free(&s->overlay);
    overlay_init(&s->overlay, below, &s->device);
    s->device.overlay = &s->overlay;
}

/* What there is instead, and what can be done about it. */
static enum status say_no_volume(const struct fail *f, const char *path)
{
    static struct drive_info info;
    static char advice[600];
    bool other = f->err == ERR_PARTITION || f->err == ERR_NOT_NTFS;
    if (!other || !drive_info_read(&info, path) || !*drive_info_found(&info))
        return say_fail(f);
    snprintf(advice, sizeof advice,
             "What is there: %s. Make an NTFS volume of a partition (mkntfs -Q; what is in it is "
             "lost), or let mkimage flash make the whole drive anew.",
             drive_info_found(&info));
    return say_fail_advice(f, advice);
}

static enum status open_target(struct target *t, const char *path, unsigned partition)
{
    struct fail f;
    enum status status = target_open_device(t, path);
    if (!status && target_mount(t, partition, &f)) {
        status = say_no_volume(&f, path);
        target_close(t);
    }
    return status;
}

enum status session_open(struct session *s, const char *path, unsigned partition)
{
    return session_open_disk(s, path, NULL, partition);
}

enum status session_open_disk(struct session *s, const char *path, const struct device *disk,
                              unsigned partition)
{
    *s = (struct session){.device.fd = -1};
    enum status status = STATUS_OK;
    if (!disk)
        status = device_check_sectors(path); /* before a table is looked for in vain */
    if (!status)
        status = disk ? target_open_disk(&s->target, path, disk, partition)
                      : open_target(&s->target, path, partition);
    if (status)
        return status;
    status = change_allowed(&s->target);
    if (!status && disk)
        s->device = *disk;
    else if (!status) /* for writing also where nothing is written: the same checks */
        status = device_open(&s->device, path, DEVICE_WRITE);
    if (status) {
        target_close(&s->target);
        return status;
    }
    session_overlay(s);
    s->copy_lba = change_copy_lba(&s->target);
    change_state(s->device.path, CHANGE_NONE_YET);
    return STATUS_OK;
}

void session_close(struct session *s)
{
    overlay_free(&s->overlay);
    free(s->zones);
    device_close(&s->device);
    target_close(&s->target);
}

enum status session_check_boot_file(struct session *s)
{
    struct file file;
    struct extent_list list;
    struct fail f;
    struct target *t = &s->target;
    if (ntfs_open(&t->volume, "\\$Boot", &file, &f) || file_extents(&file, &list, &t->arena, &f)) {
        (void)fail_subject(&f, t->device.path);
        return say_fail(&f);
    }
    if (!list.count || list.extent[0].drive_lba != t->part->start_lba ||
        list.extent[0].count < VBR_SIZE / SECTOR_SIZE)
        return say_error("Format the partition anew.",
                         "%s: the volume's $Boot has no room for the boot record", t->device.path);
    return STATUS_OK;
}

enum status session_volume(struct session *s, struct volume *v)
{
    const struct part *part = s->target.part;
    uint64_t start = part->start_lba << SECTOR_SHIFT;
    enum status status = mirror_mend(&s->device, &s->target.volume, start);
    return status ? status : volume_open(v, &s->device, start, part->sectors << SECTOR_SHIFT);
}

static void add_zones(struct session *s, const struct volume *v, const struct placement *p,
                      enum volume_area area)
{
    for (uint32_t i = 0; i < p->count; i++)
        s->zones[s->zone_count++] =
            (struct volume_zone){v->start + p->piece[i].lcn * v->cluster_size,
                                 p->piece[i].count * v->cluster_size, area, 0};
}

enum status session_note_zones(struct session *s, struct volume *v, const struct placement *p)
{
    struct volume_zone *zones;
    unsigned count;
    enum status status = volume_zones(v, &zones, &count);
    if (status)
        return status;
    const struct placement *fresh = folders_fresh(v);
    free(s->zones);
    s->zone_count = 0;
    s->zones = calloc(count + p->count + fresh->count, sizeof *s->zones);
    if (!s->zones) {
        free(zones);
        return say_no_memory();
    }
    add_zones(s, v, p, AREA_OTHER);
    add_zones(s, v, fresh, AREA_INDEX_NEW);
    memcpy(s->zones + s->zone_count, zones, count * sizeof *zones);
    s->zone_count += count;
    free(zones);
    return STATUS_OK;
}

void session_order(struct session *s)
{
    overlay_settle(&s->overlay);
    change_keep_numbers(&s->overlay, s->target.volume.record_size, s->target.volume.index_size);
    change_sort(&s->overlay, &s->target, s->copy_lba, s->zones, s->zone_count);
}

enum status session_read_code(struct session *s, struct mbr *mbr, struct boot_record *vbr)
{
    uint64_t start = s->target.part->start_lba << SECTOR_SHIFT;
    if (device_pread(&s->device, vbr, sizeof *vbr, start) &&
        device_pread(&s->device, mbr, sizeof *mbr, 0))
        return STATUS_OK;
    return device_read_failed(&s->device);
}

/* Adds the pieces of one placement to those of all. */
static enum status gather(struct placement *all, const struct placement *p)
{
    struct piece *more = realloc(all->piece, (all->count + p->count + 1) * sizeof *more);
    if (!more)
        return say_no_memory();
    all->piece = more;
    for (uint32_t i = 0; i < p->count; i++)
        all->piece[all->count++] = p->piece[i];
    return STATUS_OK;
}

/* The content, in clusters that were free before any file gave up its own: until the change is
 * through they are its. */
static enum status put_content(struct volume *v, const struct session_file *file,
                               struct placement *p)
{
    if (file->size == BACKUP_NO_FILE)
        return STATUS_OK;
    enum status status = place_find(v, file->size, p);
    if (!status)
        status = place_claim(v, p);
    return status ? status : place_fill_memory(v, p, file->data, file->size);
}

static enum status put_name(struct volume *v, const struct session_file *file,
                            const struct placement *p)
{
    return file->size == BACKUP_NO_FILE ? volume_remove(v, file->path)
                                        : place_file(v, file->path, file->size, p);
}

enum status session_files(struct session *s, const struct session_file *file, unsigned count)
{
    struct volume v;
    struct placement each[SESSION_FILES_MAX] = {0}, all = {0};
    enum status status = session_volume(s, &v);
    if (status)
        return status;
    uint64_t mft = volume_mft_size(&v);
    for (unsigned i = 0; !status && i < count; i++)
        status = put_content(&v, &file[i], &each[i]);
    for (unsigned i = 0; !status && i < count; i++) {
        status = put_name(&v, &file[i], &each[i]);
        if (!status)
            status = gather(&all, &each[i]);
    }
    if (!status && volume_mft_size(&v) != mft) /* once for these files and all later verbs */
        status = volume_spare_records(&v, SPARE_RECORDS);
    if (!status)
        status = folders_settle(&v);
    if (!status)
        status = session_note_zones(s, &v, &all);
    enum status closed = volume_close(&v);
    for (unsigned i = 0; i < count; i++)
        placement_free(&each[i]);
    placement_free(&all);
    return status ? status : closed;
}

enum status session_stage2(struct session *s, const void *data, uint64_t size)
{
    struct session_file file = {BOOT_STAGE2_PATH, data, size};
    return session_files(s, &file, 1);
}

enum status session_vbr(struct session *s, const struct boot_record *vbr)
{
    uint64_t start = s->target.part->start_lba << SECTOR_SHIFT;
    uint64_t copy = s->copy_lba << SECTOR_SHIFT;
    size_t size = change_copy_sectors(&s->target, s->copy_lba) * (size_t)SECTOR_SIZE;
    if (!device_pwrite(&s->device, vbr, sizeof *vbr, start) ||
        (copy && !device_pwrite(&s->device, vbr, size, copy)))
        return device_write_failed(&s->device);
    return STATUS_OK;
}
