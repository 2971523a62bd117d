/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage flash: a disk with one active NTFS partition at 1 MiB that boots. Everything is checked
 * before OUTPUT is touched; the MBR, without which nothing boots, is written last.
 */
#include <linux/fs.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include "cli/bytes.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "core/base/bounds.h"
#include "core/entry/config.h"
#include "core/entry/open.h"
#include "core/part/format.h"
#include "flash/bootcode.h"
#include "flash/clone_names.h"
#include "flash/entry.h"
#include "flash/newvolume.h"
#include "flash/output.h"
#include "flash/plan.h"
#include "flash/start_check.h"
#include "flash/sums.h"
#include "flash/sums_format.h"
#include "flash/target.h"
#include "flash/verify.h"
#include "host/confirm.h"
#include "host/device.h"
#include "image/slack.h"
#include "ntfs/mkfs.h"
#include "ntfs/place.h"
#include "ntfs/volume.h"
#include "verbs/verbs.h"

/* Slack where nobody said how much: writing it takes its time, and it can be added to. */
#define SLACK_MAX       ((uint64_t)4 << 30)
#define SLACK_FILE      ((uint64_t)1 << 30) /* where the size of the flash is not given either */

/* Free records of the MFT, a KiB each: what Windows gives a new volume. */
#define SPARE_RECORDS   192u

#define MBR_SECTORS_MAX ((uint64_t)UINT32_MAX)

struct flash {
    const struct options *options;
    struct sums sums;
    struct placement sums_place;
    uint64_t size;               /* bytes of OUTPUT that are used */
    uint64_t start, volume_size; /* bytes: the partition */
    struct flash_plan plan;
    struct output output;
};

/* How large OUTPUT becomes, and whether the files fit. */
static enum status check_size(struct flash *flash)
{
    const struct options *options = flash->options;
    bool asked = options->given & OPTION_RESERVE;
    bool share = !asked && (flash->output.is_block || options->size);
    flash->size = options->size;
    if (!share && flash_plan_slack(&flash->plan, asked ? options->reserve : SLACK_FILE))
        return STATUS_FAILED;
    if (flash->output.is_block) {
        struct device device;
        enum status status = device_check_sectors(flash->output.path);
        if (!status)
            status = device_open(&device, flash->output.path, DEVICE_READ);
        if (status)
            return status;
        device_close(&device);
        if (!flash->size)
            flash->size = device.size;
        if (flash->size > device.size)
            return say_error("Choose a smaller --size.", "%s: has only %s", flash->output.path,
                             bytes_text(device.size));
    } else if (!flash->size) {
        flash->size = flash_plan_default_size(&flash->plan);
    }

    uint64_t sectors = flash->size >> SECTOR_SHIFT;
    if (!flash->output.is_block && sectors > MBR_SECTORS_MAX)
        return say_error("Choose a smaller --size.", "%s: an MBR device has at most 2 TiB",
                         flash->output.path);
    if (sectors > MBR_SECTORS_MAX)
        sectors = MBR_SECTORS_MAX;
    sectors = sectors / FLASH_START_LBA * FLASH_START_LBA;
    flash->start = (uint64_t)FLASH_START_LBA << SECTOR_SHIFT;
    uint64_t end = sectors << SECTOR_SHIFT;
    flash->volume_size = end > flash->start ? end - flash->start : 0;
    uint64_t needed = flash->plan.needed + mkfs_overhead(flash->volume_size);
    if (needed < MKFS_LEAST)
        needed = MKFS_LEAST;
    if (needed > flash->volume_size)
        return say_error("Choose a larger one.", "%s: %s is too small, %s are needed",
                         flash->output.path, bytes_text(flash->size),
                         bytes_text(needed + flash->start));
    if (share)
        flash_plan_share_slack(&flash->plan, (flash->volume_size - needed) / 2, SLACK_MAX);
    return STATUS_OK;
}

