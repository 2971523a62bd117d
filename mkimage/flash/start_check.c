/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The machine's further drives are those that the command line names; TARGET is 80h. */
#include "flash/start_check.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "cli/bytes.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/base/file.h"
#include "core/entry/loader.h"
#include "core/entry/native.h"
#include "core/entry/open.h"
#include "core/entry/start.h"
#include "core/entry/windows.h"

#define FIRST_HARD_DISK 0x80u
#define LOW_END         (639u << 10) /* what most machines have */

static enum err check_file(struct target *t, const char *path, char *text, size_t size,
                           struct fail *f)
{
    struct file file;
    struct view contents;
    struct loader loader;
    size_t mark = arena_mark(&t->arena);
    enum err err = loader_load(&loader, &contents, &file, &t->volume, path, &t->arena, f);
    if (!err)
        err = loader_room_check(&loader, LOW_END, f);
    if (!err)
        snprintf(text, size, "%s: %s, %s, entered at %04X:%04X%s", file.path, loader.name,
                 bytes_text(file.size), loader.cs, loader.ip,
                 loader.first_drive ? "; the drive becomes 80h for it" : "");
    arena_release(&t->arena, mark);
    return err;
}

static enum err check_partition(struct target *t, unsigned number, char *text, size_t size,
                                struct fail *f)
{
    const struct part *part;
    uint8_t record[SECTOR_SIZE];
    enum err err = start_partition_read(&t->table, &t->cache.blk, number, &part, record, f);
    if (!err)
        snprintf(text, size, "partition %u: a boot record at sector %" PRIu64, number,
                 part->start_lba);
    return err;
}

static enum err check_disk(struct target *t, const struct start *start, char *text, size_t size,
                           struct fail *f)
{
    uint8_t sector[SECTOR_SIZE];
    unsigned drive = start_bios_number(start, FIRST_HARD_DISK);
    unsigned index = drive - FIRST_HARD_DISK;
    if (index > t->further_paths) {
        snprintf(text, size,
                 "drive %Xh: cannot be known here whether the machine has it; name its further "
                 "disks by --drive",
                 drive);
        return ERR_OK;
    }
    enum err err = index ? volumes_find(&t->volumes, f) : ERR_OK;
    if (!err)
        err = blk_read(t->drive[index], 0, 1, sector, f);
    const char *fault = err ? NULL : boot_record_fault(sector);
    if (fault)
        err = fail(f, ERR_NO_SYSTEM, fault, 0);
    const char *path = index ? t->further_path[index - 1] : t->device.path;
    if (err)
        return fail_subject(f, path);
    snprintf(text, size, "drive %Xh (%s): has a boot record", drive, path);
    return ERR_OK;
}

static enum err check_native(struct target *t, const struct config_entry *entry, char *text,
                             size_t size, struct fail *f)
{
    static struct native native;
    enum err err = native_choose(&native, entry, &t->volumes, &t->arena, f);
    if (!err)
        err = check_file(t, NATIVE_LOADER_PATH, text, size, f);
    size_t used = err ? 0 : strlen(text);
    if (!err)
        snprintf(text + used, size - used,
                 "; it starts %s, entry %s of " WINDOWS_STORE_PATH
                 ", of which %u sector%s in memory",
                 entry->vhd, native.id, native.count,
                 native.count == 1 ? " is another" : "s are others");
    return err;
}

enum err start_check(struct target *t, const struct config_entry *entry, char *text, size_t size,
                     struct fail *f)
{
    const struct start *start = &entry->start;
    enum err err = ERR_OK;
    char name[32] = "";
    switch (start->kind) {
    case START_IMAGE:
        if (entry->native)
            return check_native(t, entry, text, size, f);
        return fail(f, ERR_CONFIG, "this entry starts an image", 0);
    case START_NEXT:
        snprintf(text, size, "the machine's next boot device, which cannot be known here");
        break;
    case START_DISK:
        snprintf(name, sizeof name, start->by_bios ? "disk %Xh" : "disk %u", start->number);
        err = check_disk(t, start, text, size, f);
        break;
    case START_PARTITION:
        snprintf(name, sizeof name, "partition %u", start->number);
        err = check_partition(t, start->number, text, size, f);
        break;
    case START_FILE:
        return check_file(t, start->path, text, size, f);
    }
    return err ? fail_subject(f, name) : ERR_OK;
}
