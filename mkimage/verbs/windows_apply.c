/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage windows apply: a new image is made beside its name, filled by libwim through the serving
 * engine, made to start, and gets its name when all of that is done. One whose Windows cannot be
 * made ready (a hive that is not up to date) gets its name too: only the last step is missing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/bytes.h"
#include "cli/options.h"
#include "cli/say.h"
#include "core/ntfs/format.h"
#include "flash/bootcode.h"
#include "flash/newvolume.h"
#include "ntfs/mkfs.h"
#include "ntfs/volume.h"
#include "serve/fresh.h"
#include "serve/newimage.h"
#include "verbs/verbs.h"
#include "windows/applying.h"
#include "windows/disk.h"

#define ALIGN        ((uint64_t)1 << 20)
#define SPARE        ((uint64_t)32 << 20) /* for the MFT and folders */
#define CONFIG_PATH  "\\vhdboot.cfg"
#define STAGE2_PATH  "\\vhdboot.bin"
#define VOLUME_LABEL "Windows"

/* The boot record starts the loader; this has it start \bootmgr at once. */
static const char config_text[] = "# Starts Windows' boot manager at once.\r\n"
                                  "timeout = 0\r\n"
                                  "\r\n"
                                  "[windows]\r\n"
                                  "title = Windows\r\n"
                                  "boot = \\bootmgr\r\n"
                                  "quiet = yes\r\n";

struct apply {
    const struct options *options;
    struct wim_job job;
    char *file; /* the WIM; allocated */
    struct newdisk kind;
    struct fresh fresh;
    struct disk disk;
    uint64_t start, size; /* of the volume, bytes */
};

/* FILE:INDEX or FILE:NAME, unless there is a file of that very name. */
static enum status split(struct apply *a)
{
    const char *argument = a->options->argument[0];
    a->file = strdup(argument);
    if (!a->file)
        return say_no_memory();
    char *colon = access(argument, F_OK) ? strrchr(a->file, ':') : NULL;
    if (colon && colon[1]) {
        *colon = '\0';
        a->job.image = colon + 1;
    }
    a->job.file = a->file;
    return applying_look(&a->job);
}

static enum status plan(struct apply *a)
{
    const char *name = a->options->argument[1];
    a->start = ALIGN;
    uint64_t end = a->kind.size / ALIGN * ALIGN;
    a->size = end > a->start ? end - a->start : 0;
    uint64_t needed = a->job.total + mkfs_overhead(a->size) + SPARE + stage2_size();
    if (needed < MKFS_LEAST)
        needed = MKFS_LEAST;
    if (needed > a->size)
        return say_error("Choose a larger --size.", "%s: %s is too small, %s are needed", name,
                         bytes_text(a->kind.size), bytes_text(needed + a->start));
    if (end >> SECTOR_SHIFT > UINT32_MAX)
        return say_error("Choose a smaller --size.", "%s: an MBR disk has at most 2 TiB", name);
    return STATUS_OK;
}

static bool volume_pread(void *ctx, void *buf, size_t size, uint64_t off)
{
    struct apply *a = ctx;
    return device_pread(&a->disk.device, buf, size, a->start + off);
}

static bool volume_pwrite(void *ctx, const void *buf, size_t size, uint64_t off)
{
    struct apply *a = ctx;
    return device_pwrite(&a->disk.device, buf, size, a->start + off);
}

static enum status fill(struct apply *a)
{
    struct device *device = &a->disk.device;
    enum status status = mkfs_volume(device, a->start, a->size, VOLUME_LABEL);
    a->job.volume_size = a->size;
    a->job.ctx = a;
    a->job.pread = volume_pread;
    a->job.pwrite = volume_pwrite;
    return status ? status : applying_write(&a->job);
}