/* What an older partition table left before and behind the partition would be taken for a GPT. */
static enum status wipe(struct flash *flash)
{
    uint64_t end = flash->start + flash->volume_size;
    if (!device_zero(&flash->output.device, 0, flash->start) ||
        !device_zero(&flash->output.device, end,
                     flash->output.device.size - end < 1 << 20 ? flash->output.device.size - end
                                                               : 0))
        return device_write_failed(&flash->output.device);
    uint64_t tail = (uint64_t)34 << SECTOR_SHIFT;
    if (flash->output.device.size - end >= 1 << 20 &&
        !device_zero(&flash->output.device, flash->output.device.size - tail, tail))
        return device_write_failed(&flash->output.device);
    return STATUS_OK;
}

static enum status place_image(struct volume *v, struct flash_image *image)
{
    enum status status = volume_make_folders(v, image->path);
    image->placed = true;
    if (!image->size) /* of a clone: nothing to place */
        return status ? status : volume_write_file(v, image->path, "", 0);
    if (!status)
        status = place_find(v, flash_image_size(image), &image->placement);
    if (!status)
        status = place_claim(v, &image->placement);
    if (!status)
        status = place_file(v, image->path, flash_image_size(image), &image->placement);
    return status;
}

/* The largest first: it finds the longest free run. */
static struct flash_image *largest_left(struct flash_plan *plan)
{
    struct flash_image *largest = NULL;
    for (unsigned i = 0; i < plan->count; i++) {
        struct flash_image *image = &plan->image[i];
        if (!image->placed && (!largest || image->size > largest->size))
            largest = image;
    }
    return largest;
}

/* Room for the sums, whose text has its length already. */
static enum status place_sums(struct flash *flash, struct volume *v)
{
    static const uint8_t none[SHA256_SIZE];
    char *text = NULL;
    size_t size = 0;
    enum status status = STATUS_OK;
    for (unsigned i = 0; !status && i < flash->plan.count; i++)
        status = sums_set(&flash->sums, flash->plan.image[i].path, none,
                          flash->plan.image[i].is_written);
    if (!status)
        status = sums_text(&flash->sums, &text, &size);
    if (!status)
        status = place_find(v, size, &flash->sums_place);
    if (!status)
        status = place_claim(v, &flash->sums_place);
    if (!status)
        status = place_file(v, SUMS_PATH, size, &flash->sums_place);
    free(text);
    return status;
}

static enum status fill_sums(struct flash *flash, struct volume *v)
{
    char *text = NULL;
    size_t size = 0;
    for (unsigned i = 0; i < flash->plan.count; i++) {
        const struct flash_image *image = &flash->plan.image[i];
        memcpy(sums_find(&flash->sums, image->path)->digest, image->digest, SHA256_SIZE);
    }
    enum status status = sums_text(&flash->sums, &text, &size);
    if (!status)
        status = place_fill_memory(v, &flash->sums_place, text, size);
    free(text);
    return status;
}

static enum status write_files(struct flash *flash, struct volume *v)
{
    struct flash_plan *plan = &flash->plan;
    enum status status = newvolume_stage2(v);
    if (!status && !flash->options->no_sums)
        status = place_sums(flash, v);
    if (!status && plan->config_size)
        status = volume_write_file(v, "\\vhdboot.cfg", plan->config, plan->config_size);
    for (struct flash_image *image; !status && (image = largest_left(plan));)
        status = place_image(v, image);
    if (!status) /* so that later changes need not touch the MFT's own record and its copy */
        status = volume_spare_records(v, SPARE_RECORDS);
    enum status closed = volume_close(v);
    if (status || closed)
        return STATUS_FAILED;

    uint64_t total = 0;
    for (unsigned i = 0; i < plan->count; i++)
        total += flash_image_size(&plan->image[i]);
    progress_start("copying", total);
    bool sums = !flash->options->no_sums;
    for (unsigned i = 0; !status && i < plan->count; i++)
        status = flash_image_fill(v, &plan->image[i], &plan->image[i].placement, sums);
    progress_end();
    return status || !sums ? status : fill_sums(flash, v);
}

