/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage check: would it boot? Walks the machine's path, with the loader's own code where it is
 * core's, and by comparing bytes where it is boot code. A step that fails does not stop those that
 * can be looked at without it. The answer is the machine's: what it refuses does not boot.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "cli/bytes.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/steps.h"
#include "core/base/blk.h"
#include "core/base/bounds.h"
#include "core/entry/config.h"
#include "core/entry/open.h"
#include "core/ntfs/ntfs.h"
#include "core/part/part.h"
#include "flash/entry.h"
#include "flash/installed.h"
#include "flash/target.h"
#include "host/device.h"
#include "ntfs/mirror.h"
#include "verbs/check_boot.h"
#include "verbs/check_entry.h"
#include "verbs/verbs.h"

struct check {
    const struct options *options;
    struct target target;
    struct entry menu;
    struct steps steps; /* as far as they are the same for all entries */
    struct check_entry entry[CONFIG_ENTRIES_MAX];
    unsigned entries; /* that were looked at */
    const char *error, *advice;
};

static void warn_of_line(void *ctx, const struct config_complaint *c)
{
    steps_warn(ctx, "line %u: %s%s%s", c->line, c->sentence, *c->word ? ": " : "", c->word);
}

/* All of them, also those that the machine has no room to keep. That is a second look at the file,
 * which the machine does not take: it does not count. */
static void warn_of_lines(struct check *c)
{
    struct fail f;
    struct blk *blk = &c->target.blk;
    uint64_t reads = blk->reads, sectors_read = blk->sectors_read;
    if (!c->menu.config.complaint_count)
        return;
    if (entry_complaints(&c->target, warn_of_line, &c->steps, &f))
        steps_failed_as(&c->steps, "config", &f);
    blk->reads = reads;
    blk->sectors_read = sectors_read;
}

/* "write = persistent", as the config would say it. */
static const char *mode_text(const struct config_entry *entry)
{
    static char text[64];
    if (entry->start.kind != START_IMAGE)
        return "boot = ...";
    snprintf(text, sizeof text, "write = %s%s%s", entry_write_name(entry),
             entry->ram ? ", ram = yes" : "", entry->native ? ", via = bootmgr" : "");
    return text;
}

static bool check_config(struct check *c)
{
    struct fail f;
    struct entry *menu = &c->menu;
    if (entry_choose(menu, &c->target, c->options->entry, &f)) {
        steps_failed_as(&c->steps, "config", &f);
        return false;
    }
    bool all = c->options->all;
    steps_passed(&c->steps, "config", "%s, %u entr%s%s%s%s%s",
                 menu->from_file ? BOOT_CONFIG_PATH : "no " BOOT_CONFIG_PATH, menu->config.count,
                 menu->config.count == 1 ? "y" : "ies", all ? "" : ", ",
                 all ? "" : menu->chosen->title, all ? "" : ", ",
                 all ? "" : mode_text(menu->chosen));
    if (menu->config.windows_fault)
        steps_warn(&c->steps, "the entries of Windows' boot store cannot be listed: %s",
                   menu->config.windows_fault);
    warn_of_lines(c);
    return true;
}

static void check_volume(struct check *c)
{
    struct ntfs *volume = &c->target.volume;
    steps_passed(&c->steps, "volume", "NTFS %u.%u, %s, clusters of %s", volume->version_major,
                 volume->version_minor,
                 bytes_text(volume->clusters << (volume->cluster_shift + SECTOR_SHIFT)),
                 bytes_text((uint64_t)SECTOR_SIZE << volume->cluster_shift));
    if (mirror_is_old(&c->target.device, volume, c->target.part->start_lba << SECTOR_SHIFT))
        steps_warn(&c->steps, "a change of it was cut off, and ntfs-3g will not mount it before "
                              "mkimage install mends its $MFTMirr");
    steps_warn_notes(&c->steps, &volume->notes, NULL);
    if (volume->dirty && !volume->log_unclean && !volume->hibernated)
        steps_warn(&c->steps, "its log is clean: where Linux or ntfsresize had it last, ntfsfix -d "
                              "on its partition takes the mark away");
}

static void walk(struct check *c)
{
    struct fail f;
    struct target *t = &c->target;
    if (t->device.sector_size != SECTOR_SIZE) {
        steps_failed(&c->steps, "mbr", "Use a drive with sectors of 512 bytes.",
                     "%s: " DEVICE_SECTORS_SENTENCE, t->device.path, t->device.sector_size);
        return;
    }
    bool mounted = !target_mount(t, c->options->partition, &f);
    if (t->table.scheme != PART_NONE || t->table.count)
        check_boot_mbr(&c->steps, t);
    struct gap gap;
    bool outside = installed_gap(t, &gap);
    if (t->part && !outside)
        check_boot_vbr(&c->steps, t, mounted);
    if (!mounted) {
        steps_failed_as(&c->steps, t->part ? "volume" : "mbr", &f);
        return;
    }
    if (outside)
        check_boot_gap_file(&c->steps, t, &gap);
    else
        check_boot_stage2(&c->steps, t);
    bool chosen = check_config(c);
    check_volume(c);
    for (unsigned i = 0; chosen && i < c->menu.config.count; i++) {
        const struct config_entry *entry = &c->menu.config.entry[i];
        if (c->options->all || entry == c->menu.chosen)
            check_entry_look(&c->entry[c->entries++], t, entry);
    }
}

