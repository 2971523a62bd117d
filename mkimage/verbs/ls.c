/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mkimage ls, cat, extents: files of the volume through the loader's own NTFS reader. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "cli/json.h"
#include "cli/options.h"
#include "cli/say.h"
#include "core/base/file.h"
#include "core/ntfs/ntfs.h"
#include "flash/source.h"
#include "flash/target.h"
#include "verbs/verbs.h"

/* Opens the TARGET of TARGET:/path. */
static enum status open_path(struct target *t, const struct options *options, const char **path)
{
    char *name;
    if (!source_split(options->argument[0], &name, path))
        return say_usage("%s: not of the form TARGET:/path", options->argument[0]);
    enum status status = target_open(t, name, options->partition);
    if (status)
        free(name);
    return status; /* the name lives as long as the target */
}

static bool print_entry(void *ctx, const struct ntfs_dirent *entry)
{
    (void)ctx;
    say_out("%15" PRIu64 "  %s%s", entry->directory ? 0 : entry->size, entry->name,
            entry->directory ? "/" : "");
    return !ferror(stdout);
}

/* The path is the user's own, not one of the config. */
static enum status path_failed(const struct fail *f)
{
    return say_fail_advice(
        f, f->err == ERR_NOT_FOUND ? "Check the name; paths start at the volume's root." : NULL);
}

enum status verb_ls(const struct options *options)
{
    struct target t;
    struct fail f;
    const char *path;
    enum status status = open_path(&t, options, &path);
    if (status)
        return status;
    if (ntfs_list(&t.volume, path, print_entry, NULL, &f))
        status = path_failed(&f);
    target_close(&t);
    return status;
}

static enum status open_file(struct target *t, const struct options *options, struct file *file)
{
    struct fail f;
    const char *path;
    enum status status = open_path(t, options, &path);
    if (!status && ntfs_open(&t->volume, path, file, &f)) {
        (void)fail_subject(&f, path);
        status = path_failed(&f);
        target_close(t);
    }
    return status;
}

enum status verb_cat(const struct options *options)
{
    struct target t;
    struct file file;
    struct fail f;
    enum status status = open_file(&t, options, &file);
    if (status)
        return status;
    static uint8_t buffer[1 << 18];
    for (uint64_t off = 0; !status && off < file.size;) {
        uint64_t left = file.size - off;
        uint32_t n = left < sizeof buffer ? (uint32_t)left : (uint32_t)sizeof buffer;
        if (file_read(&file, off, buffer, n, &f))
            status = say_fail(&f);
        else if (fwrite(buffer, 1, n, stdout) != n)
            break; /* main says so */
        off += n;
    }
    target_close(&t);
    return status;
}

static void print_extents(const struct file *file, const struct extent_list *list)
{
    say_out("%s: %" PRIu64 " bytes, %u fragment%s", file->path, file->size, extent_fragments(list),
            extent_fragments(list) == 1 ? "" : "s");
    if (file->initialized < file->size)
        say_out("only the first %" PRIu64 " bytes were ever written", file->initialized);
    say_out("%15s %15s %15s", "file", "drive_lba", "count");
    for (uint32_t i = 0; i < list->count; i++) {
        const struct extent *e = &list->extent[i];
        if (e->drive_lba == EXTENT_HOLE)
            say_out("%15" PRIu64 " %15s %15" PRIu64 "", e->file_sector, "hole", e->count);
        else
            say_out("%15" PRIu64 " %15" PRIu64 " %15" PRIu64 "", e->file_sector, e->drive_lba,
                    e->count);
    }
}

static void print_extents_json(const struct file *file, const struct extent_list *list)
{
    json_object(NULL);
    json_string("path", file->path);
    json_number("size", file->size);
    json_number("initialized", file->initialized);
    json_number("fragments", extent_fragments(list));
    json_array("extents");
    for (uint32_t i = 0; i < list->count; i++) {
        const struct extent *e = &list->extent[i];
        json_object(NULL);
        json_number("file", e->file_sector);
        if (e->drive_lba == EXTENT_HOLE)
            json_null("drive_lba");
        else
            json_number("drive_lba", e->drive_lba);
        json_number("count", e->count);
        json_end();
    }
    json_end();
    json_end();
}

enum status verb_extents(const struct options *options)
{
    struct target t;
    struct file file;
    struct extent_list list;
    struct fail f;
    enum status status = open_file(&t, options, &file);
    if (status)
        return status;
    if (file_extents(&file, &list, &t.arena, &f))
        status = say_fail(&f);
    else if (options->json)
        print_extents_json(&file, &list);
    else
        print_extents(&file, &list);
    target_close(&t);
    return status;
}
