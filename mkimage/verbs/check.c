/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage check: would it boot? Walks the machine's path, with the loader's own code where it is
 * core's, and by comparing bytes where it is boot code. A step that fails does not stop those that
 * can be looked at without it.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/bytes.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/say.h"
#include "core/base/arena.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/base/endian.h"
#include "core/base/file.h"
#include "core/base/image.h"
#include "core/chain/chain.h"
#include "core/entry/config.h"
#include "core/entry/open.h"
#include "core/map/map.h"
#include "core/ntfs/format.h"
#include "core/ntfs/ntfs.h"
#include "core/part/format.h"
#include "core/part/part.h"
#include "flash/bootcode.h"
#include "flash/entry.h"
#include "flash/target.h"
#include "image/slack.h"
#include "layout.h"
#include "stage2_format.h"
#include "verbs/verbs.h"

#define STEPS_MAX (8 + CHAIN_MAX)

struct step {
    const char *name;
    bool ok;
    char text[640];
};

struct check {
    struct target target;
    struct entry entry;
    struct step step[STEPS_MAX];
    unsigned steps;
    const char *fault; /* of the virtual disk's boot record; NULL: none */
    bool has_slack;    /* the leaf grows, and `slack` says how far */
    struct slack slack;
    char error[640]; /* the first failure: what and where */
    const char *advice;
};