/* What makes it start: the loader, and what the loader is to do. */
static enum status put_boot(struct apply *a)
{
    struct volume v;
    struct device *device = &a->disk.device;
    enum status status = volume_open(&v, device, a->start, a->size);
    if (status)
        return status;
    status = newvolume_stage2(&v);
    if (!status)
        status = volume_write_file(&v, CONFIG_PATH, config_text, sizeof config_text - 1);
    if (!status)
        status = volume_add_attributes(&v, CONFIG_PATH, NTFS_FILE_HIDDEN | NTFS_FILE_SYSTEM);
    if (!status)
        status = volume_add_attributes(&v, STAGE2_PATH, NTFS_FILE_HIDDEN | NTFS_FILE_SYSTEM);
    enum status closed = volume_close(&v);
    if (status || closed)
        return STATUS_FAILED;
    uint32_t signature = 0;
    status = newvolume_boot_record(device, a->start, a->size);
    if (!status)
        status = newvolume_signature(&signature);
    return status ? status : newvolume_table(device, a->start, a->size, signature);
}

/* Opens the new image: as the other verbs do, or, where nothing is on it yet, its disk only. */
static enum status open_disk(struct apply *a, bool write)
{
    struct disk_where where = {
        .file = a->fresh.path, .write = write, .name = a->options->argument[1]};
    return disk_open(&a->disk, &where);
}

static enum status make(struct apply *a)
{
    enum status status = newdisk_write(&a->kind, a->fresh.fd, a->options->argument[1]);
    if (!status)
        status = open_disk(a, true);
    if (status)
        return status;
    status = fill(a);
    if (!status)
        status = put_boot(a);
    return disk_close(&a->disk, status);
}

/* What the two other verbs do, where there is a Windows on it. */
static enum status ready(struct apply *a)
{
    struct options o = *a->options;
    enum status status = open_disk(a, false);
    if (status)
        return status;
    status = disk_find_windows(&a->disk);
    bool windows = a->disk.windows;
    bool boots = windows && disk_has(&a->disk.inside, "\\Windows\\Boot\\PCAT\\bootmgr");
    bool tunes = windows && disk_has(&a->disk.inside, "\\Windows\\System32\\config\\SYSTEM");
    status = disk_close(&a->disk, status);
    o.name = o.argument[1];
    o.argument[0] = a->fresh.path;
    o.arguments = 1;
    o.inside = true;
    if (!status && !windows)
        say("%s: no Windows in it, so nothing is set and no boot manager put there", o.name);
    enum status tuned = !status && tunes ? verb_windows_tune(&o) : STATUS_OK;
    enum status booted = !status && boots ? verb_windows_boot(&o) : STATUS_OK;
    return status ? status : tuned ? tuned : booted;
}

enum status verb_windows_apply(const struct options *options)
{
    static struct apply a;
    static struct hostfiles host;
    static struct chain chain;
    struct arena arena = {0};
    const char *name = options->argument[1];
    a = (struct apply){.options = options, .kind = {.size = options->size}};
    if (!options->size && !options->parent)
        return say_usage("--size is missing");
    if (options->parent && (options->kind || options->format))
        return say_usage("--parent: the parent says format and kind");
    enum status status = bootcode_check();
    if (!status)
        status = split(&a);
    if (!status)
        status = newimage_choose(&a.kind, options, name);
    if (!status && options->parent) {
        status = arena_open(&arena);
        if (!status)
            status = newimage_parent(&a.kind, options->parent, name, &host, &arena, &chain);
    }
    if (!status)
        status = newdisk_allowed(&a.kind);
    if (!status)
        status = plan(&a);
    if (!status)
        status = fresh_open(&a.fresh, name, false);
    enum status readied = STATUS_OK;
    if (!status) {
        status = make(&a);
        if (!status)
            readied = ready(&a); /* what is applied is whole: it stays, whatever that says */
        status = fresh_end(&a.fresh, status);
    }
    if (!status)
        say("%s: %s%s%s", name, *a.job.name ? a.job.name : "the WIM's image", " applied, ",
            bytes_text(a.job.total));
    if (!status && readied)
        status = say_error("When that is mended: mkimage windows tune, mkimage windows boot "
                           "--inside.",
                           "%s: is kept, but not made ready to start", name);
    hostfiles_close(&host);
    arena_close(&arena);
    free(a.file);
    return status;
}
