/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads through the loader's reader. Who may have written to an image, the menus say, its own
 * volume's and the others', and \vhdboot.sum itself. */
#include "flash/verify.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/progress.h"
#include "core/entry/config.h"
#include "core/entry/open.h"
#include "core/entry/volumes.h"
#include "flash/entry.h"
#include "flash/menus.h"

/* An entry that keeps what is written to the file, as a text; NULL where there is none. */
static enum status find_writer(struct target *t, const struct config *menu, struct file *file,
                               char **why)
{
    struct ntfs_identity own = ntfs_identify(file);
    char *who = NULL;
    *why = NULL;
    for (unsigned i = 0; i < menu->count && !who; i++) {
        const struct config_entry *e = &menu->entry[i];
        struct file other;
        struct fail f;
        unsigned volume;
        if (!entry_keeps_writes(e) || !*e->vhd ||
            volumes_open(&t->volumes, e->vhd, &other, &volume, &f))
            continue;
        struct ntfs_identity its = ntfs_identify(&other);
        if (ntfs_same_file(&own, &its) && !(who = strdup(e->name)))
            return say_no_memory();
    }
    enum status status = who ? STATUS_OK : menus_starter(t, &own, true, &who);
    if (!status && who && asprintf(why, "entry %s writes to it", who) < 0)
        status = say_no_memory();
    free(who);
    return status;
}

static enum status look_at(struct target *t, const struct config *menu, struct verify_image *x,
                           char **why)
{
    struct file file;
    struct fail f;
    uint8_t digest[SHA256_SIZE];
    enum err err = ntfs_open(&t->volume, x->sum->path, &file, &f);
    *why = NULL;
    if (err) {
        x->state = err == ERR_NOT_FOUND ? VERIFY_GONE : VERIFY_UNREAD;
        if (err != ERR_NOT_FOUND)
            (void)say_fail(&f);
        return STATUS_OK;
    }
    if (sums_of_file(&file, digest)) {
        x->state = VERIFY_UNREAD;
        return STATUS_OK;
    }
    x->state = VERIFY_SAME;
    if (!memcmp(digest, x->sum->digest, sizeof digest))
        return STATUS_OK;
    enum status status = find_writer(t, menu, &file, why);
    x->why = *why ? *why : x->sum->written ? "it was written to since" : NULL;
    x->state = x->why ? VERIFY_WRITTEN : VERIFY_DIFFERS;
    return status;
}

static uint64_t total_bytes(struct target *t, const struct sums *sums)
{
    uint64_t total = 0;
    struct file file;
    struct fail f;
    for (size_t i = 0; i < sums->count; i++)
        total += ntfs_open(&t->volume, sums->line[i].path, &file, &f) ? 0 : file.size;
    return total;
}

enum status verify_images(struct target *t, verify_tell *tell, void *ctx,
                          struct verify_counts *counts)
{
    static struct config menu;
    struct sums sums;
    struct fail f;
    bool from_file;
    *counts = (struct verify_counts){0};
    enum status status = volumes_find(&t->volumes, &f) ? say_fail(&f) : STATUS_OK;
    if (!status && boot_entries(&menu, &from_file, &t->volume, &t->arena, &f))
        menu.count = 0;
    if (!status)
        status = sums_read(&sums, &t->volume);
    if (status)
        return status;
    progress_start("verifying", total_bytes(t, &sums));
    for (size_t i = 0; !status && i < sums.count; i++) {
        struct verify_image x = {.sum = &sums.line[i]};
        char *why;
        size_t mark = arena_mark(&t->arena);
        status = look_at(t, &menu, &x, &why);
        arena_release(&t->arena, mark);
        counts->images++;
        counts->same += x.state == VERIFY_SAME;
        counts->written += x.state == VERIFY_WRITTEN;
        progress_clear();
        if (!status && tell)
            tell(ctx, &x);
        free(why);
    }
    progress_end();
    counts->wrong = counts->images - counts->same - counts->written;
    sums_free(&sums);
    return status;
}
