/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mkimage list: the menu as the machine makes it, a line an entry. Only reads. An entry that does
 * not start is listed with its reason and fails nothing: whether all start is check's question.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "cli/bytes.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/say.h"
#include "core/base/arena.h"
#include "core/base/bounds.h"
#include "core/base/file.h"
#include "core/entry/config.h"
#include "core/entry/open.h"
#include "core/ntfs/ntfs.h"
#include "flash/entry.h"
#include "flash/start_check.h"
#include "flash/target.h"
#include "image/slack.h"
#include "verbs/verbs.h"

/* What is said of one entry. */
struct row {
    const struct config_entry *entry;
    bool boots, has_free, is_default;
    uint64_t free; /* bytes of new data that its image has room for */
    uint64_t disk; /* bytes of the disk; 0 where it cannot be opened */
    unsigned images;
    char text[512];   /* of what it starts, or why it does not */
    char written[32]; /* when its file was, by the volume: ISO 8601, UTC; "" where that is not known
                       */
};

static void look_at_slack(struct row *row, const struct boot_disk *disk, struct arena *arena)
{
    struct image *leaf = &disk->chain.link[0]->image;
    struct slack slack;
    struct fail f;
    row->has_free = slack_grows(leaf) && entry_keeps_writes(row->entry) &&
                    !slack_find(&slack, leaf, arena, &f) && slack.absent;
    if (row->has_free)
        row->free = (uint64_t)slack_left(&slack) * slack.now.block_sectors << SECTOR_SHIFT;
}