static enum status make(struct flash *flash)
{
    uint32_t signature = 0;
    enum status status = newvolume_signature(&signature);
    if (!status)
        status = wipe(flash);
    if (!status)
        status =
            mkfs_volume(&flash->output.device, flash->start, flash->volume_size, flash->plan.label);
    clone_names_set(&flash->plan, signature, flash->start);
    struct volume v;
    if (!status)
        status = volume_open(&v, &flash->output.device, flash->start, flash->volume_size);
    if (!status)
        status = write_files(flash, &v);
    if (!status)
        status = newvolume_boot_record(&flash->output.device, flash->start, flash->volume_size);
    if (!status && flash->output.is_block && !device_sync(&flash->output.device))
        status = device_write_failed(&flash->output.device);
    if (!status)
        status =
            newvolume_table(&flash->output.device, flash->start, flash->volume_size, signature);
    if (!status && flash->output.is_block) /* the kernel may show the new partition, or not yet */
        (void)ioctl(flash->output.device.fd, BLKRRPART);
    return status;
}

/*
 * Opens the flash as the machine will, and every entry of its menu. What a config of the user's own
 * names may still be missing: that is told. All else would be a mistake of this program.
 */
static enum status verify(const struct flash *flash)
{
    static struct config config;
    struct target t;
    struct fail f;
    bool from_file;
    enum status status = target_open(&t, output_name(&flash->output), 0);
    if (status)
        return status;
    t.device.path = flash->output.path;
    enum err err = boot_entries(&config, &from_file, &t.volume, &t.arena, &f);
    if (err == ERR_NOT_FOUND && flash->plan.is_clone) /* nor has the master an entry */
        config.count = 0;
    else if (err)
        status = say_fail(&f);
    for (unsigned i = 0; !status && i < config.count; i++) {
        static struct boot_disk disk;
        disk = (struct boot_disk){0};
        char text[512];
        bool is_image = config.entry[i].start.kind == START_IMAGE;
        if (is_image ? boot_open(&disk, &config.entry[i], &t.volumes, 0, &t.arena, &f)
                     : start_check(&t, &config.entry[i], text, sizeof text, &f)) {
            char sentence[512];
            errors_format(&f, sentence, sizeof sentence);
            if (flash->options->config || flash->plan.is_clone)
                say_warning("entry %s would not start: %s", config.entry[i].name, sentence);
            else
                status = say_fail(&f);
        } else {
            entry_warn_of_no_system(&config.entry[i], &disk, &t);
        }
    }
    target_close(&t);
    return status;
}

static void report(const struct flash *flash, const char *done)
{
    say("%s: %s%s, one NTFS partition of %s", flash->output.path, done, bytes_text(flash->size),
        bytes_text(flash->volume_size));
    for (unsigned i = 0; i < flash->plan.count; i++) {
        const struct flash_image *image = &flash->plan.image[i];
        uint32_t pieces = image->placement.count;
        char slack[100] = "";
        uint32_t slots = image->grows ? slack_left(&image->slack) + image->slots : 0;
        if (slots)
            snprintf(slack, sizeof slack, ", slack for %s", slack_text(&image->slack, slots));
        if (pieces)
            say("%s: %s, %u fragment%s%s", image->path, image->kind, pieces, pieces == 1 ? "" : "s",
                slack);
        else
            say("%s: %s, from %s%s", image->path, image->kind, image->source, slack);
    }
}

/* As far as nothing has to be written to know it: of images that children stand on, it is not. */
static void warn_of_no_system(const struct flash_plan *plan)
{
    for (unsigned i = 0; i < plan->count; i++) {
        const struct flash_image *image = &plan->image[i];
        if (image->no_system && !image->is_parent)
            entry_warn_no_system(image->path, image->no_system);
    }
}

/* Reads all of it back from the drive, not from the host's memory. */
static enum status read_back(const struct flash *flash)
{
    struct target t;
    struct verify_counts counts;
    enum status status = target_open(&t, output_name(&flash->output), 0);
    if (status)
        return status;
    t.device.path = flash->output.path;
    device_forget(&t.device);
    status = verify_images(&t, NULL, NULL, &counts);
    target_close(&t);
    if (!status && counts.images != counts.same)
        status = say_error("The drive may be failing, or smaller than it says: use another one.",
                           "%s: %zu of %zu images read back as something else than was written",
                           flash->output.path, counts.images - counts.same, counts.images);
    if (!status)
        say("%s: %zu image%s read back, %s", flash->output.path, counts.images,
            counts.images == 1 ? "" : "s", "each as it was written");
    return status;
}

