/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage install: boot code into a disk that has an NTFS partition. The whole change is made in an
 * overlay first: until it is complete, checked and saved, the disk is only read.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "cli/options.h"
#include "cli/say.h"
#include "core/base/file.h"
#include "core/entry/open.h"
#include "core/ntfs/ntfs.h"
#include "core/part/format.h"
#include "core/part/table.h"
#include "flash/backup.h"
#include "flash/bootcode.h"
#include "flash/change.h"
#include "flash/config_entries.h"
#include "flash/config_text.h"
#include "flash/gap_change.h"
#include "flash/session.h"
#include "host/device.h"
#include "ntfs/mirror.h"
#include "verbs/verbs.h"

/* The old file as it is, or BACKUP_NO_FILE. */
static enum status read_old(struct session *s, uint8_t **data, uint64_t *size)
{
    struct file file;
    struct fail f;
    enum err err = ntfs_open(&s->target.volume, BOOT_STAGE2_PATH, &file, &f);
    *size = BACKUP_NO_FILE;
    *data = NULL;
    if (err == ERR_NOT_FOUND)
        return STATUS_OK;
    if (!err && file.size > BACKUP_STAGE2_MAX)
        err = fail(&f, ERR_LIMIT, "%u bytes are more than vhdboot can be", file.size);
    if (!err) {
        *data = malloc(file.size + 1);
        if (!*data)
            return say_no_memory();
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
static bool is_there(struct session *s, const uint8_t *data, uint64_t size, const uint8_t *old,
                     uint64_t old_size)
{
    struct file file;
    struct extent_list list;
    struct fail f;
    return old_size == size && !memcmp(old, data, size) &&
           !ntfs_open(&s->target.volume, BOOT_STAGE2_PATH, &file, &f) &&
           !file_extents(&file, &list, &s->target.arena, &f) &&
           !file_writable_in_place(&file, &list, &f);
}

/* What is put onto the volume besides the boot code. */
struct files {
    struct session_file file[3];
    unsigned count;
    uint8_t *kept; /* the bytes of \\vhdboot.old */
    struct config_text config;
    const char *loader; /* of Windows, that an entry of a new config starts; or NULL */
};

static void add_file(struct files *files, const char *path, const void *data, uint64_t size)
{
    files->file[files->count++] = (struct session_file){path, data, size};
}

static bool is_on_volume(struct session *s, const char *path)
{
    struct file file;
    struct fail f;
    return ntfs_open(&s->target.volume, path, &file, &f) != ERR_NOT_FOUND;
}

/*
 * Another program's boot code is kept on the volume itself, the first one that was found there. Not
 * beside a \vhdboot.bin that is there already: that is an install's as a rule, and one that makes
 * no new name in the folder survives a write that is torn as well.
 */
static enum status keep_old(struct session *s, struct files *files, const struct backup *b)
{
    size_t size;
    struct backup code = *b;
    if (bootcode_vbr_is_vhdboots(&b->vbr) || b->stage2_size != BACKUP_NO_FILE ||
        is_on_volume(s, BACKUP_PATH))
        return STATUS_OK;
    code.sectors = 0;
    files->kept = backup_bytes(&code, &size);
    if (!files->kept)
        return say_no_memory();
    add_file(files, BACKUP_PATH, files->kept, size);
    return STATUS_OK;
}

/* Where a Windows starts from this volume, and no config says what the menu has: it stays in it. */
static enum status keep_windows(struct session *s, struct files *files)
{
    static const char *const loaders[] = {"\\bootmgr", "\\ntldr"};
    struct arena *arena = &s->target.arena;
    for (unsigned i = 0; !files->loader && i < 2; i++)
        files->loader = is_on_volume(s, loaders[i]) ? loaders[i] : NULL;
    if (!files->loader || is_on_volume(s, BOOT_CONFIG_PATH))
        return STATUS_OK;
    struct config_entry entry = {.name = "windows", .title = "Windows", .vhd = ""};
    entry.start = (struct start){.kind = START_FILE, .path = files->loader};
    enum status status = config_text_open_empty(&files->config, &s->target.volume, arena);
    if (!status)
        status = config_text_complete(&files->config, arena);
    if (!status)
        status = config_entries_add(&files->config, &entry, arena);
    if (!status)
        add_file(files, BOOT_CONFIG_PATH, files->config.text, files->config.size);
    return status;
}

static enum status put_files(struct session *s, const struct backup *b, const char **loader)
{
    struct files files = {0};
    enum status status = keep_old(s, &files, b);
    if (!is_there(s, blob_stage2, stage2_size(), b->stage2, b->stage2_size))
        add_file(&files, BOOT_STAGE2_PATH, blob_stage2, stage2_size());
    if (!status)
        status = keep_windows(s, &files);
    if (!status && files.count)
        status = session_files(s, files.file, files.count);
    *loader = files.loader;
    config_text_close(&files.config);
    free(files.kept);
    return status;
}

static enum status build(struct session *s, const struct options *options, struct backup *b,
                         const char **loader)
{
    struct boot_record vbr;
    struct mbr mbr;
    const struct part_table *table = &s->target.table;
    uint64_t start = s->target.part->start_lba;
    enum status status = session_read_code(s, &mbr, &vbr);
    if (status)
        return status;
    *b = (struct backup){.device_size = s->device.size,
                         .start_lba = start,
                         .serial = s->target.volume.serial,
                         .copy_lba = s->copy_lba,
                         .has_mbr = table->scheme == PART_MBR && !options->no_mbr,
                         .mbr = mbr,
                         .vbr = vbr};
    status = mirror_mend(&s->device, &s->target.volume,
                         start << SECTOR_SHIFT); /* also where nothing else is to do */
    if (!status)
        status = read_old(s, &b->stage2, &b->stage2_size);
    if (!status)
        status = put_files(s, b, loader);
    if (status)
        return status;
    bootcode_vbr(&vbr);
    status = session_vbr(s, &vbr);
    bootcode_mbr(&mbr);
    if (!status && b->has_mbr && !device_pwrite(&s->device, &mbr, sizeof mbr, 0))
        status = device_write_failed(&s->device);
    session_order(s);
    b->sector = s->overlay.sector;
    b->sectors = s->overlay.count;
    return status;
}

/* What can be known to go wrong at boot, though not for the lack of code. */
static void warn(struct session *s, const struct options *options, const char *loader)
{
    const struct part *part = s->target.part;
    const char *path = s->device.path;
    if (s->target.table.scheme == PART_MBR && part->number > PART_PRIMARIES)
        say_warning("%s: partition %u is a logical one, which no MBR starts", path, part->number);
    else if (s->target.table.scheme == PART_MBR && !part->active)
        say_warning("%s: partition %u is not active; the MBR starts the active one", path,
                    part->number);
    if (!s->copy_lba)
        say_warning("%s: there is no place for a copy of the boot record", path);
    if (!options->backup && !options->dry_run && s->overlay.count)
        say("%s: no --backup was asked for, so there is nothing to restore from but the boot code "
            "that uninstall brings back",
            path);
    if (loader)
        say("%s: %s is there; %s", path, loader,
            is_on_volume(s, BOOT_CONFIG_PATH)
                ? "an entry with boot = that path starts it"
                : "an entry of the new \\vhdboot.cfg starts it; mkimage add adds images");
}

static enum status check_table(const struct session *s, const struct options *options, bool gap)
{
    if (gap && !options->no_mbr)
        return STATUS_OK;
    if (gap)
        return say_usage("install takes --place gap or --no-mbr, not both");
    if (s->target.table.scheme == PART_GPT && !options->no_mbr)
        return say_error("Say --place gap, or --no-mbr if something else starts the partition.",
                         "%s: is a GPT disk, whose MBR starts no partition", s->device.path);
    return STATUS_OK;
}

static enum status check_backup_file(const char *path)
{
    struct stat st;
    if (path && device_check_name(path))
        return STATUS_FAILED;
    if (path && !lstat(path, &st))
        return say_error("Name a new file.", "%s: the file exists already", path);
    return STATUS_OK;
}

static enum status commit(struct session *s, const struct options *options, const struct backup *b)
{
    const char *path = s->device.path;
    unsigned long count = s->overlay.count;
    if (options->dry_run) {
        say("%s, partition %u: would write %lu sector%s", path, s->target.part->number, count,
            count == 1 ? "" : "s");
        change_list(&s->overlay);
        return STATUS_OK;
    }
    enum status status = options->backup ? backup_save(b, options->backup) : STATUS_OK;
    if (!status)
        status = change_commit(&s->device, &s->overlay, false);
    if (!status && !count)
        say("%s: everything was there already", path);
    else if (!status)
        say("%s, partition %u: installed, %lu sector%s written", path, s->target.part->number,
            count, count == 1 ? "" : "s");
    return status;
}

/* update is for what install has made: what is there already is said. */
static enum status check_installed(struct session *s, const struct backup *b)
{
    const char *path = s->device.path;
    bool file = b->stage2_size != BACKUP_NO_FILE, vbr = bootcode_vbr_is_vhdboots(&b->vbr);
    if (!file && !vbr)
        return say_error("mkimage install puts it there.", "%s: vhdboot is not installed", path);
    const char *same = "is of this version", *other = "is of another version";
    if (b->has_mbr)
        say("%s: the master boot record %s", path,
            bootcode_mbr_is_ours(&b->mbr)       ? same
            : bootcode_mbr_is_vhdboots(&b->mbr) ? other
                                                : "is another program's");
    say("%s: the boot record %s", path,
        bootcode_vbr_is_ours(&b->vbr) ? same
        : vbr                         ? other
                                      : "is another program's");
    say("%s: %s %s", path, BOOT_STAGE2_PATH,
        !file                                                                ? "is not there"
        : is_there(s, blob_stage2, stage2_size(), b->stage2, b->stage2_size) ? same
                                                                             : other);
    return STATUS_OK;
}

static enum status run(const struct options *options, bool update)
{
    enum status status = bootcode_check();
    if (!status)
        status = session_confirm(options);
    if (!status)
        status = check_backup_file(options->backup);
    struct session s;
    if (!status)
        status = session_open(&s, options->argument[0], options->partition);
    if (status)
        return status;
    struct backup backup = {0};
    const char *loader = NULL;
    bool gap = options->gap || (update && gap_is_installed(&s));
    status = check_table(&s, options, gap);
    if (!status && gap)
        status = gap_install(&s, options->backup, &backup);
    if (!status && !gap)
        status = session_check_boot_file(&s);
    if (!status && !gap)
        status = build(&s, options, &backup, &loader);
    if (!status && update && !gap)
        status = check_installed(&s, &backup);
    if (!status) {
        if (!gap)
            warn(&s, options, loader);
        status = commit(&s, options, &backup);
    }
    free(backup.stage2); /* the sectors are the overlay's */
    session_close(&s);
    return status;
}

enum status verb_install(const struct options *options)
{
    return run(options, false);
}

enum status verb_update(const struct options *options)
{
    return run(options, true);
}