/* Why the machine would not start the entry: its own reason, else the one that is everybody's. */
static const char *entry_error(const struct check *c, const struct check_entry *e,
                               const char **advice)
{
    const struct steps *steps = e->steps.error ? &e->steps : &c->steps;
    *advice = steps->advice;
    return steps->error;
}

/* The first failure is the answer's. */
static void judge(struct check *c)
{
    c->error = c->steps.error;
    c->advice = c->steps.advice;
    for (unsigned i = 0; !c->error && i < c->entries; i++)
        c->error = entry_error(c, &c->entry[i], &c->advice);
}

static void print_answer(const char *error, const char *advice)
{
    json_bool("boots", !error);
    json_string("error", error);
    json_string("advice", error ? advice : NULL);
}

static void print_entry_json(const struct check *c, const struct check_entry *e)
{
    const char *advice, *error = entry_error(c, e, &advice);
    json_object(NULL);
    print_answer(error, advice);
    check_entry_json(e);
    steps_json(&e->steps);
    json_end();
}

/* With --all an object an entry; else the one entry's keys and steps are the answer's. */
static void print_json(struct check *c)
{
    static const struct check_entry none;
    json_object(NULL);
    print_answer(c->error, c->advice);
    if (!c->options->all)
        check_entry_json(c->entries ? &c->entry[0] : &none);
    json_number("sectors_read", c->target.blk.sectors_read);
    json_number("reads", c->target.blk.reads);
    if (c->options->all) {
        steps_json(&c->steps);
        json_array("entries");
        for (unsigned i = 0; i < c->entries; i++)
            print_entry_json(c, &c->entry[i]);
        json_end();
    } else {
        if (c->entries)
            steps_append(&c->steps, &c->entry[0].steps);
        steps_json(&c->steps);
    }
    json_end();
}

/* Each entry with a line before it and one behind. Returns how many would not boot. */
static unsigned print_entries(const struct check *c)
{
    unsigned failing = 0;
    for (unsigned i = 0; i < c->entries; i++) {
        const struct config_entry *entry = c->entry[i].entry;
        const char *advice;
        bool fails = entry_error(c, &c->entry[i], &advice);
        failing += fails;
        say_out("%s", "");
        say_out("%s: %s, %s%s", entry->name, entry->title, mode_text(entry),
                entry == c->menu.chosen ? ", the default" : "");
        steps_print(&c->entry[i].steps);
        say_out("%s", fails ? "would not boot" : "would boot");
    }
    say_out("%s", "");
    return failing;
}

static void print_text(const struct check *c)
{
    char answer[80];
    const struct blk *blk = &c->target.blk;
    snprintf(answer, sizeof answer, "%s", c->error ? "would not boot" : "would boot");
    steps_print(&c->steps);
    if (!c->options->all) {
        if (c->entries)
            steps_print(&c->entry[0].steps);
    } else if (c->entries) {
        unsigned failing = print_entries(c);
        snprintf(answer, sizeof answer, "%u of %u entries would boot", c->entries - failing,
                 c->entries);
    }
    say_out("%s, %" PRIu64 " sector%s read in %" PRIu64 " read%s", answer, blk->sectors_read,
            blk->sectors_read == 1 ? "" : "s", blk->reads, blk->reads == 1 ? "" : "s");
}

enum status verb_check(const struct options *options)
{
    if (options->all && options->entry)
        return say_usage("check takes --entry or --all, not both");
    struct check *c = calloc(1, sizeof *c);
    if (!c)
        return say_no_memory();
    c->options = options;
    enum status status = target_open_device(&c->target, options->argument[0]);
    if (!status)
        status = target_further(&c->target, options->drive, options->drives);
    if (status) {
        c->error = say_last_error(&c->advice);
        if (options->json)
            print_json(c);
        target_close(&c->target);
        free(c);
        return status;
    }
    walk(c);
    judge(c);
    if (options->json)
        print_json(c);
    else
        print_text(c);
    if (c->error) {
        fflush(stdout);
        status = say_error(c->advice, "%s", c->error);
    }
    for (unsigned i = 0; i < c->entries; i++)
        check_entry_free(&c->entry[i]);
    steps_free(&c->steps);
    target_close(&c->target);
    free(c);
    return status;
}