/* The device is closed before it is looked at: the kernel may keep what it was told otherwise. */
static enum status complete(struct flash *flash)
{
    if (flash->output.is_block)
        device_close(&flash->output.device);
    enum status status = verify(flash);
    if (!status && (flash->options->verify || flash->plan.is_clone) && flash->sums.count)
        status = read_back(flash);
    return status ? status : output_finish(&flash->output);
}

/* Everything that is known before the first byte is written. */
static enum status check(struct flash *flash, const char *path)
{
    flash_plan_again(&flash->plan);
    flash->output = (struct output){.path = path, .device.fd = -1};
    enum status status = output_check(&flash->output, &flash->plan, flash->options);
    return status ? status : check_size(flash);
}

static enum status check_all(struct flash *flash, const char *const *path, unsigned count)
{
    const char *block[ARGUMENTS_MAX];
    unsigned blocks = 0;
    enum status status = STATUS_OK;
    for (unsigned i = 0; !status && i < count; i++) {
        for (unsigned k = 0; !status && k < i; k++) {
            struct stat one, two;
            if (!strcmp(path[i], path[k]) ||
                (!stat(path[i], &one) && !stat(path[k], &two) && one.st_ino == two.st_ino &&
                 one.st_dev == two.st_dev && one.st_rdev == two.st_rdev))
                status = say_usage("%s and %s: are the same", path[k], path[i]);
        }
        if (!status)
            status = check(flash, path[i]);
        if (!status && flash->output.is_block)
            block[blocks++] = path[i];
    }
    return status || !blocks ? status : confirm_overwrite(block, blocks, flash->options);
}

/* One after the other; one that fails does not stop the others. */
static enum status make_all(struct flash *flash, const char *const *path, unsigned count)
{
    enum status result = STATUS_OK;
    for (unsigned i = 0; i < count; i++) {
        enum status status = check(flash, path[i]);
        if (!status && !flash->options->dry_run) {
            status = output_open(&flash->output, flash->size);
            if (!status)
                status = make(flash);
            if (!status)
                status = complete(flash);
            output_close(&flash->output);
        }
        if (!status)
            report(flash, flash->options->dry_run ? "would become " : "");
        sums_free(&flash->sums);
        placement_free(&flash->sums_place);
        result = status ? status : result;
    }
    return result;
}

/* The plan is made; it goes with this. */
static enum status flash_all(struct flash *flash, const char *const *path, unsigned count)
{
    enum status status = check_all(flash, path, count);
    if (!status)
        status = make_all(flash, path, count);
    if (!status && flash->options->dry_run)
        warn_of_no_system(&flash->plan);
    flash_plan_free(&flash->plan);
    return status;
}

enum status verb_flash(const struct options *options)
{
    static struct flash flash;
    flash = (struct flash){.options = options};
    if (!options->vhds)
        return say_usage("flash needs --vhd FILE");
    if (options->verify && options->no_sums)
        return say_usage("flash takes --verify or --no-sums, not both");
    if (bootcode_check())
        return STATUS_FAILED;
    if (options->label && (strlen(options->label) > 32 || !*options->label))
        return say_usage("--label %s: a label has 1 to 32 characters", options->label);
    enum status status = flash_plan(&flash.plan, options);
    return status ? status : flash_all(&flash, options->argument, options->arguments);
}

enum status verb_clone(const struct options *options)
{
    static struct flash flash;
    flash = (struct flash){.options = options};
    if (bootcode_check())
        return STATUS_FAILED;
    if (options->label && (strlen(options->label) > 32 || !*options->label))
        return say_usage("--label %s: a label has 1 to 32 characters", options->label);
    enum status status = flash_plan_clone(&flash.plan, options, options->argument[0]);
    return status ? status : flash_all(&flash, options->argument + 1, options->arguments - 1);
}