static void passed(struct check *c, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void failed(struct check *c, const char *name, const char *advice, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static struct step *add(struct check *c, const char *name, bool ok, const char *format,
                        va_list arguments)
{
    struct step *step = &c->step[c->steps < STEPS_MAX ? c->steps++ : STEPS_MAX - 1];
    step->name = name;
    step->ok = ok;
    vsnprintf(step->text, sizeof step->text, format, arguments);
    return step;
}

static void passed(struct check *c, const char *name, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)add(c, name, true, format, arguments);
    va_end(arguments);
}

static void failed(struct check *c, const char *name, const char *advice, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const struct step *step = add(c, name, false, format, arguments);
    va_end(arguments);
    if (!c->error[0]) {
        memcpy(c->error, step->text, sizeof c->error);
        c->advice = advice;
    }
}

static void failed_as(struct check *c, const char *name, const struct fail *f)
{
    char sentence[512];
    errors_format(f, sentence, sizeof sentence);
    failed(c, name, errors_advice(f->err), "%s", sentence);
}

static void check_mbr(struct check *c)
{
    struct mbr mbr;
    struct fail f;
    const struct part_table *table = &c->target.table;
    const char *install = "Run mkimage install.";
    const char *activate = "Make the NTFS partition the only active one (sfdisk --activate).";
    if (blk_read(&c->target.cache.blk, 0, 1, &mbr, &f)) {
        failed_as(c, "mbr", &f);
        return;
    }
    if (table->scheme == PART_NONE) {
        passed(c, "mbr", "no partition table: the volume starts at sector 0");
        return;
    }
    if (table->scheme == PART_GPT) {
        failed(c, "mbr", "Use an MBR disk.", "a GPT disk: its MBR starts no partition");
        return;
    }
    unsigned active = 0, number = 0; /* of the primary ones: the MBR looks at no others */
    for (unsigned i = 0; i < table->count; i++) {
        if (table->part[i].active && table->part[i].number <= PART_PRIMARIES) {
            active++;
            number = table->part[i].number;
        }
    }
    unsigned likeness = bootcode_mbr_likeness(&mbr);
    static const uint8_t no_code[16];
    if (!memcmp(mbr.code, no_code, sizeof no_code))
        failed(c, "mbr", install, "no boot code in sector 0");
    else if (c->target.part && c->target.part->number > PART_PRIMARIES)
        failed(c, "mbr", "Use a primary partition, and make it the only active one.",
               "partition %u is a logical one, which no MBR starts", c->target.part->number);
    else if (active != 1)
        failed(c, "mbr", activate, active ? "%u partitions are active" : "no partition is active",
               active);
    else if (c->target.part && number != c->target.part->number)
        failed(c, "mbr", activate, "partition %u is active, not partition %u", number,
               c->target.part->number);
    else if (bootcode_mbr_is_ours(&mbr))
        passed(c, "mbr", "boot code is there, partition %u is active", number);
    else if (likeness > 50)
        failed(c, "mbr", install, "boot code is damaged, or of another version");
    else
        passed(c, "mbr", "boot code of another program, which has to start partition %u", number);
}

/* Where the volume's copy of its boot record is said to be. */
static bool backup_in_step(struct check *c, const struct ntfs_boot_record *record)
{
    uint64_t sectors = le64_get(record->bpb.total_sectors);
    uint64_t scale = c->target.volume.sector_size / SECTOR_SIZE;
    struct ntfs_boot_record copy;
    struct fail f;
    if (sectors > c->target.part->sectors / scale)
        return false;
    return !blk_read(&c->target.blk, c->target.part->start_lba + sectors * scale, 1, &copy, &f) &&
           !memcmp(&copy, record, sizeof copy);
}

static void check_vbr(struct check *c, bool mounted)
{
    struct boot_record vbr;
    struct fail f;
    const struct part *part = c->target.part;
    if (blk_read(&c->target.blk, part->start_lba, VBR_SIZE / SECTOR_SIZE, &vbr, &f)) {
        failed_as(c, "vbr", &f);
        return;
    }
    uint32_t hidden = le32_get(vbr.first.bpb.hidden);
    if (!bootcode_vbr_is_ours(&vbr))
        failed(c, "vbr", "Run mkimage install.",
               "the boot record at sector %" PRIu64 " is not vhdboot's, or of another version",
               part->start_lba);
    else if (hidden != (uint32_t)part->start_lba)
        passed(c, "vbr", "boot record is there; it says that the volume starts at sector %u",
               hidden);
    else if (mounted && !backup_in_step(c, &vbr.first))
        passed(c, "vbr", "boot record is there; its copy at the volume's end differs");
    else
        passed(c, "vbr", "boot record is there");
}

/* vhdboot.bin as the boot record takes it: the whole file, its header, its sum. */
static void check_stage2(struct check *c)
{
    static uint8_t data[STAGE2_FILE_MAX];
    struct file file;
    struct extent_list extents;
    struct fail f;
    const char *install = "Run mkimage install.";
    struct arena *arena = &c->target.arena;
    if (ntfs_open(&c->target.volume, BOOT_STAGE2_PATH, &file, &f) ||
        file_extents(&file, &extents, arena, &f)) {
        (void)fail_subject(&f, BOOT_STAGE2_PATH);
        char sentence[512];
        errors_format(&f, sentence, sizeof sentence);
        failed(c, "stage2", f.err == ERR_NOT_FOUND ? install : errors_advice(f.err), "%s",
               sentence);
        return;
    }
    if (file.size > STAGE2_FILE_MAX || file.size < sizeof(struct stage2_header) || file.size % 4) {
        failed(c, "stage2", install, "%s: %" PRIu64 " bytes cannot be vhdboot", file.path,
               file.size);
        return;
    }
    if (file_read(&file, 0, data, (uint32_t)file.size, &f)) {
        failed_as(c, "stage2", &f);
        return;
    }
    uint32_t runs = ntfs_mft_runs(&c->target.volume);
    if (runs > VBR_RUNS_MAX) {
        failed(c, "stage2", "Copy the volume's files to a new one.",
               "%s: $MFT has %u fragments, more than the %u that the boot record knows", file.path,
               runs, VBR_RUNS_MAX);
        return;
    }
    const struct stage2_header *header = (const struct stage2_header *)data;
    uint32_t sum = 0;
    for (uint32_t i = 0; i < file.size; i += 4)
        sum += le32_get(*(const le32 *)(data + i));
    if (le32_get(header->magic) != STAGE2_MAGIC || le32_get(header->size) != file.size || sum)
        failed(c, "stage2", install, "%s: is damaged, or is not vhdboot", file.path);
    else if (file.size != stage2_size() || memcmp(data, blob_stage2, stage2_size()))
        passed(c, "stage2", "%s: %" PRIu64 " bytes, of another version", file.path, file.size);
    else
        passed(c, "stage2", "%s: %" PRIu64 " bytes, %u fragment%s", file.path, file.size,
               extent_fragments(&extents), extent_fragments(&extents) == 1 ? "" : "s");
}

static bool check_config(struct check *c, const char *name)
{
    struct fail f;
    if (entry_choose(&c->entry, &c->target, name, &f)) {
        failed_as(c, "config", &f);
        return false;
    }
    const struct config *config = &c->entry.config;
    char complaint[400] = "";
    for (unsigned i = 0; i < config->complaint_count && i < CONFIG_COMPLAINTS_MAX; i++) {
        const struct config_complaint *one = &config->complaint[i];
        size_t used = strlen(complaint);
        snprintf(complaint + used, sizeof complaint - used, "; line %u: %s%s%s", one->line,
                 one->sentence, *one->word ? ": " : "", one->word);
    }
    passed(c, "config", "%s, %u entr%s, %s%s",
           c->entry.from_file ? BOOT_CONFIG_PATH : "no " BOOT_CONFIG_PATH, config->count,
           config->count == 1 ? "y" : "ies", c->entry.chosen->title, complaint);
    return true;
}

static void check_volume(struct check *c)
{
    const struct ntfs *volume = &c->target.volume;
    char notes[400] = "";
    for (unsigned i = 0; i < volume->notes.count; i++) {
        size_t used = strlen(notes);
        snprintf(notes + used, sizeof notes - used, "; ");
        used = strlen(notes);
        notes_format(&volume->notes, i, notes + used, sizeof notes - used);
        if (strlen(notes) + 4 > sizeof notes)
            break;
    }
    passed(c, "volume", "NTFS %u.%u, %s, clusters of %s%s%s%s%s", volume->version_major,
           volume->version_minor,
           bytes_text(volume->clusters << (volume->cluster_shift + SECTOR_SHIFT)),
           bytes_text((uint64_t)SECTOR_SIZE << volume->cluster_shift),
           volume->hibernated ? ", Windows is hibernated on it" : "",
           volume->log_unclean ? ", its log is not clean" : "",
           volume->dirty ? ", marked dirty" : "", notes);
}

/* How much new data the leaf has room for, where it is one that gets new blocks. */
static void look_at_slack(struct check *c, char *text, size_t size)
{
    struct image *leaf = &c->entry.disk.chain.link[0]->image;
    struct fail f;
    size_t used = strlen(text);
    if (leaf->format != IMAGE_VHD || leaf->kind == IMAGE_FIXED)
        return;
    c->has_slack = !slack_find(&c->slack, leaf, &c->target.arena, &f);
    if (!c->has_slack)
        return;
    uint32_t left = slack_left(&c->slack);
    if (!c->slack.absent)
        snprintf(text + used, size - used, ", every block is stored");
    else if (left)
        snprintf(text + used, size - used, ", slack for %s", slack_text(&c->slack, left));
    else
        snprintf(text + used, size - used, ", slack is used up: mkimage reserve gives it more");
}

static bool check_image(struct check *c)
{
    struct fail f;
    struct boot_disk *disk = &c->entry.disk;
    if (boot_open(disk, c->entry.chosen, &c->target.volumes, 0, &c->target.arena, &f)) {
        failed_as(c, "image", &f);
        return false;
    }
    for (unsigned i = 0; i < disk->chain.count; i++) {
        char text[256];
        chain_describe(&disk->chain, i, text, sizeof text);
        if (!i)
            look_at_slack(c, text, sizeof text);
        passed(c, "image", "%s: %s", disk->chain.link[i]->file.path, text);
    }
    char notes[400] = "";
    for (unsigned i = 0; i < disk->notes.count; i++) {
        size_t used = strlen(notes);
        if (used + 8 > sizeof notes)
            break;
        strcat(notes, "; ");
        notes_format(&disk->notes, i, notes + used + 2, sizeof notes - used - 2);
    }
    uint64_t runs = 0;
    for (uint64_t lba = 0; lba < disk->map.sectors; runs++)
        lba += map_find_long(&disk->map, lba).count;
    passed(c, "map", "%" PRIu64 " sectors, %" PRIu64 " run%s, %s%s%s", disk->map.sectors, runs,
           runs == 1 ? "" : "s", bytes_text(map_bytes(&disk->map)),
           disk->write_protected ? ", write-protected" : "", notes);
    return true;
}

/* The last thing that the machine looks at before it starts the disk. A disk without a boot record
 * is no fault of the flash's: it waits for its system, and that is said. */
static void check_guest(struct check *c)
{
    uint8_t sector[SECTOR_SIZE];
    struct fail f;
    if (map_read(&c->entry.disk.map, c->target.drive, 0, 1, sector, &f))
        failed_as(c, "map", &f);
    else
        c->fault = boot_record_fault(sector);
}

static void walk(struct check *c, const struct options *options)
{
    struct fail f;
    target_further(&c->target, options->drive, options->drives);
    bool mounted = !target_mount(&c->target, options->partition, &f);
    if (c->target.table.scheme != PART_NONE || c->target.table.count)
        check_mbr(c);
    if (c->target.part)
        check_vbr(c, mounted);
    if (!mounted) {
        failed_as(c, c->target.part ? "volume" : "mbr", &f);
        return;
    }
    check_stage2(c);
    bool chosen = check_config(c, options->entry);
    check_volume(c);
    if (chosen && check_image(c))
        check_guest(c);
}

static void print_json(const struct check *c)
{
    json_object(NULL);
    json_bool("boots", !c->error[0]);
    json_string("error", c->error[0] ? c->error : NULL);
    json_string("advice", c->error[0] ? c->advice : NULL);
    json_bool("system", !c->fault);
    if (c->has_slack) {
        json_object("slack");
        json_number("blocks", slack_left(&c->slack));
        json_number("bytes",
                    (uint64_t)slack_left(&c->slack) * c->slack.now.block_sectors << SECTOR_SHIFT);
        json_number("absent", c->slack.absent);
        json_end();
    } else {
        json_null("slack");
    }
    json_number("sectors_read", c->target.blk.sectors_read);
    json_number("reads", c->target.blk.reads);
    json_array("steps");
    for (unsigned i = 0; i < c->steps; i++) {
        json_object(NULL);
        json_string("name", c->step[i].name);
        json_bool("ok", c->step[i].ok);
        json_string("text", c->step[i].text);
        json_end();
    }
    json_end();
    json_end();
}

enum status verb_check(const struct options *options)
{
    struct check *c = calloc(1, sizeof *c);
    if (!c)
        return say_no_memory();
    enum status status = target_open_device(&c->target, options->argument[0]);
    if (status) {
        free(c);
        return status;
    }
    walk(c, options);
    if (options->json) {
        print_json(c);
    } else {
        for (unsigned i = 0; i < c->steps; i++)
            printf("%-4s %-7s %s\n", c->step[i].ok ? "ok" : "FAIL", c->step[i].name,
                   c->step[i].text);
        printf("%s%s%s, %" PRIu64 " sectors read in %" PRIu64 " reads\n",
               c->error[0] ? "would not boot" : "would boot",
               c->error[0] || !c->fault ? "" : ", but ", c->error[0] || !c->fault ? "" : c->fault,
               c->target.blk.sectors_read, c->target.blk.reads);
    }
    if (c->error[0]) {
        fflush(stdout);
        status = say_error(c->advice, "%s", c->error);
    }
    target_close(&c->target);
    free(c);
    return status;
}