/* By NTFS' own time, which no start of the entry changes: so it is no time of a last use. */
static void look_at_time(struct row *row, const struct file *file)
{
    const uint64_t second = 10000000, from_1601_to_1970 = 11644473600;
    uint64_t ticks;
    struct fail f;
    struct tm tm;
    if (ntfs_written(file, &ticks, &f) || ticks / second < from_1601_to_1970)
        return;
    time_t time = (time_t)(ticks / second - from_1601_to_1970);
    if (gmtime_r(&time, &tm))
        (void)strftime(row->written, sizeof row->written, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static enum err look_at_image(struct row *row, struct target *t, struct fail *f)
{
    static struct boot_disk disk;
    uint8_t sector[SECTOR_SIZE];
    disk = (struct boot_disk){0};
    enum err err = boot_open(&disk, row->entry, &t->volumes, 0, &t->arena, f);
    if (err)
        return err;
    const struct image *leaf = &disk.chain.link[0]->image;
    row->images = disk.chain.count;
    row->disk = leaf->sectors << SECTOR_SHIFT;
    look_at_slack(row, &disk, &t->arena);
    look_at_time(row, &disk.chain.link[0]->file);
    snprintf(row->text, sizeof row->text, "%s, %s", image_kind_name(leaf), bytes_text(row->disk));
    return boot_record_read(&disk.map, t->drive, sector, f);
}

static void look(struct row *row, struct target *t, const struct config *config, unsigned index)
{
    struct fail f;
    *row =
        (struct row){.entry = &config->entry[index], .is_default = config->default_entry == index};
    bool found = t->volumes.found;
    size_t mark = arena_mark(&t->arena);
    enum err err = row->entry->start.kind == START_IMAGE && !row->entry->native
                       ? look_at_image(row, t, &f)
                       : start_check(t, row->entry, row->text, sizeof row->text, &f);
    row->boots = !err;
    if (err)
        errors_format(&f, row->text, sizeof row->text);
    if (t->volumes.found == found)
        arena_release(&t->arena, mark);
}

/* Bytes of the volume that no file has, by its map of clusters. */
static enum err count_free(struct target *t, uint64_t *bytes, struct fail *f)
{
    static uint8_t buffer[1 << 16];
    const struct ntfs *volume = &t->volume;
    struct file file;
    uint64_t free_clusters = 0;
    enum err err = ntfs_open(&t->volume, "\\$Bitmap", &file, f);
    for (uint64_t at = 0; !err && at < volume->clusters;) { /* ends: at grows */
        uint64_t left = volume->clusters - at;
        uint32_t n = left < 8 * sizeof buffer ? (uint32_t)((left + 7) / 8) : sizeof buffer;
        if (at / 8 + n > file.size)
            return fail(f, ERR_CORRUPT, "the volume's map of clusters is too short", 0);
        err = file_read(&file, at / 8, buffer, n, f);
        for (uint32_t i = 0; !err && i < n; i++) {
            unsigned bits = left - 8 * i < 8 ? (unsigned)(left - 8 * i) : 8;
            free_clusters += bits - (unsigned)__builtin_popcount(buffer[i] & ((1u << bits) - 1));
        }
        at += (uint64_t)n * 8;
    }
    *bytes = free_clusters << (volume->cluster_shift + SECTOR_SHIFT);
    return err;
}

static void print_row(const struct row *row)
{
    const struct config_entry *e = row->entry;
    char room[80] = "", file[48] = "";
    const char *hidden = e->hidden ? ", hidden" : "";
    if (row->has_free)
        snprintf(room, sizeof room, ", room for %s", bytes_text(row->free));
    if (*row->written) /* the day */
        snprintf(file, sizeof file, ", file of %.10s", row->written);
    bool titled = strcmp(e->title, e->name) != 0;
    if (e->start.kind != START_IMAGE)
        say_out("%s %s: %s%s%s%s%s", row->is_default ? ">" : " ", e->name, titled ? e->title : "",
                titled ? ", " : "", row->boots ? "" : "does not start: ", row->text, hidden);
    else
        say_out("%s %s: %s%s%s, write = %s%s%s, %s%s%s%s", row->is_default ? ">" : " ", e->name,
                titled ? e->title : "", titled ? ", " : "", e->vhd, entry_write_name(e),
                e->ram ? ", ram = yes" : "", hidden,
                row->boots ? "" : "does not start: ", row->text, file, room);
}

static void print_row_json(const struct row *row, bool from_file)
{
    const struct config_entry *e = row->entry;
    bool image = e->start.kind == START_IMAGE;
    json_object(NULL);
    json_string("name", e->name);
    json_string("title", e->title);
    json_string("from", e->where ? "bcd" : from_file ? "config" : "folder");
    json_string("vhd", image ? e->vhd : NULL);
    json_string("write", image ? entry_write_name(e) : NULL);
    json_bool("ram", e->ram);
    json_string("via", e->native ? "bootmgr" : NULL);
    json_bool("hidden", e->hidden);
    json_bool("default", row->is_default);
    json_bool("boots", row->boots);
    json_string("error", row->boots ? NULL : row->text);
    json_string("kind", row->boots ? row->text : NULL);
    json_number("images", row->images);
    json_string("written", *row->written ? row->written : NULL);
    if (row->disk)
        json_number("size", row->disk);
    else
        json_null("size");
    if (row->has_free)
        json_number("free", row->free);
    else
        json_null("free");
    json_end();
}

static void print_volume_json(const struct target *t, uint64_t free_bytes)
{
    const struct ntfs *volume = &t->volume;
    json_object("volume");
    json_string("label", volume->label);
    json_number("size", volume->clusters << (volume->cluster_shift + SECTOR_SHIFT));
    json_number("free", free_bytes);
    json_end();
}

static enum status list(struct target *t, const struct options *options)
{
    static struct config config;
    static struct row row;
    struct fail f;
    bool from_file = false;
    uint64_t free_bytes = 0;
    enum err err = boot_entries(&config, &from_file, &t->volume, &t->arena, &f);
    if (err == ERR_NOT_FOUND) { /* an empty menu is an answer */
        config.count = 0;
        err = ERR_OK;
    }
    if (!err)
        err = count_free(t, &free_bytes, &f);
    if (err) {
        (void)fail_subject(&f, t->device.path);
        return say_fail(&f);
    }
    if (options->json) {
        json_object(NULL);
        json_array("entries");
    }
    for (unsigned i = 0; i < config.count; i++) {
        look(&row, t, &config, i);
        if (options->json)
            print_row_json(&row, from_file);
        else
            print_row(&row);
    }
    if (options->json) {
        json_end();
        print_volume_json(t, free_bytes);
        json_end();
    } else {
        say_out("%u entr%s, %s of the volume free", config.count, config.count == 1 ? "y" : "ies",
                bytes_text(free_bytes));
    }
    return STATUS_OK;
}

enum status verb_list(const struct options *options)
{
    struct target t;
    enum status status = target_open(&t, options->argument[0], options->partition);
    if (status)
        return status;
    status = target_further(&t, options->drive, options->drives);
    if (!status)
        status = list(&t, options);
    target_close(&t);
    return status;
}
